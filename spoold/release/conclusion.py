"""Conclusion: the one place that turns how an attempt went into the state its job is left in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog
import trio
from sqlalchemy import Connection

from spoold.database import records
from spoold.model.errors import NotFound, Unavailable
from spoold.model.ids import JobId
from spoold.model.job import Job
from spoold.model.jobstate import IllegalTransition, JobEvent, JobState
from spoold.release import recall
from spoold.release.archiving import Archivist, Keeping
from spoold.release.attempt import Attempt, Cause, Trouble
from spoold.release.grant import Grant
from spoold.release.ledger import SPOOLER, Ledger

log = structlog.get_logger()

# The records may be unwritable for a moment (a full disk); what happened at the printer must still get in.
RETRY_FIRST_S = 1.0
RETRY_MOST_S = 30.0

AGAIN = "Release it again when you are at a printer that is ready."


class Superseded(Exception):  # noqa: N818
    """The job is in another attempt by now: this one has nothing to say any more."""


@dataclass(frozen=True, slots=True)
class Conclusions:
    """Leaves jobs in a state that is true."""

    ledger: Ledger
    archivist: Archivist

    async def conclude(self, attempt: Attempt) -> JobState | None:
        """Settle with the printer what is open, move the job, and return its state.

        Returns None when the job was left as it is, for recovery to find out.
        """
        trouble = attempt.control.trouble
        if trouble is None:
            ending = attempt.control.ending
            return await self._completed(attempt, None if ending is None else ending.impressions)
        if not attempt.first_byte:
            return await self._before_paper(attempt, trouble)
        if trouble.cause is Cause.SHUTDOWN and attempt.all_bytes:
            # The printer has everything and goes on; the next start asks how it ended.
            return None
        settlement = await recall.settle(attempt)
        if settlement.outcome is recall.Outcome.PRINTED:
            return await self._completed(attempt, settlement.impressions)
        return await self._after_paper(attempt, trouble, settlement)

    async def give_back(self, job: Job, words: str) -> None:
        """Hold a job again that was released but never got as far as a printer."""
        await self._move(job, JobEvent.NOT_READY, f"{words} Nothing was printed. {AGAIN}")

    async def give_back_unused(self, grant: Grant, words: str) -> None:
        """Hold a job again whose grant cannot be used; not if the grant was used before: somebody prints."""

        def find(connection: Connection) -> bool:
            row = records.grant_by_id(connection, grant.id)
            return row is not None and row.consumed_at is None

        if not await self.ledger.database.read(find):
            return
        try:
            job = await self.ledger.job(grant.job_id)
        except NotFound:
            return
        if (job.state, job.attempt) == (JobState.RELEASING, grant.attempt):
            await self.give_back(job, words)

    async def in_doubt(self, job: Job, words: str) -> None:
        """Leave a job in doubt of which nobody can be asked any more."""
        await self._move(job, JobEvent.NO_PROOF, words)

    async def _before_paper(self, attempt: Attempt, trouble: Trouble) -> JobState | None:
        if trouble.cause is Cause.USER:
            return await self._move(attempt.job, JobEvent.CANCELED, trouble.words, actor=trouble.actor)
        if trouble.cause is Cause.DAMAGED:
            return await self._move(attempt.job, JobEvent.DAMAGED, trouble.words)
        words = f"{trouble.words} Nothing was printed. {AGAIN}"
        return await self._move(attempt.job, JobEvent.NOT_READY, words)

    async def _after_paper(
        self, attempt: Attempt, trouble: Trouble, settlement: recall.Settlement
    ) -> JobState | None:
        out = settlement.impressions
        taken_back = settlement.outcome is recall.Outcome.TAKEN_BACK
        if trouble.cause is Cause.USER:
            after = (
                "Nothing was printed." if taken_back else f"Some of it may have been printed{_counted(out)}."
            )
            return await self._move(
                attempt.job,
                JobEvent.CANCELED,
                f"{trouble.words} {after}",
                actor=trouble.actor,
                impressions=out,
            )
        if taken_back:
            words = f"{trouble.words} The job was taken back from the printer, nothing was printed. {AGAIN}"
            state = await self._move(attempt.job, JobEvent.RECALLED, words, impressions=out)
            if trouble.cause is Cause.DAMAGED and state is JobState.HELD:
                return await self._move(attempt.job, JobEvent.DAMAGED, trouble.words)
            return state
        words = (
            f"{trouble.words} Nobody can know whether the job was printed{_counted(out)}. "
            "Look at the printer; if it is not there, take the job back and release it again."
        )
        return await self._move(attempt.job, JobEvent.NO_PROOF, words, impressions=out)

    async def _completed(self, attempt: Attempt, impressions: int | None) -> JobState | None:
        """End a job that was printed, and keep a copy where a rule asked for one, in one transaction."""
        words = attempt.remarked(f"Printed at {attempt.adapter.name}.")
        return await self._move(
            attempt.job,
            JobEvent.CONFIRMED,
            words,
            keep=partial(self.archivist.keeping, attempt),
            impressions=impressions,
        )

    async def _move(
        self,
        job: Job,
        event: JobEvent,
        words: str,
        *,
        actor: str | None = None,
        keep: Callable[[], Awaitable[Keeping | None]] | None = None,
        **changes: object,
    ) -> JobState | None:
        """Move the job, as often as it takes while the records cannot be written."""

        def same(current: Job) -> None:
            if (current.attempt, current.token) != (job.attempt, job.token):
                raise Superseded

        async def move() -> JobState | None:
            kept = None if keep is None else await keep()
            try:
                moved = await self.ledger.move(
                    job.id,
                    event,
                    words=words if kept is None else f"{words} {kept.words}".rstrip(),
                    actor=actor or SPOOLER,
                    check=same,
                    then=None if kept is None else kept.write,
                    keeps=kept is not None and kept.keeps,
                    **changes,
                )
            except (IllegalTransition, NotFound, Superseded) as error:
                log.error("attempt-overtaken", job=str(job.id), change=event.value, error=repr(error))
                return None
            return moved.state

        return await self._patiently(job.id, move)

    async def _patiently(
        self, job_id: JobId, move: Callable[[], Awaitable[JobState | None]]
    ) -> JobState | None:
        wait_s = RETRY_FIRST_S
        while True:
            try:
                return await move()
            except Unavailable as error:
                log.error("records-closed", **(error.fields | {"job": str(job_id)}))
                if self.ledger.database.failed:
                    # Nothing can be written until the daemon starts anew; recovery then finds out.
                    return None
            await trio.sleep(wait_s)
            wait_s = min(RETRY_MOST_S, 2 * wait_s)


def _counted(impressions: int | None) -> str:
    if not impressions:
        return ""
    return f" (the printer counted {impressions} {'side' if impressions == 1 else 'sides'})"
