"""Caps, exhaustion, draining, floods: the server keeps serving, and nothing is left behind."""

import contextlib
import errno
import resource
import socket
import struct
import time
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from protocols.http.server import HttpServer, Request, Response
from protocols.limits import HttpLimits
from tests.support.http_peer import GET, Served, echo, post, serving

pytestmark = pytest.mark.alone


async def settle(served: Served, open_connections: int) -> None:
    """Wait until the server has noticed who came and went."""
    with trio.fail_after(60):
        while served.server.statistics.open_connections != open_connections:
            await trio.sleep(0.001)


async def test_no_more_connections_than_the_server_may_hold() -> None:
    async with serving(limits=replace(HttpLimits(), max_connections=2)) as served:
        first, second = await served.connect(), await served.connect()
        assert (await first.ask(GET)).status == 200
        assert (await second.ask(GET)).status == 200
        third = await served.connect()
        assert await third.rest() == b""
        await first.aclose()
        await settle(served, 1)
        fourth = await served.connect()
        assert (await fourth.ask(GET)).status == 200
        assert served.server.statistics.snapshot().refused_connections == {"server-full": 1}
        for peer in (second, third, fourth):
            await peer.aclose()


async def test_no_more_connections_than_one_address_may_hold() -> None:
    async with serving(limits=replace(HttpLimits(), max_connections_per_address=2)) as served:
        peers = [await served.connect() for _ in range(2)]
        assert (await peers[1].ask(GET)).status == 200
        refused = await served.connect()
        assert await refused.rest() == b""
        # All of 127/8 is this machine: another address has room of its own.
        other = trio.socket.socket()
        await other.bind(("127.0.0.2", 0))
        await other.connect(("127.0.0.1", served.port))
        await other.send(GET)
        assert (await other.recv(100)).startswith(b"HTTP/1.1 200 ")
        assert served.server.statistics.snapshot().refused_connections == {"address-full": 1}
        other.close()
        for peer in (*peers, refused):
            await peer.aclose()


async def test_ipv6_is_counted_by_subscriber_and_mapped_ipv4_by_address() -> None:
    limits = replace(HttpLimits(), max_connections_per_address=1)
    listener = trio.socket.socket(trio.socket.AF_INET6)
    listener.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 0)
    await listener.bind(("::", 0))
    listener.listen(8)
    port = listener.getsockname()[1]
    seen: list[str] = []

    async def note(request: Request) -> Response:
        seen.append(request.peer_host)
        return Response(200)

    server = HttpServer(note, limits=limits)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, [listener])
        for host in ("127.0.0.1", "::1"):
            stream = await trio.open_tcp_stream(host, port)
            await stream.send_all(GET)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
            again = await trio.open_tcp_stream(host, port)
            assert await again.receive_some() == b""
            await stream.aclose()
            await again.aclose()
        nursery.cancel_scope.cancel()
    assert seen == ["127.0.0.1", "::1"]


class ExhaustedListener(socket.socket):
    """A listener whose accept fails as the kernel's does, before it accepts."""

    def __init__(self, real: trio.socket.SocketType, failures: list[int]) -> None:
        super().__init__(real.family, real.type, fileno=real.detach())
        self._failures = failures

    def accept(self) -> tuple[socket.socket, Any]:
        if self._failures:
            number = self._failures.pop(0)
            raise OSError(number, errno.errorcode[number])
        return super().accept()


async def listening() -> tuple[trio.socket.SocketType, int]:
    listener = trio.socket.socket()
    await listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    return listener, listener.getsockname()[1]


async def test_accepting_survives_exhaustion_and_lost_connections(
    autojump_clock: trio.testing.MockClock,
) -> None:
    real, port = await listening()
    exhausted = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED, errno.EPERM]
    server = HttpServer(echo)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve, [ExhaustedListener(real, exhausted)])
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(GET)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
        assert trio.current_time() >= 0.4
        assert server.statistics.snapshot().refused_connections == {"no-descriptors": 4}
        nursery.cancel_scope.cancel()
        await stream.aclose()


async def test_a_listener_that_is_broken_is_reported() -> None:
    real, port = await listening()
    listener = ExhaustedListener(real, [errno.EINVAL])
    server = HttpServer(echo)
    # A listener is looked at when somebody has come.
    with (
        socket.create_connection(("127.0.0.1", port)),
        pytest.RaisesGroup(OSError, flatten_subgroups=True, allow_unwrapped=True),
    ):
        await server.serve([listener])
    assert listener.fileno() == -1


