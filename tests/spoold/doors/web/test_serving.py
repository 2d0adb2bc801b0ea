"""The application behind the house's own HTTP server, over real sockets and TLS."""

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
import trio
import trio.testing

from protocols.limits import HttpLimits
from spoold.doors.web.app import WEB_LIMITS, serve_web
from spoold.doors.web.asgi import AsgiApp, Message, Receive, Scope, Send
from tests.support.http_peer import Peer
from tests.support.tls_pair import TlsPair, make_tls_pair
from tests.support.web_portal import PortalKit

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
def pair(tmp_path: Path) -> TlsPair:
    return make_tls_pair(tmp_path)


@dataclass
class Running:
    """A served application."""

    port: int
    shutdown: trio.Event
    ended: trio.Event

    async def connect(self, context: ssl.SSLContext | None = None) -> Peer:
        plain = await trio.open_tcp_stream("127.0.0.1", self.port)
        if context is None:
            return Peer(plain)
        stream = trio.SSLStream(plain, context, server_hostname="localhost", https_compatible=True)
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return Peer(stream)


@asynccontextmanager
async def running(
    app: AsgiApp, context: Callable[[], ssl.SSLContext], limits: HttpLimits = WEB_LIMITS
) -> AsyncIterator[Running]:
    listener = socket.create_server(("127.0.0.1", 0))
    served = Running(listener.getsockname()[1], trio.Event(), trio.Event())

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        await serve_web(
            app,
            [listener],
            tls_context=context,
            shutdown=served.shutdown.wait,
            limits=limits,
            task_status=task_status,
        )
        served.ended.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        yield served
        nursery.cancel_scope.cancel()


def get(path: str, fields: bytes = b"") -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (path.encode(), fields)


async def test_pages_over_tls_on_one_connection(portal: PortalKit, pair: TlsPair) -> None:
    async with running(portal.app, lambda: pair.server) as served:
        peer = await served.connect(pair.client)
        page = await peer.ask(get("/sign-in"))
        assert page.status == 200
        assert b"Sign in to print" in page.body
        assert "server" not in page.fields
        assert not page.closes
        assert (await peer.ask(get("/healthz"))).body == b'{"state":"ok","components":{}}'
        head = b"HEAD /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n"
        await peer.send(head)
        assert (await peer.answer(bodiless=True)).status == 200
        await peer.aclose()


async def test_signing_in_over_tls(portal: PortalKit, pair: TlsPair) -> None:
    async with running(portal.app, lambda: pair.server) as served:
        peer = await served.connect(pair.client)
        body = b"name=alice&password=correct+horse&next=%2Fprinters"
        head = (
            b"POST /sign-in HTTP/1.1\r\nHost: localhost:%d\r\nOrigin: https://localhost:%d\r\n"
            b"%sContent-Length: %d\r\n\r\n" % (served.port, served.port, FORM, len(body))
        )
        answer = await peer.ask(head + body)
        assert (answer.status, answer.fields["location"]) == (303, "/printers")
        assert answer.fields["set-cookie"].startswith("__Host-spoold=")
        await peer.aclose()


async def test_without_tls_nothing_is_told(portal: PortalKit, pair: TlsPair) -> None:
    async with running(portal.app, lambda: pair.server) as served:
        peer = await served.connect()
        answer = await peer.ask(get("/sign-in"))
        assert (answer.status, answer.fields["location"]) == (308, "https://localhost/sign-in")
        refused = await peer.ask(
            get("/api/v1/jobs", b"Authorization: Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==\r\n")
        )
        assert refused.status == 403
        assert portal.kit.hasher.computed == 4, "no more than the four accounts took"
        await peer.aclose()


