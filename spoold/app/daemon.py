"""Starts the daemon, obeys signals, and brings it down in order."""

import gc
import itertools
import os
import signal
from collections.abc import MutableMapping
from contextlib import ExitStack
from pathlib import Path

import structlog
import trio

from spoold.app.listeners import open_listeners
from spoold.app.parts import Parts, build_parts
from spoold.app.recovery import recover
from spoold.app.reload import Reloader
from spoold.app.services import Sockets, services_of
from spoold.config.loader import load
from spoold.runtime.descriptors import raise_descriptor_limit
from spoold.runtime.hardening import harden_process
from spoold.runtime.logging import configure_logging
from spoold.runtime.supervisor import Supervisor
from spoold.runtime.systemd import Notifier, listen_fds

log = structlog.get_logger()

# sysexits.h EX_TEMPFAIL: systemd starts the daemon again, on a fresh connection to the database.
EXIT_DATABASE = 75


def run_daemon(config_path: Path, environ: MutableMapping[str, str] | None = None) -> int:
    """Run until told to stop; returns the exit status.

    Raises:
        SpoolError: it cannot start; nothing was started.
    """
    environment = os.environ if environ is None else environ
    harden_process()
    raise_descriptor_limit()
    with ExitStack() as stack:
        activated = listen_fds(environment)
        for listening in itertools.chain.from_iterable(activated.values()):
            stack.enter_context(listening)
        notifier = Notifier.from_environment(environment)
        config = load(config_path)
        configure_logging(
            environ=environment,
            level=config.log.level,
            log_format=None if config.log.format == "auto" else config.log.format,
            lasting=True,
        )
        sockets = open_listeners(config, activated, stack)
        parts = build_parts(config, stack)
        return trio.run(_main, config_path, parts, sockets, notifier)


async def _main(config_path: Path, parts: Parts, sockets: Sockets, notifier: Notifier) -> int:
    await recover(parts)
    supervisor = Supervisor(
        drain_timeout_s=parts.limits.drain_timeout_s,
        on_ready=lambda: _announce(parts, notifier),
        on_stopping=notifier.stopping,
    )
    token = trio.lowlevel.current_trio_token()
    # Told from the database's thread.
    parts.failures.append(lambda why: token.run_sync_soon(supervisor.stop, f"the database failed: {why}"))
    reloader = Reloader(config_path, parts, notifier)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_obey_signals, supervisor, reloader)
        status = await supervisor.run(services_of(parts, sockets, notifier))
        nursery.cancel_scope.cancel()
    return EXIT_DATABASE if parts.database.failed else status


async def _obey_signals(supervisor: Supervisor, reloader: Reloader) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as arriving:
        async for number in arriving:
            if number == signal.SIGHUP:
                reloader.reload()
            else:
                supervisor.stop(signal.Signals(number).name)


def _announce(parts: Parts, notifier: Notifier) -> None:
    # What was made by now lives as long as the daemon: a full collection over it costs 40 ms for nothing.
    gc.collect()
    gc.freeze()
    log.info("ready", listening=parts.listening, certificate_sha256=parts.tls.fingerprint)
    notifier.ready("ready")
