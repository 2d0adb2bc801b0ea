"""Obligations: what rules asked of later stages, for the few jobs that have any."""

from collections.abc import Iterable

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from spoold.database.schema import obligations
from spoold.model.ids import JobId


def add(connection: Connection, job_id: JobId, words: Iterable[str]) -> None:
    """Keep further obligations with a job; those that it has stay."""
    together = " ".join(sorted(obligations_of(connection, job_id) | {str(word) for word in words}))
    row = insert(obligations).values(job_id=job_id.bytes, words=together)
    connection.execute(row.on_conflict_do_update(index_elements=["job_id"], set_={"words": together}))


def obligations_of(connection: Connection, job_id: JobId) -> frozenset[str]:
    """Return the obligations of a job."""
    found = connection.execute(
        select(obligations.c.words).where(obligations.c.job_id == job_id.bytes)
    ).scalar()
    return frozenset(found.split()) if found else frozenset()
