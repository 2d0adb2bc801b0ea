"""Makes what people sign in with besides passwords: Kerberos tickets, an OpenID provider."""

import os
from pathlib import Path

from spoold.app.state import StateDirectory
from spoold.config.model import Config
from spoold.config.values import KeyReference
from spoold.database.engine import Database
from spoold.identity.authenticator import Identity
from spoold.identity.kerberos import Kerberos
from spoold.keys.source import CREDENTIALS_VARIABLE
from spoold.model.errors import ConfigurationError
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics


def make_kerberos(
    config: Config,
    state: StateDirectory,
    identity: Identity,
    *,
    database: Database,
    clock: Clock,
    metrics: Metrics,
) -> Kerberos | None:
    """Return what reads tickets; None where Kerberos is not configured.

    Raises:
        ConfigurationError: gssapi is missing, or the keytab cannot be used.
    """
    settings = config.identity.kerberos
    if settings is None:
        return None
    # Loads the system's Kerberos: only where it is configured.
    from spoold.identity.tickets import KeytabReader, check_keytab  # noqa: PLC0415

    keytab = secret_path(settings.keytab, "The keytab", "[identity.kerberos] keytab")
    check_keytab(keytab, credential=settings.keytab.kind == "credential")
    return Kerberos(
        KeytabReader(keytab, state.replay_cache, settings.service),
        identity,
        realms=settings.realms,
        endpoints=settings.endpoints,
        database=database,
        clock=clock,
        metrics=metrics,
    )


def secret_path(reference: KeyReference, what: str, key: str) -> Path:
    """Return the file that holds a secret.

    Args:
        what: what it is, as a sentence begins.
        key: where the file names it.

    Raises:
        ConfigurationError: a credential was named, but systemd passed none.
    """
    if reference.kind == "file":
        return Path(reference.value)
    directory = os.environ.get(CREDENTIALS_VARIABLE)
    if not directory:
        raise ConfigurationError(
            f"{what} is the systemd credential {reference.value!r}, but no credentials were passed. "
            f'Start the service with LoadCredential={reference.value}:/path, or set {key} = "file:/path".'
        )
    return Path(directory) / reference.value
