"""Fuzzes the walker through PWG raster and URF: whatever the bytes, only RemoteProtocolError escapes.

    python -m tests.fuzz.fuzz_raster [--executions N] [--seed N]

Every input is walked whole and cut at random places; both must find the same pages and octets. A failure is
named by its seed and number.
"""

import random
import sys

from protocols.errors import RemoteProtocolError
from protocols.limits import KIB
from protocols.raster.headers import PWG_FORMAT, URF_FORMAT, PageHeader, Space
from protocols.raster.walk import PageBegin, PageBody, RasterWalker
from tests.fuzz.mutator import Mutator
from tests.fuzz.runner import Report, command, fuzz
from tests.support.rasters import Page, document, header

# A run may be two octets long, and each has to be stepped over.
MAX_CPU_S_PER_MIB = 0.300
MAX_INPUT_BYTES = 64 * KIB
MAX_PAGES = 50


def _page(width: int, height: int, space: Space) -> Page:
    head = header(width, height, space)
    line = bytes(at * 7 % 5 for at in range(head.line_bytes))
    return Page(head, (line, bytes(head.line_bytes)) * (height // 2) + (line,) * (height % 2))


_PAGES = [_page(90, 7, Space.SGRAY), _page(300, 4, Space.SRGB), _page(1, 1, Space.SGRAY)]
CORPUS = (
    document(PWG_FORMAT, _PAGES),
    document(PWG_FORMAT, [_page(77, 5, Space.BLACK)]),
    document(URF_FORMAT, _PAGES),
    document(URF_FORMAT, [_page(2, 2, Space.SGRAY)] * 30),
)
TOKENS = (b"RaS2", b"PwgRaster\0", b"UNIRAST\0", b"\x80", b"\x7f", b"\xff", b"\0\0\0\1", b"\xff\xff\xff\xff")


def _walked(pieces: list[bytes]) -> tuple[list[PageHeader], bytes, int] | str:
    walker, heads, body = RasterWalker(max_pages=MAX_PAGES), [], bytearray()
    try:
        for piece in pieces:
            for event in walker.receive_data(piece):
                if isinstance(event, PageBegin):
                    heads.append(event.header)
                elif isinstance(event, PageBody):
                    body += event.octets
        walker.finish()
    except RemoteProtocolError as error:
        return str(error)
    return heads, bytes(body), walker.pages


def _cut(octets: bytes, rng: random.Random) -> list[bytes]:
    pieces, at = [], 0
    while at < len(octets):
        size = rng.choice((1, 2, 3, 7, 50, 4096))
        pieces.append(octets[at : at + size])
        at += size
    return pieces


def execute(octets: bytes, rng: random.Random) -> str:
    """Run one input both ways and return what became of it; raises whatever must not happen."""
    found, cut = _walked([octets]), _walked(_cut(octets, rng))
    if cut != found:
        raise AssertionError("cut differently, walked differently")
    if isinstance(found, str):
        return "refused"
    heads, body, pages = found
    if not (len(heads) == pages and 1 <= pages <= MAX_PAGES and len(body) < len(octets)):
        raise AssertionError(f"{pages} pages, {len(heads)} headers")
    return "pages"


def run(executions: int, seed: int) -> Report:
    """Run `executions` inputs and return what was found."""
    rng = random.Random(seed)
    inputs = Mutator(seed, CORPUS, tokens=TOKENS, max_bytes=MAX_INPUT_BYTES).mutations()

    def one(_number: int, octets: bytes) -> str:
        return execute(octets, rng)

    return fuzz(one, inputs, executions, seed, passes=2, max_cpu_s_per_mib=MAX_CPU_S_PER_MIB)


if __name__ == "__main__":
    sys.exit(command("raster", run, sys.argv[1:]))
