"""Commands about tokens of programs."""

from typing import Any

import click

from spoold.cli.client import ask
from spoold.cli.output import clean, config_option, json_option, print_list

_DAY_S = 86_400


@click.group()
def token() -> None:
    """Make, list and revoke tokens for programs."""


@token.command()
@config_option
@click.argument("label")
@click.option("--user", "owner", help="Whose jobs it is about; without it, the token is the site's.")
@click.option("--scope", "scopes", multiple=True, required=True, help='What it is for, e.g. "metrics:read".')
@click.option("--network", "networks", multiple=True, required=True, help="From where, e.g. 10.20.0.0/16.")
@click.option("--days", type=click.IntRange(1, 365), default=90, show_default=True, help="For how long.")
def add(config_path: str, label: str, days: int, **named: Any) -> None:
    """Make a token and print it; it is not shown again."""
    wanted = {
        name: list(value) if isinstance(value, tuple) else value for name, value in named.items() if value
    }
    made = ask(config_path, "token-add", label=label, life_s=days * _DAY_S, **wanted)
    click.echo(made["token"])


@token.command("list")
@config_option
@json_option
def list_tokens(config_path: str, as_json: bool) -> None:
    """List tokens, without their secrets."""
    found = ask(config_path, "token-list")
    columns = {
        "ID": lambda one: one["id"],
        "FOR": lambda one: clean(one["label"]),
        "USER": lambda one: clean(one["user"] or "(site)"),
        "SCOPES": lambda one: " ".join(one["scopes"]),
        "NETWORKS": lambda one: " ".join(one["networks"]),
        "UNTIL": lambda one: one["expires_at"][:10],
        "LAST USED": lambda one: (one["used_at"] or "never")[:16],
        "": lambda one: one["state"],
    }
    print_list(found, columns, as_json=as_json, nothing="No tokens; make one with: spoold token add")


@token.command()
@config_option
@click.argument("token_id", metavar="ID")
def revoke(config_path: str, token_id: str) -> None:
    """End a token at once."""
    ask(config_path, "token-revoke", token=token_id)
    click.echo(f"Token {clean(token_id)} is not accepted any more.")
