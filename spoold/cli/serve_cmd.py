"""Runs the daemon."""

import sys
from pathlib import Path

import click

from spoold.cli.output import config_option


@click.command()
@config_option
def serve(config_path: str) -> int:
    """Run the daemon until SIGTERM; SIGHUP reloads the configuration after checking it."""
    # Loaded by others where they are installed, and used by nothing here: rich by structlog, for colours in
    # tracebacks (the package of the rules' language brings it along), greenlet by SQLAlchemy, for asyncio.
    # Together they take 4 MiB for as long as the daemon runs.
    for unused in ("rich", "greenlet"):
        sys.modules.setdefault(unused, None)  # type: ignore[arg-type]  # None is how an import is refused

    from spoold.app.daemon import run_daemon  # noqa: PLC0415 - the only command that needs all of the daemon

    return run_daemon(Path(config_path))
