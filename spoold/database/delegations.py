"""Delegations: who may release for whom, as rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from spoold.database.schema import delegations
from spoold.database.times import from_us, to_us
from spoold.model.delegation import Delegation
from spoold.model.ids import JobId, UserId


def insert_delegation(connection: Connection, one: Delegation) -> None:
    """Insert a delegation."""
    row = {
        "id": one.id,
        "owner_id": one.owner_id,
        "delegate_id": one.delegate_id,
        "job_id": None if one.job_id is None else one.job_id.bytes,
        "created_us": to_us(one.created_at),
        "expires_us": to_us(one.expires_at),
        "titles": int(one.titles),
    }
    connection.execute(insert(delegations), row)


def delegations_to(connection: Connection, delegate: UserId, now: datetime) -> list[Delegation]:
    """Return what holds good for a delegate at this moment."""
    return _of(connection, delegations.c.delegate_id == delegate, now)


def delegations_by(connection: Connection, owner: UserId, now: datetime) -> list[Delegation]:
    """Return what an owner has given and still holds good."""
    return _of(connection, delegations.c.owner_id == owner, now)


def delegation_for(
    connection: Connection, owner: UserId, job_id: JobId, delegate: UserId, now: datetime
) -> Delegation | None:
    """Return the delegation by which somebody may release this job now; one that shows titles first."""
    found = _of(
        connection,
        (delegations.c.owner_id == owner)
        & (delegations.c.delegate_id == delegate)
        & or_(delegations.c.job_id.is_(None), delegations.c.job_id == job_id.bytes),
        now,
    )
    return max(found, key=lambda one: one.titles, default=None)


def revoke_delegation(connection: Connection, delegation_id: str, owner: UserId, at: datetime) -> bool:
    """End a delegation; False when the owner has given none of this id, or has ended it before."""
    statement = update(delegations).where(
        delegations.c.id == delegation_id,
        delegations.c.owner_id == owner,
        delegations.c.revoked_us.is_(None),
    )
    return connection.execute(statement.values(revoked_us=to_us(at))).rowcount == 1


def forget_delegations(connection: Connection, before: datetime) -> int:
    """Delete what ended by itself before this moment; returns how many."""
    statement = delete(delegations).where(delegations.c.expires_us < to_us(before))
    return int(connection.execute(statement).rowcount)


def _of(connection: Connection, whose: Any, now: datetime) -> list[Delegation]:
    statement = (
        select(delegations)
        .where(whose, delegations.c.revoked_us.is_(None), delegations.c.expires_us > to_us(now))
        .order_by(delegations.c.created_us, delegations.c.id)
    )
    return [one for one in map(_delegation_of, connection.execute(statement)) if one.is_on(now)]


def _delegation_of(row: Row[Any]) -> Delegation:
    c = row._mapping
    return Delegation(
        id=c["id"],
        owner_id=UserId(c["owner_id"]),
        delegate_id=UserId(c["delegate_id"]),
        job_id=None if c["job_id"] is None else JobId(UUID(bytes=c["job_id"])),
        created_at=from_us(c["created_us"]),
        expires_at=from_us(c["expires_us"]),
        titles=bool(c["titles"]),
        revoked_at=from_us(c["revoked_us"]),
    )
