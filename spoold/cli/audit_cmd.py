"""Commands about the audit chain."""

import json
from typing import Any

import click

from spoold.cli.client import ask
from spoold.cli.output import config_option, json_option, print_json, print_list

_IN_COLUMNS = frozenset({"at", "kind", "actor", "seq", "names"})


@click.group()
def audit() -> None:
    """Read and verify the audit chain."""


@audit.command()
@click.option("--last", default=20, show_default=True, help="How many entries, at most 1000.")
@click.option("--kind", default="", help='Only entries of this kind, such as "sign-in-failed".')
@config_option
@json_option
def show(last: int, kind: str, config_path: str, as_json: bool) -> None:
    """Show the newest entries of the records, the newest last."""
    found = ask(config_path, "audit-show", last=last, kind=kind)
    columns = {
        "WHEN": lambda one: str(one["at"])[:19].replace("T", " "),
        "WHAT": lambda one: str(one["kind"]),
        "WHO": lambda one: str(one["names"].get("actor", one["actor"])),
        "MORE": _more,
    }
    print_list(found, columns, as_json=as_json, nothing="There is no such entry.")


def _more(one: dict[str, Any]) -> str:
    """Return what else an entry says, as words with values."""
    said = {**one, **{key: name for key, name in one["names"].items() if key != "actor"}}
    return " ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in sorted(said.items())
        if key not in _IN_COLUMNS
    )


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
