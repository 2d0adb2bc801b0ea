"""Fuzzes the LPR connection and the control file: whatever the bytes, only RemoteProtocolError escapes.

    python -m tests.fuzz.fuzz_lpr [--executions N] [--seed N]

Every input is fed twice, whole and cut at random places; both must give the same events. A failure is named
by its seed and number.
"""

import random
import sys
from collections import Counter

from protocols.errors import RemoteProtocolError
from protocols.limits import KIB, LprLimits
from protocols.lpr.commands import (
    ConnectionClosed,
    ControlFileRead,
    DataEnd,
    DataPiece,
    Event,
    JobComplete,
    QueueState,
    SubcommandDataFile,
)
from protocols.lpr.connection import LprConnection, State
from protocols.lpr.control_file import MAX_COPIES, ControlFile, parse_control_file
from tests.fuzz.mutator import Mutator
from tests.fuzz.runner import Report, command, fuzz

MAX_CPU_S_PER_MIB = 0.050
MAX_INPUT_BYTES = 64 * KIB
# Small enough that mutated counts run into them.
LIMITS = (
    LprLimits(),
    LprLimits(
        max_control_file_bytes=256,
        max_control_lines=12,
        max_line_bytes=40,
        max_data_files=3,
        max_data_bytes=300,
    ),
)

_CONTROL = b"Hhost\nPanna\nJnotes\nCclass\nLanna\nldfA001host\nUdfA001host\nNnotes.txt\n"
_TWO_FILES = b"Hhost\nPb\xf6b\nTtitle\nK2\nfdfA001host\nfdfA001host\npdfB001host\nNone\nNtwo\n"
_DATA = b"%PDF-1.7\n\x00\x01\x02\x03 text\n" * 4


def _control(raw: bytes = _CONTROL, name: bytes = b"cfA001host") -> bytes:
    return b"\x02%d %s\n%s\0" % (len(raw), name, raw)


def _data(raw: bytes = _DATA, name: bytes = b"dfA001host", count: int | None = None) -> bytes:
    return b"\x03%d %s\n%s\0" % (len(raw) if count is None else count, name, raw)


CORPUS = (
    b"\x02secure\n" + _control() + _data(),
    b"\x02secure\n" + _data() + _control(),
    b"\x02secure\n" + _control(_TWO_FILES) + _data() + _data(b"two", b"dfB001host"),
    b"\x02secure\n" + _data(b"two", b"dfB001host") + _data() + _control(_TWO_FILES),
    b"\x02secure\n" + _control() + _data(count=0),
    b"\x02secure\n" + _control() + _data(count=999_999_999_999),
    b"\x02secure\n"
    + _control()
    + b"\x01\n"
    + _control()
    + b"\0"
    + _data()
    + b"\0"
    + b"\x02other\n"
    + _data()
    + _control(),
    b"\x01secure\n",
    b"\x03secure\n",
    b"\x04secure anna 42\n",
    b"\x05secure anna 42\n",
    b"POST / HTTP/1.1\r\nHost: printer\r\n\r\n\x02secure\n",
)
TOKENS = (
    b"\n", b"\0", b"\0\0\0", b"\r\n", b" ", b"\x01\n", b"\x02secure\n", b"\x030 dfA001host\n",
    b"\x0299 cfA001host\n", b"\x03secure x\n", b"4294967295", b"2147483647", b"ldfA001host\n", b"P",
    b"K999\n", b"cfA", b"dfA", b"/../", b"\xc3\xb6",
)  # fmt: skip


