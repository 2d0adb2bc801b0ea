"""Commands about spoold's own accounts."""

import click

from spoold.cli.client import ask
from spoold.cli.output import clean, config_option, json_option, print_list, read_password


@click.group()
def user() -> None:
    """Add, list, close and open accounts of spoold's own."""


@user.command()
@config_option
@click.argument("name")
@click.option("--groups", default="", help="Groups, separated by commas.")
@click.option("--role", type=click.Choice(["user", "operator", "administrator"]), default="user")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(config_path: str, name: str, groups: str, role: str, password_stdin: bool) -> None:
    """Add an account."""
    password = read_password(password_stdin, f"Password of {name}", confirm=True)
    wanted = [group.strip() for group in groups.split(",") if group.strip()]
    made = ask(config_path, "user-add", name=name, groups=wanted, role=role, new_password=password)
    click.echo(f"Added {clean(made['name'])}.")


@user.command()
@config_option
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def password(config_path: str, name: str, password_stdin: bool) -> None:
    """Set an account's password; its sessions end."""
    fresh = read_password(password_stdin, f"New password of {name}", confirm=True)
    ask(config_path, "user-password", name=name, new_password=fresh)
    click.echo(f"The password of {clean(name)} is changed.")


@user.command()
@config_option
@click.argument("name")
def disable(config_path: str, name: str) -> None:
    """Close an account; its sessions end."""
    ask(config_path, "user-disable", name=name)
    click.echo(f"{clean(name)} cannot sign in any more.")


@user.command()
@config_option
@click.argument("name")
def enable(config_path: str, name: str) -> None:
    """Open a closed account."""
    ask(config_path, "user-enable", name=name)
    click.echo(f"{clean(name)} can sign in again.")


@user.command("reset-second-factor")
@config_option
@click.argument("name")
def reset_second_factor(config_path: str, name: str) -> None:
    """Remove lost second factors; all sessions end."""
    done = ask(config_path, "user-reset-second-factor", name=name)
    if done["removed"]:
        click.echo(f"{clean(name)} signs in without a second factor now, and can set up a new one.")
    else:
        click.echo(f"{clean(name)} had no second factor.")


@user.command("list")
@config_option
@json_option
def list_users(config_path: str, as_json: bool) -> None:
    """List accounts."""
    found = ask(config_path, "user-list")
    columns = {
        "NAME": lambda one: clean(one["name"]),
        "ROLE": lambda one: one["role"],
        "FROM": lambda one: clean(one["provider"]),
        "GROUPS": lambda one: clean(", ".join(one["groups"])),
        "": lambda one: "closed" if one["disabled"] else "",
    }
    print_list(found, columns, as_json=as_json, nothing="No accounts; add one with: spoold user add NAME")
