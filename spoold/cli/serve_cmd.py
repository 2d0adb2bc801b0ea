"""Runs the daemon."""

from pathlib import Path

import click

from spoold.cli.output import config_option


@click.command()
@config_option
def serve(config_path: str) -> int:
    """Run the daemon until SIGTERM; SIGHUP reloads the configuration after checking it."""
    from spoold.app.daemon import run_daemon  # noqa: PLC0415 - the only command that needs all of the daemon

    return run_daemon(Path(config_path))
