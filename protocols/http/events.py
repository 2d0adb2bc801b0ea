"""What a request reader says: the head, pieces of the body, the end. Frozen, without any I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum


class Headers(Mapping[str, str]):
    """Header fields of one message; names are compared without regard to case (RFC 9110 5.1).

    Repeated fields are joined with ", " (RFC 9110 5.2); those that must not repeat were refused before.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Take `fields` whose names are lower-case already."""
        self._fields = dict(fields)

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __repr__(self) -> str:
        # Values may be passwords (Authorization) and names (Cookie): never shown.
        return f"Headers({', '.join(self._fields)})"


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request line and its fields, read in exactly one way.

    Args:
        method: upper-case, one the server knows.
        target: the request-target as it stood in the request line.
        path: the decoded path, without empty or dot segments; "*" for OPTIONS *.
        query: what follows "?", not decoded.
        headers: the fields.
        host: name or address from Host, lower-case, without port and brackets.
        port: the port in Host, None if it names none.
        http_version: (1, 0) or (1, 1).
        content_length: bytes of the body; 0 without a body; None when it is chunked.
        keep_alive: whether the client lets the connection live on.
        expects_continue: the client waits for "100 Continue" before it sends the body.
        upgrades_to_tls: the client asks to go on in TLS (RFC 2817); such a request has no body.
    """

    method: str
    target: str
    path: str
    query: str
    headers: Headers
    host: str
    port: int | None
    http_version: tuple[int, int]
    content_length: int | None
    keep_alive: bool
    expects_continue: bool
    upgrades_to_tls: bool = False


@dataclass(frozen=True, slots=True)
class BodyPiece:
    """Some bytes of the body, never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EndOfRequest:
    """The body is complete; what follows is the next request."""


class Pause(Enum):
    """Why there is no event."""

    NEED_DATA = "need data"
    CLOSED = "closed between requests"


Event = RequestHead | BodyPiece | EndOfRequest | Pause
