"""The archive's rows: terms of jobs that will be archived, archived jobs and their documents."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from spoold.database.schema import archive_terms, archived_documents, archived_jobs
from spoold.database.times import from_us, to_us
from spoold.model.archive import ArchivedJob, ArchiveTerms, Copy
from spoold.model.ids import JobId, UserId

# Fewer are mistaken for numbers.
LEAST_PREFIX_DIGITS = 4
MAX_NUMBER_DIGITS = 18

_JOBS = (
    select(
        archived_jobs,
        func.count(archived_documents.c.number).label("documents"),
        func.coalesce(func.sum(archived_documents.c.size_bytes), 0).label("size_bytes"),
    )
    .select_from(
        archived_jobs.outerjoin(archived_documents, archived_documents.c.job_id == archived_jobs.c.job_id)
    )
    .group_by(archived_jobs.c.seq)
    .order_by(archived_jobs.c.seq)
)
_ENDED = (
    select(archived_jobs.c.job_id)
    .where(archived_jobs.c.expires_us <= bindparam("now_us"), archived_jobs.c.seq <= bindparam("settled"))
    .order_by(archived_jobs.c.expires_us)
    .limit(bindparam("most"))
)


def set_terms(connection: Connection, job_id: JobId, terms: ArchiveTerms) -> None:
    """Write down on which terms a job will be archived; a later release writes its own."""
    values = {"public_key": terms.key, "keep_s": int(terms.keep.total_seconds())}
    row = upsert(archive_terms).values(job_id=job_id.bytes, **values)
    connection.execute(row.on_conflict_do_update(index_elements=["job_id"], set_=values))


def terms_of(connection: Connection, job_id: JobId) -> ArchiveTerms | None:
    """Return on which terms a job is archived; None if it was never released to be."""
    found = connection.execute(
        select(archive_terms.c.public_key, archive_terms.c.keep_s).where(
            archive_terms.c.job_id == job_id.bytes
        )
    ).one_or_none()
    return None if found is None else ArchiveTerms(found[0], timedelta(seconds=found[1]))


def insert_archived(connection: Connection, job: ArchivedJob, copies: Iterable[Copy]) -> None:
    """Insert an archived job with its documents, small containers included."""
    connection.execute(
        insert(archived_jobs).values(
            job_id=job.id.bytes,
            number=job.number,
            queue=job.queue,
            owner_id=job.owner_id,
            claimed_name=job.claimed_name,
            printer=job.printer,
            printed_us=to_us(job.printed_at),
            expires_us=to_us(job.expires_at),
            key_id=job.key_id,
            wrapped_key=job.wrapped_key,
            private=job.private,
        )
    )
    for copy in copies:
        connection.execute(
            insert(archived_documents).values(
                job_id=copy.job_id.bytes,
                number=copy.number,
                format=copy.format,
                size_bytes=copy.size_bytes,
                segments=copy.segments,
                wrapped_key=copy.wrapped_key,
                container=copy.inline,
            )
        )


def archived(connection: Connection) -> list[ArchivedJob]:
    """Return archived jobs in the order in which they were printed."""
    return [_job_of(row) for row in connection.execute(_JOBS)]


def copies_of(connection: Connection, job_id: UUID) -> list[Copy]:
    """Return the archived documents of a job in printing order."""
    statement = select(archived_documents).order_by(archived_documents.c.number)
    rows = connection.execute(statement.where(archived_documents.c.job_id == job_id.bytes))
    return [_copy_of(row) for row in rows]


def copies_in_files(connection: Connection) -> list[Copy]:
    """Return every archived document whose container is a file."""
    statement = select(archived_documents).where(archived_documents.c.container.is_(None))
    return [_copy_of(row) for row in connection.execute(statement)]


def find(connection: Connection, wanted: str) -> list[ArchivedJob]:
    """Return the archived job of a number or an id, else those whose id begins so (with at least 4 digits).

    Of several that begin so no more than two are returned: enough to see that it is not one.
    """
    digits = wanted.strip().lower().replace("-", "")
    called = func.lower(func.hex(archived_jobs.c.job_id))
    exactly = called == digits
    # SQLite's integers have 64 bits.
    if digits.isascii() and digits.isdigit() and len(digits) <= MAX_NUMBER_DIGITS:
        exactly = or_(exactly, archived_jobs.c.number == int(digits))
    found = connection.execute(_JOBS.where(exactly).limit(2)).all()
    if not found and len(digits) >= LEAST_PREFIX_DIGITS and set(digits) <= set("0123456789abcdef"):
        found = connection.execute(_JOBS.where(called.startswith(digits)).limit(2)).all()
    return [_job_of(row) for row in found]


def containers_in_files(connection: Connection) -> list[tuple[UUID, int]]:
    """Return every archived document whose container is a file."""
    statement = select(archived_documents.c.job_id, archived_documents.c.number).where(
        archived_documents.c.container.is_(None)
    )
    return [(UUID(bytes=job_id), number) for job_id, number in connection.execute(statement)]


def ended(connection: Connection, now: datetime, settled: int, limit: int) -> list[UUID]:
    """Return archived jobs whose time has passed, up to the place `settled`."""
    found = connection.execute(_ENDED, {"now_us": to_us(now), "settled": settled, "most": limit})
    return [UUID(bytes=row[0]) for row in found]


def remove(connection: Connection, job_id: UUID) -> list[int]:
    """Destroy the keys of an archived job with all that was kept of it; returns its documents' numbers."""
    documents = archived_documents.c
    numbers = connection.execute(select(documents.number).where(documents.job_id == job_id.bytes)).scalars()
    found = list(numbers)
    connection.execute(delete(archived_documents).where(documents.job_id == job_id.bytes))
    connection.execute(delete(archived_jobs).where(archived_jobs.c.job_id == job_id.bytes))
    return found


