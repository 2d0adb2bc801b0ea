"""What workers and their parent say to each other: bounded lines and frames, checked as if from an enemy.

The parent sends the document's bytes and closes the pipe. The worker sends one line before it reads
anything (its sandbox), and one after (its answer). A document may take the worker over, so the answer holds
no free text: only numbers, truth values and a word of `Reason`.
"""

import json
import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

REQUIRED_LANDLOCK_ABI = 1
"""Linux 5.13. Version 1 denies opening, creating and executing files; what later versions add (network,
signals, truncation) the system call filter stops on its own."""
MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""More is not parsed: pypdf needs several times a document's size, and 512 MiB is all the memory there is."""
MAX_RASTER_BYTES = 1024 * 1024 * 1024
"""Raster is walked through, not kept: a gibibyte of it takes some seconds and no memory."""
PID_BYTES = 4
"""How the template says a copy's process id: positive, below 2^22 (proc(5)); 0 says that there is no copy."""
MAX_READY_BYTES = 4 * 1024
"""The first line: a truth value, a number and one sentence."""
MAX_ANSWER_BYTES = 64 * 1024
"""The second line: far more than MAX_PAGE_SIZES pairs of numbers take."""
MAX_PAGE_SIZES = 32
"""Different page sizes listed; a document with more says nothing a rule could use."""
MAX_PAGES = 10_000_000
"""No believable document has more pages; a larger number in an answer is not one."""
MAX_POINTS = 1_000_000.0
"""Nearly 353 m; ISO 32000-1 Annex C allows 14,400 user units of up to 75 inch/72 each."""
_MAX_REASON_CHARACTERS = 300


class Reason(StrEnum):
    """Why the pages are not known. A closed list, so that nothing of a document travels in it."""

    PASSWORD = "password"  # noqa: S105
    BROKEN = "broken"
    LIMIT = "limit"
    MEMORY = "memory"
    TOO_LARGE = "too-large"
    TOO_MANY_PAGES = "too-many-pages"


class WireError(Exception):
    """The other side said something this protocol does not have. Carries none of what it said."""


@dataclass(frozen=True)
class Ready:
    """The worker's first line: whether it is locked in. `reason` is set when it is not."""

    ok: bool
    reason: str | None = None
    landlock_abi: int | None = None


@dataclass(frozen=True)
class Answer:
    """The worker's second line. `pages` with a `reason` is the document's own word, not a count."""

    pages: int | None = None
    page_sizes: tuple[tuple[float, float], ...] = ()
    encrypted: bool | None = None
    broken: bool | None = None
    reason: Reason | None = None


def encode_ready(ready: Ready) -> bytes:
    """Write the first line."""
    reason = None if ready.reason is None else ready.reason[:_MAX_REASON_CHARACTERS]
    fields = {"ok": ready.ok, "reason": reason, "landlock_abi": ready.landlock_abi}
    return json.dumps(fields).encode("ascii") + b"\n"


def decode_ready(line: bytes) -> Ready:
    """Read the first line. Raises WireError. No document has been read yet, so its reason may be text."""
    fields = _decode_object(line, MAX_READY_BYTES)
    ok, reason, abi = fields.get("ok"), fields.get("reason"), fields.get("landlock_abi")
    if not isinstance(ok, bool):
        raise WireError("the worker's first line has no truth value")
    if reason is not None and not (isinstance(reason, str) and reason.isascii() and reason.isprintable()):
        raise WireError("the worker's reason is not a line of text")
    return Ready(ok, None if reason is None else reason[:_MAX_REASON_CHARACTERS], _decode_count(abi, 1000))


def encode_answer(answer: Answer) -> bytes:
    """Write the second line."""
    fields = {
        "pages": answer.pages,
        "page_sizes": answer.page_sizes,
        "encrypted": answer.encrypted,
        "broken": answer.broken,
        "reason": answer.reason,
    }
    return json.dumps(fields).encode("ascii") + b"\n"


def decode_answer(line: bytes) -> Answer:
    """Read the second line, trusting nothing in it. Raises WireError."""
    fields = _decode_object(line, MAX_ANSWER_BYTES)
    reason = fields.get("reason")
    if reason is not None and reason not in list(Reason):
        raise WireError("the worker gave a reason that does not exist")
    answer = Answer(
        pages=_decode_count(fields.get("pages"), MAX_PAGES),
        page_sizes=_decode_sizes(fields.get("page_sizes")),
        encrypted=_decode_truth(fields.get("encrypted")),
        broken=_decode_truth(fields.get("broken")),
        reason=None if reason is None else Reason(reason),
    )
    if answer.pages is None and answer.reason is None:
        raise WireError("the worker knows no pages and does not say why")
    return answer


def _decode_object(line: bytes, max_bytes: int) -> dict[str, Any]:
    if len(line) > max_bytes:
        raise WireError("the worker's line is too long")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        # "from None": the decoder's own message quotes what it read.
        raise WireError("the worker's line is not JSON") from None
    if not isinstance(fields, dict):
        raise WireError("the worker's line is not an object")
    return fields


