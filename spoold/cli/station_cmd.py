"""Commands about release stations, and the codes that hang beside printers."""

from pathlib import Path

import click

from spoold.cli.client import ask
from spoold.cli.output import clean, config_option, json_option, print_json, print_list


@click.group()
def station() -> None:
    """Make and dismiss the devices of release stations."""


@station.command()
@config_option
@json_option
@click.argument("name")
def add(config_path: str, as_json: bool, name: str) -> None:
    """Print the link that makes a device a station.

    It works once, for a day. The station itself stands in the configuration: [stations.NAME] with printer
    and networks. A device that it had is dismissed.
    """
    made = ask(config_path, "station-add", name=name)
    if as_json:
        print_json(made)
        return
    from spoold.runtime.qr_code import as_text  # noqa: PLC0415 - only where a code is drawn

    click.echo(f"Open this on the device beside {clean(made['printer'])}, within a day:\n")
    click.echo(f"  {made['link']}\n")
    click.echo(as_text(made["link"]))
    click.echo(f"It works once, and only from {clean(', '.join(made['networks']))}.")


@station.command("list")
@config_option
@json_option
def list_stations(config_path: str, as_json: bool) -> None:
    """List stations with their devices."""
    found = ask(config_path, "station-list")
    columns = {
        "STATION": lambda one: one["name"],
        "PRINTER": lambda one: one["printer"],
        "NETWORKS": lambda one: " ".join(one["networks"]),
        "DEVICE": lambda one: one["device"],
        "SINCE": lambda one: (one["since"] or "")[:16],
    }
    nothing = "No stations; add one to the configuration: [stations.NAME]"
    print_list(found, columns, as_json=as_json, nothing=nothing)


@station.command()
@config_option
@click.argument("name")
def remove(config_path: str, name: str) -> None:
    """Dismiss a station's device, or its unused link."""
    ask(config_path, "station-remove", name=name)
    click.echo(f"The device of {clean(name)} is dismissed.")


@click.command()
@config_option
@click.argument("name")
@click.option("--svg", type=click.Path(dir_okay=False), help="Write the code as SVG into this file.")
@click.option("--png", type=click.Path(dir_okay=False), help="Write the code as PNG into this file.")
def qr(config_path: str, name: str, svg: str | None, png: str | None) -> None:
    """Show the code that opens a printer's page on a phone."""
    from spoold.runtime.qr_code import as_png, as_svg, as_text  # noqa: PLC0415 - as above

    made = ask(config_path, "printer-code", name=name)
    if svg is not None:
        Path(svg).write_text(as_svg(made["address"]) + "\n", "utf-8")
    if png is not None:
        Path(png).write_bytes(as_png(made["address"]))
    click.echo(made["address"])
    if svg is None and png is None:
        click.echo(as_text(made["address"]))