class _Trace:
    """One conversation, everything accepted, checked as it goes."""

    def __init__(self, limits: LprLimits) -> None:
        self.connection = LprConnection(limits)
        self.limits = limits
        self.outcome = "open"
        self.jobs = 0
        # Events with the pieces of a document joined, so that two ways of cutting can be compared.
        self.events: list[object] = []
        self._document = bytearray()
        self._controls = 0
        self._documents = 0

    def feed(self, data: bytes) -> bool:
        """Feed bytes (none: the end) and pull what follows; return whether the conversation goes on."""
        self.connection.receive_data(data)
        try:
            while self.connection.state is not State.CLOSED:
                event = self.connection.next_event()
                if event is None:
                    if not data:
                        raise AssertionError("more bytes wanted after the end")
                    return True
                self._note(event)
        except RemoteProtocolError as error:
            self.outcome = "refused"
            # How much of a document came out before its refusal depends on the cutting, and nobody keeps it.
            self.events.append(str(error))
        else:
            self.outcome = "closed"
        return False

    def _note(self, event: Event) -> None:
        if isinstance(event, DataPiece):
            if not event.data:
                raise AssertionError("an empty piece")
            self._document += event.data
            return
        if isinstance(event, DataEnd):
            self._end_document(event)
        elif isinstance(event, ControlFileRead):
            self._controls += 1
            check_control(event.control, self.limits)
        elif isinstance(event, JobComplete):
            if self._controls != 1 or not self._documents:
                raise AssertionError(
                    f"a job of {self._controls} control files and {self._documents} documents"
                )
            self.jobs += 1
        if isinstance(event, JobComplete) or type(event).__name__ in ("AbortJob", "ReceiveJob"):
            self._controls = self._documents = 0
        self.events.append(event)
        if isinstance(event, QueueState):
            self.connection.report("listing")
        elif not isinstance(event, ControlFileRead | DataEnd | ConnectionClosed):
            self.connection.answer(True)

    def _end_document(self, event: DataEnd) -> None:
        if event.size_bytes != len(self._document) or event.size_bytes > self.limits.max_data_bytes:
            raise AssertionError(f"{event.size_bytes} bytes told, {len(self._document)} given")
        announced = next(past for past in reversed(self.events) if isinstance(past, SubcommandDataFile))
        if announced.size_bytes not in (None, event.size_bytes):
            raise AssertionError(f"{announced.size_bytes} bytes announced, {event.size_bytes} given")
        self.events.append(bytes(self._document))
        self._document.clear()
        self._documents += 1


def check_control(control: ControlFile, limits: LprLimits) -> None:
    """Raise AssertionError if a parsed control file breaks what its readers rely on."""
    texts = [
        control.user,
        control.host,
        control.job_name,
        control.title,
        control.class_name,
        control.banner_user,
    ]
    texts += [document.data_file for document in control.documents]
    texts += [document.source_name for document in control.documents]
    if not all(text.isprintable() and len(text) <= limits.max_line_bytes for text in texts):
        raise AssertionError("a text with control characters or beyond its bound")
    if len(control.documents) > limits.max_data_files:
        raise AssertionError("too many documents")
    if not all(1 <= document.copies <= MAX_COPIES for document in control.documents):
        raise AssertionError("copies out of bounds")
    names = [document.data_file for document in control.documents]
    if [document.data_file for document in control.matched([*names, "other"])] != [*names, "other"]:
        raise AssertionError("descriptions do not match their files")


def _whole(data: bytes, limits: LprLimits) -> _Trace:
    trace = _Trace(limits)
    if not data or trace.feed(data):
        trace.feed(b"")
    return trace


def _cut(data: bytes, limits: LprLimits, rng: random.Random) -> _Trace:
    trace = _Trace(limits)
    at = 0
    while at < len(data):
        size = rng.choice((1, 2, 3, 7, 50, 4096))
        if not trace.feed(data[at : at + size]):
            return trace
        at += size
    trace.feed(b"")
    return trace


def execute(data: bytes, limits: LprLimits, rng: random.Random) -> _Trace:
    """Run one input all ways; raises whatever must not happen."""
    trace = _whole(data, limits)
    cut = _cut(data, limits, rng)
    if trace.events != cut.events:
        raise AssertionError(f"cut differently, read differently: {trace.events!r} and {cut.events!r}")
    try:
        check_control(parse_control_file(data, limits), limits)
    except RemoteProtocolError:
        trace.outcome += "+no-control-file"
    return trace


def run(executions: int, seed: int) -> Report:
    """Run `executions` inputs and return what was found."""
    rng = random.Random(seed)
    inputs = Mutator(seed, CORPUS, tokens=TOKENS, max_bytes=MAX_INPUT_BYTES).mutations()

    def one(number: int, octets: bytes) -> Counter[str]:
        trace = execute(octets, LIMITS[number % len(LIMITS)], rng)
        return Counter({trace.outcome: 1, "jobs": trace.jobs})

    return fuzz(one, inputs, executions, seed, passes=3, max_cpu_s_per_mib=MAX_CPU_S_PER_MIB)


if __name__ == "__main__":
    sys.exit(command("lpr", run, sys.argv[1:]))
