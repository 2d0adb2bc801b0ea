"""What a handler sees of a request and gives back as a response; and the response's bytes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from protocols.errors import LocalProtocolError
from protocols.http.events import Headers, RequestHead

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii") for status in HTTPStatus
}
# RFC 9110 8.6 and 6.4.1: these never carry a body, nor a length.
_BODILESS = frozenset({204, 304})
# Framing is ours; a handler that sets it could make two readings of its own answer.
_OWN_FIELDS = frozenset({"connection", "content-length", "date", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: status, fields (without framing, date and connection, which are the server's), body.

    A status of 100 to 199 is not an answer.
    """

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


class BodySource(Protocol):
    """Where a request's body comes from."""

    async def receive_body(self) -> bytes:
        """Return the next piece, b"" at the end."""

    async def drain_body(self, max_bytes: int) -> bool:
        """Discard the rest of the body, at most `max_bytes`; return whether its end was reached."""


@dataclass(frozen=True, slots=True)
class Address:
    """Both ends of a connection."""

    peer_host: str
    peer_port: int
    local_host: str
    local_port: int


class Request:
    """One request; valid until its handler returns.

    `host` and `port` are what the client called us (Host, port None if not named), `local_host` the address
    it reached.
    """

    __slots__ = (
        "_body", "_head", "content_length", "headers", "host", "local_host", "method", "path", "peer_host",
        "peer_port", "port", "query", "target", "tls",
    )  # fmt: skip

    def __init__(self, head: RequestHead, address: Address, body: BodySource, *, tls: bool) -> None:
        self._head = head
        self._body = body
        self.method: str = head.method
        self.target: str = head.target
        self.path: str = head.path
        self.query: str = head.query
        self.headers: Headers = head.headers
        self.host: str = head.host
        self.port: int | None = head.port
        self.content_length: int | None = head.content_length
        self.peer_host: str = address.peer_host
        self.peer_port: int = address.peer_port
        self.local_host: str = address.local_host
        self.tls: bool = tls

    def __repr__(self) -> str:
        # The target may hold what a person typed; the method and the peer are enough to find the request.
        return f"<Request {self.method} from {self.peer_host}>"

    async def receive_body(self) -> bytes:
        """Return the next piece of the body, up to 256 KiB; b"" at its end and ever after.

        The first call tells a client that asked for it to go ahead ("100 Continue"). Nothing more is read
        from the client until the next call: a slow handler slows its client down.

        Raises:
            RemoteProtocolError: the body is malformed, too slow, too large, or cut off.
        """
        return await self._body.receive_body()

    async def drain(self, max_bytes: int) -> bool:
        """Discard the rest of the body, at most `max_bytes`; return whether its end was reached.

        Raises:
            RemoteProtocolError: as for `receive_body`.
        """
        return await self._body.drain_body(max_bytes)


Handler = Callable[[Request], Awaitable[Response]]


def encode_head(response: Response, *, date: bytes, close: bool) -> bytes:
    """Return the status line and fields of `response`, with the empty line.

    Args:
        response: what the handler gave.
        date: the value of Date (RFC 9110 6.6.1).
        close: whether the connection ends with this answer.

    Raises:
        LocalProtocolError: an unknown status, or a field that would break the message apart.
    """
    line = _STATUS_LINES.get(response.status)
    if line is None or response.status < 200:
        raise LocalProtocolError(f"{response.status} is no final status")
    parts = [line, b"Date: ", date]
    for name, value in response.headers:
        if name.lower() in _OWN_FIELDS:
            raise LocalProtocolError(f"{name} is set by the server itself")
        parts.append(_encode_field(name, value))
    if response.status not in _BODILESS:
        parts.append(b"\r\nContent-Length: %d" % len(response.body))
    elif response.body:
        raise LocalProtocolError(f"{response.status} has no body")
    parts.append(b"\r\nConnection: close\r\n\r\n" if close else b"\r\n\r\n")
    return b"".join(parts)


def _encode_field(name: str, value: str) -> bytes:
    if not name or not value.isprintable() or not name.replace("-", "").isalnum():
        raise LocalProtocolError(f"the header field {name!r} cannot be sent")
    try:
        return f"\r\n{name}: {value}".encode("latin-1")
    except UnicodeEncodeError:
        raise LocalProtocolError(f"the header field {name!r} cannot be sent") from None
