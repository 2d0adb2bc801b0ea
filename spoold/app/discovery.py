"""Lets the local network find the queues, for as long as the doors are open."""

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_address

import structlog

from spoold.app.parts import Parts
from spoold.doors.ipp.printer import QueueAttributes
from spoold.model.queue import Authentication
from spoold.printers.advertise import Advertiser, Avahi
from spoold.printers.dns_sd import Announcement, ServiceNames, announce

log = structlog.get_logger()

# What a client gets that asks on the ipp port to go on in TLS (RFC 2817), if it can speak that itself.
NEWEST_TLS = "1.3"


def make_advertiser(
    parts: Parts,
    attributes: QueueAttributes,
    names: ServiceNames,
    sockets: Mapping[str, Sequence[socket.socket]],
) -> Advertiser | None:
    """Return what announces the queues; None where only this machine could reach them."""
    port = outside_port(sockets["ipp"])
    if port is None:
        log.info("not-announced", reason="the ipp listener can be reached from this machine only")
        return None
    lpr_port = outside_port(sockets["lpr"]) or 0

    def enabled() -> bool:
        queues = parts.site().queues.values()
        return parts.config.dns_sd.advertise and any(queue.advertise for queue in queues)

    def wanted(host: str) -> list[Announcement]:
        authority = f"{host}:{port}"
        return [
            announce(
                queue.name,
                names.of(queue),
                ipp=attributes.attributes_of(queue, authority, tls=False),
                ipps=attributes.attributes_of(queue, authority, tls=True),
                port=port,
                lpr_port=lpr_port if queue.authentication is Authentication.AT_RELEASE else 0,
                upgrade_tls=NEWEST_TLS,
            )
            for queue in parts.site().queues.values()
            if queue.advertise and parts.config.dns_sd.advertise
        ]

    def rename(queue: str, name: str) -> None:
        # A reload may have taken the queue away meanwhile.
        if (found := parts.site().queues.get(queue)) is not None:
            names.rename(found, name)

    advertiser = Advertiser(_connect, enabled=enabled, wanted=wanted, rename=rename)
    parts.on_reload.append(advertiser.look)
    return advertiser


def outside_port(sockets: Sequence[socket.socket]) -> int | None:
    """Return the port of the first listening socket that other machines can reach."""
    for one in sockets:
        host, port = one.getsockname()[:2]
        if not ip_address(host.partition("%")[0]).is_loopback:
            return int(port)
    return None


def _connect(on_change: Callable[[], None]) -> AbstractAsyncContextManager[Avahi]:
    # A daemon that announces nothing does not load jeepney.
    from spoold.printers.avahi import open_avahi  # noqa: PLC0415

    return open_avahi(on_change)
