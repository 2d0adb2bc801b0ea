"""Fuzzes the walker through PWG raster and URF: whatever the bytes, only RemoteProtocolError escapes.

    python -m tests.fuzz.fuzz_raster [--executions N] [--seed N]

Every input is walked whole and cut at random places; both must find the same pages and octets. A failure is
named by its seed and number.
"""

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from protocols.errors import RemoteProtocolError
from protocols.limits import KIB, MIB
from protocols.raster.headers import PWG_FORMAT, URF_FORMAT, PageHeader, Space
from protocols.raster.walk import PageBegin, PageBody, RasterWalker
from tests.fuzz.mutator import Mutator
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


@dataclass
class Report:
    """What a run found; `failures` must be empty."""

    executions: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_cpu_s: float = 0.0
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return (
            f"{self.executions} executions in {self.seconds:.1f} s, {len(self.failures)} failures; "
            f"slowest {self.slowest_cpu_s * 1000:.2f} ms; {outcomes}"
        )


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
    report, rng = Report(), random.Random(seed)
    inputs = Mutator(seed, CORPUS, tokens=TOKENS, max_bytes=MAX_INPUT_BYTES).mutations()
    started = time.monotonic()
    for number in range(executions):
        octets = next(inputs)
        before = time.thread_time()
        try:
            outcome = execute(octets, rng)
        except Exception as error:  # noqa: BLE001 - anything that escapes is what is looked for
            report.failures.append(f"seed {seed} number {number}: {error!r} from {octets[:200]!r}")
            continue
        # Two passes over the input; the bound is for one.
        cpu_s = (time.thread_time() - before) / 2
        report.slowest_cpu_s = max(report.slowest_cpu_s, cpu_s)
        if cpu_s > MAX_CPU_S_PER_MIB * max(1.0, len(octets) / MIB):
            report.failures.append(f"seed {seed} number {number}: {cpu_s:.3f} s for {len(octets)} bytes")
        report.outcomes[outcome] += 1
    report.executions, report.seconds = executions, time.monotonic() - started
    return report


def main(arguments: list[str]) -> int:
    """Run from the command line; exit status 1 if anything failed."""
    parser = argparse.ArgumentParser(description="Fuzz the raster walker.")
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    report = run(options.executions, options.seed)
    sys.stdout.write(f"raster: {report}\n" + "".join(f"  {failure}\n" for failure in report.failures[:20]))
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
