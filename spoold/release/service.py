"""The release service: runs forwards, recovery, expiry and arrivals, and stops them in good order."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import structlog
import trio

from holdstore.store import HoldStore
from spoold.database.engine import Database
from spoold.documents.inspector import Inspector
from spoold.documents.rendering import Renderer
from spoold.documents.stamping import Stamper
from spoold.keys.words import PrivateWords
from spoold.model.errors import NotPossible, SpoolError, Unavailable
from spoold.model.ids import JobId, UserId
from spoold.model.job import Job
from spoold.model.jobstate import AT_PRINTER, JobState
from spoold.model.site import CurrentSite
from spoold.printers.directory import PrinterDirectory
from spoold.records.queue_orders import QueueOrders
from spoold.release.archiving import Archivist
from spoold.release.arrivals import Arrivals, Lookup
from spoold.release.attempt import Cause, Control, Trouble
from spoold.release.conclusion import Conclusions
from spoold.release.expiry import Expiry
from spoold.release.forward import Forwarder
from spoold.release.gate import Confirm, Gate
from spoold.release.grant import Grant, GrantBook
from spoold.release.ledger import Ledger
from spoold.release.recovery import Recovery
from spoold.release.rendering import Renderings
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import ForwardResult, Metrics

log = structlog.get_logger()

# Forwards that are nearly done may finish when the daemon stops; the others are taken back after this.
DRAIN_GRACE_S = 3.0
# A cancel waits for the printer's word; recall itself gives up earlier (recall.CONFIRM_S).
CANCEL_WAIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseParts:
    """What the release works with; put together by the composition root.

    Args:
        people: the account of an id as it is now, for queues that print on arrival.
        confirm: somebody with the groups and role of this moment, for every release.
        renderer: draws what printers do not take.
        stamper: puts words on every page where rules want them.
        inspector: counts pages of what is released before it was looked into; None counts nothing.
    """

    site: CurrentSite
    database: Database
    store: HoldStore
    words: PrivateWords
    printers: PrinterDirectory
    people: Lookup
    confirm: Confirm
    clock: Clock
    metrics: Metrics
    renderer: Renderer = field(default_factory=Renderer)
    stamper: Stamper = field(default_factory=Stamper)
    inspector: Inspector | None = None
    orders: QueueOrders = field(default_factory=QueueOrders)


@dataclass(slots=True)
class _Running:
    """The forwards in progress, by job."""

    controls: dict[JobId, Control] = field(default_factory=dict)
    nursery: trio.Nursery | None = None
    draining: bool = False
    arriving: trio.CancelScope = field(default_factory=trio.CancelScope)


class ReleaseService:
    """Everything that happens to a job between its release and its end.

    Doors talk to `spoold.release.desk.Desk`; the composition root runs this one.
    """

    def __init__(self, parts: ReleaseParts) -> None:
        self.ledger = Ledger(parts.database, parts.store, parts.clock, parts.metrics)
        grants = GrantBook(parts.clock)
        self.gate = Gate(
            self.ledger, parts.site, parts.printers, grants, parts.confirm, parts.people, parts.orders
        )
        archivist = Archivist(self.ledger, parts.words)
        conclusions = Conclusions(self.ledger, archivist)
        renderings = Renderings(self.ledger, parts.printers, parts.renderer, parts.inspector, parts.stamper)
        self._forwarder = Forwarder(
            self.ledger, parts.site, parts.words, parts.printers, grants, conclusions, renderings
        )
        self._recovery = Recovery(self.ledger, self._forwarder, conclusions)
        self.expiry = Expiry(self.ledger, parts.site, archivist)
        self.arrivals = Arrivals(self.ledger, self.gate, parts.people, self.start)
        self._running = _Running()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Resolve what the last run left open, then serve until cancelled.

        Ready as soon as no job can be released twice: jobs that are being resolved count as at a printer.
        """
        async with trio.open_nursery() as nursery:
            self._running.nursery = nursery
            try:
                earlier = await self.expiry.look_back()
                for job in await self._recovery.open_jobs():
                    self._begin(job.id, partial(self._recovery.resolve, job))
                nursery.start_soon(self.expiry.run, earlier)
                nursery.start_soon(self._run_arrivals)
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._running.nursery = None

    async def drain(self) -> None:
        """Start nothing new; let forwards finish for a moment, then take back what is not all sent."""
        self._running.draining = True
        self._running.arriving.cancel()
        with trio.move_on_after(DRAIN_GRACE_S):
            await self._all_ended()
        for control in self._running.controls.values():
            control.stop(Trouble(Cause.SHUTDOWN, "The spooler was stopped."))
        await self._all_ended()

    def check_open(self) -> None:
        """Refuse while nothing can be started.

        Raises:
            Unavailable: the spooler is starting or stopping.
        """
        if self._running.nursery is None or self._running.draining:
            raise Unavailable("The spooler is being stopped; try again in a moment.")

    def start(self, grant: Grant) -> None:
        """Take a grant to its printer, in the background; never fails once the grant is written."""
        control = self._begin(grant.job_id, partial(self._forwarder.forward, grant))
        if self._running.draining:
            control.stop(Trouble(Cause.SHUTDOWN, "The spooler is being stopped."))

    async def on_arrival(self, job: Job) -> None:
        """Be told of a job that was just held in a queue that prints on arrival; returns at once."""
        log.debug("arrived", job=str(job.id))
        self.arrivals.announce()

    async def ended(self, job_id: JobId) -> None:
        """Wait until a job that is on its way has been concluded."""
        control = self._running.controls.get(job_id)
        if control is not None:
            await control.ended.wait()

    async def cancel(self, job_id: JobId, *, actor: UserId, words: str) -> Job:
        """Take a job back from its printer and destroy it; returns the job as it is then.

        Args:
            words: who canceled it, for its owner.

        Raises:
            NotPossible: nobody takes it to a printer just now; look again.
        """
        control = self._running.controls.get(job_id)
        if control is None:
            job = await self.ledger.job(job_id)
            if job.state in AT_PRINTER:
                raise NotPossible("The job is being sorted out; try again in a moment.", job=str(job_id))
            return job
        control.stop(Trouble(Cause.USER, words, actor))
        with trio.move_on_after(CANCEL_WAIT_S):
            await control.ended.wait()
        return await self.ledger.job(job_id)

    async def _run_arrivals(self) -> None:
        with trio.CancelScope() as self._running.arriving:
            await self.arrivals.run()

    async def _all_ended(self) -> None:
        for control in list(self._running.controls.values()):
            await control.ended.wait()

    def _begin(self, job_id: JobId, work: Callable[[Control], Awaitable[None]]) -> Control:
        control = Control()
        nursery = self._running.nursery
        if nursery is None:
            # The job stays at its printer in the records, and recovery at the next start resolves it.
            log.warning("not-started", job=str(job_id))
            control.ended.set()
            return control
        self._running.controls[job_id] = control
        nursery.start_soon(self._see_to_its_end, job_id, control, work)
        return control

    async def _see_to_its_end(
        self, job_id: JobId, control: Control, work: Callable[[Control], Awaitable[None]]
    ) -> None:
        began_s = trio.current_time()
        try:
            await work(control)
        except Exception as error:  # the edge of one printer connection: its bug must not end the others
            log.error("forward-crashed", job=str(job_id), exc_info=error)
            await self._after_crash(job_id)
        finally:
            if self._running.controls.get(job_id) is control:
                del self._running.controls[job_id]
            control.ended.set()
        await self._measure(job_id, trio.current_time() - began_s)

    async def _after_crash(self, job_id: JobId) -> None:
        """Find out what became of the job, as after a crash of the daemon."""
        try:
            job = await self.ledger.job(job_id)
            if job.state in AT_PRINTER:
                await self._recovery.resolve(job, Control())
        except Exception as error:  # the job stays where it is; the next start tries again
            log.error("recovery-crashed", job=str(job_id), exc_info=error)

    async def _measure(self, job_id: JobId, seconds: float) -> None:
        try:
            result = _RESULTS.get((await self.ledger.job(job_id)).state)
        except SpoolError:
            # Forgotten or unreadable by now: there is nothing to count.
            return
        if result is not None:
            self.ledger.metrics.forward_ended(result, seconds)


_RESULTS: dict[JobState, ForwardResult] = {
    JobState.COMPLETED: "completed",
    JobState.HELD: "held",
    JobState.UNKNOWN: "unknown",
    JobState.CANCELED: "canceled",
}
