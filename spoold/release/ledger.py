"""The job ledger: durable moves along the state table, and what must follow each of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
import trio
from sqlalchemy import Connection

from holdstore.errors import HoldStoreError
from holdstore.store import HoldStore
from spoold.database import approvals, jobs, obligations, records
from spoold.database.engine import Database
from spoold.model.approval import Approval
from spoold.model.errors import NotFound
from spoold.model.ids import JobId, UserId
from spoold.model.job import Document, Job
from spoold.model.jobstate import FINAL, JobEvent, JobState
from spoold.records import transitions
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

log = structlog.get_logger()

SPOOLER = "spoold"


@dataclass(frozen=True, slots=True)
class Ledger:
    """Reads and moves jobs; after a final move the documents are shredded."""

    database: Database
    store: HoldStore
    clock: Clock
    metrics: Metrics

    async def job(self, job_id: JobId) -> Job:
        """Return a job.

        Raises:
            NotFound: there is none of this id.
        """
        job = await self.database.read(lambda connection: jobs.job_by_id(connection, job_id), short=True)
        if job is None:
            raise NotFound("There is no such job.", job=str(job_id))
        return job

    async def documents(self, job_id: JobId) -> list[Document]:
        """Return the documents of a job in printing order."""
        return await self.database.read(lambda connection: jobs.documents_of(connection, job_id), short=True)

    async def evidence(self, job_id: JobId) -> tuple[list[Document], list[Approval]]:
        """Return the documents of a job and what was decided about it."""
        return await self.database.read(
            lambda connection: (
                jobs.documents_of(connection, job_id),
                approvals.approvals_of(connection, job_id),
            ),
            short=True,
        )

    async def obligations(self, job_id: JobId) -> frozenset[str]:
        """Return what rules asked of later stages for a job."""
        return await self.database.read(
            lambda connection: obligations.obligations_of(connection, job_id), short=True
        )

    async def jobs(self, states: Iterable[JobState]) -> list[Job]:
        """Return the jobs in these states."""
        wanted = tuple(states)
        return await self.database.read(lambda connection: jobs.list_jobs(connection, states=wanted))

    async def move(
        self,
        job_id: JobId,
        event: JobEvent,
        *,
        words: str,
        actor: UserId | str = SPOOLER,
        then: Callable[[Connection, Job], None] | None = None,
        check: Callable[[Job], None] | None = None,
        keeps: bool = False,
        **changes: object,
    ) -> Job:
        """Move a job in one transaction; durable when this returns.

        Args:
            check: looks at the job inside the transaction and raises to stop it.
            then: further work in the same transaction.
            keeps: the containers stay where they are when the job has ended: `then` has other keys for them.

        Raises:
            NotFound: no such job.
            IllegalTransition: the job is in no state in which this can happen.
        """

        def work(connection: Connection) -> tuple[Job, Job]:
            before = jobs.job_by_id(connection, job_id)
            if before is None:
                raise NotFound("There is no such job.", job=str(job_id))
            if check is not None:
                check(before)
            now = self.clock.now()
            after = transitions.move(connection, job_id, event, words=words, actor=actor, now=now, **changes)
            if then is not None:
                then(connection, after)
            return before, after

        before, after = await self.database.write(work, short=True)
        self.metrics.job_moved(before.state.value, after.state.value)
        log.info(
            "job-moved", job=str(job_id), change=event.value, state=after.state.value, printer=after.printer
        )
        if after.state in FINAL:
            self.database.shred_soon()
            if not keeps:
                with trio.CancelScope(shield=True):
                    await self._shred(job_id)
        return after

    async def change(self, job_id: JobId, states: Iterable[JobState], **changes: object) -> bool:
        """Change columns of a job that is in one of the states, durably; False when it was not."""
        wanted = tuple(states)
        return await self.database.write(
            lambda connection: jobs.update_job(connection, job_id, wanted, **changes), short=True
        )

    async def note(self, job_id: JobId, event: str, words: str) -> None:
        """Add a line to a job's time line."""
        now = self.clock.now()
        await self.database.write(
            lambda connection: transitions.note(connection, job_id, event=event, words=words, now=now),
            short=True,
        )

    async def timeline(self, job_id: JobId) -> list[records.JobEventRow]:
        """Return a job's time line."""
        return await self.database.read(lambda connection: records.events_of(connection, job_id))

    async def _shred(self, job_id: JobId) -> None:
        # The keys went with the transaction: what is left is noise, and recovery at start removes it too.
        documents = await self.documents(job_id)
        try:
            await self.store.shred(job_id, [document.number for document in documents])
        except HoldStoreError as error:
            log.warning("container-left", job=str(job_id), error=str(error))
