"""The configuration as frozen, closed, typed sections, named as in TOML unless aliased."""

from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    ModelWrapValidatorHandler,
    StrictBool,
    StrictInt,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from spoold.config import consistency
from spoold.config.archive import Archive
from spoold.config.identity import Directory
from spoold.config.kerberos import Kerberos
from spoold.config.lpr import Lpr
from spoold.config.oidc import Oidc
from spoold.config.print_values import CapabilitySettings, Cost
from spoold.config.rules import Entries, Groups, NamedNetwork, Rule
from spoold.config.section import Section, listed
from spoold.config.stations import Badges, StationSettings
from spoold.config.values import (
    AbsolutePath,
    Address,
    Certificate,
    Duration,
    HostName,
    MimeType,
    Name,
    Network,
    Pin,
    Reason,
    Size,
    StoreKey,
    TimeZone,
    Uri,
    parse_listen_address,
    refuse,
)
from spoold.model.queue import Authentication, CapabilityOverrides, ClaimRule, Queue, Release

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Server(Section):
    """The spooler itself."""

    name: HostName
    """Host name in print URIs and in the certificate."""
    state_dir: AbsolutePath = Path(consistency.DEFAULT_STATE_DIR)
    """Where the database and the sealed documents are; owned by the daemon alone."""
    mask_names: StrictBool = False
    """true: document names are masked on every queue, whatever the queue says."""
    timezone: TimeZone = "local"
    """Time zone of rules and schedules: "local" or an IANA name such as "Europe/Paris"."""


class Listen(Section):
    """Where to listen; sockets passed by systemd under the names ipp, web and lpr take precedence."""

    ipp: tuple[Address, ...] = tuple(map(parse_listen_address, consistency.DEFAULT_LISTEN["ipp"]))
    """IPP and IPPS on one port."""
    web: tuple[Address, ...] = tuple(map(parse_listen_address, consistency.DEFAULT_LISTEN["web"]))
    """Portal and API."""
    lpr: tuple[Address, ...] = ()
    """LPR (RFC 1179); off unless set, and then [lpr] allow is required."""


class DnsSd(Section):
    """How clients on the local network find the queues: DNS-SD (Bonjour, AirPrint) through Avahi."""

    advertise: StrictBool = True
    """Announce the queues where avahi-daemon runs and the ipp listener can be reached from outside."""


class Tls(Section):
    """The certificate of the ipp and web listeners."""

    certificate: Certificate = "auto"
    """"auto": self-signed on first start; else the path of a PEM file with the chain."""
    key: AbsolutePath | None = None
    """Path of the certificate's private key in PEM."""


class Store(Section):
    """The hold store."""

    key: StoreKey
    """The key that wraps every document key: "credential:NAME" (systemd) or "file:/path" (mode 0600)."""
    documents: Literal["local"] = "local"
    """Where sealed documents are kept."""
    database: Literal["sqlite"] = "sqlite"
    """Where jobs and people are recorded."""

    @field_validator("documents", "database", mode="before")
    @classmethod
    def _not_yet(cls, value: object) -> object:
        if isinstance(value, str) and value.startswith("s3:"):
            refuse('documents in S3 are not supported yet; use "local"')
        if isinstance(value, str) and value.startswith(("postgresql:", "postgres:")):
            refuse('PostgreSQL is not supported yet; use "sqlite"')
        return value


class Hold(Section):
    """How long jobs wait for their owner."""

    expires_after: Duration = timedelta(hours=4)
    """A job not released by then is shredded."""


class Printer(Section):
    """A machine on the floor."""

    uri: Uri
    """ipps://HOST/PATH, ipp://HOST/PATH (documents cross the network in clear) or folder:/PATH."""
    location: Annotated[str, Field(max_length=127)] = ""
    """Where it stands, for people."""
    ca: AbsolutePath | None = None
    """PEM file of the authorities that may sign this printer's certificate, instead of the system's."""
    pin: Pin | None = None
    """SHA-256 of the printer's public key, as "sha256:" and hex digits; then no authority is asked."""
    block_on: tuple[Reason, ...] = ()
    """Further printer-state-reasons that stand in the way of a release, such as "toner-low"."""
    groups: Groups | None = None
    """Only members of these groups may release jobs here; everybody when absent."""
    restricted_media: Mapping[Name, Groups] = {}
    """Paper, by its type, tray or size, that only members of the groups named with it may print on."""
    cost: Cost | None = None
    """What a page costs there, in the site's currency, for rules (they read thousandths: 0.05 is 50)."""


