"""Checks a configuration file without starting anything."""

from dataclasses import asdict
from itertools import chain
from pathlib import Path

import click

from spoold.cli.output import clean, config_option, json_option, print_json


@click.command()
@config_option
@json_option
@click.option(
    "--online",
    is_flag=True,
    help="Also try the directories and the OpenID provider: connection, certificate, password, search.",
)
def check(config_path: str, as_json: bool, online: bool) -> int:
    """Report every mistake of the configuration at once, as file:line:column; exit status 2 if any.

    With --online, exit status 1 if a directory or provider cannot be used as it is configured.
    """
    from spoold.config import loader  # noqa: PLC0415 - pydantic and the rules' language, for this command only

    problems = loader.check(Path(config_path))
    for problem in problems:
        if as_json:
            print_json({**asdict(problem), "file": str(problem.file)})
        else:
            click.echo("\n".join(map(clean, str(problem).splitlines())), err=True)
    if not problems:
        remark = _remark(Path(config_path))
        if remark is not None:
            # No mistake of the file: the daemon would start, and a reload goes through.
            click.echo(clean(f"{config_path}: {remark}."), err=True)
        if not as_json:
            click.echo(f"{config_path}: fine")
        if online:
            return _try_online(Path(config_path), as_json=as_json)
    return 2 if problems else 0


def _try_online(path: Path, *, as_json: bool) -> int:
    """Try what the file names on the network; returns the exit status."""
    from spoold.app.directories import try_directories  # noqa: PLC0415 - loaded only for a file without mistakes
    from spoold.app.sign_in import try_provider  # noqa: PLC0415
    from spoold.config import loader  # noqa: PLC0415

    status, config = 0, loader.load(path)
    for tried in chain(try_directories(config), try_provider(config)):
        if as_json:
            print_json(asdict(tried))
        else:
            click.echo(clean(f"{'ok  ' if tried.fine else 'BAD '} {tried.subject}: {tried.words}."))
        status = status if tried.fine else 1
    return status


def _remark(path: Path) -> str | None:
    """Say what the machine lacks for what the file names."""
    from spoold.app.conversion import remark  # noqa: PLC0415 - loaded only for a file without mistakes
    from spoold.config import loader  # noqa: PLC0415

    return remark(loader.load(path))
