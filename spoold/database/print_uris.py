"""Personal print URIs: rows in, typed rows out."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from spoold.database import people
from spoold.database.people import UserRow
from spoold.database.schema import print_uris
from spoold.database.times import from_us, to_us
from spoold.model.ids import UserId

_BY_HASH = select(print_uris).where(print_uris.c.token_hash == bindparam("of_token"))


@dataclass(frozen=True, slots=True)
class PrintUriRow:
    """One print URI; its token is known to the clients of its owner only.

    Args:
        id: names it in pages, commands and the audit; worth nothing to whoever prints.
        label: what its owner calls it.
        token_hash: SHA-256 of the token; masked in repr.
        used_at: when somebody last printed or asked through it, to some minutes; None for never.
        revoked_at: since when it is not good any more; None while it is.
    """

    id: str
    user_id: UserId
    queue: str
    label: str
    token_hash: bytes = field(repr=False)
    created_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


def insert_print_uri(connection: Connection, row: PrintUriRow) -> None:
    """Insert a print URI."""
    values = {
        "id": row.id,
        "user_id": row.user_id,
        "queue": row.queue,
        "label": row.label,
        "token_hash": row.token_hash,
        "created_us": to_us(row.created_at),
    }
    connection.execute(insert(print_uris), values)


def print_uri_by_hash(connection: Connection, token_hash: bytes) -> tuple[PrintUriRow, UserRow] | None:
    """Return the print URI whose token has this hash, revoked or not, and the account it stands for."""
    row = connection.execute(_BY_HASH, {"of_token": token_hash}).one_or_none()
    if row is None:
        return None
    found = _row_of(row)
    user = people.user_by_id(connection, found.user_id)
    return None if user is None else (found, user)


def print_uri_by_id(connection: Connection, uri_id: str) -> PrintUriRow | None:
    """Return the print URI of this id."""
    row = connection.execute(select(print_uris).where(print_uris.c.id == uri_id)).one_or_none()
    return None if row is None else _row_of(row)


def print_uris_of(connection: Connection, user_id: UserId) -> list[PrintUriRow]:
    """Return the print URIs of an account that are not revoked, the oldest first."""
    statement = (
        select(print_uris)
        .where(print_uris.c.user_id == user_id, print_uris.c.revoked_us.is_(None))
        .order_by(print_uris.c.created_us, print_uris.c.id)
    )
    return [_row_of(row) for row in connection.execute(statement)]


def revoke_print_uri(connection: Connection, uri_id: str, at: datetime) -> bool:
    """Revoke a print URI; False when it is revoked already or there is none."""
    statement = update(print_uris).where(print_uris.c.id == uri_id, print_uris.c.revoked_us.is_(None))
    return connection.execute(statement.values(revoked_us=to_us(at))).rowcount == 1


def touch_print_uri(connection: Connection, uri_id: str, at: datetime) -> None:
    """Note that a print URI was used."""
    connection.execute(update(print_uris).where(print_uris.c.id == uri_id).values(used_us=to_us(at)))


def _row_of(row: Row[Any]) -> PrintUriRow:
    c = row._mapping
    return PrintUriRow(
        id=c["id"],
        user_id=UserId(c["user_id"]),
        queue=c["queue"],
        label=c["label"],
        token_hash=c["token_hash"],
        created_at=from_us(c["created_us"]),
        used_at=from_us(c["used_us"]),
        revoked_at=from_us(c["revoked_us"]),
    )
