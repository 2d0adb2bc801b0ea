"""Commands about the archive: a new key, what is kept, and a copy opened with the archivist's key."""

from base64 import b64decode
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import trio

from holdstore.archive import export_copy
from holdstore.archive_key import ArchiveSecret, generate_archive_key_file
from holdstore.container import SealedDocument
from holdstore.errors import HoldStoreError
from holdstore.sealing import open_private
from spoold.cli.client import ask, state_dir
from spoold.cli.output import clean, config_option, json_option, print_json, print_list
from spoold.cli.person import person_options, proof
from spoold.model.errors import ConfigurationError, Unavailable

# Below [server] state_dir, as in docs/formats.md 8.
DOCUMENTS = "documents"
TITLE_KEY_NUMBER = 0
_ADMINISTRATOR = "An administrator, who is named in the record; root and the daemon's user need not say."


@click.group()
def archive() -> None:
    """Make an archive key, list what is kept, and open copies."""


@archive.command("new-key")
@click.option("--to", "path", required=True, type=click.Path(dir_okay=False), help="The file to write.")
def new_key(path: str) -> None:
    """Write a new archive key to a file of yours alone, and print its public half for [archive] key.

    Whoever has the file can read every copy made under it; without it nobody can. It does not belong on the
    machine that spoold runs on.
    """
    try:
        public = generate_archive_key_file(Path(path))
    except HoldStoreError as error:
        raise ConfigurationError(f"{error}.") from error
    click.echo(f'key = "{public}"')


@archive.command("list")
@config_option
@json_option
@person_options(_ADMINISTRATOR)
def list_copies(config_path: str, as_json: bool, user: str | None, password_stdin: bool) -> None:
    """List what is kept. What documents are called is sealed with them."""
    print_list(
        ask(config_path, "archive-list", **_proof(user, password_stdin)),
        {
            "JOB": lambda one: str(one["number"]),
            "ID": lambda one: str(one["id"]),
            "USER": lambda one: clean(one["user"]),
            "PRINTER": lambda one: str(one["printer"]),
            "DOCUMENTS": lambda one: str(one["documents"]),
            "PRINTED": lambda one: str(one["printed_at"])[:16],
            "KEPT UNTIL": lambda one: str(one["expires_at"])[:10],
            "KEY": lambda one: str(one["key_id"])[:8],
        },
        as_json=as_json,
        nothing="The archive is empty.",
    )


@archive.command()
@config_option
@json_option
@click.argument("job", metavar="JOB")
@click.option(
    "--document", type=click.IntRange(1), default=1, show_default=True, help="Which of its documents."
)
@click.option("--key", "key_path", required=True, type=click.Path(dir_okay=False), help="The archive key.")
@click.option("--to", "target", required=True, type=click.Path(dir_okay=False), help="The file to write.")
@person_options(_ADMINISTRATOR)
def export(  # noqa: PLR0917 - click passes options by name
    config_path: str,
    as_json: bool,
    job: str,
    document: int,
    key_path: str,
    target: str,
    user: str | None,
    password_stdin: bool,
) -> None:
    """Open a copy with the archive key and write it to a new file; that it was opened is recorded.

    It is verified from end to end before anything is written. The key is read by this command, not by the
    daemon.
    """
    path = Path(target)
    if path.exists():
        raise ConfigurationError(f"{target} exists; nothing is overwritten.")
    try:
        secret = ArchiveSecret.from_file(Path(key_path))
    except HoldStoreError as error:
        raise ConfigurationError(f"{error}.") from error
    answer = ask(config_path, "archive-open", job=job, document=document, **_proof(user, password_stdin))
    if answer["key_id"] != secret.id.hex():
        raise ConfigurationError(
            f"This copy is for the archive key {answer['key_id'][:8]}; {key_path} is {secret.id.hex()[:8]}."
        )
    root = state_dir(config_path) / DOCUMENTS
    try:
        title = _title_of(answer, secret)
        trio.run(partial(export_copy, root, secret, _sealed(answer), path))
    except HoldStoreError as error:
        raise Unavailable(f"The copy cannot be exported: {error}.") from error
    except FileExistsError:
        raise ConfigurationError(f"{target} exists; nothing is overwritten.") from None
    told, number = answer["document"], answer["number"]
    if as_json:
        fields = {name: told[name] for name in ("format", "size_bytes")}
        print_json({"file": target, "job": number, "title": title} | fields)
        return
    what = f"{told['format']}, {told['size_bytes']} bytes"
    click.echo(f"Wrote {clean(target)}: job {number}, {what}. {clean(title)}".rstrip())


def _proof(user: str | None, password_stdin: bool) -> dict[str, str]:
    return proof(user, password_stdin) if user is not None else {}


def _sealed(answer: dict[str, Any]) -> SealedDocument:
    one = answer["document"]
    return SealedDocument(
        job_id=UUID(answer["id"]),
        number=one["number"],
        size_bytes=one["size_bytes"],
        segments=one["segments"],
        wrapped_key=b64decode(one["wrapped_key"]),
        inline=None if one["container"] is None else b64decode(one["container"]),
    )


def _title_of(answer: dict[str, Any], secret: ArchiveSecret) -> str:
    job_id = UUID(answer["id"])
    key = secret.unwrap(b64decode(answer["title_key"]), job_id, TITLE_KEY_NUMBER)
    return open_private(key, b64decode(answer["private"]), job_id).get("title", "")