class QueueSettings(Section):
    """What clients print to."""

    printers: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Where its jobs may be released; the first is preferred."""
    description: Annotated[str, Field(max_length=127)] = ""
    """What people read when they add the queue."""
    groups: Groups | None = None
    """Only members of these groups may print here; everybody when absent."""
    mask_names: StrictBool = True
    """Nobody but the owner sees a document's name, and the printer is told "Job NUMBER"."""
    authentication: Authentication = Authentication.REQUIRED
    """"required": clients sign in to print; "at-release": jobs are held under a claimed name."""
    advertise: StrictBool = True
    """false: not announced on the local network, whatever [dns_sd] says."""
    release: Release = Release.BY_OWNER
    """"by-owner", or "on-arrival": as soon as printer and policy permit."""
    expires_after: Duration | None = None
    """Overrides [hold] expires_after."""
    formats: tuple[MimeType, ...] | None = None
    """Document formats accepted, as found by their first bytes; all supported ones when absent."""
    capabilities: CapabilitySettings | None = None
    """What the queue says it can do, in place of what its printers say."""
    pins: Literal["accepted", "off"] | None = None
    """PINs from the print dialog; when absent, accepted where clients sign in to print."""
    badges: StrictBool = True
    """false: a badge and PIN is not enough at stations to release its jobs; people sign in there."""
    show_names_to_approvers: StrictBool = False
    """true: whoever is to approve a job sees what its document is called."""
    claim: ClaimRule = ClaimRule.BY_NAME
    """Who may claim a job that came without proof, besides the person of the name it was sent under."""
    claim_known_names: StrictBool = False
    """true: also a job that was sent under the name of somebody else's account."""
    report_held_as: Literal["pending-held", "completed"] = "pending-held"
    """What clients are told of a held job; "completed" for those that cannot take the other."""

    @property
    def takes_pins(self) -> bool:
        """Whether PINs are accepted.

        Where nobody signs in to print, a PIN lets people print who have no account, so it must be asked for.
        """
        if self.pins is None:
            return self.authentication is Authentication.REQUIRED
        return self.pins == "accepted"


class Identity(Section):
    """Who knows the people."""

    order: Annotated[tuple[Name, ...], Field(min_length=1)] = ("local",)
    """Providers asked in turn: "local" are spoold's own users, all others are directories of that name."""
    ldap: Mapping[Name, Directory] = {}
    """Directories that know people, over LDAP."""
    second_factor: Literal["off", "administrators", "staff", "everyone"] = "off"
    """Who has to show a one-time password or a passkey besides the password."""
    kerberos: Kerberos | None = None
    """Sign-in with Kerberos tickets; off unless set."""
    oidc: Oidc | None = None
    """Sign-in to the portal at an OpenID provider; off unless set."""


class Limits(Section):
    """Bounds that a site may move; what is absent has the daemon's own default."""

    max_document_bytes: Annotated[Size | None, Field(alias="max_document")] = None
    """Largest document accepted."""
    max_documents_per_job: Annotated[StrictInt, Field(ge=1, le=10_000)] | None = None
    """Documents in one job."""
    max_held_jobs_per_user: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None
    """Held jobs of one person."""
    max_unclaimed_jobs_per_address: Annotated[StrictInt, Field(ge=1, le=1_000_000)] | None = None
    """Held jobs that came from one address under claimed names."""
    min_free_bytes: Annotated[Size | None, Field(alias="min_free")] = None
    """Free space below which no job is accepted any more."""

    def overrides(self) -> dict[str, int]:
        """Return what the site set, by the names of `spoold.runtime.limits.DaemonLimits`."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class Log(Section):
    """What the daemon writes about itself."""

    format: Literal["auto", "journal", "json", "console"] = "auto"
    """"auto": the journal under systemd, the console on a terminal, JSON else."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level written."""


