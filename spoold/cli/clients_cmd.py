"""Commands about clients that cannot sign in: personal print URIs, and unclaimed jobs."""

import getpass

import click

from spoold.cli.client import ask
from spoold.cli.output import (
    clean,
    config_option,
    in_words,
    json_option,
    print_json,
    print_table,
    read_password,
)


@click.group("print-uri")
def print_uri() -> None:
    """Make, list and revoke personal addresses to print to."""


@print_uri.command()
@config_option
@json_option
@click.argument("queue")
@click.option("--label", required=True, help="Which device it is for.")
@click.option("--user", help="Whose it is to be; your login name if not given.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(  # noqa: PLR0917 - click passes options by name
    config_path: str, as_json: bool, queue: str, label: str, user: str | None, password_stdin: bool
) -> None:
    """Make an address for QUEUE and print it; it is not shown again."""
    made = ask(config_path, "print-uri-add", queue=queue, label=label, **_proof(user, password_stdin))
    if as_json:
        print_json(made)
        return
    click.echo(made["uri"])


@print_uri.command("list")
@config_option
@json_option
@click.option("--of", "owner", help="Somebody else's, as root.")
@click.option("--user", help="Whose they are; your login name if not given.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def list_print_uris(
    config_path: str, as_json: bool, owner: str | None, user: str | None, password_stdin: bool
) -> None:
    """List addresses, without their secrets."""
    about = {"owner": owner} if owner is not None else _proof(user, password_stdin)
    found = ask(config_path, "print-uri-list", **about)
    if as_json:
        print_json(found)
        return
    rows = [
        [
            one["id"],
            clean(one["label"]),
            one["queue"],
            one["created_at"][:10],
            (one["used_at"] or "never")[:16],
        ]
        for one in found
    ]
    print_table(["ID", "FOR", "QUEUE", "MADE", "LAST USED"], rows, nothing="No print addresses.")


@print_uri.command()
@config_option
@click.argument("uri_id", metavar="ID")
@click.option("--user", help="Whose it is; as root without it, anybody's.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def revoke(config_path: str, uri_id: str, user: str | None, password_stdin: bool) -> None:
    """End an address at once; what was printed to it before stays."""
    proof = {} if user is None else _proof(user, password_stdin)
    ended = ask(config_path, "print-uri-revoke", id=uri_id, **proof)
    click.echo(f"The address for {clean(ended['label'])} is not accepted any more.")


@click.command()
@config_option
@json_option
@click.argument("job", required=False)
@click.option("--user", help="Who claims; your login name if not given.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def claim(config_path: str, as_json: bool, job: str | None, user: str | None, password_stdin: bool) -> None:
    """Claim JOB, which came without proof and is yours; without JOB, list what you may claim."""
    proof = _proof(user, password_stdin)
    if job is not None:
        one = ask(config_path, "claim", job=job, **proof)
        if as_json:
            print_json(one)
            return
        click.echo(f"Job {one['number']} is yours now: {clean(one['title'])}")
        return
    found = ask(config_path, "claimable", **proof)
    if as_json:
        print_json(found)
        return
    rows = [
        [
            str(one["number"]),
            one["created_at"][:19],
            f"{max(1, round(one['size_bytes'] / 1024))} KB",
            clean(one["from"]),
            one["queue"],
            in_words(one["seconds_left"]),
        ]
        for one in found
    ]
    print_table(["JOB", "SENT", "SIZE", "FROM", "QUEUE", "LEFT"], rows, nothing="Nothing to claim.")


def _proof(user: str | None, password_stdin: bool) -> dict[str, str]:
    name = user or getpass.getuser()
    return {"user": name, "password": read_password(password_stdin, f"Password of {name}")}
