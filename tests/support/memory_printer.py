"""A printer in memory: a PrinterAdapter whose every step a test can make fail, wait or lie."""

from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass, field

import trio

from spoold.model.printer import Printer, PrinterStatus
from spoold.printers.base import (
    NoSuchRemoteJob,
    Outgoing,
    PrinterDescription,
    PrinterProblem,
    PrinterRefused,
    PrinterUnreachable,
    RemoteJob,
    RemoteState,
    Ticket,
)
from spoold.printers.health import judge, unknown
from spoold.runtime.clock import Clock

Hook = Callable[[], Awaitable[None]]


@dataclass
class PaperJob:
    """A job as the printer has it, and the paper that came of it."""

    remote_id: int
    ticket: Ticket
    state: RemoteState = RemoteState.PENDING
    received: list[bytes] = field(default_factory=list)
    impressions: int | None = 0


@dataclass
class MemoryPrinter:
    """Prints every document as soon as it is whole, unless told otherwise.

    Attributes:
        paper: the documents that came out, as (token, bytes).
        before: by step ("status", "create", "send", "piece", "sent", "progress", "cancel", "find"): awaited
            first; may raise.
        prints: whether a job whose last document is in comes out at once; else it stays "processing".
    """

    printer: Printer
    clock: Clock
    reasons: tuple[str, ...] = ("none",)
    state: int = 3
    accepting: bool = True
    silent: bool = False
    prints: bool = True
    counts: bool = True
    one_step: bool = False
    before: dict[str, Hook] = field(default_factory=dict)
    jobs: list[PaperJob] = field(default_factory=list)
    paper: list[tuple[str, bytes]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    description: PrinterDescription = field(default_factory=lambda: PrinterDescription("Memory"))

    @property
    def name(self) -> str:
        return self.printer.name

    async def _step(self, step: str) -> None:
        self.calls.append(step)
        await trio.lowlevel.checkpoint()
        if step in self.before:
            await self.before[step]()

    async def status(self) -> PrinterStatus:
        await self._step("status")
        if self.silent:
            return unknown(self.name, "The printer cannot be reached.", self.clock.now())
        return judge(
            self.name,
            state=self.state,
            accepting=self.accepting,
            reasons=self.reasons,
            read_at=self.clock.now(),
            block_on=self.printer.block_on,
        )

    async def describe(self) -> PrinterDescription:
        return self.description

    async def create(self, ticket: Ticket) -> int | None:
        await self._step("create")
        if self.one_step:
            return None
        return self._open(ticket).remote_id

    def _open(self, ticket: Ticket) -> PaperJob:
        job = PaperJob(len(self.jobs) + 1, ticket, impressions=0 if self.counts else None)
        self.jobs.append(job)
        return job

    async def send(
        self, ticket: Ticket, remote_id: int | None, document: Outgoing, content: AsyncIterable[bytes]
    ) -> RemoteJob:
        await self._step("send")
        job = self._open(ticket) if remote_id is None else self._job(ticket, remote_id)
        self.names.append(document.name)
        received = b""
        async for piece in content:
            await self._step("piece")
            received += piece
        if job.state.final:
            raise PrinterRefused("The job was canceled.")
        job.received.append(received)
        if document.last:
            job.state = RemoteState.PROCESSING
            if self.prints:
                self.put_out(job)
        await self._step("sent")
        return self._said(job)

    def put_out(self, job: PaperJob) -> None:
        """Let paper come out."""
        self.paper.extend((job.ticket.token, document) for document in job.received)
        job.impressions = len(job.received) if self.counts else None
        job.state = RemoteState.COMPLETED

    async def progress(self, ticket: Ticket, remote_id: int) -> RemoteJob:
        await self._step("progress")
        return self._said(self._job(ticket, remote_id))

    async def cancel(self, ticket: Ticket, remote_id: int) -> None:
        await self._step("cancel")
        job = self._job(ticket, remote_id)
        if job.state.final:
            raise PrinterRefused("The job has ended already.")
        job.state = RemoteState.CANCELED

    async def find(self, ticket: Ticket) -> RemoteJob | None:
        await self._step("find")
        return next((self._said(job) for job in self.jobs if job.ticket.token == ticket.token), None)

    async def aclose(self) -> None:
        pass

    def vanish(self) -> None:
        """Be gone: nothing answers any more."""
        self.silent = True
        gone = failing(PrinterUnreachable("The printer cannot be reached."))
        self.before = dict.fromkeys(("create", "send", "piece", "progress", "cancel", "find"), gone)

    def _job(self, ticket: Ticket, remote_id: int) -> PaperJob:
        for job in self.jobs:
            if (job.remote_id, job.ticket.token) == (remote_id, ticket.token):
                return job
        raise NoSuchRemoteJob("The printer does not know the job.")

    def _said(self, job: PaperJob) -> RemoteJob:
        return RemoteJob(job.remote_id, job.state, job.impressions)


def failing(problem: PrinterProblem, times: int | None = None) -> Hook:
    """Return a step that fails, always or so many times."""
    left = [times]

    async def fail() -> None:
        if left[0] is not None:
            if left[0] == 0:
                return
            left[0] -= 1
        raise problem

    return fail


async def for_ever() -> None:
    """A step that never ends."""
    await trio.sleep_forever()
