"""One connection on a stream that behaves badly in a way no socket can be told to."""

import socket
from math import inf

import trio
import trio.testing

from protocols.http.connection import Connection
from protocols.http.message import Address, Handler, Request, Response
from protocols.http.repeats import NoRepeats
from protocols.http.rules import Rules
from protocols.http.statistics import HttpStatistics
from protocols.limits import HttpLimits
from protocols.readiness import Readiness
from protocols.streams import PlainStream


class ChokingStream(PlainStream):
    """Takes the first half of the first thing that is sent, and then nothing until it is freed."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.sent = b""
        self.freed = trio.Event()

    def send_now(self, data: bytes | memoryview) -> int:
        """Take half."""
        if not self.freed.is_set():
            if self.sent:
                return 0
            data = data[: len(data) // 2]
        self.sent += data
        return len(data)

    async def send_all(self, data: bytes | memoryview) -> None:
        """Wait, then take all."""
        await self.freed.wait()
        self.sent += data


async def run(stream: PlainStream, handler: Handler) -> None:
    readiness = Readiness()
    rules = Rules(
        handler=handler,
        limits=HttpLimits(),
        tls_context=None,
        upgrades_to_tls=False,
        allowed_hosts=lambda _host: True,
        statistics=HttpStatistics(),
        on_error=lambda error, _request: None,
        clock=trio.current_time,
        date=lambda: b"today",
        readiness=readiness,
        repeats=NoRepeats(),
    )
    connection = Connection(stream, Address("127.0.0.1", 1, "127.0.0.1", 2), rules, deadline=inf)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readiness.run)
        await connection.run()
        nursery.cancel_scope.cancel()


async def test_an_answer_never_follows_half_of_another(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = socket.socketpair()
    stream = ChokingStream(ours)

    async def impatient(request: Request) -> Response:
        with trio.move_on_after(1) as asking:
            await request.receive_body()
        assert asking.cancelled_caught
        stream.freed.set()
        return Response(503)

    theirs.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    theirs.shutdown(socket.SHUT_WR)
    await run(stream, impatient)
    assert stream.sent == b"HTTP/1.1 100"
    assert theirs.recv(1) == b""
    theirs.close()


async def test_an_answer_that_is_taken_late_is_whole(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = socket.socketpair()
    stream = ChokingStream(ours)

    async def answer(_request: Request) -> Response:
        return Response(200, (), b"body")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, stream, answer)
        theirs.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await trio.sleep(20)
        stream.freed.set()
    assert stream.sent == (
        b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
    )
    theirs.close()
