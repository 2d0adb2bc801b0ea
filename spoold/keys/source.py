"""Finds secrets, the store key above all: a systemd credential, or a file that only the daemon can read."""

import os
from pathlib import Path

from holdstore.errors import HoldStoreError
from holdstore.keyring import Keyring
from spoold.config.values import KeyReference
from spoold.model.errors import ConfigurationError

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"


def load_keyring(reference: KeyReference) -> Keyring:
    """Read the store key.

    Raises:
        ConfigurationError: there is no such key, or others can read it; the daemon must not start.
    """
    path = secret_path(reference, "The store key", "[store] key", file="/etc/spoold/store.key")
    try:
        return Keyring.from_file(path, credential=reference.kind == "credential")
    except (HoldStoreError, OSError) as error:
        raise ConfigurationError(
            f"The store key cannot be used: {error}. Make one with: spoold key generate {path}",
            path=str(path),
        ) from error


def secret_path(reference: KeyReference, what: str, key: str, *, file: str = "/path") -> Path:
    """Return the file that holds a secret.

    Args:
        what: what it is, as a sentence begins.
        key: where the configuration names it.
        file: where such a file may lie, for the words of a refusal.

    Raises:
        ConfigurationError: a credential was named, but systemd passed none.
    """
    if reference.kind == "file":
        return Path(reference.value)
    directory = os.environ.get(CREDENTIALS_VARIABLE)
    if not directory:
        raise ConfigurationError(
            f"{what} is the systemd credential {reference.value!r}, but no credentials were passed. "
            f'Start the service with LoadCredential={reference.value}:{file}, or set {key} = "file:{file}".'
        )
    return Path(directory) / reference.value
