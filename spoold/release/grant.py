"""Grants: the single-use permission to forward one job for one person to one printer."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from spoold.database import jobs, records
from spoold.model.errors import NotPossible
from spoold.model.ids import JobId, UserId, new_token
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.runtime.clock import Clock

# Long enough for a slow printer to wake up, short enough that the person still stands before it
# (docs/design.md, invariant 3).
GRANT_S = 120.0


class GrantVoid(NotPossible):
    """The grant was used, is too old, is of another time or does not fit the job."""

    kind = "grant-void"


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission to forward a job once.

    Args:
        token: the job's name at the printer in this attempt.
        monotonic_s: when it was given, on the clock nobody can set.
        ready_at_s: when the printer was asked and said that it is ready (trio's clock).
        asked: what rules ask of the stages that follow; kept with the job as well.
    """

    id: str
    job_id: JobId
    user_id: UserId
    printer: str
    attempt: int
    token: str
    boot_id: str
    monotonic_s: float
    ready_at_s: float = float("-inf")
    asked: frozenset[str] = frozenset()


class GrantBook:
    """Gives and takes grants, inside the transactions of its callers.

    Every start of the daemon has a boot id of its own: a grant from before a restart is void, because
    nobody knows any more what became of the forward it was given for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._boot_id = new_token()

    def give(
        self,
        connection: Connection,
        job: Job,
        user_id: UserId,
        printer: str,
        *,
        ready_at_s: float = float("-inf"),
        asked: frozenset[str] = frozenset(),
    ) -> Grant:
        """Write a grant for the attempt that the job has just been moved into."""
        now = self._clock.now()
        grant = Grant(
            id=new_token(),
            job_id=job.id,
            user_id=user_id,
            printer=printer,
            attempt=job.attempt,
            token=job.token,
            boot_id=self._boot_id,
            monotonic_s=self._clock.monotonic_s(),
            ready_at_s=ready_at_s,
            asked=asked,
        )
        row = records.GrantRow(
            id=grant.id,
            job_id=job.id,
            user_id=user_id,
            printer=printer,
            granted_at=now,
            expires_at=now + timedelta(seconds=GRANT_S),
            boot_id=self._boot_id,
        )
        records.insert_grant(connection, row)
        return grant

    def use(self, connection: Connection, grant: Grant) -> Job:
        """Use a grant up; returns the job it is for.

        Raises:
            GrantVoid: for any reason; nothing was changed and nothing may be forwarded.
        """
        row = records.grant_by_id(connection, grant.id)
        job = jobs.job_by_id(connection, grant.job_id)
        if row is None or job is None:
            raise GrantVoid("There is no such grant.", grant=grant.id)
        stated = (row.job_id, row.user_id, row.printer, row.boot_id, grant.boot_id)
        if stated != (grant.job_id, grant.user_id, grant.printer, self._boot_id, self._boot_id):
            raise GrantVoid("The grant was given for something else.", grant=grant.id)
        expected = (JobState.RELEASING, grant.attempt, grant.token, grant.printer)
        if (job.state, job.attempt, job.token, job.printer) != expected:
            raise GrantVoid("The job has moved on since it was released.", grant=grant.id)
        # The wall clock may have been set back since; the other clock cannot.
        age_s = self._clock.monotonic_s() - grant.monotonic_s
        if not 0 <= age_s <= GRANT_S:
            raise GrantVoid("The release took too long to begin; release the job again.", grant=grant.id)
        if not records.consume_grant(connection, grant.id, self._clock.now()):
            raise GrantVoid("The grant was used before or is too old.", grant=grant.id)
        return job
