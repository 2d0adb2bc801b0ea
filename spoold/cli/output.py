"""What commands print: tables for people, JSON for programs, one line for an error."""

import getpass
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from spoold.model.errors import SpoolError

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_CONFIG = "/etc/spoold/spoold.toml"


def config_option(function: F) -> F:
    """Add --config, which every command takes."""
    option = click.option(
        "--config",
        "config_path",
        default=DEFAULT_CONFIG,
        show_default=True,
        type=click.Path(dir_okay=False),
        help="The configuration file.",
    )
    return option(function)


def json_option(function: F) -> F:
    """Add --json for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


def print_json(value: object) -> None:
    """Print a value as JSON, one object a line for lists."""
    rows = value if isinstance(value, list) else [value]
    for row in rows:
        click.echo(json.dumps(row, ensure_ascii=False))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, nothing: str) -> None:
    """Print aligned columns, or a sentence when there is nothing."""
    if not rows:
        click.echo(nothing)
        return
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_list(
    found: Sequence[dict[str, Any]],
    columns: Mapping[str, Callable[[dict[str, Any]], str]],
    *,
    as_json: bool,
    nothing: str,
) -> None:
    """Print what was found: all of it as JSON, or a table.

    Args:
        columns: by its head, what a column says of one.
        nothing: what people read when nothing was found.
    """
    if as_json:
        print_json(found)
        return
    rows = [[cell(one) for cell in columns.values()] for one in found]
    print_table(list(columns), rows, nothing=nothing)


def print_outcome(one: dict[str, Any], as_json: bool) -> None:
    """Print what became of a job."""
    if as_json:
        print_json(one)
    else:
        click.echo(f"Job {one['number']}: {one['state']}. {clean(one['reason'])}")


def clean(text: object) -> str:
    """Return text that cannot move the cursor or hide itself in a terminal."""
    return "".join(character if character.isprintable() else "?" for character in str(text))


def in_words(seconds: float) -> str:
    """Return a time left in words."""
    minutes = int(seconds // 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


def fail(error: SpoolError) -> int:
    """Print an error on standard error, a line for each thing that is wrong; returns its exit status."""
    for line in error.public.splitlines():
        click.echo(f"spoold: {clean(line)}", err=True)
    return error.exit_code


def read_password(from_stdin: bool, prompt: str, *, confirm: bool = False) -> str:
    """Return a password from standard input (one line) or from the terminal.

    Raises:
        click.UsageError: there is no terminal, so that what is typed would be seen.
    """
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    except getpass.GetPassWarning as error:
        raise click.UsageError("There is no terminal to ask on; --help has the -stdin options.") from error
    return answer
