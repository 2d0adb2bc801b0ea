"""Takes a request body out of the byte stream: by its length, or by its chunks (RFC 9112 6 and 7)."""

import re
from typing import Protocol

from protocols.errors import RemoteProtocolError

# Fifteen digits count far beyond every limit; a longer run of zeros is only good for hiding something.
_MAX_SIZE_DIGITS = 15
# No extensions, no white space: recipients disagree about both, and no print client sends either.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
_PARTIAL_SIZE_LINE = re.compile(rb"[0-9A-Fa-f]{0,15}\r?")
_CRLF_BYTES = 2

# One-byte chunks cost six bytes on the wire and a turn of the loop each. CUPS sends 32 to 64 KiB a chunk,
# an HTTP library passing on small writes perhaps 100 bytes; the allowance covers short bodies cut finely.
_FREE_CHUNKS = 4096
_MIN_MEAN_CHUNK_BYTES = 64


class BodyReader(Protocol):
    """Finds the end of one body."""

    finished: bool

    def read(self, data: bytes, start: int) -> tuple[bytes, int]:
        """Return body bytes found in `data` from `start`, and where reading must go on."""


class LengthReader:
    """A body of known length."""

    __slots__ = ("_remaining", "finished")

    def __init__(self, length: int) -> None:
        self._remaining = length
        self.finished = length == 0

    @property
    def remaining(self) -> int:
        """Bytes still to come."""
        return self._remaining

    def read(self, data: bytes, start: int) -> tuple[bytes, int]:
        """Return all of `data` that belongs to the body; without a copy when that is the whole of it."""
        end = min(len(data), start + self._remaining)
        piece = data if start == 0 and end == len(data) else data[start:end]
        self._remaining -= end - start
        self.finished = self._remaining == 0
        return piece, end


class ChunkedReader:
    """A chunked body: exactly `size CRLF data CRLF` ... `0 CRLF CRLF`."""

    __slots__ = ("_chunks", "_in_data", "_last", "_max_bytes", "_remaining", "_total", "finished")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._total = 0
        self._chunks = 0
        self._remaining = 0  # bytes of the current chunk
        self._in_data = False  # a chunk was begun and its closing CRLF not yet seen
        self._last = False  # the size 0 was seen
        self.finished = False

    def read(self, data: bytes, start: int) -> tuple[bytes, int]:
        """Return the joined data of every chunk in `data`; the rest may be half a line.

        Raises:
            RemoteProtocolError: malformed framing (400), too many bytes (413), chunks too small (400).
        """
        view = memoryview(data)
        pieces: list[memoryview] = []
        at = start
        while not self.finished:
            if self._remaining:
                piece = view[at : at + self._remaining]
                if not piece:
                    break
                pieces.append(piece)
                at += len(piece)
                self._remaining -= len(piece)
                continue
            following = (
                self._read_line_end(data, at) if self._in_data or self._last else self._read_size(data, at)
            )
            if following == at:
                break
            at = following
        if len(pieces) == 1 and len(pieces[0]) == len(data):
            return data, at
        return b"".join(pieces), at

    def _read_line_end(self, data: bytes, at: int) -> int:
        """Pass over the CRLF after a chunk's data or the last size; stay at `at` if it is not there yet."""
        if data.startswith(b"\r\n", at):
            self.finished = self._last
            self._in_data = False
            return at + _CRLF_BYTES
        if at == len(data) or (data[at] == 13 and at + 1 == len(data)):
            return at
        if self._last:
            raise RemoteProtocolError("trailers are not accepted")
        raise RemoteProtocolError("a chunk is longer than it said")

    def _read_size(self, data: bytes, at: int) -> int:
        line = _SIZE_LINE.match(data, at)
        if line is None:
            if _PARTIAL_SIZE_LINE.fullmatch(data, at, at + _MAX_SIZE_DIGITS + _CRLF_BYTES) is None:
                raise RemoteProtocolError("a chunk size is malformed")
            return at
        size = int(line[1], 16)
        if size == 0:
            self._last = True
            return line.end()
        self._total += size
        self._chunks += 1
        if self._total > self._max_bytes:
            raise RemoteProtocolError("the body is too large", status_hint=413)
        if self._chunks > _FREE_CHUNKS and self._total < self._chunks * _MIN_MEAN_CHUNK_BYTES:
            raise RemoteProtocolError("the chunks are too small")
        self._remaining = size
        self._in_data = True
        return line.end()
