"""Drives the HTTP parser over a byte string and writes down everything it read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from protocols.errors import RemoteProtocolError
from protocols.http.events import BodyPiece, EndOfRequest, Pause, RequestHead
from protocols.http.parser import RequestParser
from protocols.limits import HttpLimits


@dataclass
class Reading:
    """Requests read completely, in order; then how it ended.

    `pending` is the head of a request whose body is not complete; `unfinished` is also true for half a head.
    """

    requests: list[tuple[RequestHead, bytes]] = field(default_factory=list)
    refusal: RemoteProtocolError | None = None
    pending: RequestHead | None = None
    unfinished: bool = False

    @property
    def status(self) -> int | None:
        """The status of the refusal, None without one."""
        return self.refusal.status_hint if self.refusal is not None else None


class Feed(Protocol):
    """One way of feeding bytes: `whole` or `bytewise`."""

    def __call__(self, raw: bytes, limits: HttpLimits | None = None) -> Reading:
        """Read `raw`."""


def read(pieces: Sequence[bytes], limits: HttpLimits | None = None) -> Reading:
    """Feed `pieces` one by one, without an end of the stream."""
    reader = _Reader(RequestParser(limits if limits is not None else HttpLimits()))
    for piece in pieces:
        reader.feed(piece)
    return reader.reading


def whole(raw: bytes, limits: HttpLimits | None = None) -> Reading:
    """Feed `raw` at once."""
    return read([raw], limits)


def bytewise(raw: bytes, limits: HttpLimits | None = None) -> Reading:
    """Feed `raw` one byte at a time."""
    return read([raw[at : at + 1] for at in range(len(raw))], limits)


class _Reader:
    def __init__(self, parser: RequestParser) -> None:
        self._parser = parser
        self._head: RequestHead | None = None
        self._body = bytearray()
        self.reading = Reading()

    def feed(self, piece: bytes) -> None:
        self._parser.receive_data(piece)
        for event in self._events():
            if isinstance(event, RequestHead):
                self._head, self._body = event, bytearray()
            elif isinstance(event, BodyPiece):
                assert event.data, "an empty body piece looks like the end of the body"
                self._body += event.data
            elif isinstance(event, EndOfRequest):
                assert self._head is not None
                self.reading.requests.append((self._head, bytes(self._body)))
                self._head = None
        refused = self.reading.refusal is not None
        self.reading.pending = None if refused else self._head
        self.reading.unfinished = not refused and (self._head is not None or self._parser.has_data)

    def _events(self) -> Iterator[object]:
        try:
            while not isinstance(event := self._parser.next_event(), Pause):
                yield event
        except RemoteProtocolError as error:
            self.reading.refusal = error
