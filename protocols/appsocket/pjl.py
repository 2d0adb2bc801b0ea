"""Takes the Printer Job Language off a document: what is left is one page description and nothing else.

PJL (HP's Printer Job Language Technical Reference) comes before a document, after a Universal Exit Language
sequence (UEL), and again behind it. Beside the number of copies it can read and write the printer's files,
its memory and its passwords, and keep a job there. So nothing of it goes on: the commands are read here, the
job's settings are handed out as words, and the language inside comes out bare. A sequence that leaves the
language in the middle of a document would let a printer read commands where everybody else saw text; such a
stream is refused, as are commands for the printer's files and memory, which no print job needs.

Feed bytes with `receive_data`, end with `finish`; both return the bytes to keep.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.limits import PjlLimits

UEL: Final = b"\x1b%-12345X"
# What a job may set for itself (no other variable leaves this module). The printer's defaults are never set.
JOB_VARIABLES: Final = frozenset(
    {
        "COPIES",
        "QTY",
        "DUPLEX",
        "BINDING",
        "PAPER",
        "MEDIASOURCE",
        "MEDIATYPE",
        "RESOLUTION",
        "ECONOMODE",
        "RENDERMODE",
        "OUTBIN",
        "ORIENTATION",
        "BITSPERPIXEL",
        "STRINGCODESET",
    }
)
# The printer's file system (FSUPLOAD, FSDELETE ...), its memory, and what its makers did not write down.
FORBIDDEN: Final = frozenset({"RNVRAM", "WNVRAM", "DMCMD", "EXECUTE"})
FORBIDDEN_PREFIX: Final = "FS"
# How many of the commands that were left out are named.
MAX_NAMED: Final = 16

_PJL = b"@PJL"
# Between a sequence and a command printers skip these: line ends, NUL, Ctrl-D of a serial line.
_BLANK = re.compile(rb"[\t\n\x0b\x0c\r \x00\x04]*")
# Commands begin a stream with or without a sequence; older drivers reset the printer before it ("ESC E").
_COMMANDS = re.compile(rb"[\t\n\x0b\x0c\r \x00\x04]*(?:(?:\x1bE[\r\n]{0,4})?\x1b%-12345X|(?i:@PJL))")
_SEQUENCE = re.compile(rb"(?:\x1bE[\r\n]{0,4})?\x1b%-12345X")
_SEQUENCE_OR_RESET = re.compile(rb"\x1b%-12345X|\x1bE")
# More than the longest of these and of the beginnings below.
_ENOUGH = 32
# These are read by their structure, to an end of their own, and hold any bytes: a sequence found in them
# would be a coincidence.
_CONTAINED = (b"%PDF-", b"RaS2PwgRaster\0", b"UNIRAST\0", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")

_ENTER = re.compile(r"ENTER\s+LANGUAGE\s*=\s*([A-Z0-9]{1,20})", re.ASCII | re.IGNORECASE)
_SET = re.compile(r"SET\s+([A-Z0-9]{1,20})\s*=\s*\"?([A-Z0-9.]{1,20})\"?", re.ASCII | re.IGNORECASE)
_JOB_NAME = re.compile(r"JOB\b.*?\bNAME\s*=\s*\"([^\"]*)\"", re.ASCII | re.IGNORECASE)
_VERB = re.compile(r"[A-Z0-9]{1,20}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What the PJL around a document said.

    Args:
        language: of "ENTER LANGUAGE", in capitals; None when the printer was to find out itself.
        settings: the variables of JOB_VARIABLES that were set, the last value of each, both in capitals.
        job_name: what "JOB NAME" called the job; private.
        left_out: commands and variables that had no effect, by name, at most MAX_NAMED.
    """

    language: str | None = None
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    job_name: str = field(default="", repr=False)
    left_out: tuple[str, ...] = ()


class _Place(Enum):
    """Where in the stream we are."""

    BEGINNING = auto()  # of the stream, or behind a language that was entered: not enough bytes to tell
    CONTAINED = auto()  # a format that is read by its structure, without a wrapper
    HEADER = auto()  # commands before the document
    DOCUMENT = auto()
    TRAILER = auto()  # commands behind it
    ENDED = auto()


