"""The daemon's services in the order they start: what others stand on first, doors last."""

import functools
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
import trio

from protocols.errors import RemoteProtocolError
from protocols.http.message import Request
from protocols.http.server import HttpServer
from protocols.limits import HttpLimits, LprLimits
from protocols.lpr.handler import LprPeer
from protocols.lpr.server import LprServer
from spoold.app.clients import Clients, make_clients
from spoold.app.decisions import make_decisions
from spoold.app.discovery import make_advertiser
from spoold.app.parts import Parts
from spoold.app.sign_in import roomier
from spoold.app.stations import portal_address
from spoold.app.upkeep import QueueCounts, check_store, keep_health
from spoold.doors.control.parts import ControlParts
from spoold.doors.control.server import ControlServer
from spoold.doors.ipp.declarations import SUPPORTED
from spoold.doors.ipp.dispatch import IppDispatcher
from spoold.doors.ipp.door import Door
from spoold.doors.ipp.printer import QueueAttributes, Standing
from spoold.doors.ipp.queue_control import standing_of, without_room
from spoold.doors.ipp.repeats import Repeats
from spoold.doors.lpr import LprDoor
from spoold.identity.accounts import Accounts
from spoold.identity.marks import PrinterMarks
from spoold.printers.dns_sd import ServiceNames
from spoold.records.reading import latest
from spoold.records.verify import ChainReport, Progress, verify_next
from spoold.release.archive_desk import ArchiveDesk
from spoold.release.decisions import Decisions
from spoold.runtime.supervisor import Service
from spoold.runtime.systemd import Notifier, keep_watchdog

log = structlog.get_logger()

Sockets = Mapping[str, Sequence[socket.socket]]


def services_of(parts: Parts, sockets: Sockets, notifier: Notifier) -> list[Service]:
    """Return every service; the control socket answers only when all others are up."""
    counts = QueueCounts(parts.database)
    parts.listening = {door: [_name(one) for one in found] for door, found in sockets.items()}
    services = [
        Service("pool", parts.pool.keep_warm),
        Service("health", _endless(functools.partial(keep_health, parts))),
        Service("admission", _endless(functools.partial(parts.admission.run, parts.database))),
        Service("counts", _endless(counts.run)),
        Service("inspections", _endless(parts.inspections.run)),
        Service("open-jobs", _endless(parts.open_jobs.run)),
        Service("printers", parts.printers.run),
        _release(parts),
    ]
    names = ServiceNames(parts.config.server.name)
    attributes = _attributes(parts, counts, names)
    clients, decisions = make_clients(parts), make_decisions(parts)
    if sockets["ipp"]:
        services.append(_ipp(parts, sockets["ipp"], attributes, clients))
    if sockets["lpr"]:
        services.append(_lpr(parts, sockets["lpr"]))
    if sockets["web"]:
        services.append(_web(parts, sockets["web"], clients, decisions))
    advertiser = make_advertiser(parts, attributes, names, sockets)
    if advertiser is not None:
        services.append(_gentle("discovery", _endless(advertiser.run), advertiser.stop))
    services.append(Service("watchdog", _endless(functools.partial(_watchdog, parts, notifier))))
    services.append(_control(parts, clients, decisions))
    return services


def _release(parts: Parts) -> Service:
    stop = trio.Event()

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(parts.release.run)
            task_status.started()
            await stop.wait()
            await parts.release.drain()
            nursery.cancel_scope.cancel()

    return _gentle("release", run, stop.set)


def _attributes(parts: Parts, counts: QueueCounts, names: ServiceNames) -> QueueAttributes:
    attributes = QueueAttributes(
        operations=SUPPORTED,
        started_at=parts.started_at,
        server_name=parts.config.server.name,
        queued=counts.live,
        active=lambda queue: parts.intake.is_active(queue) or counts.at_printer(queue),
        knowledge=parts.printers,
        site=parts.site,
        dns_sd_name=names.of,
        standing=functools.partial(_standing, parts),
    )
    counts.tell(lambda: attributes.look(parts.site().queues.values(), parts.clock.now()))
    return attributes


def _standing(parts: Parts, queue: str) -> Standing:
    standing = standing_of(parts.orders, queue)
    return without_room(standing) if parts.admission.is_full else standing


def _ipp(
    parts: Parts, sockets: Sequence[socket.socket], attributes: QueueAttributes, clients: Clients
) -> Service:
    door = Door(
        site=parts.site,
        database=parts.database,
        identity=parts.identity,
        intake=parts.intake,
        desk=parts.desk,
        words=parts.words,
        clock=parts.clock,
        metrics=parts.metrics,
        limits=parts.limits,
        attributes=attributes,
        orders=parts.orders,
        kerberos=parts.kerberos,
        print_uris=clients.print_uris,
    )
    repeats = Repeats(parts.site, attributes.moment, parts.clock, parts.metrics)
    server = HttpServer(
        IppDispatcher(door, repeats),
        limits=roomier(HttpLimits(), parts.config),
        repeats=repeats,
        tls_context=lambda: parts.tls.context,
        upgrades_to_tls=True,
        allowed_hosts=_any_host,
        on_error=_log_crash,
    )

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        await server.serve(sockets, task_status=task_status)

    return _gentle("ipp", run, server.drain)


