"""One LPR connection, the receiving side, without any input or output of its own.

Feed bytes with `receive_data`, take events with `next_event`, give the answers that events ask for with
`answer` or `report`, and send what those return.

How the end of a job is recognised: RFC 1179 has no "end of job". A job here is one control file and the data
files of the same job number, in either order. It is whole when the control file has come and as many data
files as it names in its print lines (one, if it names none): with the control file first that is the end of
the last named data file; with the data first it is the end of the control file. `JobComplete` follows the end
of that file and takes the place of its `FileComplete`, so the answer to the last file is the one that must
wait until the job is durable. The answers before it promise nothing. Further jobs may follow on the same
connection, announced by a new "receive job" or not.

How the end of a data file is recognised: a count is followed by that many bytes and one zero byte. Its
absence is forgiven, because all bytes are here: when the connection ends instead, when the next subcommand
follows, or when the caller has waited long enough (`wants_only_end_mark`, `forgive_end_mark`). A count of
zero, a known placeholder or more than `max_data_bytes` means that the client does not know: then the end of
the connection ends the file as well, and the size limit still holds. A zero byte after such bytes cannot be
told from the document's own and stays in it. A count of zero, a zero byte and then nothing, or a
subcommand, is an empty file. Up to `MAX_STRAY_NULS` zero bytes are skipped before a subcommand (PLP sends
one too many).
"""

import re
from collections.abc import Callable, Mapping
from enum import IntEnum, auto
from typing import Final

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.limits import KIB, LprLimits
from protocols.lpr.commands import (
    ACCEPTED,
    PLACEHOLDER_SIZES,
    REFUSED,
    AbortJob,
    CommandEvent,
    ConnectionClosed,
    ControlFileRead,
    DataEnd,
    DataPiece,
    Event,
    FileComplete,
    JobComplete,
    PrintWaiting,
    QueueState,
    ReceiveJob,
    RemoveJobs,
    SubcommandControlFile,
    SubcommandDataFile,
    SubcommandEvent,
    find_subcommand,
    parse_command,
    parse_subcommand,
)
from protocols.lpr.control_file import parse_control_file
from protocols.lpr.job_files import JobFiles, job_number

MAX_STRAY_NULS = 4
# What one DataPiece holds at most, whatever the caller reads at a time.
MAX_PIECE_BYTES = 256 * KIB


_SUBCOMMANDS = frozenset((1, 2, 3))
# An empty file's zero byte with the beginning of a subcommand behind it.
_EMPTY_AND_ON = re.compile(rb"\0(?:\x01\n|[\x02\x03][ 0-9])")
_EMPTY_AND_ON_BYTES = 3


class State(IntEnum):
    """Where the conversation stands."""

    IDLE = auto()  # nothing asked yet
    RECEIVING = auto()  # inside "receive job", between two jobs
    OPEN = auto()  # inside a job, between two files
    CONTROL = auto()  # inside a control file
    DATA = auto()  # inside a data file
    FILE_END = auto()  # a file ended; is the job whole?
    REPLYING = auto()  # a question was asked; its answer is the last word
    CLOSED = auto()
    BROKEN = auto()  # after an error


# The one table of what may follow what.
TRANSITIONS: Final[Mapping[tuple[State, type[Event]], State]] = {
    (State.IDLE, PrintWaiting): State.REPLYING,
    (State.IDLE, QueueState): State.REPLYING,
    (State.IDLE, RemoveJobs): State.REPLYING,
    (State.IDLE, ReceiveJob): State.RECEIVING,
    (State.IDLE, ConnectionClosed): State.CLOSED,
    (State.RECEIVING, PrintWaiting): State.REPLYING,
    (State.RECEIVING, QueueState): State.REPLYING,
    (State.RECEIVING, RemoveJobs): State.REPLYING,
    (State.RECEIVING, ReceiveJob): State.RECEIVING,
    (State.RECEIVING, AbortJob): State.RECEIVING,
    (State.RECEIVING, SubcommandControlFile): State.CONTROL,
    (State.RECEIVING, SubcommandDataFile): State.DATA,
    (State.RECEIVING, ConnectionClosed): State.CLOSED,
    (State.OPEN, AbortJob): State.RECEIVING,
    (State.OPEN, SubcommandControlFile): State.CONTROL,
    (State.OPEN, SubcommandDataFile): State.DATA,
    (State.OPEN, ConnectionClosed): State.CLOSED,
    (State.CONTROL, ControlFileRead): State.FILE_END,
    (State.DATA, DataPiece): State.DATA,
    (State.DATA, DataEnd): State.FILE_END,
    (State.FILE_END, FileComplete): State.OPEN,
    (State.FILE_END, JobComplete): State.RECEIVING,
}