class _Met(Enum):
    """What was met before or behind a document."""

    NOTHING_YET = auto()  # not enough bytes to tell
    COMMAND = auto()  # or a sequence; it is read
    LANGUAGE = auto()  # the command that enters one
    DOCUMENT = auto()


class PjlFilter:
    """Takes the PJL off one document, piece by piece.

    Args:
        limits: the bounds on lines and commands.
    """

    def __init__(self, limits: PjlLimits) -> None:
        self._limits = limits
        self._place = _Place.BEGINNING
        self._buffer = bytearray()
        self._command_bytes = 0
        self._wrapped = False
        self._language: str | None = None
        self._settings: dict[str, str] = {}
        self._job_name = ""
        self._left_out: list[str] = []
        self._readers: dict[_Place, Callable[[bool], bytes | None]] = {
            _Place.BEGINNING: self._begin,
            _Place.HEADER: self._header,
            _Place.DOCUMENT: self._document,
            _Place.TRAILER: self._trailer,
        }

    @property
    def wrapper(self) -> Wrapper | None:
        """Return what the commands said so far, None for a document without any before it."""
        if not self._wrapped:
            return None
        settings = MappingProxyType(dict(self._settings))
        return Wrapper(self._language, settings, self._job_name, tuple(self._left_out))

    def receive_data(self, data: bytes) -> bytes:
        """Take the next bytes of the stream, return those of the document that are sure by now.

        Raises:
            RemoteProtocolError: commands that no print job needs, several documents in one stream, or
                commands in the middle of a document; the stream is over.
            LocalProtocolError: the stream is over already.
        """
        first = self._place is _Place.BEGINNING and not (self._buffer or self._wrapped)
        if first and bytes(data[:_ENOUGH]).startswith(_CONTAINED):
            # The usual case, without a copy.
            self._place = _Place.CONTAINED
        if self._place is _Place.CONTAINED:
            return data
        self._buffer += data
        return self._read(last=False)

    def finish(self) -> bytes:
        """Say that the stream is complete; raises as `receive_data`."""
        kept = b"" if self._place is _Place.CONTAINED else self._read(last=True)
        self._place = _Place.ENDED
        return kept

    def _read(self, *, last: bool) -> bytes:
        if self._place is _Place.ENDED:
            raise LocalProtocolError("the stream is over")
        kept: list[bytes] = []
        try:
            while self._place is not _Place.CONTAINED:
                piece = self._readers[self._place](last)
                if piece is None:
                    break
                kept.append(piece)
        except RemoteProtocolError:
            self._place = _Place.ENDED
            raise
        if self._place is _Place.CONTAINED:
            kept.append(bytes(self._buffer))
            self._buffer.clear()
        return b"".join(kept)

    # Readers return bytes to keep and are called again, or None when they need more.

    def _begin(self, last: bool) -> bytes | None:
        size = len(self._buffer) - self._blank_bytes()
        if not last and size < _ENOUGH and len(self._buffer) < self._limits.max_line_bytes:
            return None
        if _COMMANDS.match(self._buffer):
            # Also where a language was entered: a system and a driver may each put a wrapper around a job.
            self._place = _Place.HEADER
            self._wrapped = True
        elif self._buffer.startswith(_CONTAINED) and not self._wrapped:
            self._place = _Place.CONTAINED
        else:
            self._place = _Place.DOCUMENT
        return b""

    def _header(self, last: bool) -> bytes | None:
        match self._around(_SEQUENCE, last=last):
            case _Met.NOTHING_YET:
                return None
            case _Met.LANGUAGE:
                self._place = _Place.BEGINNING
            case _Met.DOCUMENT:
                self._place = _Place.DOCUMENT
        return b""

    def _document(self, last: bool) -> bytes | None:
        at = self._buffer.find(UEL)
        if at >= 0:
            kept = bytes(self._buffer[:at])
            del self._buffer[: at + len(UEL)]
            self._place = _Place.TRAILER
            return kept
        end = len(self._buffer) if last else self._beginning_of_sequence()
        with memoryview(self._buffer) as view:
            kept = bytes(view[:end])
        del self._buffer[:end]
        return kept or None

    def _trailer(self, last: bool) -> bytes | None:
        match self._around(_SEQUENCE_OR_RESET, last=last):
            case _Met.NOTHING_YET:
                return None
            case _Met.LANGUAGE:
                raise RemoteProtocolError("there are several documents in one job")
            case _Met.DOCUMENT:
                raise RemoteProtocolError("there is a printer command in the middle of the document")
        return b""

    # --- pieces

    def _around(self, sequence: re.Pattern[bytes], *, last: bool) -> _Met:
        """Read one thing of those that stand before and behind a document."""
        self._skip_blank()
        if self._skip(sequence):
            return _Met.COMMAND
        if self._buffer[:4].upper() == _PJL:
            line = self._take_line(last=last)
            if line is None:
                return _Met.NOTHING_YET
            return _Met.LANGUAGE if self._obey(line) else _Met.COMMAND
        is_open = not self._buffer or self._is_open(last=last)
        return _Met.NOTHING_YET if is_open else _Met.DOCUMENT

    def _skip_blank(self) -> None:
        size = self._blank_bytes()
        self._count(size)
        del self._buffer[:size]

    def _blank_bytes(self) -> int:
        found = _BLANK.match(self._buffer)
        return 0 if found is None else found.end()

    def _skip(self, mark: re.Pattern[bytes]) -> bool:
        found = mark.match(self._buffer)
        if found is None:
            return False
        size = found.end()
        self._count(size)
        # The match holds on to the buffer, which could not shrink then.
        del found
        del self._buffer[:size]
        return True

    def _is_open(self, *, last: bool) -> bool:
        """Tell whether what is there may yet become a command or a sequence."""
        return not last and len(self._buffer) < _ENOUGH and self._buffer.startswith((b"\x1b", b"@"))

    def _take_line(self, *, last: bool) -> str | None:
        # A sequence ends a command as a line feed does.
        window = self._buffer[: self._limits.max_line_bytes]
        ends = [at for at in (window.find(b"\n"), window.find(UEL)) if at >= 0]
        if not ends and len(window) == self._limits.max_line_bytes:
            raise RemoteProtocolError("a PJL command is too long")
        if not ends and not last:
            return None
        end = min(ends, default=len(window))
        line = bytes(window[:end])
        end += window[end : end + 1] == b"\n"
        self._count(end)
        del self._buffer[:end]
        return line[len(_PJL) :].decode("iso-8859-1").strip()

    def _count(self, size: int) -> None:
        self._command_bytes += size
        if self._command_bytes > self._limits.max_command_bytes:
            raise RemoteProtocolError("there are too many PJL commands")

    def _obey(self, command: str) -> bool:
        """Note what a command says; return whether the document begins behind it."""
        if entered := _ENTER.match(command):
            self._language = entered[1].upper()
            return True
        verb = _VERB.match(command)
        name = verb[0].upper() if verb else ""
        if name in FORBIDDEN or name.startswith(FORBIDDEN_PREFIX):
            raise RemoteProtocolError(f"the job contains the printer command {name}")
        if variable := _SET.fullmatch(command):
            self._set(variable[1].upper(), variable[2].upper())
        elif name == "JOB":
            named = _JOB_NAME.match(command)
            self._job_name = self._job_name or (named[1].strip() if named else "")
        elif name not in ("", "COMMENT", "EOJ"):
            self._leave_out(name)
        return False

    def _set(self, name: str, value: str) -> None:
        if name not in JOB_VARIABLES:
            self._leave_out(f"SET {name}")
        elif self._place is _Place.HEADER:
            # Behind the document drivers put the printer's habits back.
            self._settings[name] = value

    def _leave_out(self, name: str) -> None:
        if name not in self._left_out and len(self._left_out) < MAX_NAMED:
            self._left_out.append(name)

    def _beginning_of_sequence(self) -> int:
        """Return where a sequence may begin that the end of the buffer cuts off."""
        at = self._buffer.rfind(UEL[:1], max(0, len(self._buffer) - len(UEL) + 1))
        return at if at >= 0 and UEL.startswith(self._buffer[at:]) else len(self._buffer)
