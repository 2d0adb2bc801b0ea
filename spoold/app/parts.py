"""Makes every part of the daemon and ties them together; nothing is started here."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from holdstore.errors import HoldStoreError
from holdstore.keyring import Keyring
from holdstore.store import HoldStore
from spoold.app.certificates import ServerTls, prepare_tls
from spoold.app.directories import providers_of, term_of
from spoold.app.sign_in import make_kerberos, make_oidc
from spoold.app.site import build_site
from spoold.app.state import StateDirectory
from spoold.app.stations import make_stations
from spoold.config.model import Config
from spoold.database.engine import Database
from spoold.database.migrations import migrate
from spoold.documents.inspector import Inspector
from spoold.documents.pool import PoolLimits, WorkerPool
from spoold.documents.rendering import Renderer
from spoold.doors.ipp.capabilities import FORMATS
from spoold.identity.accounts import Accounts
from spoold.identity.authenticator import Identity
from spoold.identity.guesses import Guesses
from spoold.identity.kerberos import Kerberos
from spoold.identity.local import LocalUsers
from spoold.identity.oidc import Oidc
from spoold.identity.passwords import PasswordHasher
from spoold.identity.pins import PIN_COST, PinKeeper
from spoold.identity.second_factors import SecondFactors
from spoold.identity.second_rule import SecondRule
from spoold.identity.tokens import Tokens
from spoold.intake.admission import Admission
from spoold.intake.inspection import Inspections
from spoold.intake.open_jobs import OpenJobs
from spoold.intake.pipeline import Intake, IntakeParts
from spoold.keys.check import check_store_key
from spoold.keys.source import load_keyring
from spoold.keys.tags import Tags
from spoold.keys.words import PrivateWords
from spoold.model.errors import ConfigurationError
from spoold.model.site import Site
from spoold.printers.directory import PrinterDirectory
from spoold.printers.notebook import Notebook
from spoold.records.queue_orders import QueueOrders
from spoold.release.desk import Desk
from spoold.release.pins import PinDesk
from spoold.release.service import ReleaseParts, ReleaseService
from spoold.release.stations import StationDesk
from spoold.runtime.clock import SystemClock
from spoold.runtime.health import ComponentHealth, Health
from spoold.runtime.limits import DaemonLimits
from spoold.runtime.metrics import Metrics

log = structlog.get_logger()

# Documents without a shape of their own are not kept: nobody could say what a printer would make of them.
ACCEPTED_FORMATS = frozenset(FORMATS) - {"application/octet-stream"}


@dataclass(slots=True)
class SiteHolder:
    """The site in force; a reload replaces it."""

    current: Site

    def __call__(self) -> Site:
        """Return the site in force."""
        return self.current


@dataclass(slots=True)
class Parts:
    """Everything the daemon consists of."""

    config: Config
    limits: DaemonLimits
    clock: SystemClock
    metrics: Metrics
    health: Health
    state: StateDirectory
    site: SiteHolder
    tls: ServerTls
    database: Database
    store: HoldStore
    words: PrivateWords
    printers: PrinterDirectory
    identity: Identity
    pool: WorkerPool
    inspector: Inspector
    renderer: Renderer
    admission: Admission
    inspections: Inspections
    release: ReleaseService
    intake: Intake
    open_jobs: OpenJobs
    desk: Desk
    orders: QueueOrders
    guesses: Guesses
    tokens: Tokens
    factors: SecondFactors
    tags: Tags
    stations: StationDesk
    started_at: datetime
    kerberos: Kerberos | None = None
    oidc: Oidc | None = None
    listening: dict[str, list[str]] = field(default_factory=dict)
    failures: list[Callable[[str], None]] = field(default_factory=list)
    on_reload: list[Callable[[], None]] = field(default_factory=list)

    def status(self) -> dict[str, Any]:
        """Return what `spoold status` shows."""
        snapshot = self.health.snapshot()
        return {
            "state": snapshot.state.word,
            "components": {
                name: {"state": part.state.word, "reason": part.reason}
                for name, part in snapshot.components.items()
            },
            "listening": self.listening,
            "fingerprint": self.tls.fingerprint,
        }


def build_parts(config: Config, stack: ExitStack) -> Parts:
    """Make every part; the stack closes what has to be closed.

    Raises:
        ConfigurationError: something the configuration names cannot be used.
        Unavailable: the database cannot be opened.
    """
    # Before anything is made: without its key the daemon leaves nothing behind.
    keyring = load_keyring(config.store.key)
    failures: list[Callable[[str], None]] = []
    base, second = _base(config, stack, keyring, failures)
    limits, clock, metrics, state = base.limits, base.clock, base.metrics, base.state
    site, database, store, orders = base.site, base.database, base.store, base.orders
    tls = prepare_tls(config, state.tls, clock)
    printers = PrinterDirectory(
        site=site, clock=clock, metrics=metrics, notebook=Notebook(state.capabilities)
    )
    pool = WorkerPool(PoolLimits(max_workers=limits.inspection_workers))
    inspector, renderer = Inspector(pool), Renderer()
    identity = _identity(base, config, second)
    guesses = identity.guesses
    release = _release(base, identity, printers, renderer, inspector)
    admission = Admission(
        limits=limits, free_bytes=store.free_bytes, total_bytes=state.total_bytes, orders=orders
    )
    inspections = Inspections(database=database, store=store, inspector=inspector, metrics=metrics)
    intake = _intake(base, admission, inspections, release)
    desk = Desk(release, site, base.words, printers, _pins(base, identity, release))
    tags = Tags(keyring.derive)
    return Parts(
        config=config,
        limits=limits,
        clock=clock,
        metrics=metrics,
        health=Health(clock, partial(_health_changed, metrics)),
        state=state,
        site=site,
        tls=tls,
        database=database,
        store=store,
        words=base.words,
        printers=printers,
        identity=identity,
        pool=pool,
        inspector=inspector,
        renderer=renderer,
        admission=admission,
        inspections=inspections,
        release=release,
        intake=intake,
        open_jobs=_open_jobs(base, intake),
        desk=desk,
        orders=orders,
        guesses=guesses,
        tokens=Tokens(database, clock, guesses, presences=identity.presences, term=term_of(config, clock)),
        factors=SecondFactors(
            database=database,
            clock=clock,
            guesses=guesses,
            rule=second,
            keyring=keyring,
            site_name=lambda: site().name,
        ),
        tags=tags,
        stations=_stations(base, identity, guesses, tags, desk=desk, printers=printers),
        started_at=clock.now(),
        kerberos=make_kerberos(config, state, identity, database=database, clock=clock, metrics=metrics),
        oidc=make_oidc(config, identity, database=database, clock=clock, metrics=metrics),
        failures=failures,
    )


@dataclass(frozen=True, slots=True)
class _Base:
    """What everything else stands on."""

    limits: DaemonLimits
    clock: SystemClock
    metrics: Metrics
    state: StateDirectory
    site: SiteHolder
    database: Database
    store: HoldStore
    words: PrivateWords
    orders: QueueOrders


def _base(
    config: Config, stack: ExitStack, keyring: Keyring, failures: list[Callable[[str], None]]
) -> tuple[_Base, SecondRule]:
    limits, clock = DaemonLimits(**config.limits.overrides()), SystemClock()
    state = StateDirectory.prepare(config.server.state_dir, reserve_bytes=limits.reserve_bytes)
    stack.callback(state.lock().release)
    site = SiteHolder(build_site(config, limits))
    database = Database(state.database, on_failure=lambda why: _tell(failures, why))
    stack.callback(database.close)
    orders, second = QueueOrders(), SecondRule(lambda: site().second_factor)
    database.open(lambda connection: _prepare(connection, keyring, orders, second))
    store, words = _open_store(state, keyring), PrivateWords(keyring)
    return _Base(limits, clock, Metrics(), state, site, database, store, words, orders), second


def _open_jobs(base: _Base, intake: Intake) -> OpenJobs:
    return OpenJobs(
        intake=intake,
        database=base.database,
        clock=base.clock,
        site=base.site,
        people=Accounts(base.database, base.clock).of,
    )


def _identity(base: _Base, config: Config, second: SecondRule) -> Identity:
    limits = base.limits
    hasher = PasswordHasher(
        workers=limits.hash_workers, queue=limits.hash_queue, max_password_bytes=limits.max_password_bytes
    )
    users = LocalUsers(base.database, base.clock, hasher)
    return Identity(
        database=base.database,
        clock=base.clock,
        metrics=base.metrics,
        users=users,
        order=providers_of(config, users, base.database, base.clock),
        second=second,
    )


def _stations(
    base: _Base, identity: Identity, guesses: Guesses, tags: Tags, *, desk: Desk, printers: PrinterDirectory
) -> StationDesk:
    return make_stations(
        database=base.database,
        clock=base.clock,
        site=base.site,
        limits=base.limits,
        identity=identity,
        guesses=guesses,
        tags=tags,
        desk=desk,
        printers=printers,
    )


def _pins(base: _Base, identity: Identity, release: ReleaseService) -> PinDesk:
    # A hasher of its own: whoever tries PINs does not keep people from signing in.
    hasher = PasswordHasher(cost=PIN_COST, queue=base.limits.hash_queue)
    return PinDesk(
        service=release,
        site=base.site,
        words=base.words,
        people=identity.owner_now,
        keeper=PinKeeper(hasher),
    )


def _release(
    base: _Base, identity: Identity, printers: PrinterDirectory, renderer: Renderer, inspector: Inspector
) -> ReleaseService:
    return ReleaseService(
        ReleaseParts(
            site=base.site,
            database=base.database,
            store=base.store,
            words=base.words,
            printers=printers,
            people=identity.owner_now,
            confirm=identity.confirmed,
            clock=base.clock,
            metrics=base.metrics,
            renderer=renderer,
            inspector=inspector,
            orders=base.orders,
        )
    )


def _intake(base: _Base, admission: Admission, inspections: Inspections, release: ReleaseService) -> Intake:
    return Intake(
        IntakeParts(
            site=base.site,
            database=base.database,
            store=base.store,
            words=base.words,
            inspections=inspections,
            admission=admission,
            clock=base.clock,
            metrics=base.metrics,
            limits=base.limits,
            formats=ACCEPTED_FORMATS,
        ),
        on_held=release.on_arrival,
    )


def _prepare(connection: Connection, keyring: Keyring, orders: QueueOrders, second: SecondRule) -> None:
    migrate(connection)
    check_store_key(connection, keyring)
    orders.load(connection)
    second.load(connection)


def _open_store(state: StateDirectory, keyring: Keyring) -> HoldStore:
    try:
        return HoldStore(state.documents, keyring)
    except HoldStoreError as error:
        raise ConfigurationError(f"{state.documents} cannot be used: {error}.") from error


def _tell(failures: list[Callable[[str], None]], why: str) -> None:
    for tell in failures:
        tell(why)


def _health_changed(
    metrics: Metrics, component: str, old: ComponentHealth | None, new: ComponentHealth
) -> None:
    metrics.set_health(component, new.state)
    if old is None and new.state.word == "ok":
        return
    log.warning("health", component=component, state=new.state.word, reason=new.reason)
