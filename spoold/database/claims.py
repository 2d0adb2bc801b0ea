"""Jobs that wait for somebody to claim them: narrow rows out, and how many jobs a person has waiting."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, select

from spoold.database.schema import jobs
from spoold.database.times import from_us
from spoold.model.ids import JobId, UserId
from spoold.model.jobstate import LIVE, JobState

_COLUMNS: tuple[ColumnElement[Any], ...] = (
    jobs.c.id,
    jobs.c.number,
    jobs.c.queue,
    jobs.c.claimed_name,
    jobs.c.peer,
    jobs.c.template,
    jobs.c.size_bytes,
    jobs.c.created_us,
    jobs.c.expires_us,
)


@dataclass(frozen=True, slots=True)
class UnclaimedRow:
    """A held job that is nobody's yet; fields as in `spoold.model.job.Job`."""

    id: JobId
    number: int
    queue: str
    claimed_name: str
    peer: str
    template: bytes
    size_bytes: int
    created_at: datetime
    expires_at: datetime


def unclaimed_jobs(connection: Connection, queues: Collection[str], limit: int) -> list[UnclaimedRow]:
    """Return held jobs of these queues that nobody owns and that wait for somebody, the newest first."""
    statement = (
        select(*_COLUMNS)
        .where(
            jobs.c.state == JobState.HELD.value,
            jobs.c.owner_id.is_(None),
            jobs.c.on_arrival == 0,
            jobs.c.queue.in_(sorted(queues)),
        )
        .order_by(jobs.c.number.desc())
        .limit(limit)
    )
    return [_row_of(row) for row in connection.execute(statement)]


def count_live_of(connection: Connection, owner_id: UserId) -> int:
    """Return how many jobs of an account have not ended."""
    statement = (
        select(func.count())
        .select_from(jobs)
        .where(jobs.c.owner_id == owner_id, jobs.c.state.in_([state.value for state in LIVE]))
    )
    return int(connection.execute(statement).scalar_one())


def _row_of(row: Row[Any]) -> UnclaimedRow:
    return UnclaimedRow(
        id=JobId(UUID(bytes=row.id)),
        number=row.number,
        queue=row.queue,
        claimed_name=row.claimed_name,
        peer=row.peer,
        template=row.template,
        size_bytes=row.size_bytes,
        created_at=from_us(row.created_us),
        expires_at=from_us(row.expires_us),
    )
