"""A printer on loopback that follows a script, one call a connection, for clients under test."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import trio

from protocols.ipp.decoder import decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Group, Message
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import charset, natural_language
from protocols.limits import IppLimits


class DisconnectedError(Exception):
    """The client closed the connection before the request was whole."""


def ok(request: Message, *groups: Group, code: int = 0) -> Message:
    """Return an answer to a request with the two attributes every answer starts with."""
    operation = Group(
        GroupTag.OPERATION,
        (charset("attributes-charset", "utf-8"), natural_language("attributes-natural-language", "en")),
    )
    return Message((2, 0), code, request.request_id, (operation, *groups))


@dataclass
class Received:
    """One request as it came in."""

    head: bytes
    message: Message
    document: bytes

    def header(self, name: str) -> str | None:
        """Return a header field's value."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            field_name, _, value = line.partition(":")
            if field_name.lower() == name:
                return value.strip()
        return None


@dataclass
class Connection:
    """The printer's end of one connection."""

    stream: trio.abc.Stream
    received: list[Received]
    _buffer: bytearray = field(default_factory=bytearray)

    async def fill(self) -> None:
        """Receive a little more.

        Raises:
            DisconnectedError: there will be no more.
        """
        try:
            data = await self.stream.receive_some(65536)
        except trio.BrokenResourceError:
            data = b""
        if not data:
            raise DisconnectedError
        self._buffer += data

    async def head(self) -> bytes:
        """Receive a request's head."""
        while b"\r\n\r\n" not in self._buffer:
            await self.fill()
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer[:] = rest
        return head

    async def take(self, count: int) -> bytes:
        """Receive exactly `count` octets."""
        while len(self._buffer) < count:
            await self.fill()
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    async def _chunked(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._buffer:
                await self.fill()
            line, _, rest = bytes(self._buffer).partition(b"\r\n")
            self._buffer[:] = rest
            chunk = await self.take(int(line, 16))
            await self.take(2)
            if not chunk:
                return body
            body += chunk

    async def request(self) -> Received:
        """Receive one whole request and record it."""
        received = Received(await self.head(), Message((0, 0), 0, 0), b"")
        length = received.header("content-length")
        body = await self._chunked() if length is None else await self.take(int(length))
        received.message, consumed = decode(body, IppLimits())
        received.document = body[consumed:]
        self.received.append(received)
        return received

    async def answer(self, message: Message, *, close: bool = False) -> None:
        """Send an IPP answer."""
        await self.reply(200, encode(message), close=close)

    async def reply(
        self, status: int, body: bytes, *, media_type: str = "application/ipp", close: bool = False
    ) -> None:
        """Send an HTTP answer."""
        connection = "close" if close else "keep-alive"
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: {connection}\r\n\r\n"
        )
        await self.stream.send_all(head.encode() + body)


Script: TypeAlias = Callable[[Connection], Awaitable[None]]


@dataclass
class ScriptedPrinter:
    """Listens on loopback; each connection is handed to `script`, and closed when that returns.

    Attributes:
        received: whole requests so far, over all connections.
        connections: connections so far.
        disconnected: connections the client closed in the middle of a request.
    """

    script: Script
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    disconnected: int = 0
    port: int = 0

    @property
    def uri(self) -> str:
        """The printer's URI."""
        return f"{'ipps' if self.tls else 'ipp'}://127.0.0.1:{self.port}/ipp/print"

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Accept connections until cancelled; `port` is known when this has started."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._handle, listeners)

    async def _handle(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        transport: trio.abc.Stream = stream
        if self.tls is not None:
            transport = trio.SSLStream(stream, self.tls, server_side=True, https_compatible=True)
        async with transport:
            try:
                await self.script(Connection(transport, self.received))
            except DisconnectedError:
                self.disconnected += 1
            except trio.BrokenResourceError:
                self.disconnected += 1


async def answer_everything(connection: Connection) -> None:
    """Answer every request on the connection with successful-ok."""
    while True:
        request = await connection.request()
        await connection.answer(ok(request.message))
