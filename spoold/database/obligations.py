"""Obligations: what rules asked of later stages, for the few jobs that have any."""

from collections.abc import Iterable

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from spoold.database.schema import obligations
from spoold.model.ids import JobId


def add(
    connection: Connection, job_id: JobId, words: Iterable[str], *, watermarks: Iterable[str] = ()
) -> None:
    """Keep further obligations with a job; those that it has stay.

    Args:
        watermarks: what shall stand on every page, with placeholders, a line for each.
    """
    together = " ".join(sorted(obligations_of(connection, job_id) | {str(word) for word in words}))
    lines = "\n".join(dict.fromkeys((*watermarks_of(connection, job_id), *watermarks)))
    values = {"words": together, "watermarks": lines}
    row = insert(obligations).values(job_id=job_id.bytes, **values)
    connection.execute(row.on_conflict_do_update(index_elements=["job_id"], set_=values))


def obligations_of(connection: Connection, job_id: JobId) -> frozenset[str]:
    """Return the obligations of a job."""
    found = connection.execute(
        select(obligations.c.words).where(obligations.c.job_id == job_id.bytes)
    ).scalar()
    return frozenset(found.split()) if found else frozenset()


def watermarks_of(connection: Connection, job_id: JobId) -> tuple[str, ...]:
    """Return what shall stand on every page of a job, in the order in which rules asked for it."""
    found = connection.execute(
        select(obligations.c.watermarks).where(obligations.c.job_id == job_id.bytes)
    ).scalar()
    return tuple(found.split("\n")) if found else ()
