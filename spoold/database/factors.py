"""Second factors of people; rows in, typed rows out."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from spoold.database.schema import second_factors
from spoold.database.times import from_us, to_us
from spoold.model.ids import UserId

TOTP, PASSKEY, RECOVERY = "totp", "passkey", "recovery"


@dataclass(frozen=True, slots=True)
class FactorRow:
    """One second factor.

    Args:
        kind: "totp", "passkey" or "recovery".
        credential_id: a passkey's own id; None for the others.
        secret: TOTP: the seed, sealed under the store key; passkey: its public key; recovery: a hash.
        counter: TOTP: the last time step that was used; passkey: its counter.
    """

    id: str
    user_id: UserId
    kind: str
    label: str
    secret: bytes = field(repr=False)
    created_at: datetime
    credential_id: bytes | None = None
    counter: int = 0
    used_at: datetime | None = None


def insert_factor(connection: Connection, factor: FactorRow) -> None:
    """Insert a factor; an IntegrityError says that this passkey is known already."""
    row = {
        "id": factor.id,
        "user_id": factor.user_id,
        "kind": factor.kind,
        "label": factor.label,
        "credential_id": factor.credential_id,
        "secret": factor.secret,
        "counter": factor.counter,
        "created_us": to_us(factor.created_at),
    }
    connection.execute(insert(second_factors), row)


def factors_of(connection: Connection, user_id: UserId) -> list[FactorRow]:
    """Return the factors of an account, the oldest first."""
    statement = select(second_factors).where(second_factors.c.user_id == user_id)
    rows = connection.execute(statement.order_by(second_factors.c.created_us, second_factors.c.id))
    return [_factor_of(row) for row in rows]


def passkey_by_credential(connection: Connection, credential_id: bytes) -> FactorRow | None:
    """Return the passkey of this id."""
    statement = select(second_factors).where(second_factors.c.credential_id == credential_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else _factor_of(row)


def people_with_factors(connection: Connection) -> set[UserId]:
    """Return everybody who has a second factor."""
    statement = select(second_factors.c.user_id).where(second_factors.c.kind != RECOVERY).distinct()
    return {UserId(row.user_id) for row in connection.execute(statement)}


def use_factor(connection: Connection, factor: FactorRow, counter: int, at: datetime) -> bool:
    """Note that a factor was used; False when somebody else has used it meanwhile, or it is gone."""
    statement = update(second_factors).where(
        second_factors.c.id == factor.id, second_factors.c.counter == factor.counter
    )
    return connection.execute(statement.values(counter=counter, used_us=to_us(at))).rowcount == 1


def delete_factor(connection: Connection, user_id: UserId, factor_id: str) -> bool:
    """Delete one factor of an account; False when it has none of this id."""
    statement = delete(second_factors).where(
        second_factors.c.user_id == user_id, second_factors.c.id == factor_id
    )
    return connection.execute(statement).rowcount == 1


def delete_factors(connection: Connection, user_id: UserId, kind: str | None = None) -> int:
    """Delete all factors of an account, or all of a kind; returns how many."""
    statement = delete(second_factors).where(second_factors.c.user_id == user_id)
    if kind is not None:
        statement = statement.where(second_factors.c.kind == kind)
    return int(connection.execute(statement).rowcount)


def _factor_of(row: Row[Any]) -> FactorRow:
    c = row._mapping
    return FactorRow(
        id=c["id"],
        user_id=UserId(c["user_id"]),
        kind=c["kind"],
        label=c["label"],
        secret=c["secret"],
        created_at=from_us(c["created_us"]),
        credential_id=c["credential_id"],
        counter=c["counter"],
        used_at=from_us(c["used_us"]),
    )
