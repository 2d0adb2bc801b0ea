"""Makes what release stations and badges work with."""

from spoold.database.engine import Database
from spoold.identity.authenticator import Identity
from spoold.identity.badges import Badges
from spoold.identity.guesses import Guesses
from spoold.identity.passwords import PasswordHasher
from spoold.identity.pins import PIN_COST
from spoold.identity.stations import Stations
from spoold.keys.tags import Tags
from spoold.model.site import CurrentSite
from spoold.printers.directory import PrinterDirectory
from spoold.release.desk import Desk
from spoold.release.stations import StationDesk
from spoold.runtime.clock import Clock
from spoold.runtime.limits import DaemonLimits


def make_stations(
    *,
    database: Database,
    clock: Clock,
    site: CurrentSite,
    limits: DaemonLimits,
    identity: Identity,
    guesses: Guesses,
    tags: Tags,
    desk: Desk,
    printers: PrinterDirectory,
) -> StationDesk:
    """Return the desk of all stations; the configuration may name the first one at any reload."""
    # A hasher of its own: whoever tries PINs does not keep people from signing in.
    hasher = PasswordHasher(cost=PIN_COST, queue=limits.hash_queue)
    badges = Badges(
        database=database,
        clock=clock,
        site=site,
        identity=identity,
        guesses=guesses,
        hasher=hasher,
        tags=tags,
    )
    return StationDesk(
        identity=identity,
        badges=badges,
        devices=Stations(database, clock, site),
        desk=desk,
        printers=printers,
        site=site,
        clock=clock,
    )


def portal_address(name: str, listening: list[str]) -> str:
    """Return where people's browsers reach the portal: its name, and the port unless it is 443.

    Args:
        name: [server] name.
        listening: addresses of the web door, as `spoold status` shows them.
    """
    ports = [address.rpartition(":")[2] for address in listening]
    return f"https://{name}" if not ports or "443" in ports else f"https://{name}:{ports[0]}"
