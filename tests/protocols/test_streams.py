"""Plain and TLS streams: telling them apart, both directions, waking up, closing, and a printer's leaf."""

import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import trio
import trio.testing

from protocols import tls
from protocols.streams import (
    DisconnectedError,
    PlainStream,
    SocketStream,
    is_tls,
    open_tcp,
)
from protocols.tls_streams import TlsStream, client_handshake, fetch_leaf, server_handshake
from tests.support.http_peer import serving
from tests.support.tls_pair import TlsPair, make_tls_pair


@pytest.fixture
def pair(tmp_path: Path) -> TlsPair:
    return make_tls_pair(tmp_path)


def plain_pair() -> tuple[PlainStream, PlainStream]:
    ours, theirs = socket.socketpair()
    return PlainStream(ours), PlainStream(theirs)


@asynccontextmanager
async def connected(pair: TlsPair | None) -> AsyncIterator[tuple[SocketStream, SocketStream]]:
    """Two ends of a connection, the server's first; plain without a TLS pair."""
    ours, theirs = plain_pair()
    streams: list[SocketStream] = [ours, theirs]
    if pair is not None:
        async with trio.open_nursery() as nursery:

            async def shake() -> None:
                assert await is_tls(ours, timeout_s=60)
                streams[0] = await server_handshake(ours, pair.server, timeout_s=60)

            nursery.start_soon(shake)
            streams[1] = await client_handshake(theirs, pair.client, host="localhost", timeout_s=60)
    yield streams[0], streams[1]
    for stream in streams:
        stream.close()


@pytest.fixture(params=["plain", "tls"])
def kind(request: pytest.FixtureRequest, pair: TlsPair) -> TlsPair | None:
    return pair if request.param == "tls" else None


@pytest.mark.parametrize("size", [1, 16384, 16385, 5_000_000])
async def test_bytes_arrive_in_order(kind: TlsPair | None, size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    received = bytearray()
    async with connected(kind) as (ours, theirs):
        assert ours.tls is (kind is not None)

        async def collect() -> None:
            while len(received) < len(data):
                piece = await theirs.receive(100_000)
                assert 0 < len(piece) <= 100_000
                received.extend(piece)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(collect)
            await ours.send_all(data)
    assert received == data


async def test_sending_waits_for_the_peer_to_take_it(kind: TlsPair | None) -> None:
    async with connected(kind) as (ours, theirs):
        with trio.move_on_after(0.05) as scope:
            await ours.send_all(bytes(50_000_000))
        assert scope.cancelled_caught
        assert await theirs.receive(10) == bytes(10)


async def test_nothing_there_is_not_the_end(kind: TlsPair | None) -> None:
    async with connected(kind) as (ours, theirs):
        assert ours.receive_now(100) is None
        assert theirs.send_now(b"abc") == 3
        await ours.wait_for_data()
        assert ours.receive_now(2) == b"ab"
        await ours.wait_for_data()  # what TLS has decrypted already does not make the socket readable
        assert ours.receive_now(2) == b"c"
        theirs.close()
        assert await ours.receive(100) == b""
        assert ours.receive_now(100) == b""


async def test_a_waiting_owner_is_woken_by_the_end_of_receiving(kind: TlsPair | None) -> None:
    async with connected(kind) as (ours, _theirs):
        received: list[bytes] = []

        async def wait() -> None:
            received.append(await ours.receive(100))

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                await trio.testing.wait_all_tasks_blocked()
                ours.stop_receiving()
        assert received == [b""]


async def test_an_owner_may_answer_after_receiving_has_stopped(kind: TlsPair | None) -> None:
    async with connected(kind) as (ours, theirs):
        ours.stop_receiving()
        await ours.send_all(b"too late")
        assert await theirs.receive(100) == b"too late"


async def test_a_waiting_sender_is_woken_by_an_abort(kind: TlsPair | None) -> None:
    async with connected(kind) as (ours, _theirs):
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:

                async def send() -> None:
                    with pytest.raises(DisconnectedError):
                        await ours.send_all(bytes(50_000_000))

                nursery.start_soon(send)
                await trio.testing.wait_all_tasks_blocked()
                ours.abort()


async def test_a_finished_stream_delivers_what_was_sent(kind: TlsPair | None) -> None:
    async with connected(kind) as (ours, theirs):
        await theirs.send_all(b"nobody reads this")
        await ours.send_all(b"answer")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.finish)
            assert await theirs.receive(100) == b"answer"
            assert await theirs.receive(100) == b""
            theirs.close()


async def test_finishing_ends_with_a_peer_that_does_not(
    kind: TlsPair | None, autojump_clock: trio.testing.MockClock
) -> None:
    async with connected(kind) as (ours, _theirs):
        began = trio.current_time()
        await ours.finish()
        assert trio.current_time() - began == pytest.approx(2.0)


