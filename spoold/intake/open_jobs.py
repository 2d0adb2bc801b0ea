"""Ends jobs whose documents never come ("multiple-operation-time-out"), also after a crash."""

from datetime import timedelta

import structlog
import trio

from spoold.database import jobs
from spoold.database.engine import Database
from spoold.intake.pipeline import Intake
from spoold.intake.submission import Submission
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.site import CurrentSite
from spoold.runtime.clock import Clock

log = structlog.get_logger()

# RFC 8011 suggests 60 to 240 s; slow links between two documents of a job deserve a little more.
MULTIPLE_OPERATION_TIMEOUT = timedelta(seconds=300)
SWEEP_EVERY_S = 15.0
SPOOLER = "spoold"


class OpenJobs:
    """Watches jobs that are *receiving*; finishes what a crash left *inspecting*."""

    def __init__(self, *, intake: Intake, database: Database, clock: Clock, site: CurrentSite) -> None:
        self._intake = intake
        self._database = database
        self._clock = clock
        self._site = site

    async def recover(self) -> None:
        """Decide on jobs that were sealed when the daemon stopped: their documents are all here."""
        for job in await self._in_state(JobState.INSPECTING):
            submission = self._submission(job)
            if submission is None:
                continue
            await self._intake.finish(job, submission)

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await trio.sleep(SWEEP_EVERY_S)
            await self.sweep()

    async def sweep(self) -> None:
        """Abort jobs that have waited too long for their next document."""
        now = self._clock.now()
        for job in await self._in_state(JobState.RECEIVING):
            if now - job.changed_at > MULTIPLE_OPERATION_TIMEOUT and not self._intake.is_arriving(job.id):
                await self._intake.abandon(job.id)
                log.info("job-abandoned", job=str(job.id), queue=job.queue)

    async def _in_state(self, state: JobState) -> list[Job]:
        return await self._database.read(lambda connection: jobs.list_jobs(connection, states=[state]))

    def _submission(self, job: Job) -> Submission | None:
        """Rebuild what is needed to decide; nobody is proven any more, which the rules get to know."""
        queue = self._site().queues.get(job.queue)
        if queue is None:
            return None
        return Submission(
            queue=queue,
            principal=None,
            requesting_user_name=job.claimed_name,
            peer=job.peer,
            protocol=job.protocol,
        )
