"""An LPR handler that keeps what it is given in memory, and a client that speaks byte by byte."""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from protocols.limits import LprLimits
from protocols.lpr.control_file import ControlFile
from protocols.lpr.handler import LprPeer, LprRefused
from protocols.lpr.server import LprServer


@dataclass
class TakenJob:
    """A job as the handler saw it; also the `LprJob` itself."""

    queue: str
    peer: LprPeer
    handler: "RecordingHandler"
    control_file: ControlFile | None = None
    documents: dict[str, bytes] = field(default_factory=dict)
    declared: dict[str, int | None] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def control(self, control: ControlFile) -> None:
        self.calls.append("control")
        self.control_file = control

    async def document(
        self, name: str, declared_bytes: int | None, receive: Callable[[], Awaitable[bytes]]
    ) -> None:
        self.calls.append(f"document {name}")
        self.declared[name] = declared_bytes
        if name in self.handler.refused_documents:
            raise LprRefused("not that one")
        received = bytearray()
        while piece := await receive():
            received += piece
            self.handler.largest_piece = max(self.handler.largest_piece, len(piece))
            if self.handler.enough_bytes is not None and len(received) >= self.handler.enough_bytes:
                break
        self.documents[name] = bytes(received)

    async def finish(self) -> bool:
        self.calls.append("finish")
        await self.handler.may_finish.wait()
        if self.handler.finish_error is not None:
            raise self.handler.finish_error
        if self.handler.durable:
            self.handler.finished.append(self)
        return self.handler.durable

    async def abort(self) -> None:
        self.calls.append("abort")
        self.handler.aborted.append(self)


class RecordingHandler:
    """An `LprHandler` with one queue."""

    def __init__(self, *queues: str) -> None:
        self.queues = set(queues or {"secure"})
        self.begun: list[TakenJob] = []
        self.finished: list[TakenJob] = []
        self.aborted: list[TakenJob] = []
        self.removals: list[tuple[str, str, tuple[str, ...], LprPeer]] = []
        self.durable = True
        self.finish_error: Exception | None = None
        self.refuse_jobs = False
        self.refused_documents: set[str] = set()
        self.enough_bytes: int | None = None
        self.largest_piece = 0
        self.may_finish = trio.Event()
        self.may_finish.set()

    def queue_exists(self, queue: str, peer: LprPeer) -> bool:
        return queue in self.queues

    def begin_job(self, queue: str, peer: LprPeer) -> TakenJob:
        if self.refuse_jobs:
            raise LprRefused("too many jobs")
        job = TakenJob(queue, peer, self)
        self.begun.append(job)
        return job

    async def queue_state(self, queue: str, users: tuple[str, ...], peer: LprPeer, *, long: bool) -> str:
        return f"{queue} {'long' if long else 'short'} {','.join(users) or 'all'}\n"

    async def remove(self, queue: str, agent: str, items: tuple[str, ...], peer: LprPeer) -> bool:
        self.removals.append((queue, agent, items, peer))
        return agent == "anna"


@dataclass
class RunningServer:
    """A server on a loopback port with what its callbacks were told."""

    server: LprServer
    handler: RecordingHandler
    port: int
    nursery: trio.Nursery
    refused: list[LprPeer] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    async def connect(self, host: str = "127.0.0.1") -> "RawClient":
        """Connect; the nursery closes the client's socket at its end."""
        client = RawClient(await trio.open_tcp_stream(host, self.port))
        self.nursery.start_soon(client.close_in_the_end)
        return client

    async def turns_away(self) -> bool:
        """Connect and return whether the connection is closed without a byte, as seen by a plain client."""
        with socket.socket() as plain:
            plain.settimeout(5)
            try:
                await trio.to_thread.run_sync(plain.connect, ("127.0.0.1", self.port))
                return await trio.to_thread.run_sync(plain.recv, 1) == b""
            except ConnectionResetError:
                return True

    async def wait_until_idle(self) -> None:
        with trio.fail_after(5):
            while self.server.connections:
                await trio.sleep(0.001)


class RawClient:
    """Sends and expects exact bytes."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream

    async def say(self, data: bytes, expected: bytes | None = b"\0") -> None:
        """Send bytes and, unless None, read exactly the answer."""
        await self.stream.send_all(data)
        if expected is not None:
            assert await self.hear(len(expected)) == expected

    async def hear(self, count: int) -> bytes:
        heard = b""
        with trio.fail_after(5):
            while len(heard) < count:
                piece = await self.stream.receive_some(count - len(heard))
                if not piece:
                    break
                heard += piece
        return heard

    async def rest(self) -> bytes:
        """Read until the server closes; a reset counts as closed."""
        heard = b""
        with trio.fail_after(5):
            try:
                while piece := await self.stream.receive_some():
                    heard += piece
            except trio.BrokenResourceError:
                pass
        return heard

    async def close_in_the_end(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.stream.socket.close()

    async def aclose(self) -> None:
        await self.stream.aclose()


async def start_server(
    nursery: trio.Nursery,
    handler: RecordingHandler,
    *,
    limits: LprLimits | None = None,
    allowed: Callable[[str], bool] = lambda host: host == "127.0.0.1",
    dual_stack: bool = False,
) -> RunningServer:
    """Serve on a free port inside the nursery: of IPv4's loopback address, or `dual_stack` on [::]."""
    listening = trio.socket.socket(socket.AF_INET6 if dual_stack else socket.AF_INET)
    if dual_stack:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    await listening.bind(("::" if dual_stack else "127.0.0.1", 0))
    listening.listen()
    refused: list[LprPeer] = []
    broken: list[str] = []
    server = LprServer(
        handler,
        allowed=allowed,
        limits=limits or LprLimits(),
        on_refused=refused.append,
        on_broken=lambda _peer, error: broken.append(str(error)),
    )
    running = RunningServer(server, handler, listening.getsockname()[1], nursery, refused, broken)
    await nursery.start(server.serve, [listening])
    return running