async def test_closing_twice_is_closing_once(kind: TlsPair | None) -> None:
    async with connected(kind) as (ours, _theirs):
        await ours.aclose()
        await ours.aclose()


async def test_a_reset_is_a_disconnection(pair: TlsPair) -> None:
    async with serving() as served:
        stream = await open_tcp("127.0.0.1", served.port, timeout_s=60)
        await stream.send_all(b"\x01")
        assert (await stream.receive(1000)).startswith(b"HTTP/1.1 400 ")
        stream.abort()
        with pytest.raises(DisconnectedError):
            await stream.send_all(b"x")
        stream.close()


async def test_garbage_in_tls_is_a_disconnection(pair: TlsPair) -> None:
    async with connected(pair) as (ours, theirs):
        assert isinstance(theirs, TlsStream)
        assert theirs.tls_version == "TLSv1.3"
        # Below the TLS layer, as somebody in between could.
        socket.socket.send(theirs._socket, b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(DisconnectedError):
            await ours.receive(100)


@pytest.mark.parametrize(("first", "expected"), [(b"\x16", True), (b"P", False), (b"\x02", False)])
async def test_the_first_byte_tells_and_stays(first: bytes, expected: bool) -> None:
    ours, theirs = plain_pair()
    await theirs.send_all(first)
    assert await is_tls(ours, timeout_s=60) is expected
    assert await ours.receive(10) == first
    ours.close()
    theirs.close()


async def test_a_silent_peer_is_not_waited_for(pair: TlsPair, autojump_clock: trio.testing.MockClock) -> None:
    async def first_byte(stream: PlainStream) -> object:
        return await is_tls(stream, timeout_s=3)

    async def as_server(stream: PlainStream) -> object:
        return await server_handshake(stream, pair.server, timeout_s=3)

    async def as_client(stream: PlainStream) -> object:
        return await client_handshake(stream, pair.client, host="localhost", timeout_s=3)

    steps: list[Callable[[PlainStream], object]] = [first_byte, as_server, as_client]
    for step in steps:
        ours, theirs = plain_pair()
        began = trio.current_time()
        with pytest.raises(DisconnectedError, match="within 3 s"):
            await step(ours)  # type: ignore[misc]
        assert trio.current_time() - began == pytest.approx(3)
        # Our end is closed already.
        assert theirs.receive_now(100_000) is not None
        theirs.close()


async def test_a_peer_that_leaves_before_its_first_byte_is_disconnected() -> None:
    ours, theirs = plain_pair()
    theirs.close()
    with pytest.raises(DisconnectedError):
        await is_tls(ours, timeout_s=60)


async def test_a_handshake_with_an_untrusted_server_fails(pair: TlsPair, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = make_tls_pair(tmp_path / "other")
    async with serving(tls_context=lambda: pair.server) as served:
        stream = await open_tcp("127.0.0.1", served.port, timeout_s=60)
        with pytest.raises(DisconnectedError, match="certificate verify failed"):
            await client_handshake(stream, other.client, host="localhost", timeout_s=60)


async def test_no_connection_says_why(autojump_clock: trio.testing.MockClock) -> None:
    unused = socket.socket()
    unused.bind(("127.0.0.1", 0))
    with pytest.raises(DisconnectedError, match="no connection"):
        await open_tcp("127.0.0.1", unused.getsockname()[1], timeout_s=60)
    unused.close()


async def test_the_leaf_of_a_printer_is_fetched_without_a_byte_to_it(pair: TlsPair) -> None:
    async with serving(tls_context=lambda: pair.server) as served:
        leaf = await fetch_leaf("127.0.0.1", served.port, timeout_s=60)
        assert leaf == ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())
        assert served.server.statistics.snapshot().requests == 0


async def test_no_leaf_comes_from_a_printer_without_tls() -> None:
    async with serving() as served:
        with pytest.raises(DisconnectedError):
            await fetch_leaf("127.0.0.1", served.port, timeout_s=60)


async def test_an_http_client_talks_to_the_pinned_printer_and_to_nobody_in_its_place(
    pair: TlsPair, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    impostor = make_tls_pair(tmp_path / "other")
    current = pair
    async with serving(tls_context=lambda: current.server) as served:
        leaf = await fetch_leaf("127.0.0.1", served.port, timeout_s=60)
        context = tls.pinned_context(leaf, tls.spki_pin(leaf))
        url = f"https://127.0.0.1:{served.port}/ipp/print"
        async with httpx2.AsyncClient(verify=context, trust_env=False) as client:
            assert (await client.post(url, content=b"attributes")).content == b"attributes"
        # The device is exchanged between two requests.
        current = impostor
        async with httpx2.AsyncClient(verify=context, trust_env=False) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.post(url, content=b"attributes")
        assert served.server.statistics.snapshot().requests == 1
        with pytest.raises(tls.PinMismatchError):
            tls.pinned_context(await fetch_leaf("127.0.0.1", served.port, timeout_s=60), tls.spki_pin(leaf))
