"""Commands about the audit chain."""

import click

from spoold.cli.client import ask
from spoold.cli.output import config_option, json_option, print_json


@click.group()
def audit() -> None:
    """Verify the audit chain."""


@audit.command()
@config_option
@json_option
def verify(config_path: str, as_json: bool) -> int:
    """Read the whole chain. Note its head elsewhere: a cut tail shows only against such a note."""
    report = ask(config_path, "audit-verify")
    if as_json:
        print_json(report)
    elif report["broken_at"] is None:
        click.echo(f"{report['entries']} entries fit together. Head: {report['head']}")
    else:
        click.echo(f"The chain is broken: {report['why']}.", err=True)
    return 0 if report["broken_at"] is None else 1
