"""Builds the `Site` that services ask, from a configuration that was checked."""

from datetime import timedelta

from spoold.config.model import Config
from spoold.config.sitepolicy import compile_policy
from spoold.model.printer import Printer
from spoold.model.site import Site
from spoold.runtime.limits import DaemonLimits

# Tombstones: an owner can still read why a job ended; names and documents are gone long before.
FORGET_AFTER = timedelta(days=7)


def build_site(config: Config, limits: DaemonLimits) -> Site:
    """Return the site of a configuration.

    Raises:
        policy.rules.PolicyErrors: the rules do not compile; `spoold.config.loader` reports them earlier.
    """
    return Site(
        name=config.server.name,
        queues={name: config.queue(name) for name in config.queues},
        printers=printers_of(config),
        policy=compile_policy(config),
        mask_names=config.server.mask_names,
        max_document_bytes=limits.max_document_bytes,
        forget_after=FORGET_AFTER,
        lpr_networks=config.lpr.mapped(),
        archive=None if config.archive is None else config.archive.terms(),
        second_factor=config.identity.second_factor,
        badges=None if config.badges is None else config.badges.rules(),
        stations={
            name: settings.station(name, badges=config.badges is not None)
            for name, settings in config.stations.items()
        },
    )


def printers_of(config: Config) -> dict[str, Printer]:
    """Return the printers of a configuration by their names."""
    return {name: _printer(config, name) for name in config.printers}


def _printer(config: Config, name: str) -> Printer:
    settings = config.printers[name]
    return Printer(
        name=name,
        uri=str(settings.uri),
        location=settings.location,
        ca=None if settings.ca is None else str(settings.ca),
        pin=settings.pin,
        block_on=frozenset(settings.block_on),
        cost=settings.cost,
    )
