"""IPP and IPPS on one port: TLS by its first byte, renewal of the certificate, and what TLS must not do."""

import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
from cryptography.hazmat.bindings._rust import _openssl

from protocols.http.server import Request, Response
from tests.support.http_peer import GET, Served, echo, post, serving
from tests.support.tls_pair import TlsPair, make_tls_pair

# SSL_OP_ALLOW_CLIENT_RENEGOTIATION (openssl/ssl.h); the ssl module has no name for it.
ALLOW_CLIENT_RENEGOTIATION = 1 << 8


@pytest.fixture
def pair(tmp_path: Path) -> TlsPair:
    return make_tls_pair(tmp_path)


async def tell_tls(request: Request) -> Response:
    return Response(200, (), b"tls" if request.tls else b"plain")


async def test_plain_and_tls_share_a_port(pair: TlsPair) -> None:
    async with serving(tell_tls, tls_context=lambda: pair.server) as served:
        plain, secure = await served.connect(), await served.connect_tls(pair.client)
        for _ in range(2):
            assert (await plain.ask(GET)).body == b"plain"
            assert (await secure.ask(GET)).body == b"tls"
        await plain.aclose()
        await secure.aclose()


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 1_000_000])
async def test_bodies_pass_through_tls_both_ways(pair: TlsPair, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    async with serving(tls_context=lambda: pair.server) as served:
        peer = await served.connect_tls(pair.client)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send, post(body) + GET)
            assert (await peer.answer()).body == body
            assert (await peer.answer()).status == 200
        await peer.aclose()


async def test_the_end_of_the_stream_is_said_in_tls(pair: TlsPair) -> None:
    async with serving(tls_context=lambda: pair.server) as served:
        tcp = await trio.open_tcp_stream("127.0.0.1", served.port)
        # A stream that is not told otherwise calls an end without close_notify broken.
        stream = trio.SSLStream(tcp, pair.client, server_hostname="localhost")
        await stream.send_all(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
        assert await stream.receive_some() == b""
        await trio.aclose_forcefully(stream)


async def test_a_large_unwanted_body_over_tls_still_gets_its_answer(pair: TlsPair) -> None:
    async def refuse(_request: Request) -> Response:
        return Response(401)

    async with serving(refuse, tls_context=lambda: pair.server) as served:
        peer = await served.connect_tls(pair.client)
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n")
        await peer.send(bytes(1_000_000))
        answer = await peer.answer()
        assert (answer.status, answer.closes) == (401, True)
        await peer.aclose()


async def test_a_server_without_tls_turns_tls_away(pair: TlsPair) -> None:
    async with serving() as served:
        with pytest.raises(trio.BrokenResourceError):
            await served.connect_tls(pair.client)
        assert served.server.statistics.snapshot().refused_connections == {"no-tls": 1}


@pytest.mark.parametrize(
    "hello", [b"\x16\x03\x01\x00\x05hello" + bytes(100), b"\x16" * 20_000, b"\x16\x03\x01\xff\xff"]
)
async def test_garbage_that_begins_like_tls_costs_one_connection(pair: TlsPair, hello: bytes) -> None:
    async with serving(tls_context=lambda: pair.server) as served:
        peer = await served.connect()
        await peer.send(hello)
        await peer.rest()
        assert served.server.statistics.snapshot().refused_connections == {"handshake": 1}
        healthy = await served.connect_tls(pair.client)
        assert (await healthy.ask(GET)).status == 200
        await peer.aclose()
        await healthy.aclose()


async def test_a_renewed_certificate_is_shown_to_new_connections(pair: TlsPair, tmp_path: Path) -> None:
    (tmp_path / "renewed").mkdir()
    renewed = make_tls_pair(tmp_path / "renewed")
    current = pair
    async with serving(tls_context=lambda: current.server) as served:
        before = await served.connect_tls(pair.client)
        current = renewed
        after = await served.connect_tls(renewed.client)
        assert (await before.ask(GET)).status == 200
        assert (await after.ask(GET)).status == 200
        with pytest.raises(trio.BrokenResourceError):
            await served.connect_tls(pair.client)
        await before.aclose()
        await after.aclose()


async def test_garbage_within_tls_ends_the_connection(pair: TlsPair) -> None:
    async with serving(tls_context=lambda: pair.server) as served:
        peer = await served.connect_tls(pair.client)
        assert (await peer.ask(GET)).status == 200
        assert isinstance(peer.stream, trio.SSLStream)
        await peer.stream.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
        await peer.rest()
        with trio.fail_after(60):
            while served.server.statistics.open_connections:
                await trio.sleep(0.001)
        assert served.failures == []
        await peer.aclose()


class Renegotiator:
    """A TLS 1.2 client that asks for a second handshake, which Python's own module cannot."""

    def __init__(self) -> None:
        self._lib: Any = _openssl.lib
        self._ffi: Any = _openssl.ffi
        lib = self._lib
        self._context = lib.SSL_CTX_new(lib.TLS_method())
        lib.SSL_CTX_set_max_proto_version(self._context, lib.TLS1_2_VERSION)
        self._ssl = lib.SSL_new(self._context)
        self._incoming = lib.BIO_new(lib.BIO_s_mem())
        self._outgoing = lib.BIO_new(lib.BIO_s_mem())
        lib.SSL_set_bio(self._ssl, self._incoming, self._outgoing)
        lib.SSL_set_connect_state(self._ssl)

    def handshake(self) -> bool:
        """Go on with the handshake; return whether it is done."""
        return bool(self._lib.SSL_do_handshake(self._ssl) == 1)

    def renegotiate(self) -> None:
        """Ask for another handshake."""
        assert self._lib.SSL_renegotiate(self._ssl) == 1
        self.handshake()

    def to_send(self) -> bytes:
        """Return what is to be sent to the server."""
        buffer = self._ffi.new("char[]", 65536)
        count = self._lib.BIO_read(self._outgoing, buffer, 65536)
        return bytes(self._ffi.buffer(buffer, count)) if count > 0 else b""

    def received(self, data: bytes) -> None:
        """Take what the server sent."""
        self._lib.BIO_write(self._incoming, data, len(data))

    def free(self) -> None:
        """Give the memory back."""
        self._lib.SSL_free(self._ssl)
        self._lib.SSL_CTX_free(self._context)


async def second_handshake(served: Served) -> bool:
    """Return whether the server took part in a second handshake on one connection."""
    client = Renegotiator()
    stream = await trio.open_tcp_stream("127.0.0.1", served.port)
    try:
        while not client.handshake():
            await stream.send_all(client.to_send())
            client.received(await stream.receive_some())
        client.renegotiate()
        for _ in range(3):
            await stream.send_all(client.to_send())
            data = await stream.receive_some()
            if not data:
                return False
            client.received(data)
            if client.handshake():
                return True
    except trio.BrokenResourceError:
        return False
    finally:
        client.free()
        await stream.aclose()
    return False


async def test_a_second_handshake_is_refused(pair: TlsPair) -> None:
    async with serving(tls_context=lambda: pair.server) as served:
        assert not await second_handshake(served)


async def test_the_renegotiator_would_notice_a_server_that_allows_it(pair: TlsPair) -> None:
    pair.server.options &= ~ssl.OP_NO_RENEGOTIATION
    pair.server.options |= ALLOW_CLIENT_RENEGOTIATION
    async with serving(echo, tls_context=lambda: pair.server) as served:
        assert await second_handshake(served)