def _lpr(parts: Parts, sockets: Sequence[socket.socket]) -> Service:
    people = Accounts(parts.database, parts.clock)
    door = LprDoor(parts.site, parts.database, parts.intake, parts.clock, parts.metrics, people.at_address)

    def refused(peer: LprPeer) -> None:
        parts.metrics.lpr_peer_refused()
        log.warning("lpr-peer-refused", peer=peer.host)

    def broken(peer: LprPeer, error: RemoteProtocolError) -> None:
        parts.metrics.protocol_error("lpr")
        log.info("lpr-protocol-error", peer=peer.host, error=str(error))

    server = LprServer(
        door,
        allowed=lambda host: parts.config.lpr.allows(host),  # noqa: PLW0108 - the configuration in force
        limits=LprLimits(),
        on_refused=refused,
        on_broken=broken,
    )

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        await server.serve(_for_trio(sockets), task_status=task_status)

    return _gentle("lpr", run, server.drain)


def _web(parts: Parts, sockets: Sequence[socket.socket], clients: Clients, decisions: Decisions) -> Service:
    # A daemon without a portal does not load Starlette and Jinja.
    from spoold.doors.web.app import WEB_LIMITS, build_web_app, serve_web  # noqa: PLC0415

    app = build_web_app(
        identity=parts.identity,
        desk=parts.desk,
        site=parts.site,
        clock=parts.clock,
        metrics=parts.metrics,
        health=parts.health,
        metrics_allowed=lambda host: parts.config.metrics.allows(host),  # noqa: PLW0108
        trusted_certificate=lambda: parts.config.tls.certificate != "auto",
        kerberos=parts.kerberos,
        oidc=parts.oidc,
        tokens=parts.tokens,
        factors=parts.factors,
        stations=parts.stations,
        marks=PrinterMarks(parts.tags),
        print_uris=clients.print_uris,
        claims=clients.claims,
        decisions=decisions,
    )
    stop = trio.Event()

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        await serve_web(
            app,
            sockets,
            tls_context=lambda: parts.tls.context,
            shutdown=stop.wait,
            limits=roomier(WEB_LIMITS, parts.config),
            task_status=task_status,
        )

    return _gentle("web", run, stop.set)


def _control(parts: Parts, clients: Clients, decisions: Decisions) -> Service:
    async def read_audit(last: int, kind: str) -> list[dict[str, Any]]:
        return await parts.database.read(lambda connection: latest(connection, last=last, kind=kind))

    async def verify_audit() -> ChainReport:
        found: Progress | ChainReport = Progress()
        while isinstance(found, Progress):
            found = await parts.database.read(functools.partial(verify_next, progress=found))
        return found

    control = ControlParts(
        identity=parts.identity,
        desk=parts.desk,
        clock=parts.clock,
        limits=parts.limits,
        verify_audit=verify_audit,
        read_audit=read_audit,
        check_store=functools.partial(check_store, parts),
        status=parts.status,
        tokens=parts.tokens,
        factors=parts.factors,
        stations=parts.stations,
        marks=PrinterMarks(parts.tags),
        print_uris=clients.print_uris,
        claims=clients.claims,
        decisions=decisions,
        archive=ArchiveDesk(parts.database, parts.clock),
        portal_address=lambda: portal_address(parts.site().name, parts.listening.get("web", [])),
    )
    return Service("control", ControlServer(control, parts.state.control_socket).serve)


async def _watchdog(parts: Parts, notifier: Notifier) -> None:
    await keep_watchdog(notifier, lambda: not parts.database.failed)
    await trio.sleep_forever()


def _gentle(name: str, run: Callable[..., Awaitable[None]], stop: Callable[[], None]) -> Service:
    """Make a service that is told to stop and then ends by itself when its work is done."""
    ended = trio.Event()

    async def body(*, task_status: trio.TaskStatus[None]) -> None:
        try:
            await run(task_status=task_status)
        finally:
            ended.set()

    async def drain() -> None:
        stop()
        await ended.wait()

    return Service(name, body, drain=drain)


def _endless(run: Callable[[], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Make a service body of a loop that is ready as soon as it runs."""

    async def body(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await run()

    return body


def _for_trio(sockets: Sequence[socket.socket]) -> list[trio.socket.SocketType]:
    return [trio.socket.from_stdlib_socket(one) for one in sockets]


def _name(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _any_host(_host: str) -> bool:
    """Accept every name: clients reach us by whatever name or address their network gives us.

    Rebinding needs a browser, and browsers are turned away by their own headers (doors.ipp.dispatch).
    """
    return True


def _log_crash(error: Exception, request: Request) -> None:
    log.error("ipp-handler-crashed", peer=request.peer_host, exc_info=error)
