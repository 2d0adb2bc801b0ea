"""Badges and the PINs beside them: rows in, typed rows out. No number is ever here, only its tag."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from spoold.database.schema import badges, station_pins
from spoold.database.times import from_us, to_us
from spoold.model.ids import UserId


@dataclass(frozen=True, slots=True)
class BadgeRow:
    """One badge of one person.

    Args:
        tag: HMAC of its number; masked in repr.
        label: what its owner calls it.
        used_at: when it last signed somebody in.
    """

    tag: bytes = field(repr=False)
    user_id: UserId
    label: str
    created_at: datetime
    used_at: datetime | None = None

    @property
    def id(self) -> str:
        """What names the badge in pages and records; tells nothing of its number."""
        return self.tag.hex()[:16]


def insert_badge(connection: Connection, badge: BadgeRow) -> None:
    """Insert a badge; an IntegrityError says that somebody has it."""
    row = {
        "tag": badge.tag,
        "user_id": badge.user_id,
        "label": badge.label,
        "created_us": to_us(badge.created_at),
        "used_us": to_us(badge.used_at),
    }
    connection.execute(insert(badges), row)


def badge_by_tags(connection: Connection, tags: Sequence[bytes]) -> BadgeRow | None:
    """Return the badge that has one of these tags."""
    row = connection.execute(select(badges).where(badges.c.tag.in_(tags)).limit(1)).one_or_none()
    return None if row is None else _badge_of(row)


def badges_of(connection: Connection, user_id: UserId) -> list[BadgeRow]:
    """Return somebody's badges, the oldest first."""
    statement = select(badges).where(badges.c.user_id == user_id).order_by(badges.c.created_us, badges.c.tag)
    return [_badge_of(row) for row in connection.execute(statement)]


def use_badge(connection: Connection, badge: BadgeRow, at: datetime, *, tag: bytes) -> bool:
    """Note that a badge was used, and give it the tag of the active key; False when it is gone."""
    statement = update(badges).where(badges.c.tag == badge.tag, badges.c.user_id == badge.user_id)
    return connection.execute(statement.values(tag=tag, used_us=to_us(at))).rowcount == 1


def delete_badge(connection: Connection, badge: BadgeRow) -> bool:
    """Remove a badge; False when it was gone."""
    return connection.execute(delete(badges).where(badges.c.tag == badge.tag)).rowcount == 1


def pin_hash_of(connection: Connection, user_id: UserId) -> str | None:
    """Return what is kept of somebody's PIN, None when there is none."""
    found = connection.execute(select(station_pins.c.pin_hash).where(station_pins.c.user_id == user_id))
    value = found.scalar_one_or_none()
    return None if value is None else str(value)


def put_pin_hash(connection: Connection, user_id: UserId, pin_hash: str, at: datetime) -> None:
    """Store what is kept of somebody's new PIN."""
    values = {"pin_hash": pin_hash, "set_us": to_us(at)}
    statement = upsert(station_pins).values(user_id=user_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))


def _badge_of(row: Row[Any]) -> BadgeRow:
    c = row._mapping
    return BadgeRow(
        c["tag"], UserId(c["user_id"]), c["label"], from_us(c["created_us"]), from_us(c["used_us"])
    )
