"""Devices of release stations: rows in, typed rows out; of their tokens only hashes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from spoold.database.schema import stations
from spoold.database.times import from_us, to_us


@dataclass(frozen=True, slots=True)
class StationRow:
    """The device of one station.

    Args:
        token_hash: SHA-256 of the device's token, or of the invitation while no device has taken it.
        enrolled_at: when a device took the invitation; None until then.
        revoked_at: when the device was sent away; None while it may stay.
    """

    name: str
    token_hash: bytes = field(repr=False)
    created_at: datetime
    enrolled_at: datetime | None = None
    revoked_at: datetime | None = None


def put_station(connection: Connection, station: StationRow) -> None:
    """Store a station's device, in place of the one it had."""
    values = {
        "token_hash": station.token_hash,
        "created_us": to_us(station.created_at),
        "used_us": to_us(station.enrolled_at),
        "revoked_us": to_us(station.revoked_at),
    }
    statement = upsert(stations).values(name=station.name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def station_by_hash(connection: Connection, token_hash: bytes) -> StationRow | None:
    """Return the device whose token has this hash."""
    row = connection.execute(select(stations).where(stations.c.token_hash == token_hash)).one_or_none()
    return None if row is None else _station_of(row)


def list_stations(connection: Connection) -> list[StationRow]:
    """Return all devices by the names of their stations."""
    return [_station_of(row) for row in connection.execute(select(stations).order_by(stations.c.name))]


def revoke_station(connection: Connection, name: str, at: datetime) -> bool:
    """Send a device away; False when there is none."""
    statement = update(stations).where(stations.c.name == name, stations.c.revoked_us.is_(None))
    return connection.execute(statement.values(revoked_us=to_us(at))).rowcount == 1


def _station_of(row: Row[Any]) -> StationRow:
    c = row._mapping
    return StationRow(
        c["name"],
        c["token_hash"],
        from_us(c["created_us"]),
        from_us(c["used_us"]),
        from_us(c["revoked_us"]),
    )
