"""Ends jobs that were never held, or that their senders take back, and destroys what came of them."""

from dataclasses import dataclass

from sqlalchemy import Connection

from holdstore.store import HoldStore
from spoold.database import jobs
from spoold.database.engine import Database
from spoold.model.errors import NotFound
from spoold.model.ids import JobId
from spoold.model.job import Document, Job
from spoold.model.jobstate import JobEvent, JobState
from spoold.records import transitions
from spoold.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Endings:
    """Moves jobs to their end."""

    database: Database
    store: HoldStore
    clock: Clock

    async def end(
        self,
        job_id: JobId,
        event: JobEvent,
        words: str,
        actor: str,
        *,
        states: frozenset[JobState] = frozenset({JobState.RECEIVING}),
        unclaimed: bool = False,
    ) -> Job:
        """End a job that is in one of the states and destroy its documents; others stay as they are.

        Args:
            unclaimed: only while nobody has claimed the job; looked at in the transaction that ends it.
        """
        now = self.clock.now()

        def write(connection: Connection) -> tuple[Job, list[Document]]:
            documents = jobs.documents_of(connection, job_id)
            current = jobs.job_by_id(connection, job_id)
            if current is None:
                raise NotFound("There is no such job.")
            if current.state not in states or (unclaimed and current.owner_id is not None):
                return current, []
            return transitions.move(connection, job_id, event, words=words, actor=actor, now=now), documents

        job, documents = await self.database.write(write, short=True)
        await self.store.shred(job_id, [document.number for document in documents])
        self.database.shred_soon()
        return job