def _decode_count(value: Any, maximum: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= maximum:
        raise WireError("the worker's number is out of range")
    return value


def _decode_truth(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise WireError("the worker's truth value is none")


def _decode_sizes(value: Any) -> tuple[tuple[float, float], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_PAGE_SIZES:
        raise WireError("the worker's page sizes are not a short list")
    return tuple(_decode_size(pair) for pair in value)


def _decode_size(pair: Any) -> tuple[float, float]:
    if not isinstance(pair, list) or len(pair) != 2:
        raise WireError("the worker's page size is not a pair")
    width, height = pair
    for side in (width, height):
        if isinstance(side, bool) or not isinstance(side, int | float):
            raise WireError("the worker's page size is not a number")
        if not 0 < side <= MAX_POINTS:  # also false for what is not a number
            raise WireError("the worker's page size is out of range")
    return (float(width), float(height))


# -- stamping: the words go before the document, and the stamped document comes after the answer --

MAX_STAMPED_BYTES = 2 * 1024 * 1024 * 1024
"""No worker has the memory for more; a larger number in an answer is not one."""


@dataclass(frozen=True)
class StampAnswer:
    """The stamping worker's second line: so many octets follow it, or none for a reason."""

    pages: int | None = None
    size_bytes: int | None = None
    reason: Reason | None = None


def encode_words(lines: tuple[str, ...]) -> bytes:
    """Write what stands on every page; the document follows."""
    return json.dumps(lines).encode("ascii") + b"\n"


def decode_words(line: bytes) -> tuple[str, ...]:
    """Read what stands on every page; it comes from the parent and is trusted."""
    return tuple(json.loads(line))


def encode_stamped(answer: StampAnswer) -> bytes:
    """Write the stamping worker's second line."""
    fields = {"pages": answer.pages, "size_bytes": answer.size_bytes, "reason": answer.reason}
    return json.dumps(fields).encode("ascii") + b"\n"


def decode_stamped(line: bytes) -> StampAnswer:
    """Read the stamping worker's second line, trusting nothing in it. Raises WireError."""
    fields = _decode_object(line, MAX_ANSWER_BYTES)
    reason = fields.get("reason")
    if reason is not None and reason not in list(Reason):
        raise WireError("the worker gave a reason that does not exist")
    pages = _decode_count(fields.get("pages"), MAX_PAGES)
    size_bytes = _decode_count(fields.get("size_bytes"), MAX_STAMPED_BYTES)
    if reason is None and not (pages and size_bytes):
        raise WireError("the worker has stamped nothing and does not say why")
    return StampAnswer(pages, size_bytes, None if reason is None else Reason(reason))


# -- frames: what the worker writes that fits pages for a printer --

MAX_FRAME_BYTES = 256 * 1024
"""Of one frame's content; larger pieces of a document take several."""
FRAME_HEAD_BYTES = 5
_PAGE = struct.Struct(">4I")
_MAX_FAULT_BYTES = 32


class Frame(IntEnum):
    """What a frame holds. Its head is kind and length (unsigned, big endian, 1 and 4 octets)."""

    DOCUMENT = 1
    PAGE = 2
    END = 3
    FAULT = 4


class RenderFault(StrEnum):
    """Why there are no more pages. A closed list, so that nothing of a document travels in it."""

    DAMAGED = "damaged"
    TOO_MANY_PAGES = "too-many-pages"
    MEMORY = "memory"


@dataclass(frozen=True)
class PageDone:
    """A page is complete: its size in dots, its depth, and its colour space (PWG 5102.4, table 7)."""

    width: int
    height: int
    bits_per_pixel: int
    space: int


def frame_head(kind: Frame, length: int) -> bytes:
    """Write what stands before a frame's content."""
    return struct.pack(">BI", kind, length)


def page_frame(width: int, height: int, bits_per_pixel: int, space: int) -> bytes:
    """Write a whole frame about a complete page."""
    return frame_head(Frame.PAGE, _PAGE.size) + _PAGE.pack(width, height, bits_per_pixel, space)


def read_frame_head(octets: bytes) -> tuple[Frame, int]:
    """Read a frame's head, trusting nothing in it. Raises WireError."""
    kind, length = struct.unpack(">BI", octets)
    allowed = {
        Frame.DOCUMENT: range(1, MAX_FRAME_BYTES + 1),
        Frame.PAGE: (_PAGE.size,),
        Frame.END: (0,),
        Frame.FAULT: range(1, _MAX_FAULT_BYTES + 1),
    }
    if kind not in allowed or length not in allowed[kind]:
        raise WireError("the worker sent a frame that does not exist")
    return Frame(kind), length


def read_page(content: bytes) -> PageDone:
    """Read a page frame's content."""
    return PageDone(*_PAGE.unpack(content))


def read_fault(content: bytes) -> RenderFault:
    """Read a fault frame's content. Raises WireError."""
    try:
        return RenderFault(content.decode("ascii"))
    except ValueError:
        raise WireError("the worker gave a reason that does not exist") from None
