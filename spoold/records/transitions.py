"""The only way a job's state changes: table, row, time line and audit in one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from spoold.database import jobs, records
from spoold.model.errors import NotFound, NotPossible
from spoold.model.ids import JobId
from spoold.model.job import Job
from spoold.model.jobstate import FINAL, JobEvent, JobState, after
from spoold.records import audit


def begin(
    connection: Connection, job: Job, *, actor: str, walked: Sequence[JobEvent] = (), words: str = ""
) -> Job:
    """Insert a new job with its time line and one audit record; returns it with its number.

    Args:
        walked: events that already happened to a job that was not written down before (a document that
            came in one piece): the table is walked from *receiving*, so no state is reached by another way.
        words: the job's reason after the last event.
    """
    state = JobState.RECEIVING
    for event in walked:
        state = after(state, event)
    changes: dict[str, Any] = {"state": state, "reason": words or job.reason}
    if state in FINAL:
        changes |= {"finished_at": job.changed_at, "wrapped_key": None, "private": None}
    numbered = replace(job, number=jobs.next_number(connection), **changes)
    created = jobs.insert_job(connection, numbered)
    records.insert_event(connection, created.id, job.created_at, "accepted", created.reason)
    audit.append(
        connection,
        at=job.created_at,
        kind="job-accepted",
        actor=actor,
        job=str(job.id),
        number=created.number,
        queue=job.queue,
        peer=job.peer,
        protocol=job.protocol,
        after=state.value,
        size_bytes=job.size_bytes,
    )
    return created


def move(
    connection: Connection,
    job_id: JobId,
    event: JobEvent,
    *,
    words: str,
    actor: str,
    now: datetime,
    **changes: object,
) -> Job:
    """Move a job along the table and record it; returns the job as it is now.

    Args:
        words: why, for the owner: becomes the job's reason and a line of its time line.
        actor: account id, or "spoold".
        **changes: further columns of the job, under the model's names.

    Raises:
        NotFound: no such job.
        IllegalTransition: the table has no such edge from the state the job is in.
    """
    job = jobs.job_by_id(connection, job_id)
    if job is None:
        raise NotFound("There is no such job.", job=str(job_id))
    state = after(job.state, event)
    if state in FINAL:
        changes.setdefault("finished_at", now)
    moved = jobs.update_job(
        connection, job_id, [job.state], state=state.value, reason=words, changed_at=now, **changes
    )
    if not moved:
        raise NotPossible("The job has just changed; look again.", job=str(job_id))
    records.insert_event(connection, job_id, now, event.value, words)
    _record(connection, job, event, state, actor=actor, now=now, changes=changes)
    if state in FINAL:
        jobs.shred_rows(connection, job_id)
    current = jobs.job_by_id(connection, job_id)
    if current is None:
        raise NotFound("There is no such job.", job=str(job_id))
    return current


def note(connection: Connection, job_id: JobId, *, event: str, words: str, now: datetime) -> None:
    """Add a line to the time line without a change of state."""
    records.insert_event(connection, job_id, now, event, words)


def _record(
    connection: Connection,
    job: Job,
    event: JobEvent,
    state: JobState,
    *,
    actor: str,
    now: datetime,
    changes: dict[str, object],
) -> None:
    # The reason is not recorded: it is text for a person, the event and its fields are the facts.
    audit.append(
        connection,
        at=now,
        kind=f"job-{event.value}",
        actor=actor,
        job=str(job.id),
        queue=job.queue,
        before=job.state.value,
        after=state.value,
        printer=changes.get("printer", job.printer),
        attempt=changes.get("attempt", job.attempt) or None,
        owner=changes.get("owner_id", job.owner_id),
    )