class Metrics(Section):
    """Who may read /metrics on the web listener without signing in."""

    allow: tuple[Network, ...] = LOOPBACK
    """Networks of the monitoring; the machine itself when absent."""

    def allows(self, host: str) -> bool:
        """Return whether a peer's numeric address (IPv4-mapped too) is on the list; in doubt it is not."""
        return listed(host, self.allow)


class Config(Section):
    """The whole file."""

    server: Server
    listen: Listen = Listen()
    lpr: Lpr = Lpr()
    dns_sd: DnsSd = DnsSd()
    tls: Tls = Tls()
    store: Store
    hold: Hold = Hold()
    archive: Archive | None = None
    printers: Mapping[Name, Printer] = {}
    queues: Mapping[Name, QueueSettings] = {}
    badges: Badges | None = None
    stations: Mapping[Name, StationSettings] = {}
    identity: Identity = Identity()
    rules: tuple[Rule, ...] = ()
    schedules: Mapping[Name, Entries] = {}
    holidays: Mapping[Name, Entries] = {}
    networks: Mapping[Name, NamedNetwork] = {}
    limits: Limits = Limits()
    log: Log = Log()
    metrics: Metrics = Metrics()

    def queue(self, name: str) -> Queue:
        """Return a queue with the server-wide settings applied; KeyError if there is none of that name."""
        settings = self.queues[name]
        return Queue(
            name=name,
            printers=settings.printers,
            mask_names=settings.mask_names or self.server.mask_names,
            authentication=settings.authentication,
            release=settings.release,
            expires_after=settings.expires_after or self.hold.expires_after,
            description=settings.description,
            formats=None if settings.formats is None else frozenset(settings.formats),
            capabilities=CapabilityOverrides(**dict(settings.capabilities or ())),
            advertise=settings.advertise,
            pins=settings.takes_pins,
            badges=settings.badges,
            claim=settings.claim,
            claim_known_names=settings.claim_known_names,
            shows_held_as_completed=settings.report_held_as == "completed",
            show_names_to_approvers=settings.show_names_to_approvers,
        )

    def lpr_refusal(self, *, activated: bool) -> str | None:
        """Return why the daemon must not start with LPR as configured, or None.

        Args:
            activated: whether systemd passed a socket named lpr, which listens whatever the file says.
        """
        if (activated or self.listen.lpr) and not self.lpr.allow:
            return consistency.LPR_NEEDS_ALLOW
        return None

    @model_validator(mode="wrap")
    @classmethod
    def _report_everything(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Report mistakes between sections together with those inside them, not one kind after the other."""
        if isinstance(value, cls):
            return value
        raw = _plain(value)
        details: list[InitErrorDetails] = [
            {
                "type": PydanticCustomError(
                    "spoold",
                    "{reason}",
                    {"reason": f.message, "suggestion": f.suggestion, "at": f.at, "offset": f.offset},
                ),
                "loc": f.path,
                "input": None,
            }
            for f in consistency.findings(raw if isinstance(raw, dict) else {})
        ]
        try:
            config = handler(value)
        except ValidationError as error:
            details += [_again(line) for line in error.errors(include_url=False, include_input=False)]
        else:
            if not details:
                return config
        raise ValidationError.from_exception_data(cls.__name__, details, hide_input=True)


def _plain(value: Any, levels: int = 2) -> Any:
    """Return sections, and what stands under the names in them, as the file writes them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if levels and isinstance(value, Mapping):
        return {key: _plain(item, levels - 1) for key, item in value.items()}
    if levels and isinstance(value, list | tuple):
        return [_plain(item, levels - 1) for item in value]
    return value


def _again(line: Mapping[str, Any]) -> InitErrorDetails:
    """Return an error as pydantic wants it back; its words are kept, its input is not."""
    context = {"reason": line["msg"], "kind": line["type"], **line.get("ctx", {})}
    if line["type"] == "spoold":
        context["reason"] = line["ctx"]["reason"]
    return {"type": PydanticCustomError("spoold", "{reason}", context), "loc": line["loc"], "input": None}
