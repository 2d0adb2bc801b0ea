"""Draws the printer's icon as PNG, in any size: a printer with a padlock, on nothing."""

import struct
import zlib
from functools import cache

# The picture on a grid of 48 by 48; drawn in this order, as (left, top, right, bottom, colour).
GRID = 48
_CLEAR, _PAPER, _LINE, _BODY, _DARK, _LOCK, _HOLE = range(7)
_PALETTE = (
    (0, 0, 0, 0),
    (255, 255, 255, 255),
    (152, 164, 178, 255),
    (88, 104, 124, 255),
    (52, 62, 76, 255),
    (236, 168, 44, 255),
    (70, 48, 10, 255),
)
_SHAPES = (
    (12, 4, 36, 20, _LINE),
    (13, 5, 35, 20, _PAPER),
    (16, 9, 32, 11, _LINE),
    (16, 13, 28, 15, _LINE),
    (5, 17, 43, 35, _BODY),
    (5, 17, 43, 19, _DARK),
    (9, 22, 13, 24, _PAPER),
    (11, 29, 37, 33, _DARK),
    (12, 31, 36, 44, _LINE),
    (13, 31, 35, 43, _PAPER),
    (30, 24, 34, 32, _LOCK),
    (38, 24, 42, 32, _LOCK),
    (30, 22, 42, 25, _LOCK),
    (27, 31, 45, 46, _LOCK),
    (35, 35, 37, 41, _HOLE),
)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@cache
def png(size: int) -> bytes:
    """Return the icon as a PNG of `size` by `size` pixels (ISO/IEC 15948)."""
    rows = {y: _row(y, size) for y in range(GRID)}
    # Filter type 0 before every line of pixels.
    lines = b"".join(b"\0" + rows[y * GRID // size] for y in range(size))
    return b"".join(
        (
            _SIGNATURE,
            # Eight bits a pixel, of a palette; no interlacing.
            _chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(part for color in _PALETTE for part in color[:3])),
            _chunk(b"tRNS", bytes(color[3] for color in _PALETTE)),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _row(y: int, size: int) -> bytes:
    colors = [_CLEAR] * GRID
    for left, top, right, bottom, color in _SHAPES:
        if top <= y < bottom:
            colors[left:right] = [color] * (right - left)
    return bytes(colors[x * GRID // size] for x in range(size))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
