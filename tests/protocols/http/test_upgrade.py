"""RFC 2817: going on in TLS on a connection that began in clear, and nothing heard in clear afterwards."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
import trio.testing

from protocols.http.server import Request, Response
from tests.support.http_peer import GET, Peer, Served, echo, post, serving
from tests.support.tls_pair import TlsPair, make_tls_pair

# As CUPS 2.4 sends it.
UPGRADE = b"Connection: Upgrade\r\nUpgrade: TLS/1.2,TLS/1.1,TLS/1.0\r\n"
OPTIONS = b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
ASKED = OPTIONS % UPGRADE


@pytest.fixture
def pair(tmp_path: Path) -> TlsPair:
    return make_tls_pair(tmp_path)


@dataclass
class Handler:
    """Answers with what it was asked, and remembers it."""

    seen: list[tuple[str, str, bool]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.seen.append((request.method, request.path, request.tls))
        return await echo(request)


@asynccontextmanager
async def upgrading(pair: TlsPair, handler: Handler) -> AsyncIterator[tuple[Served, Peer]]:
    async with serving(handler, tls_context=lambda: pair.server, upgrades_to_tls=True) as served:
        peer = await served.connect()
        yield served, peer
        await peer.aclose()


async def secured(peer: Peer, pair: TlsPair) -> Peer:
    """Do the client's handshake after a 101."""
    stream = trio.SSLStream(peer.stream, pair.client, server_hostname="localhost", https_compatible=True)
    await stream.do_handshake()
    return Peer(stream)


async def test_the_request_is_answered_in_tls_and_others_follow(pair: TlsPair) -> None:
    handler = Handler()
    async with upgrading(pair, handler) as (served, peer):
        switching = await peer.ask(ASKED)
        assert (switching.status, switching.fields["connection"]) == (101, "Upgrade")
        assert switching.fields["upgrade"] == "TLS/1.2, HTTP/1.1"
        assert handler.seen == []
        secure = await secured(peer, pair)
        assert (await secure.answer()).status == 200
        assert (await secure.ask(post(b"private"))).body == b"private"
        assert handler.seen == [("OPTIONS", "*", True), ("POST", "/", True)]
        assert served.server.statistics.snapshot().requests == 2


@pytest.mark.parametrize("offered", [b"TLS/1.0", b"TLS/1.3", b"TLS/1.3, TLS/1.2", b"TLS/1.2 ,TLS/1.1"])
async def test_every_request_without_a_body_may_ask(pair: TlsPair, offered: bytes) -> None:
    handler = Handler()
    async with upgrading(pair, handler) as (_served, peer):
        assert (await peer.ask(GET)).status == 200
        asked = GET[:-2] + b"Connection: keep-alive, Upgrade\r\nUpgrade: %b\r\n\r\n" % offered
        assert (await peer.ask(asked)).status == 101
        secure = await secured(peer, pair)
        assert (await secure.answer()).status == 200
        assert handler.seen == [("GET", "/", False), ("GET", "/", True)]


@pytest.mark.parametrize("injected", [GET, post(b"print me"), b"G", b"\r\n"])
async def test_what_is_pipelined_in_clear_ends_the_connection(pair: TlsPair, injected: bytes) -> None:
    """Somebody in between could have put it there: it must not be answered, least of all in TLS."""
    handler = Handler()
    async with upgrading(pair, handler) as (_served, peer):
        answer = await peer.ask(ASKED + injected)
        assert (answer.status, answer.closes) == (400, True)
        assert await peer.rest() == b""
        assert handler.seen == []


async def test_what_comes_in_clear_after_the_101_is_no_request(pair: TlsPair) -> None:
    handler = Handler()
    async with upgrading(pair, handler) as (served, peer):
        assert (await peer.ask(ASKED)).status == 101
        await peer.send(GET)
        said = await peer.rest()
        assert b"HTTP/1.1" not in said
        assert handler.seen == []
        assert served.server.statistics.snapshot().refused_connections == {"handshake": 1}


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(b"hello", UPGRADE), 400),
        (ASKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (ASKED[:-2] + b"Content-Length: 1\r\n\r\n", 400),
        (ASKED[:-2] + b"Expect: 100-continue\r\n\r\n", 400),
        (OPTIONS % b"Connection: Upgrade, close\r\nUpgrade: TLS/1.2\r\n", 400),
        (OPTIONS % b"Connection: Upgrade\r\nUpgrade: TLS/1.2\r\nUpgrade: TLS/1.1\r\n", 400),
        (OPTIONS % b"Upgrade: TLS/1.2\r\n", 501),
        (OPTIONS % b"Connection: close\r\nUpgrade: TLS/1.2\r\n", 501),
        (OPTIONS % b"Connection: Upgrade\r\nUpgrade: TLS/1.2, h2c\r\n", 501),
        (OPTIONS % b"Connection: Upgrade\r\nUpgrade: websocket\r\n", 501),
        (OPTIONS % b"Connection: Upgrade\r\nUpgrade: tls/1.2\r\n", 501),
        (OPTIONS % b"Connection: Upgrade\r\nUpgrade: TLS/1.2,\r\n", 501),
        (OPTIONS % b"Connection: Upgrade\r\nUpgrade:\r\n", 501),
        (b"OPTIONS * HTTP/1.0\r\nHost: localhost\r\n" + UPGRADE + b"\r\n", 501),
    ],
)
async def test_an_upgrade_in_any_other_form_is_refused(
    pair: TlsPair, request_bytes: bytes, status: int
) -> None:
    handler = Handler()
    async with upgrading(pair, handler) as (_served, peer):
        answer = await peer.ask(request_bytes)
        assert (answer.status, answer.closes) == (status, True)
        assert await peer.rest() == b""
        assert handler.seen == []


async def test_nobody_upgrades_twice(pair: TlsPair) -> None:
    handler = Handler()
    async with upgrading(pair, handler) as (served, peer):
        assert (await peer.ask(ASKED)).status == 101
        secure = await secured(peer, pair)
        assert (await secure.answer()).status == 200
        assert (await secure.ask(ASKED)).status == 501
        direct = await served.connect_tls(pair.client)
        assert (await direct.ask(ASKED)).status == 501
        await direct.aclose()
        assert handler.seen == [("OPTIONS", "*", True)]


@pytest.mark.parametrize("offered", [True, False])
async def test_a_server_that_does_not_offer_it_refuses(pair: TlsPair, offered: bool) -> None:
    """Not offered by this listener, or without a certificate."""

    def context() -> ssl.SSLContext:
        return pair.server

    async with serving(tls_context=None if offered else context, upgrades_to_tls=offered) as served:
        peer = await served.connect()
        answer = await peer.ask(ASKED)
        assert (answer.status, answer.closes) == (501, True)
        await peer.aclose()


async def test_a_handshake_that_does_not_come_has_its_deadline(
    pair: TlsPair, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.01  # real sockets need a moment of real time
    handler = Handler()
    async with upgrading(pair, handler) as (_served, peer):
        assert (await peer.ask(ASKED)).status == 101
        began = trio.current_time()
        # Nothing, or the alert (RFC 8446 5.1: 21) that the handshake has failed.
        assert (await peer.rest())[:1] in (b"", b"\x15")
        assert 10 <= trio.current_time() - began <= 11.1
