"""The command lines of RFC 1179 and the events a connection yields.

Queue names, user names and file names are what a peer claims: bounded, free of control characters, and
never a path.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import NoReturn

from protocols.errors import RemoteProtocolError
from protocols.limits import LprLimits
from protocols.lpr.control_file import ControlFile, decode_text

ACCEPTED = b"\x00"
REFUSED = b"\x01"


class Command(IntEnum):
    """The first byte of a daemon command (RFC 1179 section 5)."""

    PRINT_WAITING = 1
    RECEIVE_JOB = 2
    QUEUE_STATE_SHORT = 3
    QUEUE_STATE_LONG = 4
    REMOVE_JOBS = 5


class Subcommand(IntEnum):
    """The first byte of a line inside "receive job" (RFC 1179 section 6)."""

    ABORT_JOB = 1
    CONTROL_FILE = 2
    DATA_FILE = 3


@dataclass(frozen=True, slots=True)
class PrintWaiting:
    """5.1: print what waits in the queue. Answered with accepted or refused."""

    queue: str


@dataclass(frozen=True, slots=True)
class ReceiveJob:
    """5.2: jobs for the queue follow. Answered with accepted or refused."""

    queue: str


@dataclass(frozen=True, slots=True)
class QueueState:
    """5.3 and 5.4: list the queue for some users or jobs or (empty) all. Answered with a report."""

    queue: str
    long: bool
    selection: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveJobs:
    """5.5: `agent`, as claimed, removes jobs by user name or number. Answered with accepted or refused."""

    queue: str
    agent: str
    selection: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AbortJob:
    """6.1: forget the files of the job in progress. Answered with accepted."""


@dataclass(frozen=True, slots=True)
class SubcommandControlFile:
    """6.2: a control file of `size_bytes` follows. Answered with accepted or refused."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SubcommandDataFile:
    """6.3: a data file follows, of unknown size if None. Answered with accepted or refused."""

    name: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class ControlFileRead:
    """A whole control file. Not answered by itself: FileComplete or JobComplete follows."""

    name: str
    control: ControlFile


@dataclass(frozen=True, slots=True)
class DataPiece:
    """Bytes of the data file in progress, as they came."""

    data: bytes


@dataclass(frozen=True, slots=True)
class DataEnd:
    """The data file is over. Not answered by itself: FileComplete or JobComplete follows."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FileComplete:
    """A file ended and the job needs more. Answered with accepted or refused."""


@dataclass(frozen=True, slots=True)
class JobComplete:
    """The job's last file ended. Accepted here means durable: the peer deletes its copy."""


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The peer sent its last byte; a job without JobComplete is none."""


CommandEvent = PrintWaiting | ReceiveJob | QueueState | RemoveJobs
SubcommandEvent = AbortJob | SubcommandControlFile | SubcommandDataFile
Event = (
    CommandEvent
    | SubcommandEvent
    | ControlFileRead
    | DataPiece
    | DataEnd
    | FileComplete
    | JobComplete
    | ConnectionClosed
)

# Clients that do not know the size send one of these and close (CUPS lpd "mode=stream": 999999999999, or
# 2^31-1 without large files; Windows with byte counting off: a number of no meaning). The end of the
# connection then ends the file like the count would.
PLACEHOLDER_SIZES = frozenset({0x7FFFFFFF, 0xFFFFFFFF, 999_999_999_999})

_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")
_FILE_OPERAND = re.compile(rb"([0-9]{1,20}) +(\S[^\n]*)")


def parse_command(line: bytes) -> CommandEvent:
    """Parse a daemon command line, without its line feed.

    Raises:
        RemoteProtocolError: not one of the five commands, or without a usable queue.
    """
    code, operands = line[:1], _words(line[1:])
    if not operands:
        raise RemoteProtocolError("the command names no queue", status_hint=1)
    queue, rest = operands[0], tuple(operands[1:])
    if code in (b"\x03", b"\x04"):
        return QueueState(queue, code == b"\x04", rest)
    if code == b"\x05":
        if not rest:
            raise RemoteProtocolError("remove jobs names no agent", status_hint=1)
        return RemoveJobs(queue, rest[0], rest[1:])
    if rest:
        raise RemoteProtocolError("a queue name has no spaces", status_hint=1)
    if code == b"\x01":
        return PrintWaiting(queue)
    if code == b"\x02":
        return ReceiveJob(queue)
    raise RemoteProtocolError("not an LPR command", status_hint=1)


def parse_subcommand(line: bytes, limits: LprLimits) -> SubcommandEvent:
    """Parse a line inside "receive job", without its line feed.

    Raises:
        RemoteProtocolError: not one of the three subcommands, or a control file larger than allowed.
    """
    if line[:1] == b"\x01":
        return AbortJob()
    return _announced(line, limits) or _refuse("not an LPR subcommand")


def find_subcommand(line: bytes, limits: LprLimits) -> SubcommandEvent | None:
    """Parse a line between two jobs if it is a subcommand; RFC 1179 uses the same codes for both.

    A subcommand carries a count and a file name, or is the bare abort; a queue name has no space in it.

    Raises:
        RemoteProtocolError: as `parse_subcommand`.
    """
    if line[:1] == b"\x01":
        return None if line[1:].strip() else AbortJob()
    return _announced(line, limits)


def _announced(line: bytes, limits: LprLimits) -> SubcommandControlFile | SubcommandDataFile | None:
    code = line[:1]
    match = _FILE_OPERAND.fullmatch(line[1:].strip())
    if match is None or code not in (b"\x02", b"\x03"):
        return None
    size, name = int(match[1]), _file_name(match[2], limits)
    if code == b"\x03":
        return SubcommandDataFile(name, size or None)
    if not 0 < size <= limits.max_control_file_bytes:
        raise RemoteProtocolError("a control file of that size is not taken", status_hint=1)
    return SubcommandControlFile(name, size)


def _refuse(words: str) -> NoReturn:
    raise RemoteProtocolError(words, status_hint=1)


def _words(raw: bytes) -> list[str]:
    return [decode_text(word) for word in raw.split()]


def _file_name(raw: bytes, limits: LprLimits) -> str:
    if len(raw) > limits.max_line_bytes or _CONTROLS.search(raw):
        raise RemoteProtocolError("a file name like that is not taken", status_hint=1)
    return decode_text(raw)
