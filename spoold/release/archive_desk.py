"""The archive's desk: which copies there are, and handing one over, still sealed, with a record of it."""

from dataclasses import dataclass

from sqlalchemy import Connection

from spoold.database import archive, people
from spoold.database.engine import Database
from spoold.model.archive import ArchivedJob, Copy
from spoold.model.errors import NotFound
from spoold.model.principal import Principal
from spoold.records import audit
from spoold.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Shelved:
    """An archived job, for whoever looks for one.

    Args:
        user: the name of its owner's account, or what the client called its user.
    """

    job: ArchivedJob
    user: str


@dataclass(frozen=True, slots=True)
class ArchiveDesk:
    """Lists copies and hands them over. Doors ask first whether the person may read the archive."""

    database: Database
    clock: Clock

    async def shelved(self) -> list[Shelved]:
        """Return what is kept, in the order in which it was printed."""
        return await self.database.read(
            lambda connection: [
                Shelved(job, _user_of(connection, job)) for job in archive.archived(connection)
            ]
        )

    async def hand_over(self, principal: Principal, wanted: str, number: int) -> tuple[Shelved, Copy]:
        """Return a sealed copy; that it was handed over is on record before it is.

        Args:
            wanted: the job's number, its id, or the beginning of its id.
            number: of the document in its job, from 1.

        Raises:
            NotFound: no such copy is kept, or several jobs begin so.
        """
        now = self.clock.now()

        def work(connection: Connection) -> tuple[Shelved, Copy]:
            jobs = archive.find(connection, wanted)
            if len(jobs) != 1:
                raise NotFound(
                    "There is no such job in the archive."
                    if not jobs
                    else f"{wanted!r} is not one job but the beginning of several; give its number."
                )
            [job] = jobs
            found = [one for one in archive.copies_of(connection, job.id) if one.number == number]
            if not found:
                raise NotFound(f"The archived job has no document {number}.", job=str(job.id))
            audit.append(
                connection,
                at=now,
                kind="archive-opened",
                actor=principal.id,
                job=str(job.id),
                document=number,
            )
            return Shelved(job, _user_of(connection, job)), found[0]

        return await self.database.write(work)


def _user_of(connection: Connection, job: ArchivedJob) -> str:
    account = None if job.owner_id is None else people.user_by_id(connection, job.owner_id)
    return job.claimed_name if account is None else account.name
