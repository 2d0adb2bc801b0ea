"""Strict sans-IO reading of HTTP/1.x requests: bytes in, events out, one reading or a refusal.

A caller feeds `receive_data` and asks `next_event` until it says NEED_DATA. After a refusal the parser
stays refused: whatever was pipelined behind a bad request is never looked at.
"""

from protocols.errors import RemoteProtocolError
from protocols.http.body import BodyReader, ChunkedReader, LengthReader
from protocols.http.events import BodyPiece, EndOfRequest, Event, Pause, RequestHead
from protocols.http.head import check_partial_head, read_head
from protocols.limits import HttpLimits

_END_OF_REQUEST = EndOfRequest()
_HEAD_END = b"\r\n\r\n"


class RequestParser:
    """Reads the requests of one connection, one after the other."""

    __slots__ = (
        "_at",
        "_body",
        "_closed",
        "_data",
        "_error",
        "_known_head",
        "_known_raw",
        "_limits",
        "_scanned",
    )

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._data = b""
        self._at = 0  # start of what is not yet consumed
        self._scanned = 0  # how far the end of the head was looked for
        self._closed = False
        self._body: BodyReader | None = None
        self._error: RemoteProtocolError | None = None
        # Print clients repeat one head over and over; reading it again would only give the same answer.
        self._known_raw = b""
        self._known_head: RequestHead | None = None

    @property
    def has_data(self) -> bool:
        """Whether bytes are waiting that no event has consumed."""
        return self._at < len(self._data)

    @property
    def body_ended(self) -> bool:
        """Whether the current request's `EndOfRequest` was given out, or there is no current request."""
        return self._body is None

    @property
    def remaining_bytes(self) -> int | None:
        """Body bytes still to be read, None when the body is chunked and its end is not yet seen."""
        if self._body is None or self._body.finished:
            return 0
        return self._body.remaining if isinstance(self._body, LengthReader) else None

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; b"" says that it closed its side."""
        if not data:
            self._closed = True
        elif self._error is None:
            if self._at < len(self._data):
                self._data = self._data[self._at :] + data
                self._scanned = max(0, self._scanned - self._at)
            else:
                self._data = data
                self._scanned = 0
            self._at = 0

    def next_event(self) -> Event:
        """Return what comes next.

        Raises:
            RemoteProtocolError: the request is refused, with the HTTP status to answer. Every later call
                raises it again.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._next_event()
        except RemoteProtocolError as error:
            self._error = error
            self._data = b""
            self._at = 0
            raise

    def _next_event(self) -> Event:
        body = self._body
        if body is None:
            return self._next_head()
        if self._at < len(self._data) and not body.finished:
            piece, self._at = body.read(self._data, self._at)
            if self._at == len(self._data):
                self._data = b""
                self._at = 0
            if piece:
                return BodyPiece(piece)
        if body.finished:
            self._body = None
            self._scanned = self._at
            return _END_OF_REQUEST
        if self._closed:
            raise RemoteProtocolError("the connection was closed in the middle of a body")
        return Pause.NEED_DATA

    def _next_head(self) -> Event:
        if self._at == len(self._data):
            return Pause.CLOSED if self._closed else Pause.NEED_DATA
        # The end may begin in the last three bytes already searched.
        end = self._data.find(_HEAD_END, max(self._at, self._scanned - 3))
        if end < 0:
            check_partial_head(self._data, self._at, self._scanned, self._limits)
            self._scanned = len(self._data)
            if self._closed:
                raise RemoteProtocolError("the connection was closed in the middle of a request head")
            return Pause.NEED_DATA
        end += len(_HEAD_END)
        raw = self._data[self._at : end]
        if raw == self._known_raw and self._known_head is not None:
            head = self._known_head
        else:
            head = read_head(raw, self._limits)
            self._known_raw, self._known_head = raw, head
        self._at = end
        length = head.content_length
        self._body = ChunkedReader(self._limits.max_body_bytes) if length is None else LengthReader(length)
        return head
