"""A real HttpServer on a loopback port, and a client that says exactly the bytes it is told to."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from protocols.http.repeats import Repeats
from protocols.http.server import Handler, HttpServer, Request, Response
from protocols.limits import HttpLimits

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def post(body: bytes, fields: bytes = b"") -> bytes:
    """Return a POST of `body` with a Content-Length."""
    return b"POST / HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n%b" % (fields, len(body), body)


async def echo(request: Request) -> Response:
    """Answer with the request's body."""
    body = b""
    while piece := await request.receive_body():
        body += piece
    return Response(200, (("Content-Type", "application/octet-stream"),), body)


@dataclass
class Answer:
    """One response as it was on the wire."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends."""
        return self.fields.get("connection") == "close"


class Peer:
    """The client's side of one connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, data: bytes) -> None:
        """Send exactly `data`."""
        await self.stream.send_all(data)

    async def answer(self, *, bodiless: bool = False) -> Answer:
        """Read one response."""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += await self._receive_some()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        line, *field_lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (item.partition(": ") for item in field_lines)}
        length = 0 if bodiless else int(fields.get("content-length", "0"))
        pieces = [self._buffer]
        received = len(self._buffer)
        while received < length:
            pieces.append(await self._receive_some())
            received += len(pieces[-1])
        whole = b"".join(pieces)
        self._buffer = whole[length:]
        return Answer(int(line.split(" ")[1]), fields, whole[:length])

    async def ask(self, data: bytes) -> Answer:
        """Send `data` and read one response."""
        await self.send(data)
        return await self.answer()

    async def rest(self) -> bytes:
        """Read until the server closes; a reset counts as closing."""
        while True:
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return self._buffer
            if not data:
                return self._buffer
            self._buffer += data

    async def aclose(self) -> None:
        """Close this side."""
        await trio.aclose_forcefully(self.stream)

    async def _receive_some(self) -> bytes:
        data = await self.stream.receive_some()
        if not data:
            raise EOFError(f"the server closed after {self._buffer!r}")
        return bytes(data)


@dataclass
class Served:
    """A running server; `failures` is what its handler was told off for."""

    server: HttpServer
    port: int
    failures: list[Exception] = field(default_factory=list)
    ended: trio.Event = field(default_factory=trio.Event)

    async def connect(self) -> Peer:
        """Open a plain connection."""
        return Peer(await trio.open_tcp_stream("127.0.0.1", self.port))

    async def connect_tls(self, context: ssl.SSLContext) -> Peer:
        """Open a TLS connection, handshake included."""
        stream = trio.SSLStream(
            await trio.open_tcp_stream("127.0.0.1", self.port),
            context,
            server_hostname="localhost",
            https_compatible=True,
        )
        try:
            await stream.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return Peer(stream)


@asynccontextmanager
async def serving(
    handler: Handler = echo,
    *,
    limits: HttpLimits | None = None,
    tls_context: Callable[[], ssl.SSLContext] | None = None,
    upgrades_to_tls: bool = False,
    allowed_hosts: Callable[[str], bool] = lambda _host: True,
    repeats: Repeats | None = None,
) -> AsyncIterator[Served]:
    """Run a server on a loopback port while the block runs."""
    listener = trio.socket.socket()
    await listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    port: int = listener.getsockname()[1]
    failures: list[Exception] = []
    server = HttpServer(
        handler,
        limits=limits,
        tls_context=tls_context,
        upgrades_to_tls=upgrades_to_tls,
        allowed_hosts=allowed_hosts,
        on_error=lambda error, _request: failures.append(error),
        repeats=repeats,
    )
    served = Served(server, port, failures)

    async def run(task_status: trio.TaskStatus[None]) -> None:
        await server.serve([listener], task_status=task_status)
        served.ended.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        yield served
        nursery.cancel_scope.cancel()
