"""Evidence rows: the audit chain, the time line of each job, grants and single facts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from spoold.database.prepared import Prepared, remembered
from spoold.database.schema import audit, facts, grants, job_events
from spoold.database.times import from_us, to_us
from spoold.model.ids import JobId, UserId

_LAST_AUDIT = Prepared(select(audit.c.seq, audit.c.chain_hash).order_by(audit.c.seq.desc()).limit(1))
_INSERT_AUDIT = Prepared(insert(audit))
_TIP = "audit-tip"
_INSERT_EVENT = Prepared(insert(job_events), ("job_id", "at_us", "event", "words"))
_EVENTS = (
    select(job_events.c.at_us, job_events.c.event, job_events.c.words)
    .where(job_events.c.job_id == bindparam("of_job"))
    .order_by(job_events.c.seq)
)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One link of the chain as stored."""

    seq: int
    entry: str
    chain_hash: bytes


@dataclass(frozen=True, slots=True)
class JobEventRow:
    """One line of a job's time line."""

    at: datetime
    event: str
    words: str


@dataclass(frozen=True, slots=True)
class GrantRow:
    """Permission to forward one job to one printer once."""

    id: str
    job_id: JobId
    user_id: UserId
    printer: str
    granted_at: datetime
    expires_at: datetime
    boot_id: str
    consumed_at: datetime | None = None


def last_audit(connection: Connection) -> tuple[int, bytes] | None:
    """Return the number and hash of the newest link."""
    tip: tuple[int, bytes] | None = remembered(connection).get(_TIP)
    if tip is not None:
        return tip
    row = _LAST_AUDIT.run(connection).fetchone()
    return None if row is None else (row[0], row[1])


def insert_audit(connection: Connection, row: AuditRow) -> None:
    """Append a link."""
    _INSERT_AUDIT.run(connection, {"seq": row.seq, "entry": row.entry, "chain_hash": row.chain_hash})
    remembered(connection)[_TIP] = (row.seq, row.chain_hash)


def audit_rows(connection: Connection, after_seq: int = 0, limit: int = 1000) -> list[AuditRow]:
    """Return links in order, from the one after `after_seq`."""
    statement = select(audit).where(audit.c.seq > after_seq).order_by(audit.c.seq).limit(limit)
    return [AuditRow(row.seq, row.entry, row.chain_hash) for row in connection.execute(statement)]


def latest_audit(connection: Connection, limit: int, kind: str = "") -> list[str]:
    """Return the newest entries, the newest first.

    Args:
        kind: only of this kind, if it is not empty.
    """
    statement = select(audit.c.entry).order_by(audit.c.seq.desc()).limit(limit)
    if kind:
        statement = statement.where(func.json_extract(audit.c.entry, "$.kind") == kind)
    return list(connection.execute(statement).scalars())


def insert_event(connection: Connection, job_id: JobId, at: datetime, event: str, words: str) -> None:
    """Add a line to a job's time line."""
    row = {"job_id": job_id.bytes, "at_us": to_us(at), "event": event, "words": words}
    _INSERT_EVENT.run(connection, row)


def events_of(connection: Connection, job_id: UUID) -> list[JobEventRow]:
    """Return a job's time line."""
    rows = connection.execute(_EVENTS, {"of_job": job_id.bytes})
    return [JobEventRow(from_us(row.at_us), row.event, row.words) for row in rows]


def insert_grant(connection: Connection, grant: GrantRow) -> None:
    """Write a grant."""
    connection.execute(
        insert(grants),
        {
            "id": grant.id,
            "job_id": grant.job_id.bytes,
            "user_id": grant.user_id,
            "printer": grant.printer,
            "granted_us": to_us(grant.granted_at),
            "expires_us": to_us(grant.expires_at),
            "boot_id": grant.boot_id,
        },
    )


def grant_by_id(connection: Connection, grant_id: str) -> GrantRow | None:
    """Return the grant of this id."""
    row = connection.execute(select(grants).where(grants.c.id == grant_id)).one_or_none()
    return None if row is None else _grant_of(row)


def grants_of(connection: Connection, job_id: UUID) -> list[GrantRow]:
    """Return every grant of a job, oldest first."""
    statement = select(grants).where(grants.c.job_id == job_id.bytes).order_by(grants.c.granted_us)
    return [_grant_of(row) for row in connection.execute(statement)]


def consume_grant(connection: Connection, grant_id: str, now: datetime) -> bool:
    """Use up a grant; False when it was used before, has expired or does not exist."""
    statement = (
        update(grants)
        .where(grants.c.id == grant_id, grants.c.consumed_us.is_(None), grants.c.expires_us > to_us(now))
        .values(consumed_us=to_us(now))
    )
    return connection.execute(statement).rowcount == 1


def set_fact(connection: Connection, name: str, value: str) -> None:
    """Remember a single fact of this spooler."""
    statement = upsert(facts).values(name=name, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def get_fact(connection: Connection, name: str) -> str | None:
    """Return a single fact."""
    value: str | None = connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar()
    return value


def facts_beginning(connection: Connection, prefix: str) -> dict[str, str]:
    """Return every fact whose name begins so, by the rest of its name."""
    statement = select(facts.c.name, facts.c.value).where(facts.c.name.startswith(prefix, autoescape=True))
    return {row.name.removeprefix(prefix): row.value for row in connection.execute(statement)}


def forget_fact(connection: Connection, name: str) -> None:
    """Forget a single fact."""
    connection.execute(delete(facts).where(facts.c.name == name))


def _grant_of(row: Row[Any]) -> GrantRow:
    c = row._mapping
    return GrantRow(
        id=c["id"],
        job_id=JobId(UUID(bytes=c["job_id"])),
        user_id=UserId(c["user_id"]),
        printer=c["printer"],
        granted_at=from_us(c["granted_us"]),
        expires_at=from_us(c["expires_us"]),
        boot_id=c["boot_id"],
        consumed_at=from_us(c["consumed_us"]),
    )
