"""What commands of the control socket are made of."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spoold.identity.authenticator import Identity
from spoold.identity.marks import PrinterMarks
from spoold.identity.print_uris import PrintUris
from spoold.identity.second_factors import SecondFactors
from spoold.identity.tokens import Tokens
from spoold.model.access import Action
from spoold.model.principal import Principal
from spoold.records.verify import ChainReport
from spoold.release.archive_desk import ArchiveDesk
from spoold.release.claims import ClaimDesk
from spoold.release.decisions import Decisions
from spoold.release.desk import Desk
from spoold.release.stations import StationDesk
from spoold.runtime.clock import Clock
from spoold.runtime.limits import DaemonLimits

# Where wrong passwords and PINs of this door are counted.
LOCAL_PEER = "local"
Arguments = Mapping[str, Any]
Answer = Any


@dataclass(frozen=True, slots=True)
class ControlParts:
    """What commands work with."""

    identity: Identity
    desk: Desk
    clock: Clock
    limits: DaemonLimits
    verify_audit: Callable[[], Awaitable[ChainReport]]
    read_audit: Callable[[int, str], Awaitable[list[dict[str, Any]]]]
    check_store: Callable[[float], Awaitable[dict[str, Any]]]
    status: Callable[[], dict[str, Any]]
    tokens: Tokens | None = None
    factors: SecondFactors | None = None
    print_uris: PrintUris | None = None
    claims: ClaimDesk | None = None
    stations: StationDesk | None = None
    marks: PrinterMarks | None = None
    decisions: Decisions | None = None
    archive: ArchiveDesk | None = None
    portal_address: Callable[[], str] = lambda: "https://localhost"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, what one must be allowed to do, and who answers."""

    name: str
    action: Action
    run: Callable[[ControlParts, Principal, Arguments], Awaitable[Answer]]
