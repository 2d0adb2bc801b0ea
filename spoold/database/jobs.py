"""Jobs, documents and small containers: rows in, model objects out."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from spoold.database.prepared import Prepared, remembered
from spoold.database.schema import documents, inline_containers, jobs
from spoold.database.times import from_us, to_us
from spoold.model.ids import JobId, UserId
from spoold.model.job import Document, Job
from spoold.model.jobstate import FINAL, LIVE, JobState

# What every accepted job runs is compiled here and now; SQLAlchemy's own execution costs ten times as much.
_INSERT_JOB = Prepared(insert(jobs))
_INSERT_DOCUMENT = Prepared(insert(documents))
_INSERT_INLINE = Prepared(insert(inline_containers))
_NEXT = "next-number"
_NEXT_NUMBER = Prepared(select(func.coalesce(func.max(jobs.c.number), 0) + 1))
# Statements are built once: SQLAlchemy then finds its compiled form by identity.
_BY_ID = select(jobs).where(jobs.c.id == bindparam("job_id"))
_BY_NUMBER = select(jobs).where(jobs.c.number == bindparam("job_number"))
_ALL_DOCUMENTS = select(documents, inline_containers.c.container).select_from(
    documents.outerjoin(
        inline_containers,
        and_(
            inline_containers.c.job_id == documents.c.job_id,
            inline_containers.c.number == documents.c.number,
        ),
    )
)
_DOCUMENTS = _ALL_DOCUMENTS.where(documents.c.job_id == bindparam("of_job")).order_by(documents.c.number)


def insert_job(connection: Connection, job: Job) -> Job:
    """Insert a job; the number 0 asks for the next free "job-id". Returns the job with its number."""
    if not job.number:
        job = replace(job, number=next_number(connection))
    _INSERT_JOB.run(connection, _row_of(job))
    remembered(connection)[_NEXT] = max(job.number + 1, remembered(connection).get(_NEXT, 0))
    return job


def next_number(connection: Connection) -> int:
    """Return the next free "job-id"."""
    number: int | None = remembered(connection).get(_NEXT)
    return number or int(_NEXT_NUMBER.run(connection).fetchone()[0])


def update_job(connection: Connection, job_id: JobId, states: Iterable[JobState], **changes: object) -> bool:
    """Change columns of a job that is in one of the states; False when it was not.

    Datetimes are given under the model's names (`changed_at`); everything else as in the model. Whatever is
    given, the row's `changed_us` grows: what was made of a row is of its present state if that is the same.
    """
    values = {_COLUMN.get(name, name): _stored(value) for name, value in changes.items()}
    values["changed_us"] = func.max(values.get("changed_us", 0), jobs.c.changed_us + 1)
    statement = (
        update(jobs)
        .where(jobs.c.id == job_id.bytes, jobs.c.state.in_([state.value for state in states]))
        .values(**values)
    )
    return connection.execute(statement).rowcount == 1


def job_by_id(connection: Connection, job_id: UUID) -> Job | None:
    """Return the job of this id."""
    row = connection.execute(_BY_ID, {"job_id": job_id.bytes}).one_or_none()
    return None if row is None else _job_of(row)


def job_by_number(connection: Connection, number: int) -> Job | None:
    """Return the job of this "job-id"."""
    row = connection.execute(_BY_NUMBER, {"job_number": number}).one_or_none()
    return None if row is None else _job_of(row)


def list_jobs(
    connection: Connection,
    *,
    states: Iterable[JobState] | None = None,
    owner_id: UserId | None = None,
    claimed_name: str | None = None,
    peer: str | None = None,
    queue: str | None = None,
    on_arrival: bool | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> list[Job]:
    """Return jobs in order of arrival.

    With `peer`, jobs that came from this address are taken as well as the person's own.

    With `owner_id` and `claimed_name`, a job is taken when its account is that one, or when it is
    unclaimed and was sent under that name: the SQL form of `Job.owned_by`.
    """
    statement = select(jobs)
    if states is not None:
        statement = statement.where(jobs.c.state.in_([state.value for state in states]))
    mine: list[ColumnElement[bool]] = []
    if owner_id is not None:
        unclaimed = and_(
            jobs.c.owner_id.is_(None), jobs.c.claimed_name == (claimed_name or ""), jobs.c.claimed_name != ""
        )
        mine += [jobs.c.owner_id == owner_id, unclaimed]
    elif claimed_name is not None:
        mine.append(jobs.c.claimed_name == claimed_name)
    if peer is not None:
        mine.append(jobs.c.peer == peer)
    if mine:
        statement = statement.where(or_(*mine))
    if on_arrival is not None:
        statement = statement.where(jobs.c.on_arrival == int(on_arrival))
    if queue is not None:
        statement = statement.where(jobs.c.queue == queue)
    statement = statement.order_by(jobs.c.number.desc() if newest_first else jobs.c.number)
    return [_job_of(row) for row in connection.execute(statement.limit(limit) if limit else statement)]


def expired_jobs(
    connection: Connection, now: datetime, states: Iterable[JobState], limit: int = 100
) -> list[Job]:
    """Return jobs in these states whose time has passed."""
    statement = (
        select(jobs)
        .where(jobs.c.state.in_([state.value for state in states]), jobs.c.expires_us <= to_us(now))
        .order_by(jobs.c.expires_us)
        .limit(limit)
    )
    return [_job_of(row) for row in connection.execute(statement)]


def count_by_state(connection: Connection, queue: str | None = None) -> dict[JobState, int]:
    """Return how many jobs are in each state."""
    statement = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    if queue is not None:
        statement = statement.where(jobs.c.queue == queue)
    return {JobState(state): count for state, count in connection.execute(statement)}


def count_live_by_sender(connection: Connection) -> list[tuple[str | None, str, int]]:
    """Return (owner_id, peer, jobs) of every job that has not ended."""
    statement = (
        select(jobs.c.owner_id, jobs.c.peer, func.count())
        .where(jobs.c.state.in_([state.value for state in LIVE]))
        .group_by(jobs.c.owner_id, jobs.c.peer)
    )
    return [(owner_id, peer, count) for owner_id, peer, count in connection.execute(statement)]


def count_by_queue(connection: Connection, states: Iterable[JobState] = LIVE) -> dict[str, int]:
    """Return how many jobs of each queue are in the states ("queued-job-count": all that have not ended)."""
    statement = (
        select(jobs.c.queue, func.count())
        .where(jobs.c.state.in_([state.value for state in states]))
        .group_by(jobs.c.queue)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def forget_finished(connection: Connection, before: datetime, limit: int = 500) -> int:
    """Delete rows of jobs that ended before this moment; returns how many.

    The newest row stays, whatever it is: the next "job-id" is counted on from it, and none is given twice.
    """
    newest = select(func.max(jobs.c.number)).scalar_subquery()
    old = (
        select(jobs.c.id)
        .where(
            jobs.c.state.in_([state.value for state in FINAL]),
            jobs.c.finished_us < to_us(before),
            jobs.c.number < newest,
        )
        .limit(limit)
    )
    return int(connection.execute(delete(jobs).where(jobs.c.id.in_(old.scalar_subquery()))).rowcount)


def insert_document(connection: Connection, document: Document) -> None:
    """Insert a document row, and its container when it is a small one."""
    _INSERT_DOCUMENT.run(
        connection,
        {
            "job_id": document.job_id.bytes,
            "number": document.number,
            "format": document.format,
            "size_bytes": document.size_bytes,
            "segments": document.segments,
            "wrapped_key": document.wrapped_key,
            "in_file": int(document.inline is None),
            **_inspection_of(document),
        },
    )
    if document.inline is not None:
        row = {"job_id": document.job_id.bytes, "number": document.number, "container": document.inline}
        _INSERT_INLINE.run(connection, row)


def set_inspection(connection: Connection, document: Document) -> None:
    """Store what the inspection of a document found."""
    connection.execute(
        update(documents)
        .where(documents.c.job_id == document.job_id.bytes, documents.c.number == document.number)
        .values(**_inspection_of(document))
    )


def documents_of(connection: Connection, job_id: UUID) -> list[Document]:
    """Return the documents of a job in printing order, small containers included."""
    return [_document_of(row) for row in connection.execute(_DOCUMENTS, {"of_job": job_id.bytes})]


def shred_rows(connection: Connection, job_id: UUID) -> None:
    """Destroy the keys of a job, its private words and its small containers."""
    key = job_id.bytes
    connection.execute(update(jobs).where(jobs.c.id == key).values(wrapped_key=None, private=None))
    connection.execute(update(documents).where(documents.c.job_id == key).values(wrapped_key=None))
    connection.execute(delete(inline_containers).where(inline_containers.c.job_id == key))


def containers_in_files(connection: Connection) -> list[tuple[UUID, int]]:
    """Return every document that still has a key and whose container is a file."""
    statement = select(documents.c.job_id, documents.c.number).where(
        documents.c.in_file == 1, documents.c.wrapped_key.is_not(None)
    )
    return [(UUID(bytes=job_id), number) for job_id, number in connection.execute(statement)]


def count_documents_with_keys(connection: Connection) -> int:
    """Return how many documents can still be opened."""
    statement = select(func.count()).select_from(documents).where(documents.c.wrapped_key.is_not(None))
    return int(connection.execute(statement).scalar_one())


def documents_with_keys(connection: Connection) -> list[Document]:
    """Return every document that can still be opened."""
    statement = _ALL_DOCUMENTS.where(documents.c.wrapped_key.is_not(None))
    return [_document_of(row) for row in connection.execute(statement)]


def not_inspected(connection: Connection, limit: int = 1000) -> list[tuple[UUID, int]]:
    """Return documents of live jobs that nobody has looked into yet."""
    statement = (
        select(documents.c.job_id, documents.c.number)
        .where(documents.c.inspected == 0, documents.c.wrapped_key.is_not(None))
        .limit(limit)
    )
    return [(UUID(bytes=job_id), number) for job_id, number in connection.execute(statement)]


_COLUMN = {
    "created_at": "created_us",
    "changed_at": "changed_us",
    "expires_at": "expires_us",
    "processing_at": "processing_us",
    "finished_at": "finished_us",
    "first_byte_at": "first_byte_us",
    "all_bytes_at": "all_bytes_us",
}


def _stored(value: object) -> object:
    if isinstance(value, datetime):
        return to_us(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, tuple):
        return " ".join(value)
    return value


def _row_of(job: Job) -> dict[str, object]:
    # Spelt out: every accepted job comes through here.
    return {
        "id": job.id.bytes,
        "number": job.number,
        "queue": job.queue,
        "state": job.state.value,
        "reason": job.reason,
        "owner_id": job.owner_id,
        "claimed_name": job.claimed_name,
        "peer": job.peer,
        "protocol": job.protocol,
        "created_us": to_us(job.created_at),
        "changed_us": to_us(job.changed_at),
        "expires_us": to_us(job.expires_at),
        "template": job.template,
        "private": job.private,
        "wrapped_key": job.wrapped_key,
        "size_bytes": job.size_bytes,
        "documents": job.documents,
        "formats": " ".join(job.formats),
        "pages": job.pages,
        "released_by": job.released_by,
        "printer": job.printer,
        "attempt": job.attempt,
        "token": job.token,
        "remote_job_id": job.remote_job_id,
        "processing_us": to_us(job.processing_at),
        "finished_us": to_us(job.finished_at),
        "first_byte_us": to_us(job.first_byte_at),
        "all_bytes_us": to_us(job.all_bytes_at),
        "impressions": job.impressions,
        "on_arrival": int(job.on_arrival),
    }


def _job_of(row: Row[Any]) -> Job:
    c = row._mapping
    return Job(
        id=JobId(UUID(bytes=c["id"])),
        number=c["number"],
        queue=c["queue"],
        state=JobState(c["state"]),
        reason=c["reason"],
        owner_id=None if c["owner_id"] is None else UserId(c["owner_id"]),
        claimed_name=c["claimed_name"],
        peer=c["peer"],
        protocol=c["protocol"],
        created_at=from_us(c["created_us"]),
        changed_at=from_us(c["changed_us"]),
        expires_at=from_us(c["expires_us"]),
        template=c["template"],
        private=c["private"],
        wrapped_key=c["wrapped_key"],
        size_bytes=c["size_bytes"],
        documents=c["documents"],
        formats=tuple(c["formats"].split()),
        pages=c["pages"],
        released_by=None if c["released_by"] is None else UserId(c["released_by"]),
        printer=c["printer"],
        attempt=c["attempt"],
        token=c["token"],
        remote_job_id=c["remote_job_id"],
        processing_at=from_us(c["processing_us"]),
        finished_at=from_us(c["finished_us"]),
        first_byte_at=from_us(c["first_byte_us"]),
        all_bytes_at=from_us(c["all_bytes_us"]),
        impressions=c["impressions"],
        on_arrival=bool(c["on_arrival"]),
    )


def _inspection_of(document: Document) -> dict[str, object]:
    return {
        "inspected": int(document.inspected),
        "pages": document.pages,
        "encrypted": None if document.encrypted is None else int(document.encrypted),
        "broken": None if document.broken is None else int(document.broken),
        "why_unknown": document.why_unknown,
        "page_sizes": json.dumps(document.page_sizes) if document.page_sizes else "[]",
    }


def _document_of(row: Row[Any]) -> Document:
    c = row._mapping
    sizes: Sequence[Sequence[float]] = json.loads(c["page_sizes"])
    return Document(
        job_id=JobId(UUID(bytes=c["job_id"])),
        number=c["number"],
        format=c["format"],
        size_bytes=c["size_bytes"],
        segments=c["segments"],
        wrapped_key=c["wrapped_key"],
        inline=c["container"],
        pages=c["pages"],
        encrypted=None if c["encrypted"] is None else bool(c["encrypted"]),
        broken=None if c["broken"] is None else bool(c["broken"]),
        inspected=bool(c["inspected"]),
        why_unknown=c["why_unknown"],
        page_sizes=tuple((width, height) for width, height in sizes),
    )
