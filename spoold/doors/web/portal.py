"""What pages and API ask of the daemon, and who is asking."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol

from policy.explain import Explanation
from spoold.database.records import JobEventRow
from spoold.doors.web.rendering import Renderer
from spoold.identity.authenticator import Identity
from spoold.identity.kerberos import Kerberos
from spoold.identity.marks import PrinterMarks
from spoold.identity.oidc import Oidc
from spoold.identity.pins import Pin
from spoold.identity.print_uris import PrintUris
from spoold.identity.second_factors import SecondFactors
from spoold.identity.sessions import csrf_token
from spoold.identity.tokens import Tokens
from spoold.model.ids import JobId
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal
from spoold.model.site import CurrentSite
from spoold.model.station import Station
from spoold.release.claims import Claimable
from spoold.release.decisions import Decisions
from spoold.release.pins import Wanted
from spoold.release.stations import StationDesk
from spoold.release.views import JobView, PrinterView
from spoold.runtime.clock import Clock
from spoold.runtime.health import Health
from spoold.runtime.metrics import Metrics


def is_loopback(host: str) -> bool:
    """Tell whether a peer is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class PinDesk(Protocol):
    """The part of `spoold.release.pins.PinDesk` that the web asks."""

    async def release(self, wanted: Wanted, pin: Pin, printer: str | None, *, peer: str) -> list[Job]:
        """Let the jobs go that are meant and have this PIN; refuses in words."""
        ...


class ClaimDesk(Protocol):
    """The part of `spoold.release.claims.ClaimDesk` that the web asks."""

    def offers(self) -> bool:
        """Tell whether there may be something to claim at all."""
        ...

    async def claimable(self, principal: Principal, *, peer: str) -> list[Claimable]:
        """Return the jobs this person may claim, the newest first."""
        ...

    async def one(self, principal: Principal, job_id: JobId, *, peer: str) -> Claimable:
        """Return one of them; NotFound when this person may not claim it."""
        ...

    async def claim(self, principal: Principal, job_id: JobId, *, peer: str) -> Job:
        """Make it this person's; refuses in words."""
        ...


class JobDesk(Protocol):
    """The part of `spoold.release.desk.Desk` that the web asks."""

    @property
    def pins(self) -> PinDesk:
        """Releases by PIN."""
        ...

    async def jobs(
        self, principal: Principal, *, states: Collection[JobState] | None = None
    ) -> list[JobView]:
        """Return the jobs this person may read, oldest first."""
        ...

    async def job(self, principal: Principal | None, job_id: JobId) -> JobView:
        """Return one job; NotFound when it may not be read."""
        ...

    async def release(self, principal: Principal, job_id: JobId, printer: str | None) -> JobView:
        """Let a job go; refuses in words."""
        ...

    async def cancel(self, principal: Principal, job_id: JobId) -> JobView:
        """Cancel a job and destroy its documents."""
        ...

    async def take_back(self, principal: Principal, job_id: JobId) -> JobView:
        """Hold a job again of which nobody knows whether it was printed."""
        ...

    async def printers(self, principal: Principal) -> list[PrinterView]:
        """Return every printer with its live status."""
        ...

    async def timeline(self, principal: Principal, job_id: JobId) -> list[JobEventRow]:
        """Return what happened to a job, oldest first."""
        ...

    async def explain(self, principal: Principal, job_id: JobId) -> tuple[Explanation, Explanation]:
        """Return what the rules say about a job: of its acceptance, and of a release now."""
        ...


@dataclass(frozen=True, slots=True)
class Portal:
    """Everything the web door needs.

    Args:
        metrics_allowed: whether a peer, by its numeric address, may read /metrics and the reasons in
            /healthz; asked each time.
    """

    identity: Identity
    desk: JobDesk
    site: CurrentSite
    clock: Clock
    metrics: Metrics
    health: Health
    renderer: Renderer
    metrics_allowed: Callable[[str], bool] = is_loopback
    stations: StationDesk | None = None
    marks: PrinterMarks | None = None
    kerberos: Kerberos | None = None
    oidc: Oidc | None = None
    tokens: Tokens | None = None
    factors: SecondFactors | None = None
    print_uris: PrintUris | None = None
    claims: ClaimDesk | None = None
    decisions: Decisions | None = None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent a request.

    Args:
        principal: who was proven; None where nobody needs to be.
        token: the session token on portal pages, else empty; masked in repr.
        peer: numeric address.
        job: the job the route is about, as this visitor may see it.
        form: the fields of a posted form.
        station: the release station whose device sent it; None elsewhere.
    """

    principal: Principal | None
    peer: str
    token: str = field(default="", repr=False)
    job: JobView | None = None
    form: dict[str, str] = field(default_factory=dict, repr=False)
    station: Station | None = None

    @property
    def csrf(self) -> str:
        """What this visitor's forms carry; empty without a session."""
        return csrf_token(self.token) if self.token else ""

    @property
    def known(self) -> Principal:
        """The principal of a route that needs one."""
        if self.principal is None:
            raise LookupError("the route's declaration lets nobody in without a principal")
        return self.principal

    @property
    def at(self) -> Station:
        """The station of a route that is for one."""
        if self.station is None:
            raise LookupError("the route's declaration is not for a station")
        return self.station

    @property
    def about(self) -> JobView:
        """The job of a route that is about one."""
        if self.job is None:
            raise LookupError("the route's declaration is not about a job")
        return self.job
