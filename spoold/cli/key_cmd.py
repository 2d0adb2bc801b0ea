"""Commands about store keys."""

from pathlib import Path

import click

from holdstore.errors import HoldStoreError
from holdstore.keyring import generate_key_file
from spoold.model.errors import ConfigurationError


@click.group()
def key() -> None:
    """Make store keys."""


@key.command()
@click.argument("path", type=click.Path(dir_okay=False))
def generate(path: str) -> None:
    """Write a new random store key to PATH, readable by its owner only; an existing file is left alone.

    Keep a copy in a safe place apart from the documents: without it no held job can be printed.
    """
    try:
        kek_id = generate_key_file(Path(path))
    except FileExistsError:
        raise ConfigurationError(f"{path} exists; a key in use must not be overwritten.") from None
    except (HoldStoreError, OSError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    click.echo(f"Wrote {path} (key {kek_id.hex()[:8]}).")
