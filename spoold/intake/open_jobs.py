"""Ends jobs whose documents never come ("multiple-operation-time-out"), also after a crash."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
import trio

from spoold.database import jobs
from spoold.database.engine import Database
from spoold.intake.pipeline import Intake
from spoold.intake.submission import Submission
from spoold.model.errors import SpoolError
from spoold.model.ids import UserId
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal
from spoold.model.site import CurrentSite
from spoold.runtime.clock import Clock

log = structlog.get_logger()

# RFC 8011 suggests 60 to 240 s; slow links between two documents of a job deserve a little more.
MULTIPLE_OPERATION_TIMEOUT = timedelta(seconds=300)
SWEEP_EVERY_S = 15.0
Lookup = Callable[[UserId], Awaitable[Principal | None]]


class OpenJobs:
    """Watches jobs that are *receiving*; finishes what a crash left *inspecting*."""

    def __init__(
        self, *, intake: Intake, database: Database, clock: Clock, site: CurrentSite, people: Lookup
    ) -> None:
        self._intake = intake
        self._database = database
        self._clock = clock
        self._site = site
        self._people = people

    async def recover(self) -> None:
        """Decide on jobs that were sealed when the daemon stopped: their documents are all here."""
        for job in await self._in_state(JobState.INSPECTING):
            await self._finish(job)

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await trio.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
            except SpoolError as error:
                # The next round finds the same jobs again.
                log.warning("open-jobs-wait", **(error.fields | {"error": error.public}))

    async def sweep(self) -> None:
        """Abort jobs that wait too long for their next document; decide on those that were left undecided."""
        now = self._clock.now()
        for job in await self._in_state(JobState.INSPECTING):
            if not self._intake.is_busy_with(job.id):
                await self._finish(job)
        for job in await self._in_state(JobState.RECEIVING):
            if now - job.changed_at > MULTIPLE_OPERATION_TIMEOUT and not self._intake.is_busy_with(job.id):
                await self._intake.abandon(job.id)
                log.info("job-abandoned", job=str(job.id), queue=job.queue)

    async def _in_state(self, state: JobState) -> list[Job]:
        return await self._database.read(lambda connection: jobs.list_jobs(connection, states=[state]))

    async def _finish(self, job: Job) -> None:
        submission = await self._submission(job)
        if submission is not None:
            await self._intake.finish(job, submission)

    async def _submission(self, job: Job) -> Submission | None:
        """Rebuild what is needed to decide: the owner as the account is now, or a claimed name.

        A job whose queue or owner's account is gone stays undecided until it expires.
        """
        queue = self._site().queues.get(job.queue)
        principal = None if job.owner_id is None else await self._people(job.owner_id)
        if queue is None or (principal is None and job.owner_id is not None):
            return None
        return Submission(
            queue=queue,
            principal=principal,
            requesting_user_name=job.claimed_name,
            peer=job.peer,
            protocol=job.protocol,
        )
