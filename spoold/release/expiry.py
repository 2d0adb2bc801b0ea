"""Expiry: jobs that nobody fetched and copies are destroyed in time, traces of ended ones forgotten."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import structlog
import trio
from sqlalchemy import Connection

from spoold.database import archive, jobs, records
from spoold.model.errors import NotFound, SpoolError
from spoold.model.jobstate import FINAL, IllegalTransition, JobEvent, JobState, states_before
from spoold.model.site import CurrentSite
from spoold.records import audit
from spoold.release.archiving import Archivist
from spoold.release.belief import Belief
from spoold.release.ledger import SPOOLER, Ledger
from spoold.runtime.clock import ClockStepDetector

log = structlog.get_logger()

LOOK_S = 5.0
# Rows forgotten in one transaction.
FORGET_BATCH = 500
# Expiry of a job at a printer means something else: it goes back to held and expires then.
EXPIRING = states_before(JobEvent.EXPIRED) - {JobState.RELEASING}
# Jobs that still wait for their time to pass.
WAITING = frozenset(JobState) - FINAL
EXPIRED_WORDS = "Nobody released the job in time, so it was destroyed. Print the document again."


class Newest(NamedTuple):
    """What came last: the number of a job, and the place of what was archived (0 where there is none)."""

    job: int = 0
    archived: int = 0


class Earlier(NamedTuple):
    """What earlier runs left: what came last, and the time of the newest audit record, None without one."""

    newest: Newest
    last_record: datetime | None


@dataclass(frozen=True, slots=True)
class Expiry:
    """Destroys what has waited too long."""

    ledger: Ledger
    site: CurrentSite
    archivist: Archivist

    async def run(self, earlier: Earlier) -> None:
        """Look every few seconds, until cancelled.

        Args:
            earlier: what `look_back` returned before this run wrote anything.
        """
        # What came up to `settled` is surely older than any step that the next look can find.
        settled = latest = await self._newest()
        detector = ClockStepDetector(self.ledger.clock)
        belief = Belief(self.ledger.clock, earlier.last_record)
        step_s = 0.0
        while True:
            # Read before the detector looks: this moment then belongs to the time before any step it misses.
            now = self.ledger.clock.now()
            # A step that could not be recorded at once is still to be made good.
            if step_now_s := detector.observe():
                belief.stepped()
                step_s += step_now_s
            try:
                if step_s:
                    # Set right, a clock that was wrong from the start leaves the ends of earlier runs alone.
                    unset = self.ledger.clock.now() - timedelta(seconds=step_s)
                    fixed = earlier.newest if belief.doubts(unset) else Newest()
                    await self.clock_stepped(step_s, fixed, settled)
                    step_s = 0.0
                else:
                    settled = latest
                    if belief.ends_jobs(now):
                        await self.expire(now, settled.job)
                        await self.forget(now)
                    if belief.ends_copies(now):
                        await self.archivist.expire(now, settled.archived)
                latest = await self._newest()
                await self._count()
            except SpoolError as error:
                # The records are closed for now; what is due stays due.
                log.warning("expiry-waits", **(error.fields | {"error": error.public}))
            await trio.sleep(LOOK_S)

    async def expire(self, now: datetime, settled: int) -> int:
        """Destroy the jobs whose time has passed; returns how many.

        Args:
            settled: only jobs up to this number. A younger one may have come after the wall clock was
                set back a moment ago: its end then looks long past, measured by `now`.
        """
        found = await self.ledger.database.read(
            lambda connection: jobs.expired_jobs(connection, now, EXPIRING)
        )
        due = [job for job in found if job.number <= settled]
        for job in due:
            try:
                await self.ledger.move(job.id, JobEvent.EXPIRED, words=EXPIRED_WORDS)
            except (IllegalTransition, NotFound):
                # Released or canceled since the list was made.
                continue
        return len(due)

    async def forget(self, now: datetime) -> int:
        """Delete the rows of jobs that ended long ago; returns how many."""
        kept = self.site().forget_after
        total = 0

        def work(connection: Connection) -> int:
            # The earlier of the two, in case the wall clock was set since.
            return jobs.forget_finished(connection, min(now, self.ledger.clock.now()) - kept, FORGET_BATCH)

        while True:
            count = await self.ledger.database.write(work)
            total += count
            if count < FORGET_BATCH:
                return total

    async def clock_stepped(self, step_s: float, fixed: Newest, settled: Newest) -> None:
        """Move the ends of waiting jobs and copies with the wall clock, so that none ends early or late.

        Args:
            step_s: how far the clock was set.
            fixed: the last whose ends stay, because they were reckoned by a clock that was right.
            settled: the last that are surely older than the step. Younger ones came within the last two
                looks; on which side of the step nobody knows, so they get their full time.
        """
        now = self.ledger.clock.now()
        step = timedelta(seconds=step_s)

        def work(connection: Connection) -> None:
            for job in jobs.list_jobs(connection, states=WAITING):
                if job.number <= fixed.job:
                    continue
                known = job.number <= settled.job
                end = job.expires_at + step if known else now + (job.expires_at - job.created_at)
                jobs.update_job(connection, job.id, [job.state], expires_at=end)
            archive.move_ends(connection, step, fixed.archived, settled.archived, now)
            audit.append(connection, at=now, kind="clock-step", actor=SPOOLER, seconds=round(step_s, 3))

        await self.ledger.database.write(work)
        self.ledger.metrics.clock_stepped()
        log.warning("clock-step", seconds=round(step_s, 3))

    async def look_back(self) -> Earlier:
        """Return what earlier runs left; to be called before this one writes anything."""
        found = await self.ledger.database.read(partial(records.latest_audit, limit=1))
        last_record = datetime.fromisoformat(json.loads(found[0])["at"]) if found else None
        return Earlier(await self._newest(), last_record)

    async def _newest(self) -> Newest:
        def read(connection: Connection) -> Newest:
            found = jobs.list_jobs(connection, newest_first=True, limit=1)
            return Newest(found[0].number if found else 0, archive.newest(connection))

        return await self.ledger.database.read(read)

    async def _count(self) -> None:
        counts = await self.ledger.database.read(jobs.count_by_state)
        self.ledger.metrics.set_jobs_held(counts.get(JobState.HELD, 0))
