"""Walks through a raster document without unpacking it: where its pages begin and end, and what they are.

A page is lines; a line is one octet (how often it is repeated) and packed runs until it is full (PWG 5102.4,
4.4): 0 to 127 repeat one unit, 129 to 255 are followed by units as they are. 128 fills the rest of a line
with white in URF and is reserved in PWG raster. Nothing says how long a page is, so every run has to be
stepped over; the dots themselves are never looked at. Pure: octets go in, events come out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from protocols.errors import RemoteProtocolError
from protocols.raster.headers import (
    PWG_FORMAT,
    PWG_MAGIC,
    PWG_PAGE_BYTES,
    URF_FILE_BYTES,
    URF_FORMAT,
    URF_MAGIC,
    URF_PAGE_BYTES,
    PageHeader,
    read_pwg_page,
    read_urf_page,
)

_FILL = 128
# More than any line has: a fill leaves the line full beyond doubt.
_FULL = 1 << 40


@dataclass(frozen=True, slots=True)
class PageBegin:
    """A page's header was read; its packed lines follow as `PageBody`."""

    header: PageHeader


@dataclass(frozen=True, slots=True)
class PageBody:
    """Packed lines of the current page, as they are in the document; valid until the next call."""

    octets: memoryview


@dataclass(frozen=True, slots=True)
class PageEnd:
    """The page is complete."""


Event: TypeAlias = PageBegin | PageBody | PageEnd


class RasterWalker:
    """Reads one document in either format.

    Args:
        max_pages: more are an error; a page may be 35 octets long, so a document has room for millions.
    """

    def __init__(self, *, max_pages: int) -> None:
        self._max_pages = max_pages
        self._head = bytearray()
        self._wanted = len(URF_MAGIC)
        self._format: str | None = None
        self._total = 0
        self._page: PageHeader | None = None
        self._lines = 0
        self._left = 0
        self._skip = 0
        self._units: list[int] = []
        self._steps: list[int] = []
        self.pages = 0
        """Complete pages so far."""

    @property
    def format(self) -> str | None:
        """The MIME type; None until the first octets are here."""
        return self._format

    def receive_data(self, data: bytes) -> Iterator[Event]:
        """Take the next octets and tell what is in them. Exhaust the iterator before the next call.

        Raises:
            RemoteProtocolError: this is no raster document, or a damaged one.
        """
        at, end = 0, len(data)
        view = memoryview(data)
        while at < end:
            if self._page is None:
                take = min(end - at, self._wanted - len(self._head))
                self._head += view[at : at + take]
                at += take
                if len(self._head) == self._wanted:
                    yield from self._read_head()
                continue
            start = at
            at = self._walk(data, at, end)
            if at > start:
                yield PageBody(view[start:at])
            if self._lines == 0 and self._skip == 0 and self._left == 0:
                self._end_page()
                yield PageEnd()

    def finish(self) -> None:
        """Say that the document is at its end.

        Raises:
            RemoteProtocolError: it ends in mid-page, or has no page.
        """
        if self._page is not None or (self._head and self.pages) or self._format is None:
            raise RemoteProtocolError("the document ends too early")
        if self.pages == 0:
            raise RemoteProtocolError("the document has no pages")

    def _read_head(self) -> Iterator[Event]:
        if self._format is None:
            self._read_file_head()
            return
        octets = bytes(self._head)
        self._head.clear()
        if self.pages >= self._max_pages:
            raise TooManyPagesError("the document has too many pages")
        is_pwg = self._format == PWG_FORMAT
        page = read_pwg_page(octets) if is_pwg else read_urf_page(octets, self._total)
        self._begin_page(page)
        yield PageBegin(page)

    def _read_file_head(self) -> None:
        if self._head.startswith(PWG_MAGIC):
            self._format = PWG_FORMAT
            # The other half of what was read so far belongs to the first page.
            del self._head[: len(PWG_MAGIC)]
            self._wanted = PWG_PAGE_BYTES
        elif not self._head.startswith(URF_MAGIC):
            raise RemoteProtocolError("this is no raster document")
        elif len(self._head) < URF_FILE_BYTES:
            self._wanted = URF_FILE_BYTES
        else:
            self._format = URF_FORMAT
            self._total = int.from_bytes(self._head[len(URF_MAGIC) :], "big")
            self._head.clear()
            self._wanted = URF_PAGE_BYTES

    def _begin_page(self, page: PageHeader) -> None:
        unit = page.unit_bytes
        self._page, self._lines, self._left, self._skip = page, page.height, 0, 0
        fill = (_FULL, 1) if self._format == URF_FORMAT else (0, 0)
        self._units = [*range(1, 129), fill[0], *range(128, 1, -1)]
        self._steps = [*([1 + unit] * 128), fill[1], *(1 + unit * count for count in range(128, 1, -1))]

    def _end_page(self) -> None:
        self._page = None
        self.pages += 1

    def _walk(self, data: bytes, at: int, end: int) -> int:
        """Step over runs until the page or the octets end; returns where that is."""
        page = self._page
        if page is None:
            return at
        units, steps, width = self._units, self._steps, page.line_bytes // page.unit_bytes
        lines, left = self._lines, self._left
        at += self._skip
        while at < end and (left or lines):
            if not left:
                lines -= min(lines, data[at] + 1)
                at += 1
                left = width
            while left > 0 and at < end:
                code = data[at]
                left -= units[code]
                if code == _FILL:
                    left = self._filled(left)
                at += steps[code]
            if left < 0:
                raise RemoteProtocolError("a line is longer than its page is wide")
        self._lines, self._left, self._skip = lines, left, max(0, at - end)
        return min(at, end)

    def _filled(self, left: int) -> int:
        if self._format == PWG_FORMAT or left >= 0:
            raise RemoteProtocolError("a line is packed in a way that does not exist")
        return 0


class TooManyPagesError(RemoteProtocolError):
    """The document has more pages than the reader wants to walk through."""


def is_raster(head: bytes) -> bool:
    """Tell whether a document that begins so is one of the two formats, PWG raster by its full signature."""
    return head.startswith((b"RaS2PwgRaster\x00", URF_MAGIC))
