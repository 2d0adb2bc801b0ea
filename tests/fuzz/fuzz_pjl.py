"""Fuzzes the PJL filter: whatever the bytes, no sequence comes out and only RemoteProtocolError escapes.

    python -m tests.fuzz.fuzz_pjl [--executions N] [--seed N]

Every input is filtered whole and cut at random places, and what came out is filtered once more; a failure is
named by its seed and number.
"""

import random
import sys

from protocols.appsocket.pjl import JOB_VARIABLES, UEL, PjlFilter, Wrapper
from protocols.errors import RemoteProtocolError
from protocols.limits import KIB, PjlLimits
from tests.fuzz.mutator import Mutator
from tests.fuzz.runner import Report, command, fuzz

MAX_CPU_S_PER_MIB = 0.050
MAX_INPUT_BYTES = 64 * KIB
# Small enough that mutated lines run into them.
LIMITS = (PjlLimits(), PjlLimits(max_line_bytes=60, max_command_bytes=200))

_PCL = b"\x1bE\x1b&l1XHello\x0c\x1bE"
CORPUS = (
    UEL
    + b'@PJL JOB NAME="x"\r\n@PJL SET COPIES=2\r\n@PJL ENTER LANGUAGE=PCL\r\n'
    + _PCL
    + UEL
    + b"@PJL EOJ\n",
    UEL + b"@PJL ENTER LANGUAGE=PDF\n%PDF-1.7\nbody\n%%EOF\n" + UEL,
    b"\x1bE" + UEL + b"@PJL SET DUPLEX=ON\n@PJL ENTER LANGUAGE=POSTSCRIPT\n%!PS\nshowpage\n\x04" + UEL,
    _PCL + UEL + b"@PJL RESET\n" + UEL,
    b"%!PS\nshowpage\n",
    b"%PDF-1.4\n" + UEL + b"\n",
    b"A letter.\n" * 9,
    UEL + b'@PJL FSDOWNLOAD NAME="0:/x" SIZE=4\nxxxx' + UEL,
    UEL + b"@PJL ENTER LANGUAGE=AUTO\n" + UEL + b"@PJL ENTER LANGUAGE=PCLXL\n) HP-PCL XL;2;0\n" + UEL,
)
TOKENS = (
    UEL, UEL[:5], b"\x1b", b"\x1bE", b"@PJL", b"@pjl ", b"\n", b"\r\n", b"\0", b"\x04", b" ",
    b"ENTER LANGUAGE=", b"PCL", b"SET COPIES=9", b"SET RETAIN=ON", b"FSDELETE", b"EOJ", b"JOB NAME=\"",
    b"%PDF-", b"\x89PNG\r\n\x1a\n",
)  # fmt: skip


Outcome = tuple[bytes, Wrapper | None] | str


def _filtered(pieces: list[bytes], limits: PjlLimits) -> Outcome:
    one = PjlFilter(limits)
    try:
        kept = b"".join([one.receive_data(piece) for piece in pieces])
        return kept + one.finish(), one.wrapper
    except RemoteProtocolError as error:
        # How much of a document came out before its refusal depends on the cutting, and nobody keeps it.
        return str(error)


def _cut(data: bytes, rng: random.Random) -> list[bytes]:
    pieces, at = [], 0
    while at < len(data):
        size = rng.choice((1, 2, 3, 7, 50, 4096))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def execute(data: bytes, limits: PjlLimits, rng: random.Random) -> str:
    """Run one input all ways and return what became of it; raises whatever must not happen."""
    found = _filtered([data], limits)
    cut = _filtered(_cut(data, rng), limits)
    if cut != found:
        raise AssertionError(f"cut differently, read differently: {found!r} and {cut!r}")
    if isinstance(found, str):
        return "refused"
    kept, wrapper = found
    contained = wrapper is None and kept == data
    if UEL in kept and not contained:
        raise AssertionError("a sequence came out")
    if kept not in data:
        raise AssertionError("bytes came out that never went in")
    if wrapper is None:
        return "bare"
    if not set(wrapper.settings) <= JOB_VARIABLES:
        raise AssertionError(f"not a job's settings: {wrapper.settings}")
    # Nothing that a printer would take for a command is left at the beginning, either.
    again = _filtered([kept], limits)
    if again != (kept, None):
        raise AssertionError(f"not everything was taken off: {again!r}")
    return "unwrapped"


def run(executions: int, seed: int) -> Report:
    """Run `executions` inputs and return what was found."""
    rng = random.Random(seed)
    inputs = Mutator(seed, CORPUS, tokens=TOKENS, max_bytes=MAX_INPUT_BYTES).mutations()

    def one(number: int, octets: bytes) -> str:
        return execute(octets, LIMITS[number % len(LIMITS)], rng)

    return fuzz(one, inputs, executions, seed, passes=3, max_cpu_s_per_mib=MAX_CPU_S_PER_MIB)


if __name__ == "__main__":
    sys.exit(command("pjl", run, sys.argv[1:]))
