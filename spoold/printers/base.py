"""What every kind of printer can do for a release, and how it fails; the contract of all adapters."""

import enum
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import Protocol

from protocols.ipp.message import Group
from protocols.ipp.values import Attribute
from spoold.model.printer import PrinterStatus


class RemoteState(enum.StrEnum):
    """Where a job is at the printer ("job-state", RFC 8011 5.3.7, as far as a spooler cares)."""

    PENDING = "pending"
    HELD = "held"
    PROCESSING = "processing"
    STOPPED = "stopped"
    CANCELED = "canceled"
    ABORTED = "aborted"
    COMPLETED = "completed"

    @property
    def final(self) -> bool:
        """Whether the printer will do nothing more with the job."""
        return self in _FINAL


_FINAL = frozenset({RemoteState.CANCELED, RemoteState.ABORTED, RemoteState.COMPLETED})


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """What a printer says of a job.

    Args:
        remote_id: the printer's own "job-id".
        impressions: sides completed; None when the printer does not count.
    """

    remote_id: int
    state: RemoteState
    impressions: int | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a printer is told of a job.

    Args:
        token: 128 random bits in hex: the job's name there, by which it is found again.
        user_name: "requesting-user-name"; masked or not, never a secret.
        attributes: Job Template attributes.
        formats: of its documents, in order.
    """

    token: str
    user_name: str
    attributes: tuple[Attribute, ...] = ()
    formats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One document on its way.

    Args:
        number: from 1.
        size_bytes: None while nobody knows.
        name: "document-name"; empty while names are masked.
        last: whether the job ends with it.
    """

    number: int
    format: str
    size_bytes: int | None
    last: bool
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Supply:
    """Ink, toner or the like; `level` in percent, None when the printer does not know.

    Args:
        kind: prtMarkerSuppliesType of RFC 3805, such as "toner".
        color: a name of letters, such as "black".
    """

    name: str
    level: int | None
    low: bool
    kind: str = "other"
    color: str = "unknown"


@dataclass(frozen=True, slots=True)
class PrinterDescription:
    """What a printer says it is.

    Args:
        capabilities: what it says it can do, as it said it; None when nobody has to ask (a folder).
    """

    make_and_model: str = ""
    supplies: tuple[Supply, ...] = ()
    capabilities: Group | None = None


class PrinterProblem(Exception):  # noqa: N818 - the names below read as what happened
    """A printer did not do what it was asked to.

    Args:
        words: a sentence for people.
        detail: for the log; from the printer or the network, never the document.
    """

    def __init__(self, words: str, detail: str = "") -> None:
        super().__init__(f"{words} {detail}".strip())
        self.words = words
        self.detail = detail


class PrinterUnreachable(PrinterProblem):
    """No answer, or none that can be understood: what became of the request is not known.

    Args:
        document_sent: False when no byte of the document can have reached the printer.
    """

    def __init__(self, words: str, detail: str = "", *, document_sent: bool = True) -> None:
        super().__init__(words, detail)
        self.document_sent = document_sent


class PrinterRefused(PrinterProblem):
    """The printer answered no."""


class PrinterBusy(PrinterRefused):
    """The printer takes one job at a time and has one (server-error-busy): nothing happened."""


class NoSuchRemoteJob(PrinterRefused):
    """The printer does not know the job."""


class PrinterAdapter(Protocol):
    """One configured printer. Every method has a deadline of its own and may be cancelled at any time.

    `send` runs on a connection of its own: `cancel` and `progress` reach the printer while it does.
    """

    @property
    def name(self) -> str:
        """The name in the configuration."""
        ...

    async def status(self) -> PrinterStatus:
        """Ask the printer how it is, now. Never raises: what cannot be known is not ready."""
        ...

    async def describe(self) -> PrinterDescription:
        """Return what the printer says it is, empty when it cannot be asked."""
        ...

    async def create(self, ticket: Ticket) -> int | None:
        """Open a job; returns its "job-id", or None when the job comes to be with its document.

        Raises:
            PrinterBusy: nothing was created; later it may be.
            PrinterRefused: nothing was created.
            PrinterUnreachable: a job may have been created; `find` tells.
        """
        ...

    async def send(
        self, ticket: Ticket, remote_id: int | None, document: Outgoing, content: AsyncIterable[bytes]
    ) -> RemoteJob:
        """Send one document and return what the printer says of the job once it has taken all of it.

        The first piece of `content` is asked for right before the first document byte is sent.

        Raises:
            PrinterRefused, PrinterUnreachable: what became of the document is not known.
        """
        ...

    async def progress(self, ticket: Ticket, remote_id: int) -> RemoteJob:
        """Ask for the state of a job.

        Raises:
            NoSuchRemoteJob: the printer has no such job, or a job of another name under this id.
            PrinterProblem: no answer.
        """
        ...

    async def cancel(self, ticket: Ticket, remote_id: int) -> None:
        """Ask the printer to cancel a job. Returning says only that it was told.

        Raises:
            NoSuchRemoteJob: the printer has no such job.
            PrinterRefused: the job has ended already.
            PrinterUnreachable: no answer.
        """
        ...

    async def find(self, ticket: Ticket) -> RemoteJob | None:
        """Look for a job by its token among all jobs the printer knows.

        Raises:
            PrinterProblem: the printer could not be asked.
        """
        ...

    async def aclose(self) -> None:
        """Close kept connections; the adapter can be used again."""
        ...
