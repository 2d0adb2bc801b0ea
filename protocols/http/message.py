"""What a handler sees of a request and gives back as a response; and the response's bytes."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from protocols.errors import LocalProtocolError
from protocols.http.events import Headers, RequestHead

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# RFC 2817 3.3: the last thing said in clear.
SWITCHING_TO_TLS = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.2, HTTP/1.1\r\nConnection: Upgrade\r\n\r\n"
)

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii") for status in HTTPStatus
}
# RFC 9110 8.6 and 6.4.1: these never carry a body, nor a length.
_BODILESS = frozenset({204, 304})
_FIELD_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FIELD_VALUE = re.compile(r"[\t -~\x80-\xff]*")
# Framing is ours; a handler that sets it could make two readings of its own answer.
_OWN_FIELDS = frozenset({"connection", "content-length", "date", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: final status, fields (without framing, date and connection, which are the server's), body.

    Args:
        again: what the server's memory of answers must know to give this one to the same octets again
            (`protocols.http.repeats`); None: never.

    Raises:
        LocalProtocolError: an unknown status, or a field that would break the message apart.
    """

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    again: object = None

    def __post_init__(self) -> None:
        if self.status < 200 or self.status not in _STATUS_LINES:
            raise LocalProtocolError(f"{self.status} is no final status")
        if self.body and self.status in _BODILESS:
            raise LocalProtocolError(f"{self.status} has no body")
        for name, value in self.headers:
            if not (_FIELD_NAME.fullmatch(name) and _FIELD_VALUE.fullmatch(value)):
                raise LocalProtocolError(f"the header field {name!r} cannot be sent")
            if name.lower() in _OWN_FIELDS:
                raise LocalProtocolError(f"{name} is set by the server itself")


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
        "_body", "content_length", "headers", "host", "local_host", "method", "path", "peer_host",
        "peer_port", "port", "query", "target", "tls",
    )  # fmt: skip

    def __init__(self, head: RequestHead, address: Address, body: BodySource, *, tls: bool) -> None:
        self._body: BodySource | None = body
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
        """Return the next piece of the body, up to 1 MiB; b"" at its end and ever after.

        The first call tells a client that asked for it to go ahead ("100 Continue"). Nothing more is read
        from the client until the next call: a slow handler slows its client down.

        Raises:
            RemoteProtocolError: the body is malformed, too slow, too large, or cut off.
        """
        return await self._source().receive_body()

    async def drain(self, max_bytes: int) -> bool:
        """Discard the rest of the body, at most `max_bytes`; return whether its end was reached.

        Raises:
            RemoteProtocolError: as for `receive_body`.
        """
        return await self._source().drain_body(max_bytes)

    def end(self) -> None:
        """The server says that this request was answered; what follows in the connection is another's."""
        self._body = None

    def _source(self) -> BodySource:
        if self._body is None:
            raise LocalProtocolError("this request was answered already")
        return self._body


Handler = Callable[[Request], Awaitable[Response]]


def refusal_status(hint: int) -> int:
    """Return `hint` if it is an HTTP error status; 400 for hints in another protocol's numbers."""
    return hint if 400 <= hint <= 599 and hint in _STATUS_LINES else 400


def plain_response(status: int, words: str) -> Response:
    """Return an answer in words."""
    return Response(status, (("Content-Type", "text/plain; charset=utf-8"),), words.encode("utf-8") + b"\n")


def encode_head(response: Response, *, date: bytes, close: bool) -> bytes:
    """Return the status line and fields of `response`, with the empty line.

    Args:
        response: what the handler gave.
        date: the value of Date (RFC 9110 6.6.1).
        close: whether the connection ends with this answer.
    """
    fields = "".join([f"\r\n{name}: {value}" for name, value in response.headers])
    length = b"" if response.status in _BODILESS else b"\r\nContent-Length: %d" % len(response.body)
    return b"%bDate: %b%b%b%b" % (
        _STATUS_LINES[response.status],
        date,
        fields.encode("latin-1"),
        length,
        b"\r\nConnection: close\r\n\r\n" if close else b"\r\n\r\n",
    )
