"""Recovery: finding out at start what became of jobs that were at a printer when the daemon ended."""

from dataclasses import dataclass

import structlog
import trio

from protocols.errors import RemoteProtocolError
from spoold.model.errors import SpoolError
from spoold.model.job import Job
from spoold.model.jobstate import AT_PRINTER, JobState
from spoold.printers.base import PrinterProblem
from spoold.release import recall
from spoold.release.attempt import Attempt, Cause, Control, Trouble
from spoold.release.conclusion import Conclusions
from spoold.release.forward import Forwarder
from spoold.release.ledger import Ledger

log = structlog.get_logger()

# An orphan that stays open keeps its printer busy: it is taken back within this time of the start.
ORPHAN_S = 30.0
STOPPED_WORDS = "The spooler was stopped while it sent the job."
STOPPED_EARLY_WORDS = "The spooler was stopped before it sent the job."


@dataclass(frozen=True, slots=True)
class Recovery:
    """Resolves jobs found in releasing or printing; nothing is ever sent again by itself.

    What each row proves (docs/design.md, forwarding):
    releasing                  no document byte was sent: take the orphan back, hold the job again
    printing, not all bytes    take it back: canceled with nothing printed is held again, else unknown
    printing, all bytes        ask how it ended, and wait for its end
    """

    ledger: Ledger
    forwarder: Forwarder
    conclusions: Conclusions

    async def open_jobs(self) -> list[Job]:
        """Return the jobs that recovery must look at."""
        return await self.ledger.jobs(AT_PRINTER)

    async def resolve(self, job: Job, control: Control) -> None:
        """Find out about one job and leave it in a state that is true."""
        log.info("recovering", job=str(job.id), state=job.state.value, printer=job.printer)
        try:
            attempt = await self.forwarder.attempt_of(job, control)
        except (SpoolError, RemoteProtocolError) as error:
            log.error("job-unreadable", job=str(job.id), error=str(error))
            attempt = None
        if attempt is None:
            await self._without_printer(job)
        elif attempt.all_bytes:
            await self.forwarder.resume(job, control)
        else:
            await self._take_back(attempt)

    async def _take_back(self, attempt: Attempt) -> None:
        words = STOPPED_WORDS if attempt.first_byte else STOPPED_EARLY_WORDS
        # A cancel by the owner that comes first keeps its own words.
        attempt.control.stop(Trouble(Cause.LINK, words))
        if attempt.first_byte:
            await recall.tell(attempt)
        else:
            with trio.move_on_after(ORPHAN_S):
                await self._remove_orphan(attempt)
        await self.conclusions.conclude(attempt)

    async def _remove_orphan(self, attempt: Attempt) -> None:
        """Cancel a job that was opened at the printer and never got a document."""
        while True:
            try:
                found = await attempt.adapter.find(attempt.ticket)
                if found is None or found.state.final:
                    return
                attempt.remote_id = found.remote_id
                await attempt.adapter.cancel(attempt.ticket, found.remote_id)
                return
            except PrinterProblem as problem:
                log.info("orphan-not-removed", job=str(attempt.job.id), problem=str(problem))
            await trio.sleep(recall.ASK_AGAIN_S)

    async def _without_printer(self, job: Job) -> None:
        if job.state is JobState.RELEASING:
            await self.conclusions.give_back(job, STOPPED_EARLY_WORDS)
        else:
            words = "The printer cannot be asked any more whether the job was printed. Look at it yourself."
            await self.conclusions.in_doubt(job, words)
