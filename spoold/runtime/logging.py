"""Logging: structlog to the journal, as JSON, or readable on a terminal; secrets masked on the way."""

import functools
import json
import logging as stdlib_logging
import os
import re
import socket
import struct
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import IO, Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")
MASK = "[masked]"

# Words that mark a field as secret or private wherever they stand alone in its name ("bind_password").
PRIVATE_WORDS = frozenset(
    {"password", "passphrase", "pin", "secret", "token", "cookie", "authorization", "title"}
)
# Whole names whose words are harmless apart: what a document or job is called (invariant 7).
PRIVATE_NAMES = frozenset(
    {
        "document_name",
        "job_name",
        "file_name",
        "filename",
        "banner",
        "document",
        "credential",
        "credentials",
        "csrf",
    }
)
MAX_DEPTH = 6
# A longer value is an accident, and the datagram must stay below the socket's buffer.
MAX_VALUE_CHARS = 16 * 1024

# RFC 5424 severities, which the journal uses as PRIORITY.
PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}

LogFormat = Literal["journal", "json", "console"]


def configure_logging(
    *,
    environ: Mapping[str, str],
    stream: TextIO | None = None,
    level: str = "info",
    log_format: LogFormat | None = None,
    journal_path: Path = JOURNAL_SOCKET,
    lasting: bool = False,
) -> LogFormat:
    """Set up structlog, and the standard library's logging behind it, for this process.

    Args:
        environ: read for JOURNAL_STREAM.
        stream: where JSON and console lines go; standard output by default.
        level: the lowest level written ("debug" ... "critical").
        log_format: None chooses: the journal when systemd connected `stream` to it, the console on a
            terminal, JSON else.
        journal_path: the journal's native socket.
        lasting: this is not changed again in this process, so that loggers need not look it up for each line.

    Returns the format in use.
    """
    output = sys.stdout if stream is None else stream
    chosen = log_format or choose_format(environ, output)
    threshold = stdlib_logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=_processors(chosen),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=(
            _JournalFactory(JournalLogger(journal_path, output))
            if chosen == "journal"
            else structlog.WriteLoggerFactory(output)
        ),
        cache_logger_on_first_use=lasting,
    )
    root = stdlib_logging.getLogger()
    root.handlers[:] = [_ForwardToStructlog()]
    # Libraries speak up about trouble only; their debug lines carry statements and requests.
    root.setLevel(max(threshold, stdlib_logging.WARNING))
    return chosen


def choose_format(environ: Mapping[str, str], stream: IO[str]) -> LogFormat:
    """Return the format that fits where `stream` leads (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return "json"
    if environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}":
        return "journal"
    return "console" if stream.isatty() else "json"


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask private fields at every depth and cut values of absurd length; a structlog processor."""
    return {key: _redacted(key, value, 0) for key, value in event.items()}


# The same few names come with every event.
@functools.lru_cache(maxsize=1024)
def is_private(key: str) -> bool:
    """Return whether a field of this name must not be logged in clear."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", key).lower().strip("_")
    return name in PRIVATE_NAMES or not PRIVATE_WORDS.isdisjoint(name.split("_"))


def _redacted(key: str, value: object, depth: int) -> object:
    if is_private(key):
        return MASK
    if isinstance(value, str):
        return value if len(value) <= MAX_VALUE_CHARS else value[:MAX_VALUE_CHARS] + "[cut]"
    if isinstance(value, bytes | bytearray | memoryview):
        # Bytes are documents, keys or wire data: none of them belongs into a log.
        return f"[{len(value)} bytes]"
    if depth >= MAX_DEPTH:
        return MASK
    if isinstance(value, Mapping):
        return {str(name): _redacted(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", item, depth + 1) for item in value]
    return value


def escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Spell out control characters in values, so that a peer's bytes cannot drive the terminal."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = "".join(char if char.isprintable() else repr(char)[1:-1] for char in value)
    return event


def journal_datagram(event: Mapping[str, Any]) -> bytes:
    """Encode one event in the journal's native protocol.

    Every value but the priority travels with its length in front (systemd: Native Journal Protocol), so a
    newline inside a value cannot start a field of its own. Fields carry the prefix SPOOLD_, so none
    can pose as one the journal or systemd gives a meaning to.
    """
    fields = dict(event)
    priority = PRIORITIES.get(str(fields.pop("level", "info")), PRIORITIES["info"])
    fields.pop("timestamp", None)  # the journal has its own
    exception = fields.pop("exception", None)
    message = str(fields.pop("event", ""))
    readable = " ".join([message, *(f"{name}={_text(value)}" for name, value in fields.items())])
    if exception is not None:
        readable += f"\n{exception}"
    parts = [b"PRIORITY=%d\nSYSLOG_IDENTIFIER=spoold\n" % priority, _journal_field("MESSAGE", readable)]
    parts.append(_journal_field("SPOOLD_EVENT", message))
    parts += [_journal_field("SPOOLD_" + _field_name(name), _text(value)) for name, value in fields.items()]
    return b"".join(parts)


def _field_name(name: str) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", name.upper())[:50]


def _journal_field(name: str, value: str) -> bytes:
    encoded = value.encode("utf-8", "backslashreplace")
    return name.encode("ascii") + b"\n" + struct.pack("<Q", len(encoded)) + encoded + b"\n"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str, ensure_ascii=False)


class JournalLogger:
    """Sends events to the journal's socket; where that fails they go to the stream as JSON.

    Args:
        path: the native socket.
        fallback: written when the datagram cannot be sent (journal restarting, event too large).
    """

    def __init__(self, path: Path, fallback: TextIO) -> None:
        self._path = str(path)
        self._fallback = fallback

    def msg(self, **event: Any) -> None:
        """Send one event; never raises for a journal that is away."""
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        try:
            with socket.socket(socket.AF_UNIX, kind) as sender:
                # A line in the fallback is better than a daemon that stands still behind a full journal.
                sender.setblocking(False)
                sender.sendto(journal_datagram(event), self._path)
        except OSError:
            self._fallback.write(json.dumps(event, default=str) + "\n")
            self._fallback.flush()

    log = debug = info = warn = warning = error = exception = critical = fatal = msg


class _JournalFactory:
    def __init__(self, logger: JournalLogger) -> None:
        self._logger = logger

    def __call__(self, *_arguments: Any) -> WrappedLogger:
        return self._logger


def _hand_over(_logger: WrappedLogger, _method: str, event: EventDict) -> MutableMapping[str, Any]:
    # structlog passes a dict returned by the last processor to the logger as keyword arguments.
    return event


def _processors(chosen: LogFormat) -> list[Processor]:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    # Plain tracebacks only: the rich and dict forms print local variables, which hold documents and keys.
    if chosen == "console":
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        return [*shared, escape_controls, renderer]
    shared.append(structlog.processors.format_exc_info)
    if chosen == "journal":
        return [*shared, _hand_over]
    return [*shared, structlog.processors.JSONRenderer()]


class _ForwardToStructlog(stdlib_logging.Handler):
    """Takes what libraries say through the standard library's logging into the one log."""

    def emit(self, record: stdlib_logging.LogRecord) -> None:
        log = structlog.get_logger()
        log.log(
            record.levelno,
            "library message",
            library=record.name,
            text=record.getMessage(),
            exc_info=record.exc_info,
        )
