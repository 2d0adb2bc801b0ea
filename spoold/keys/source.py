"""Finds the store key: a systemd credential, or a file that only the daemon can read."""

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
    path = key_path(reference)
    try:
        return Keyring.from_file(path, credential=reference.kind == "credential")
    except (HoldStoreError, OSError) as error:
        raise ConfigurationError(
            f"The store key cannot be used: {error}. Make one with: spoold key generate {path}",
            path=str(path),
        ) from error


def key_path(reference: KeyReference) -> Path:
    """Return the file that holds the key.

    Raises:
        ConfigurationError: a credential was named, but systemd passed none.
    """
    if reference.kind == "file":
        return Path(reference.value)
    directory = os.environ.get(CREDENTIALS_VARIABLE)
    if not directory:
        raise ConfigurationError(
            f"The store key is the systemd credential {reference.value!r}, but no credentials were passed. "
            f"Start the service with LoadCredential={reference.value}:/etc/spoold/store.key, "
            'or set [store] key = "file:/etc/spoold/store.key".'
        )
    return Path(directory) / reference.value