@pytest.mark.parametrize(
    ("version", "works"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_tls_versions(portal: PortalKit, pair: TlsPair, version: ssl.TLSVersion, works: bool) -> None:
    context = ssl.create_default_context(cafile=str(pair.certificate))
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with running(portal.app, lambda: pair.server) as served:
        if works:
            peer = await served.connect(context)
            assert (await peer.ask(get("/healthz"))).status == 200
            await peer.aclose()
        else:
            with pytest.raises(trio.BrokenResourceError):
                await served.connect(context)


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        b"GET /sign-in HTTP/1.1\r\n\r\n",
        b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n",
        b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /sign-in;jsessionid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /%2e%2e/sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_what_is_not_our_http(portal: PortalKit, pair: TlsPair, data: bytes) -> None:
    async with running(portal.app, lambda: pair.server) as served:
        peer = await served.connect(pair.client)
        answer = await peer.ask(data)
        assert 400 <= answer.status <= 505
        await peer.aclose()


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
async def test_no_other_protocol_is_taken_up(portal: PortalKit, pair: TlsPair, upgrade: bytes) -> None:
    fields = b"Connection: Upgrade\r\nUpgrade: %s\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n" % upgrade
    async with running(portal.app, lambda: pair.server) as served:
        peer = await served.connect(pair.client)
        assert (await peer.ask(get("/sign-in", fields))).status in {200, 400, 501}
        await peer.aclose()


async def test_a_body_beyond_every_form_is_cut_off(portal: PortalKit, pair: TlsPair) -> None:
    async with running(portal.app, lambda: pair.server) as served:
        peer = await served.connect(pair.client)
        head = (
            b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\n"
            b"%sTransfer-Encoding: chunked\r\n\r\n" % FORM
        )
        await peer.send(head + b"4000\r\n" + b"x" * 0x4000 + b"\r\n1\r\nx\r\n0\r\n\r\n")
        assert (await peer.answer()).status == 413
        await peer.aclose()
        declared = await served.connect(pair.client)
        await declared.send(
            b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 9999999\r\n\r\n" % FORM
        )
        assert (await declared.answer()).status == 413
        await declared.aclose()


async def test_a_renewed_certificate_counts_for_the_next_connection(
    portal: PortalKit, pair: TlsPair, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    renewed = make_tls_pair(tmp_path / "new")
    current = [pair]
    async with running(portal.app, lambda: current[0].server) as served:
        old = await served.connect(pair.client)
        current[0] = renewed
        new = await served.connect(renewed.client)
        assert (await new.ask(get("/healthz"))).status == 200
        assert (await old.ask(get("/healthz"))).status == 200
        with pytest.raises(trio.BrokenResourceError):
            await served.connect(pair.client)
        await old.aclose()
        await new.aclose()


async def respond(send: Send, body: bytes = b"done") -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": body[:2], "more_body": True})
    await send({"type": "http.response.body", "body": body[2:]})


async def test_at_the_end_what_had_begun_is_answered(pair: TlsPair) -> None:
    entered, leave = trio.Event(), trio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await leave.wait()
        await respond(send)

    async with running(slow, lambda: pair.server) as served:
        peer, idle = await served.connect(pair.client), await served.connect(pair.client)
        await peer.send(get("/"))
        await entered.wait()
        served.shutdown.set()
        assert await idle.rest() == b""
        assert not served.ended.is_set()
        leave.set()
        assert (await peer.answer()).body == b"done"
        await served.ended.wait()
        await peer.aclose()
        await idle.aclose()


async def test_a_reader_that_never_reads_does_not_hold_up_the_end(pair: TlsPair) -> None:
    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 30_000_000})

    limits = HttpLimits(write_timeout_s=0.2)
    async with running(large, lambda: pair.server, limits) as served:
        peer = await served.connect(pair.client)
        await peer.send(get("/"))
        await peer.stream.receive_some(1)
        served.shutdown.set()
        with trio.fail_after(60):
            await served.ended.wait()
        await peer.aclose()


async def test_the_scope_is_what_asgi_says(pair: TlsPair) -> None:
    seen: list[tuple[Scope, list[Message]]] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        messages.append(await receive())
        seen.append((scope, messages))
        await respond(send)

    async with running(look, lambda: pair.server) as served:
        peer = await served.connect(pair.client)
        answer = await peer.ask(
            b"POST /a/b?c=%20d HTTP/1.1\r\nHost: LocalHost:99\r\nContent-Length: 3\r\nX-Y: z\r\n\r\nabc"
        )
        assert answer.body == b"done"
        await peer.aclose()
    ((scope, messages),) = seen
    assert (scope["type"], scope["method"], scope["scheme"]) == ("http", "POST", "https")
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a/b", b"/a/b", b"c=%20d")
    assert (b"host", b"LocalHost:99") in scope["headers"]
    assert (b"x-y", b"z") in scope["headers"]
    assert scope["client"][0] == "127.0.0.1"
    assert b"".join(message.get("body", b"") for message in messages) == b"abc"
    assert messages[-1]["type"] == "http.disconnect"


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers nothing."""


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError("a bug of ours")


@pytest.mark.parametrize("app", [silent, broken])
async def test_a_bug_is_logged_and_answered_without_its_words(
    pair: TlsPair, app: Callable[[Scope, Receive, Send], Awaitable[None]]
) -> None:
    with structlog.testing.capture_logs() as logged:
        async with running(app, lambda: pair.server) as served:
            peer = await served.connect(pair.client)
            answer = await peer.ask(get("/?password=hunter22"))
            assert answer.status == 500
            assert b"bug of ours" not in answer.body
            await peer.aclose()
    assert [(entry["event"], entry["method"]) for entry in logged] == [("web-bug", "GET")]
    assert "hunter22" not in str(logged)
