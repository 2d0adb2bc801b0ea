"""Commands about the hold store."""

import click

from spoold.cli.client import ask
from spoold.cli.output import clean, config_option, json_option, print_json


@click.group()
def store() -> None:
    """Check the hold store."""


@store.command()
@config_option
@json_option
@click.option(
    "--read-data",
    type=click.FloatRange(0, 100),
    default=0.0,
    metavar="PERCENT",
    help="Also decrypt this share of the documents.",
)
def check(config_path: str, as_json: bool, read_data: float) -> int:
    """Compare every container with its row. Exit status 1 when something does not fit."""
    report = ask(config_path, "store-check", read_fraction=read_data / 100)
    if as_json:
        print_json(report)
    else:
        click.echo(f"{report['checked']} documents checked, {report['read']} decrypted.")
        for finding in report["findings"]:
            click.echo(f"  {clean(finding)}", err=True)
    return 1 if report["findings"] else 0