async def test_a_drain_ends_idle_connections_and_lets_running_requests_finish() -> None:
    running, go_on = trio.Event(), trio.Event()

    async def slow(request: Request) -> Response:
        if request.method == "POST":
            running.set()
            await go_on.wait()
        return await echo(request)

    async with serving(slow) as served:
        silent, idle, busy, half = [await served.connect() for _ in range(4)]
        assert (await idle.ask(GET)).status == 200
        await busy.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        await running.wait()
        await half.send(GET[:10])
        await trio.testing.wait_all_tasks_blocked(0.01)
        served.server.drain()
        assert await silent.rest() == b""
        assert await idle.rest() == b""
        with pytest.raises(OSError, match="all attempts"):
            await served.connect()
        assert (await half.ask(GET[10:])).closes
        assert await half.rest() == b""
        assert not served.ended.is_set()
        go_on.set()
        answer = await busy.ask(b"cd")
        assert (answer.body, answer.closes) == (b"abcd", True)
        assert await busy.rest() == b""
        for peer in (silent, idle, busy, half):
            await peer.aclose()
        with trio.fail_after(60):
            await served.ended.wait()
        assert served.server.statistics.open_connections == 0


async def test_a_drain_before_serving_accepts_nobody() -> None:
    listener, _ = await listening()
    server = HttpServer(echo)
    server.drain()
    with trio.fail_after(60):
        await server.serve([listener])
    assert listener.fileno() == -1


def reset(sock: socket.socket) -> None:
    """Close so that the peer sees a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def test_a_storm_of_connections_and_resets_leaves_no_task_behind() -> None:
    async with serving() as served:
        probe = await served.connect()
        assert (await probe.ask(GET)).status == 200
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        beginnings = [b"", b"G", GET[:20], GET, post(b"x" * 10)[:-4], b"\x16\x03\x01", b"\n\n", GET * 3]
        for round_ in range(40):
            sockets = [socket.create_connection(("127.0.0.1", served.port)) for _ in beginnings]
            for sock, beginning in zip(sockets, beginnings, strict=True):
                sock.sendall(beginning)
            if round_ % 2:
                await trio.sleep(0)
            for sock in sockets:
                reset(sock)
            await trio.sleep(0)
        with trio.fail_after(60):
            while served.server.statistics.accepted < 1 + 40 * len(beginnings):
                await trio.sleep(0.001)
        await settle(served, 1)
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert (await probe.ask(GET)).status == 200
        assert served.failures == []
        await probe.aclose()


SLOW_CLIENTS = 1000
HEAD_TIMEOUT_S = 1.5


async def test_a_thousand_slow_clients_are_dropped_while_others_are_served() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Both ends of every connection live in this process.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * SLOW_CLIENTS), hard))
    limits = replace(
        HttpLimits(), head_timeout_s=HEAD_TIMEOUT_S, max_connections_per_address=2 * SLOW_CLIENTS
    )
    latencies: list[float] = []
    dropped_at: list[float] = []
    async with serving(limits=limits) as served:
        fast = await served.connect()
        assert (await fast.ask(GET)).status == 200
        slow: list[socket.socket] = []
        for _ in range(SLOW_CLIENTS):
            slow.append(socket.create_connection(("127.0.0.1", served.port)))
            slow[-1].setblocking(False)
            slow[-1].send(b"P")
            await trio.sleep(0)
        opened = trio.current_time()

        async def ask_on() -> None:
            while True:
                began = time.perf_counter()
                assert (await fast.ask(post(b"quick"))).body == b"quick"
                latencies.append(time.perf_counter() - began)
                await trio.sleep(0.002)

        async def trickle() -> None:
            # Twice as fast as the attack of the bar, because the deadline is so much shorter.
            while True:
                for number, sock in enumerate(slow):
                    with contextlib.suppress(OSError):
                        sock.send(b"O")
                    if number % 32 == 0:
                        await trio.sleep(0)
                await trio.sleep(0.5)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_on)
            nursery.start_soon(trickle)
            while served.server.statistics.open_connections > 1:
                assert trio.current_time() - opened < 10
                await trio.sleep(0.01)
            dropped_at.append(trio.current_time() - opened)
            nursery.cancel_scope.cancel()
        assert served.server.statistics.timeouts["head"] == SLOW_CLIENTS
        for sock in slow:
            sock.close()
        await fast.aclose()
    latencies.sort()
    assert latencies[int(len(latencies) * 0.99)] < 0.25
    assert dropped_at[0] < HEAD_TIMEOUT_S + 1
