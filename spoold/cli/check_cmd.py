"""Checks a configuration file without starting anything."""

from pathlib import Path

import click

from spoold.cli.output import config_option, json_option, print_json


@click.command()
@config_option
@json_option
def check(config_path: str, as_json: bool) -> int:
    """Report every mistake of the configuration at once, as file:line:column; exit status 2 if any."""
    from spoold.config.loader import ConfigurationErrors, check_environment, load  # noqa: PLC0415

    try:
        config = load(Path(config_path))
        problems = list(check_environment(config))
    except ConfigurationErrors as error:
        problems = list(error.problems)
    for problem in problems:
        if as_json:
            print_json(problem.as_json())
        else:
            click.echo(str(problem), err=True)
    if not problems and not as_json:
        click.echo(f"{config_path}: fine")
    return 2 if problems else 0