_ANSWERED = (
    PrintWaiting,
    ReceiveJob,
    RemoveJobs,
    AbortJob,
    SubcommandControlFile,
    SubcommandDataFile,
    FileComplete,
    JobComplete,
)


class LprConnection:
    """The receiving side of one connection.

    Args:
        limits: the bounds on lines, files and counts.
    """

    def __init__(self, limits: LprLimits) -> None:
        self._limits = limits
        self._state = State.IDLE
        self._buffer = bytearray()
        self._eof = False
        self._speaks_lpr = False
        self._due: type[Event] | None = None
        self._stray_nuls = 0
        self._job: JobFiles | None = None
        # The number of a job whose control file came first: no more data can belong to it.
        self._finished_number: str | None = None
        self._file_name = ""
        self._file_is_data = False
        self._remaining = 0
        self._eof_ends_file = False
        self._may_be_empty = False
        self._mark_forgiven = False
        self._received = 0
        self._readers: dict[State, Callable[[], Event | None]] = {
            State.IDLE: self._read_line,
            State.RECEIVING: self._read_line,
            State.OPEN: self._read_line,
            State.CONTROL: self._read_control,
            State.DATA: self._read_data,
            State.FILE_END: self._end_file,
        }

    @property
    def state(self) -> State:
        """Return where the conversation stands."""
        return self._state

    @property
    def speaks_lpr(self) -> bool:
        """Return whether the peer has said one proper command, so that an answer means something to it."""
        return self._speaks_lpr

    @property
    def ended(self) -> bool:
        """Return whether the peer has said that it will send no more."""
        return self._eof

    @property
    def wants_only_end_mark(self) -> bool:
        """Return whether a file is here but for the zero byte behind it, which some clients never send."""
        if self._state is State.CONTROL:
            return len(self._buffer) == self._remaining
        if self._state is not State.DATA:
            return False
        if self._may_be_empty:
            return self._received == 0 and self._buffer == b"\0"
        return self._remaining == 0 and not self._buffer

    @property
    def expected_bytes(self) -> int:
        """Return how many bytes of a file are still to come, 0 between files."""
        if self._state in (State.CONTROL, State.DATA):
            return max(0, self._remaining - len(self._buffer))
        return 0

    def forgive_end_mark(self) -> None:
        """Go on without the zero byte; should it come after all, it is skipped."""
        self._mark_forgiven = self.wants_only_end_mark

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; empty means it will send no more."""
        if data:
            self._buffer += data
        else:
            self._eof = True

    def next_event(self) -> Event | None:
        """Return what happened next, or None if more bytes are needed.

        Raises:
            RemoteProtocolError: the peer broke the protocol or a bound; the connection is over.
            LocalProtocolError: the answer to the last event is still missing, or the connection is over.
        """
        if self._due is not None:
            raise LocalProtocolError(f"{self._due.__name__} was not answered")
        reader = self._readers.get(self._state)
        if reader is None:
            raise LocalProtocolError(f"nothing can follow in state {self._state.name}")
        try:
            event = reader()
        except RemoteProtocolError:
            self._break()
            raise
        if event is not None:
            self._move(event)
        return event

    def answer(self, accepted: bool) -> bytes:
        """Return the byte that answers the last event; after a refusal the connection is over.

        Raises:
            LocalProtocolError: nothing is to be answered with yes or no.
        """
        if self._due is None or not issubclass(self._due, _ANSWERED):
            raise LocalProtocolError("there is nothing to accept or refuse")
        self._due = None
        if not accepted or self._state is State.REPLYING:
            self._state = State.CLOSED
        return ACCEPTED if accepted else REFUSED

    def report(self, text: str) -> bytes:
        """Return the answer to `QueueState`, after which the connection is over.

        Raises:
            LocalProtocolError: no queue state was asked for.
        """
        if self._due is not QueueState:
            raise LocalProtocolError("no queue state was asked for")
        self._due = None
        self._state = State.CLOSED
        return text.encode("utf-8", "replace")

    def refuse_report(self) -> bytes:
        """Return the refusal of a `QueueState`, for a queue that does not exist."""
        self.report("")
        return REFUSED

    # --- the machine

    def _move(self, event: Event) -> None:
        following = TRANSITIONS.get((self._state, type(event)))
        if following is None:
            self._break()
            raise RemoteProtocolError(f"{type(event).__name__} cannot come here", status_hint=1)
        self._state = following
        if isinstance(event, (*_ANSWERED, QueueState)):
            self._due = type(event)

    def _break(self) -> None:
        self._state = State.BROKEN
        self._buffer.clear()

    # --- lines

    def _read_line(self) -> Event | None:
        inside = self._state is not State.IDLE
        if inside:
            self._skip_stray_nuls()
        if not self._buffer:
            return ConnectionClosed() if self._eof else None
        # The first byte decides at once: a browser's "POST / HTTP/1.1" must not be read up to its first \x02.
        if not 1 <= self._buffer[0] <= (3 if self._state is State.OPEN else 5):
            raise RemoteProtocolError("not LPR", status_hint=1)
        end = self._buffer.find(b"\n", 0, self._limits.max_command_bytes)
        if end < 0:
            if len(self._buffer) >= self._limits.max_command_bytes:
                raise RemoteProtocolError("the command line is too long", status_hint=1)
            if self._eof:
                raise RemoteProtocolError("the connection ended inside a command", status_hint=1)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._stray_nuls = 0
        if self._state is State.OPEN:
            return self._begin(parse_subcommand(line, self._limits))
        found = find_subcommand(line, self._limits) if inside else None
        return self._command(parse_command(line)) if found is None else self._begin(found)

    def _skip_stray_nuls(self) -> None:
        while self._buffer and self._buffer[0] == 0:
            self._stray_nuls += 1
            if self._stray_nuls > MAX_STRAY_NULS:
                raise RemoteProtocolError("zero bytes where a command belongs", status_hint=1)
            del self._buffer[0]

    def _command(self, event: CommandEvent) -> Event:
        """Note that the peer speaks LPR and that its next job is a new one."""
        self._finished_number = None
        self._speaks_lpr = True
        return event

    def _begin(self, event: SubcommandEvent) -> Event:
        """Note what a subcommand announces."""
        if isinstance(event, AbortJob):
            self._job = None
            return event
        data = isinstance(event, SubcommandDataFile)
        if self._job is None:
            if data and job_number(event.name) == self._finished_number:
                raise RemoteProtocolError("the data file belongs to no job", status_hint=1)
            self._job = JobFiles(event.name, self._limits)
        if data:
            self._job.check_data(event.name)
        else:
            self._job.check_control(event.name)
        self._file_name = event.name
        self._file_is_data = data
        self._received = 0
        self._mark_forgiven = False
        self._may_be_empty = event.size_bytes is None
        self._expect(event.size_bytes)
        return SubcommandDataFile(event.name, None) if self._eof_ends_file else event

    def _expect(self, size: int | None) -> None:
        limit = self._limits.max_data_bytes
        self._eof_ends_file = size is None or size > limit or size in PLACEHOLDER_SIZES
        # One byte beyond the limit is enough to see that it was passed.
        self._remaining = limit + 1 if size is None or size > limit else size

    # --- files

    def _read_control(self) -> Event | None:
        if len(self._buffer) < self._remaining:
            if self._eof:
                raise RemoteProtocolError("the connection ended inside the control file", status_hint=1)
            return None
        if len(self._buffer) == self._remaining and not (self._eof or self._mark_forgiven):
            return None
        raw = bytes(self._buffer[: self._remaining])
        del self._buffer[: self._remaining]
        self._take_end_mark()
        control = parse_control_file(raw, self._limits)
        self._open_job.control = control
        return ControlFileRead(self._file_name, control)

    def _read_data(self) -> Event | None:
        if self._may_be_empty and self._received == 0 and self._buffer[:1] == b"\0":
            if len(self._buffer) < _EMPTY_AND_ON_BYTES and not (self._eof or self._mark_forgiven):
                return None
            if len(self._buffer) == 1 or _EMPTY_AND_ON.match(self._buffer):
                return self._end_data()
        if self._remaining and self._buffer:
            size = min(self._remaining, len(self._buffer), MAX_PIECE_BYTES)
            self._received += size
            if self._received > self._limits.max_data_bytes:
                raise RemoteProtocolError("the document is larger than allowed", status_hint=1)
            piece = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._remaining -= size
            return DataPiece(piece)
        if not self._buffer and not (self._eof or self._mark_forgiven):
            return None
        if self._remaining and not self._eof_ends_file:
            raise RemoteProtocolError("the connection ended inside a document", status_hint=1)
        return self._end_data()

    def _end_data(self) -> Event:
        self._take_end_mark()
        self._open_job.data_files.append(self._file_name)
        return DataEnd(self._file_name, self._received)

    def _take_end_mark(self) -> None:
        if not self._buffer or self._buffer[0] in _SUBCOMMANDS:
            return
        if self._buffer[0] != 0:
            raise RemoteProtocolError("the file is longer than announced", status_hint=1)
        del self._buffer[0]

    def _end_file(self) -> Event:
        job = self._open_job
        if not job.whole:
            return FileComplete()
        self._finished_number = job.number if self._file_is_data else None
        self._job = None
        return JobComplete()

    @property
    def _open_job(self) -> JobFiles:
        if self._job is None:
            raise LocalProtocolError("no job is open")
        return self._job
