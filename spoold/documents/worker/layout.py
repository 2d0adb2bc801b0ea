"""Lays words out at the foot of a page: how large, in which lines, and the PDF operators that draw them.

The letters are Courier's: every one is 0.6 of its size wide, so that nothing has to be measured, and every
PDF printer has them (ISO 32000-1, 9.6.2.2).
"""

import textwrap
import unicodedata
from dataclasses import dataclass

ENCODING = "cp1252"
"""What PDF calls WinAnsiEncoding (ISO 32000-1, annex D.2)."""

_WIDTH = 0.6
_LINE_HEIGHT = 1.25
# A4 has letters of 9 points, larger pages larger ones: they may be printed on A4.
_SIZE_PER_SIDE = 1 / 66
_MIN_SIZE = 6.0
# Printers leave up to 6 mm of the paper's edge white; 24 points are 8 mm.
_MARGIN = 24.0
_MAX_MARGIN_PART = 0.2
_USED_WIDTH = 0.9
_USED_HEIGHT = 0.5
_MIN_LETTERS = 12
_SHRINK = 0.85
# Below this nothing can be read, whatever the page is printed on.
_SMALLEST_SIZE = 0.5
# Half black on white; on dark paper the white line around the letters shows them.
_GREY = 0.4
_HALO_PART = 0.25


@dataclass(frozen=True)
class Layout:
    """Words as they stand on a page, in points. `lines` are from the top to the bottom."""

    size: float
    lines: tuple[str, ...]
    width: float
    margin: float

    def operators(self) -> bytes:
        """Return the content that draws them on a page that stands upright with its corner at 0, 0."""
        parts = [b"/F %s Tf %s w 1 j 1 G %s g" % (_n(self.size), _n(self.size * _HALO_PART), _n(_GREY))]
        for mode in (1, 0):
            parts.append(b"%d Tr" % mode)
            parts.extend(self._line(place, text) for place, text in enumerate(reversed(self.lines)))
        return b"BT\n" + b"\n".join(parts) + b"\nET\n"

    def _line(self, place: int, text: str) -> bytes:
        left = (self.width - len(text) * _WIDTH * self.size) / 2
        bottom = self.margin + place * self.size * _LINE_HEIGHT
        return b"1 0 0 1 %s %s Tm <%s> Tj" % (_n(left), _n(bottom), encoded(text).hex().encode("ascii"))


def lay_out(words: tuple[str, ...], width: float, height: float) -> Layout:
    """Return how words stand on an upright page of this size; each of them begins a line."""
    size = max(_MIN_SIZE, min(width, height) * _SIZE_PER_SIDE)
    margin = min(_MARGIN, height * _MAX_MARGIN_PART)
    while True:
        letters = int(width * _USED_WIDTH / (_WIDTH * size))
        lines = tuple(line for text in words for line in textwrap.wrap(text, max(letters, _MIN_LETTERS)))
        fits = letters >= _MIN_LETTERS and len(lines) * size * _LINE_HEIGHT <= height * _USED_HEIGHT
        if fits or size <= _SMALLEST_SIZE:
            return Layout(size, lines, width, margin)
        size *= _SHRINK


def encoded(text: str) -> bytes:
    """Return letters as a PDF's text has them; accents that it lacks are dropped, other letters are "?"."""
    found = bytearray()
    for letter in text:
        plain = letter if letter.isprintable() else "?"
        try:
            found += plain.encode(ENCODING)
        except UnicodeEncodeError:
            found += unicodedata.normalize("NFKD", plain)[:1].encode(ENCODING, "replace")
    return bytes(found)


def _n(number: float) -> bytes:
    return f"{number:.4f}".encode("ascii")
