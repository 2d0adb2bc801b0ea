"""Undoes the `compression` of a document (RFC 8011 5.4.32): gzip and deflate, bounded, a piece at a time."""

import zlib
from collections.abc import Iterator
from types import MappingProxyType

from protocols.errors import RemoteProtocolError
from protocols.ipp.status import Status
from protocols.limits import CompressionLimits

# What zlib is told to expect: gzip (RFC 1952), raw DEFLATE (RFC 1951), DEFLATE with a zlib header (RFC 1950).
_GZIP, _RAW, _ZLIB = 16 + zlib.MAX_WBITS, -zlib.MAX_WBITS, zlib.MAX_WBITS
COMPRESSIONS = ("none", "gzip", "deflate")
_HEAD_BYTES = MappingProxyType({"gzip": 1, "deflate": 2})


class Inflater:
    """Gives back a document's bytes from its compressed form, as they arrive.

    RFC 8011 means raw DEFLATE by "deflate", and CUPS sends that; others send it with zlib's header.

    Args:
        method: "gzip" or "deflate".
    """

    def __init__(self, method: str, limits: CompressionLimits) -> None:
        self._method = method
        self._limits = limits
        self._head = b""
        self._inner: zlib._Decompress | None = None
        self.received_bytes = 0
        self.given_bytes = 0

    def receive_data(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what these bytes say, in pieces of at most `max_piece_bytes`; ask for all of them.

        Raises:
            RemoteProtocolError: not the format it is said to be, a bomb, or bytes behind its end.
        """
        self.received_bytes += len(data)
        inner = self._inner
        if inner is None:
            self._head += bytes(data)
            if len(self._head) < _HEAD_BYTES[self._method]:
                return
            inner = self._inner = zlib.decompressobj(self._window())
            data, self._head = self._head, b""
        waiting: bytes | memoryview = data
        while waiting:
            piece = self._inflate(inner, waiting)
            waiting = inner.unconsumed_tail
            if inner.unused_data:
                raise _broken("there are bytes behind the end of the compressed document")
            if piece:
                yield piece
        overhead = self.received_bytes - self.given_bytes
        if overhead > self._limits.max_overhead_bytes + self.given_bytes // 16:
            raise _broken("the compressed document is mostly empty")

    def finish(self) -> Iterator[bytes]:
        """Yield what is left once everything has arrived.

        Raises:
            RemoteProtocolError: the document ends in the middle.
        """
        inner = self._inner
        if inner is None and not self._head:
            # Nothing came at all: an empty document is refused as one.
            return
        if inner is None:
            raise _broken("the compressed document ends in the middle")
        while not inner.eof:
            # zlib may have read everything and still owe what did not fit into the last piece.
            piece = self._inflate(inner, b"")
            if not piece:
                raise _broken("the compressed document ends in the middle")
            yield piece

    def _window(self) -> int:
        if self._method == "gzip":
            return _GZIP
        first, second = self._head[0], self._head[1]
        # RFC 1950 2.2. No raw stream that a compressor made begins so: it would be a stored block with
        # something in its padding.
        has_header = first & 0x0F == 8 and (first << 8 | second) % 31 == 0
        return _ZLIB if has_header else _RAW

    def _inflate(self, inner: "zlib._Decompress", data: bytes | memoryview) -> bytes:
        limits = self._limits
        try:
            piece = inner.decompress(data, limits.max_piece_bytes)
        except zlib.error:
            raise _broken(f"the document is not {self._method}") from None
        self.given_bytes += len(piece)
        if self.given_bytes > limits.free_bytes + limits.max_ratio * self.received_bytes:
            raise _broken("the compressed document grows more than a document does")
        return piece


def _broken(why: str) -> RemoteProtocolError:
    return RemoteProtocolError(why, status_hint=Status.CLIENT_ERROR_COMPRESSION_ERROR)
