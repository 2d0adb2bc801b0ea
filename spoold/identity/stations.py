"""Devices of release stations: invited once by an administrator, known from then on by a token of their own.

The invitation is a link that is shown once. The device that opens it first, from the station's network, gets
a token of its own; the link is worth nothing afterwards.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import Connection

from spoold.database import stations
from spoold.database.engine import Database
from spoold.database.stations import StationRow
from spoold.model.errors import NotAuthorized, NotFound
from spoold.model.site import CurrentSite
from spoold.model.station import Station
from spoold.records import audit
from spoold.runtime.clock import Clock

TOKEN_BYTES = 32
_TOKEN_CHARACTERS = 43
# Somebody walks to the tablet with the link; a day later it has gone astray.
INVITATION_LASTS = timedelta(hours=24)
_NOT_ENROLLED = "This device is not a release station. Ask an administrator for a link that makes it one."
_DEAD_LINK = "This link was used before, or is too old. Ask an administrator for a new one."


class Stations:
    """Invites, enrols, knows and dismisses devices.

    Args:
        site: stations are what the configuration says; a device of one that is gone is a stranger.
    """

    def __init__(self, database: Database, clock: Clock, site: CurrentSite) -> None:
        self._database = database
        self._clock = clock
        self._site = site

    async def invite(self, name: str, *, actor: str) -> str:
        """Return an invitation for the device of a station; the device it had is dismissed.

        Raises:
            NotFound: the configuration knows no such station; says what to write there.
        """
        if name not in self._site().stations:
            raise NotFound(
                f'There is no station "{name}". Add [stations.{name}] with printer = "PRINTER" and '
                'networks = ["ADDRESS/PREFIX"] to the configuration, reload, and try again.'
            )
        invitation = secrets.token_urlsafe(TOKEN_BYTES)

        def work(connection: Connection) -> None:
            now = self._clock.now()
            stations.put_station(connection, StationRow(name, _hash(invitation), now))
            audit.append(connection, at=now, kind="station-invited", actor=actor, station=name)

        await self._database.write(work)
        return invitation

    async def enrol(self, invitation: str, *, peer: str) -> tuple[Station, str]:
        """Take a device in; returns its station and its token.

        Raises:
            NotAuthorized: the link is not good (any more), or the device is not in the station's network.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)

        def work(connection: Connection) -> Station:
            now = self._clock.now()
            row = self._row(connection, invitation)
            station = None if row is None else self._site().stations.get(row.name)
            if row is None or station is None or row.enrolled_at is not None or row.revoked_at is not None:
                raise NotAuthorized(_DEAD_LINK)
            if not timedelta(0) <= now - row.created_at <= INVITATION_LASTS:
                raise NotAuthorized(_DEAD_LINK)
            _check_place(station, peer)
            stations.put_station(connection, StationRow(row.name, _hash(token), row.created_at, now))
            audit.append(
                connection, at=now, kind="station-enrolled", actor=f"unproven:{peer}", station=row.name
            )
            return station

        return await self._database.write(work), token

    async def at(self, token: str, *, peer: str) -> Station:
        """Return the station of a device.

        Raises:
            NotAuthorized: it is not the device of any, or not in its network; says what to do.
        """
        row = await self._database.read(lambda connection: self._row(connection, token), short=True)
        station = None if row is None else self._site().stations.get(row.name)
        if row is None or station is None or row.enrolled_at is None or row.revoked_at is not None:
            raise NotAuthorized(_NOT_ENROLLED)
        _check_place(station, peer)
        return station

    async def dismiss(self, name: str, *, actor: str) -> None:
        """Send a station's device away, and end an invitation.

        Raises:
            NotFound: there is none.
        """

        def work(connection: Connection) -> None:
            now = self._clock.now()
            if not stations.revoke_station(connection, name, now):
                raise NotFound(f'Station "{name}" has no device.')
            audit.append(connection, at=now, kind="station-dismissed", actor=actor, station=name)

        await self._database.write(work)

    async def all(self) -> list[tuple[Station, StationRow | None]]:
        """Return the stations of the configuration, each with its device."""
        rows = {row.name: row for row in await self._database.read(stations.list_stations)}
        return [(station, rows.get(name)) for name, station in self._site().stations.items()]

    def _row(self, connection: Connection, token: str) -> StationRow | None:
        if len(token) != _TOKEN_CHARACTERS:
            return None
        return stations.station_by_hash(connection, _hash(token))


def _check_place(station: Station, peer: str) -> None:
    if not station.is_at(peer):
        raise NotAuthorized(
            "This device is not in the network of its release station. Ask an administrator.",
            station=station.name,
            peer=peer,
        )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
