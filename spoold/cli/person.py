"""Commands in which somebody proves who they are: --user, and a password that is asked for or piped in."""

import getpass
from collections.abc import Callable
from typing import Any, TypeVar

import click

from spoold.cli.output import read_password

F = TypeVar("F", bound=Callable[..., Any])


def person_options(of_user: str = "Who you are; your login name if not given.") -> Callable[[F], F]:
    """Add --user and --password-stdin.

    Args:
        of_user: what the help says of --user.
    """

    def add(function: F) -> F:
        user = click.option("--user", help=of_user)
        password = click.option(
            "--password-stdin", is_flag=True, help="Read the password from standard input."
        )
        return user(password(function))

    return add


def proof(user: str | None, password_stdin: bool) -> dict[str, str]:
    """Return the name and password that a command is asked under."""
    name = user or getpass.getuser()
    return {"user": name, "password": read_password(password_stdin, f"Password of {name}")}
