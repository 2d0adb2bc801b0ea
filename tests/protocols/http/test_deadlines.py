"""Every wait for a client ends: each deadline, on both sides, on a clock that jumps."""

import math
from pathlib import Path

import pytest
import trio
import trio.testing

from protocols.errors import RemoteProtocolError
from protocols.http.server import Request, Response
from tests.support.http_peer import GET, Peer, echo, post, serving
from tests.support.tls_pair import make_tls_pair

# The watch looks once a second.
LATE_S = 1.0


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Jumps when nothing happens; real sockets need a moment of real time to show that."""
    return trio.testing.MockClock(autojump_threshold=0.01)


async def closed_after(peer: Peer) -> tuple[float, bytes]:
    """Return how long the server took to close, and what it said before."""
    began = trio.current_time()
    said = await peer.rest()
    return trio.current_time() - began, said


async def trickle(peer: Peer, data: bytes, *, interval_s: float) -> None:
    """Send byte by byte until all is sent or the server has closed."""
    try:
        for at in range(len(data)):
            await peer.send(data[at : at + 1])
            await trio.sleep(interval_s)
    except trio.BrokenResourceError:
        return


async def test_a_connection_that_says_nothing_ends_at_the_head_deadline(
    clock: trio.testing.MockClock,
) -> None:
    async with serving() as served:
        peer = await served.connect()
        elapsed, said = await closed_after(peer)
        assert 10 <= elapsed <= 10 + LATE_S + 0.1
        assert said == b""
        assert served.server.statistics.snapshot().timeouts == {"arriving": 1}
        await peer.aclose()


async def test_a_head_that_trickles_in_ends_at_the_head_deadline(clock: trio.testing.MockClock) -> None:
    async with serving() as served, trio.open_nursery() as nursery:
        peer = await served.connect()
        nursery.start_soon(lambda: trickle(peer, GET + b"x" * 100, interval_s=0.9))
        elapsed, said = await closed_after(peer)
        assert 10 <= elapsed <= 10 + LATE_S + 0.1
        assert said.startswith(b"HTTP/1.1 408 ")
        assert served.server.statistics.snapshot().timeouts == {"head": 1}
        nursery.cancel_scope.cancel()
        await peer.aclose()


async def test_a_head_just_within_its_deadline_is_served(clock: trio.testing.MockClock) -> None:
    async with serving() as served:
        peer = await served.connect()
        for _ in range(3):
            await peer.send(GET[:20])
            await trio.sleep(9)
            assert (await peer.ask(GET[20:])).status == 200
        await peer.aclose()


async def test_a_second_head_has_its_own_deadline(clock: trio.testing.MockClock) -> None:
    async with serving() as served:
        peer = await served.connect()
        await peer.ask(GET)
        await trio.sleep(25)
        await peer.send(GET[:20])
        elapsed, said = await closed_after(peer)
        assert 10 <= elapsed <= 10 + LATE_S + 0.1
        assert said.startswith(b"HTTP/1.1 408 ")
        await peer.aclose()


async def test_an_idle_connection_is_closed_without_a_word(clock: trio.testing.MockClock) -> None:
    async with serving() as served:
        peer = await served.connect()
        await peer.ask(GET)
        await trio.sleep(29)
        await peer.ask(GET)
        elapsed, said = await closed_after(peer)
        assert 30 <= elapsed <= 30 + LATE_S + 0.1
        assert said == b""
        assert served.server.statistics.snapshot().timeouts == {"idle": 1}
        await peer.aclose()


async def test_a_body_that_trickles_in_ends_within_the_window(clock: trio.testing.MockClock) -> None:
    caught: list[tuple[float, int]] = []

    async def catch(request: Request) -> Response:
        began = trio.current_time()
        try:
            return await echo(request)
        except RemoteProtocolError as error:
            caught.append((trio.current_time() - began, error.status_hint))
            raise

    async with serving(catch) as served, trio.open_nursery() as nursery:
        peer = await served.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        nursery.start_soon(lambda: trickle(peer, bytes(1000), interval_s=1))
        _, said = await closed_after(peer)
        ((elapsed, status),) = caught
        assert 30 <= elapsed <= 30 + LATE_S + 0.1
        assert status == 408
        assert said.startswith(b"HTTP/1.1 408 ")
        assert served.failures == []
        nursery.cancel_scope.cancel()
        await peer.aclose()


async def test_a_body_at_the_least_rate_is_taken_however_long_it_lasts(clock: trio.testing.MockClock) -> None:
    async with serving() as served:
        peer = await served.connect()
        pieces = 4
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (pieces * 29 * 1024))
        for _ in range(pieces):
            await trio.sleep(29)
            await peer.send(bytes(29 * 1024))
        assert len((await peer.answer()).body) == pieces * 29 * 1024
        await peer.aclose()


async def test_bytes_that_came_early_buy_no_more_than_the_window(clock: trio.testing.MockClock) -> None:
    async with serving() as served:
        peer = await served.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n" + bytes(8_000_000))
        elapsed, said = await closed_after(peer)
        assert 30 <= elapsed <= 30 + LATE_S + 0.2
        assert said.startswith(b"HTTP/1.1 408 ")
        await peer.aclose()


async def test_a_handler_takes_its_time_at_its_own_cost(clock: trio.testing.MockClock) -> None:
    async def ponder(request: Request) -> Response:
        await trio.sleep(60)
        first = await request.receive_body()
        await trio.sleep(60)
        return Response(200, (), first + (await echo(request)).body)

    async with serving(ponder) as served:
        peer = await served.connect()
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        await trio.sleep(90)
        assert (await peer.ask(b"cd")).body == b"abcd"
        await peer.aclose()


async def test_a_handler_that_gives_up_reading_may_still_think(clock: trio.testing.MockClock) -> None:
    async def give_up(request: Request) -> Response:
        with trio.move_on_after(5):
            await request.receive_body()
        await trio.sleep(100)
        return Response(503)

    async with serving(give_up) as served:
        peer = await served.connect()
        answer = await peer.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        # The body never came, so there is no next request to be found behind it.
        assert (answer.status, answer.closes) == (503, True)
        await peer.aclose()


async def test_an_unwanted_body_delays_its_answer_for_a_moment_only(clock: trio.testing.MockClock) -> None:
    async def refuse(_request: Request) -> Response:
        return Response(401)

    async with serving(refuse) as served, trio.open_nursery() as nursery:
        peer = await served.connect()
        began = trio.current_time()
        await peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        nursery.start_soon(lambda: trickle(peer, bytes(1000), interval_s=0.1))
        answer = await peer.answer()
        assert (answer.status, answer.closes) == (401, True)
        assert trio.current_time() - began <= 1 + LATE_S + 0.1
        nursery.cancel_scope.cancel()
        await peer.aclose()


async def test_an_answer_that_nobody_takes_is_given_up(clock: trio.testing.MockClock) -> None:
    ended = math.inf

    async def large(_request: Request) -> Response:
        return Response(200, (), bytes(64 * 1024 * 1024))

    async with serving(large) as served:
        peer = await served.connect()
        await peer.send(GET)
        began = trio.current_time()
        while served.server.statistics.snapshot().timeouts != {"answer": 1}:
            await trio.sleep(0.5)
            ended = trio.current_time()
            assert ended - began < 60
        assert ended - began >= 30
        assert len(await peer.rest()) < 64 * 1024 * 1024
        await peer.aclose()


async def test_an_answer_that_is_taken_slowly_is_sent_to_its_end(clock: trio.testing.MockClock) -> None:
    size = 16 * 1024 * 1024

    async def large(_request: Request) -> Response:
        return Response(200, (), bytes(size))

    async with serving(large) as served:
        peer = await served.connect()
        await peer.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        taken = 0
        while data := await peer.stream.receive_some(1024 * 1024):
            taken += len(data)
            await trio.sleep(5)
        assert taken > size
        assert trio.current_time() > 60
        await peer.aclose()


async def test_a_silent_tls_client_ends_at_the_handshake_deadline(
    clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    pair = make_tls_pair(tmp_path)
    async with serving(tls_context=lambda: pair.server) as served:
        peer = await served.connect()
        await peer.send(b"\x16\x03\x01")
        elapsed, said = await closed_after(peer)
        assert 10 <= elapsed <= 10 + LATE_S + 0.1
        assert said[:1] in (b"", b"\x15")  # nothing, or a TLS alert
        snapshot = served.server.statistics.snapshot()
        assert snapshot.timeouts == {"arriving": 1}
        assert snapshot.refused_connections == {"handshake": 1}
        await peer.aclose()


async def test_nobody_is_watched_when_nobody_is_there(clock: trio.testing.MockClock) -> None:
    async with serving() as served:
        peer = await served.connect()
        assert (await peer.ask(post(b"x"))).body == b"x"
        await peer.aclose()
        await trio.sleep(100_000)
        assert served.server.statistics.snapshot().open_connections == 0
        again = await served.connect()
        elapsed, _ = await closed_after(again)
        assert 10 <= elapsed <= 10 + LATE_S + 0.1
        await again.aclose()
