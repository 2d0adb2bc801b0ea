"""One attempt to print one job: what is known of it in memory while it runs, and why it stops."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from spoold.documents.plan import RenderPlan
from spoold.documents.rendering import Rendering
from spoold.documents.stamping import Stamped
from spoold.model.ids import UserId
from spoold.model.job import Document, Job
from spoold.model.obligation import Obligation
from spoold.printers.base import PrinterAdapter, RemoteJob, Ticket


class Cause(enum.StrEnum):
    """Why an attempt stops before its job is confirmed."""

    NOT_READY = "not-ready"
    PRINTER = "printer"
    LINK = "link"
    STALLED = "stalled"
    DAMAGED = "damaged"
    STORE = "store"
    USER = "user"
    CONVERSION = "conversion"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong.

    Args:
        words: one or two sentences for the owner, without what became of the job.
        actor: who asked for it, when somebody did.
    """

    cause: Cause
    words: str
    actor: UserId | None = None


class Control:
    """The handle by which others stop an attempt; the first reason counts."""

    def __init__(self) -> None:
        self.decided = trio.Event()
        self.ended = trio.Event()
        self.trouble: Trouble | None = None
        self.ending: RemoteJob | None = None

    def stop(self, trouble: Trouble) -> None:
        """Ask the attempt to stop, unless it has been decided already."""
        if not self.decided.is_set():
            self.trouble = trouble
            self.decided.set()

    def finish(self, ending: RemoteJob) -> None:
        """Say that the printer has ended the job."""
        if not self.decided.is_set():
            self.ending = ending
            self.decided.set()


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt.

    Args:
        title: for "document-name"; empty while names are masked.
        remarks: sentences for the owner about what this printer cannot do of what was asked.
        asked: what rules ask of later stages (`spoold.model.obligation`).
        watermark: what stands on every page; each begins a line.
        status_at_s: when the printer was last known to be ready (trio's clock).
        created: whether the printer may know the job.
        first_byte: whether "first byte" is durable: from then on paper is possible.
        sent_bytes: document bytes handed to the printer's connection; 0 means none can have arrived.
        all_bytes: whether "all bytes" is durable: the printer took everything and said so.
        progress_at_s: when the document last moved on (trio's clock).
        preparing: whether a document is being stamped or drawn that the printer gets next.
        handed_over_at_s: when the last byte of the last document was handed to the connection.
        plans: how documents are drawn that the printer does not take, by their numbers.
        stamped: documents that have the watermark already, by their numbers.
        renderings: those of the plans that are being drawn already.
    """

    job: Job
    documents: Sequence[Document]
    adapter: PrinterAdapter
    ticket: Ticket
    control: Control
    title: str = field(default="", repr=False)
    remarks: tuple[str, ...] = ()
    asked: frozenset[str] = frozenset()
    watermark: tuple[str, ...] = ()
    remote_id: int | None = None
    created: bool = False
    status_at_s: float = float("-inf")
    first_byte: bool = False
    sent_bytes: int = 0
    all_bytes: bool = False
    progress_at_s: float = field(default_factory=trio.current_time)
    preparing: bool = False
    handed_over_at_s: float | None = None
    plans: dict[int, RenderPlan] = field(default_factory=dict)
    stamped: dict[int, Stamped] = field(default_factory=dict)
    renderings: dict[int, Rendering] = field(default_factory=dict)

    @property
    def is_marked(self) -> bool:
        """Whether every page has to have words on it, known or not."""
        return Obligation.WATERMARK in self.asked

    @property
    def halted(self) -> bool:
        """Whether no further document byte may be handed over."""
        return self.control.decided.is_set()

    def prepared(self) -> None:
        """Note that the next document is ready for the printer; from now on the printer is waited for."""
        self.preparing = False
        self.progress_at_s = trio.current_time()

    def remarked(self, words: str) -> str:
        """Return words for the owner with the remarks after them."""
        return " ".join((words, *self.remarks))

    @property
    def expected_impressions(self) -> int | None:
        """Sides that all copies have; None when a page count is unknown."""
        copies = next(
            (attribute.first for attribute in self.ticket.attributes if attribute.name == "copies"), 1
        )
        pages = [
            self.plans[one.number].sides if one.number in self.plans else one.pages for one in self.documents
        ]
        if not isinstance(copies, int) or not pages:
            return None
        total = 0
        for count in pages:
            if count is None:
                return None
            total += count
        return total * copies
