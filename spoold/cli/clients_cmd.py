"""Commands about clients that cannot sign in: personal print URIs, and unclaimed jobs."""

import click

from spoold.cli.client import ask
from spoold.cli.output import (
    clean,
    config_option,
    in_words,
    json_option,
    print_json,
    print_list,
)
from spoold.cli.person import person_options, proof


@click.group("print-uri")
def print_uri() -> None:
    """Make, list and revoke personal addresses to print to."""


@print_uri.command()
@config_option
@json_option
@click.argument("queue")
@click.option("--label", required=True, help="Which device it is for.")
@person_options("Whose it is to be; your login name if not given.")
def add(  # noqa: PLR0917 - click passes options by name
    config_path: str, as_json: bool, queue: str, label: str, user: str | None, password_stdin: bool
) -> None:
    """Make an address for QUEUE and print it; it is not shown again."""
    made = ask(config_path, "print-uri-add", queue=queue, label=label, **proof(user, password_stdin))
    if as_json:
        print_json(made)
        return
    click.echo(made["uri"])


@print_uri.command("list")
@config_option
@json_option
@click.option("--of", "owner", help="Somebody else's, as root.")
@person_options("Whose they are; your login name if not given.")
def list_print_uris(
    config_path: str, as_json: bool, owner: str | None, user: str | None, password_stdin: bool
) -> None:
    """List addresses, without their secrets."""
    about = {"owner": owner} if owner is not None else proof(user, password_stdin)
    found = ask(config_path, "print-uri-list", **about)
    columns = {
        "ID": lambda one: one["id"],
        "FOR": lambda one: clean(one["label"]),
        "QUEUE": lambda one: one["queue"],
        "MADE": lambda one: one["created_at"][:10],
        "LAST USED": lambda one: (one["used_at"] or "never")[:16],
    }
    print_list(found, columns, as_json=as_json, nothing="No print addresses.")


@print_uri.command()
@config_option
@click.argument("uri_id", metavar="ID")
@person_options("Whose it is; as root without it, anybody's.")
def revoke(config_path: str, uri_id: str, user: str | None, password_stdin: bool) -> None:
    """End an address at once; what was printed to it before stays."""
    shown = {} if user is None else proof(user, password_stdin)
    ended = ask(config_path, "print-uri-revoke", id=uri_id, **shown)
    click.echo(f"The address for {clean(ended['label'])} is not accepted any more.")


@click.command()
@config_option
@json_option
@click.argument("job", required=False)
@person_options("Who claims; your login name if not given.")
def claim(config_path: str, as_json: bool, job: str | None, user: str | None, password_stdin: bool) -> None:
    """Claim JOB, which came without proof and is yours; without JOB, list what you may claim."""
    shown = proof(user, password_stdin)
    if job is not None:
        one = ask(config_path, "claim", job=job, **shown)
        if as_json:
            print_json(one)
            return
        click.echo(f"Job {one['number']} is yours now: {clean(one['title'])}")
        return
    found = ask(config_path, "claimable", **shown)
    columns = {
        "JOB": lambda one: str(one["number"]),
        "SENT": lambda one: one["created_at"][:19],
        "SIZE": lambda one: f"{max(1, round(one['size_bytes'] / 1024))} KB",
        "FROM": lambda one: clean(one["from"]),
        "QUEUE": lambda one: one["queue"],
        "LEFT": lambda one: in_words(one["seconds_left"]),
    }
    print_list(found, columns, as_json=as_json, nothing="Nothing to claim.")
