"""Makes the directories of the configuration into providers; ldap3 is loaded when there are any."""

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from protocols import tls
from spoold.config.identity import Directory
from spoold.config.model import Config
from spoold.config.values import KeyReference
from spoold.database.engine import Database
from spoold.identity.kept import KeptPeople, Term
from spoold.identity.ldap_settings import DirectorySettings
from spoold.identity.pass_through import PassThrough
from spoold.identity.provider import LOCAL, Authenticator
from spoold.keys.source import CREDENTIALS_VARIABLE
from spoold.model.errors import ConfigurationError
from spoold.runtime.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spoold.identity.ldap import LdapServer
    from spoold.identity.ldap_check import Tried

# The provider of people whom nobody but an OpenID provider knows.
OIDC = "oidc"
# A password in a file, with a line end perhaps; more is something else.
MAX_SECRET_BYTES = 4_096
_AD_PEOPLE = "(&(objectCategory=person)(objectClass=user))"
_PEOPLE = "(|(objectClass=person)(objectClass=account)(objectClass=posixAccount))"


def providers_of(
    config: Config, local: Authenticator, database: Database, clock: Clock
) -> tuple[Authenticator, ...]:
    """Return the providers in the order of the configuration.

    Raises:
        ConfigurationError: a password or certificate of a directory cannot be read.
    """
    order = [
        local if name == LOCAL else _provider(name, config.identity.ldap[name], database, clock)
        for name in config.identity.order
    ]
    term = term_of(config, clock)
    if term is not None:
        order.append(KeptPeople(OIDC, database, term))
    return tuple(order)


def term_of(config: Config, clock: Clock) -> Term | None:
    """Return for how long people of an OpenID provider alone are known; None where there are none."""
    oidc = config.identity.oidc
    return None if oidc is None or oidc.provider is not None else Term(OIDC, oidc.known_for, clock)


def settings_of(name: str, directory: Directory) -> DirectorySettings:
    """Return what a table says, with the defaults of its kind.

    Raises:
        ConfigurationError: its password cannot be read.
    """
    is_ad = directory.kind == "active-directory"
    secret = directory.bind_password
    timeout_s = directory.timeout.total_seconds()
    return DirectorySettings(
        name=name,
        kind=directory.kind,
        base_dn=directory.base_dn,
        bind_dn=directory.bind_dn,
        bind_password="" if secret is None else read_secret(secret, f"[identity.ldap.{name}] bind_password"),
        direct_bind=directory.direct_bind,
        name_attribute=directory.name_attribute or ("sAMAccountName" if is_ad else "uid"),
        display_name_attribute=directory.display_name_attribute or ("displayName" if is_ad else "cn"),
        user_filter=directory.user_filter or (_AD_PEOPLE if is_ad else _PEOPLE),
        group_mode=directory.groups or ("ad-nested" if is_ad else "groupOfNames"),
        group_base_dn=directory.group_base_dn or directory.base_dn,
        domains=frozenset(directory.domains),
        operator_groups=frozenset(directory.operator_groups),
        administrator_groups=frozenset(directory.administrator_groups),
        timeout_s=timeout_s,
        server_s=timeout_s / 2,
        max_wrong_passwords=directory.max_wrong_passwords,
        wrong_passwords_window_s=directory.wrong_passwords_window.total_seconds(),
    )


def try_directories(config: Config) -> "Iterator[Tried]":
    """Try every directory of the configuration; see `spoold.identity.ldap_check`."""
    from spoold.identity.ldap_check import Tried, try_directory  # noqa: PLC0415 - ldap3, where there are any

    for name, directory in config.identity.ldap.items():
        try:
            settings, context = settings_of(name, directory), context_of(name, directory)
        except ConfigurationError as error:
            yield Tried(name, fine=False, words=error.public.rstrip("."))
        else:
            yield from try_directory(settings, servers_of(directory), context)


def servers_of(directory: Directory) -> "tuple[LdapServer, ...]":
    """Return where a directory listens."""
    from spoold.identity.ldap import LdapServer  # noqa: PLC0415 - ldap3, for sites with a directory only

    return tuple(LdapServer(one.host, one.port, one.scheme == "ldaps") for one in directory.uri)


def context_of(name: str, directory: Directory) -> ssl.SSLContext:
    """Return what verifies the certificates of a directory's servers.

    Raises:
        ConfigurationError: the file of its authorities cannot be used.
    """
    try:
        return tls.verified_context(directory.ca)
    except OSError as error:
        raise ConfigurationError(
            f"[identity.ldap.{name}] ca: {directory.ca} cannot be used: {error.strerror or error}."
        ) from error


def read_secret(reference: KeyReference, key: str) -> str:
    """Return a password from a systemd credential or a file that nobody else can read.

    Args:
        key: the key of the configuration that names it, for the words of an error.

    Raises:
        ConfigurationError: it cannot be read, is empty, or is open to others.
    """
    path = reference.file
    if path is None:
        folder = os.environ.get(CREDENTIALS_VARIABLE)
        if not folder:
            raise ConfigurationError(
                f"{key} is the systemd credential {reference.value!r}, but no credentials were passed. Start "
                f"the service with LoadCredential={reference.value}:/etc/spoold/{reference.value}."
            )
        path = Path(folder) / reference.value
    try:
        with path.open("rb") as file:
            if reference.kind == "file" and os.fstat(file.fileno()).st_mode & 0o077:
                raise ConfigurationError(f"{key}: {path} is open to others; close it: chmod 0600 {path}")
            text = file.read(MAX_SECRET_BYTES).decode().rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(f"{key}: {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{key}: {path} holds no password: it is not text.") from None
    if not text:
        raise ConfigurationError(f"{key}: {path} is empty.")
    return text


def _provider(name: str, directory: Directory, database: Database, clock: Clock) -> Authenticator:
    from spoold.identity.ldap_directory import LdapDirectory  # noqa: PLC0415 - ldap3, as above
    from spoold.identity.ldap_servers import LdapServers  # noqa: PLC0415

    settings = settings_of(name, directory)
    servers = LdapServers(settings, servers_of(directory), context_of(name, directory), clock)
    budget = PassThrough(
        clock,
        failures=settings.max_wrong_passwords,
        window_s=settings.wrong_passwords_window_s,
    )
    return LdapDirectory(settings, servers, clock, budget, database)