def newest(connection: Connection) -> int:
    """Return the place of the job that was archived last, 0 when none is kept."""
    return int(connection.execute(select(func.coalesce(func.max(archived_jobs.c.seq), 0))).scalar_one())


def move_ends(connection: Connection, step: timedelta, fixed: int, settled: int, now: datetime) -> None:
    """Move the ends of archived jobs with the wall clock.

    Args:
        step: how far the clock was set.
        fixed: place of the last job whose end stays: it does not depend on the clock that was set.
        settled: place of the last job that was surely archived before. Younger ones get their full time anew.
    """
    table = archived_jobs.c
    old = update(archived_jobs).where(table.seq > fixed, table.seq <= settled)
    connection.execute(old.values(expires_us=table.expires_us + step // timedelta(microseconds=1)))
    young = update(archived_jobs).where(table.seq > max(fixed, settled))
    connection.execute(young.values(expires_us=to_us(now) + table.expires_us - table.printed_us))


def _job_of(row: Row[Any]) -> ArchivedJob:
    c = row._mapping
    return ArchivedJob(
        id=JobId(UUID(bytes=c["job_id"])),
        number=c["number"],
        queue=c["queue"],
        owner_id=None if c["owner_id"] is None else UserId(c["owner_id"]),
        claimed_name=c["claimed_name"],
        printer=c["printer"],
        printed_at=from_us(c["printed_us"]),
        expires_at=from_us(c["expires_us"]),
        key_id=c["key_id"],
        wrapped_key=c["wrapped_key"],
        private=c["private"],
        documents=c["documents"],
        size_bytes=c["size_bytes"],
    )


def _copy_of(row: Row[Any]) -> Copy:
    c = row._mapping
    return Copy(
        job_id=UUID(bytes=c["job_id"]),
        number=c["number"],
        format=c["format"],
        size_bytes=c["size_bytes"],
        segments=c["segments"],
        wrapped_key=c["wrapped_key"],
        inline=c["container"],
    )
