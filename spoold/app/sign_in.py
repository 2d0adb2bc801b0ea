"""Makes what people sign in with besides passwords: Kerberos tickets, an OpenID provider."""

import ssl
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from protocols.limits import KIB, HttpLimits
from protocols.tls import verified_context
from spoold.app.state import StateDirectory
from spoold.config.model import Config
from spoold.config.oidc import Oidc as OidcSettings
from spoold.database.engine import Database
from spoold.identity.authenticator import Identity
from spoold.identity.kerberos import Kerberos
from spoold.identity.oidc import Oidc, OidcRules
from spoold.identity.secret import Secret
from spoold.keys.source import secret_path
from spoold.model.errors import ConfigurationError
from spoold.runtime.clock import Clock, SystemClock
from spoold.runtime.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spoold.identity.ldap_check import Tried
    from spoold.identity.oidc_client import OidcClient

# Where the provider sends browsers back to.
RETURN_PATH = "/sign-in/oidc/return"
# A secret of a client is a line of text; more is another file.
_MAX_SECRET_BYTES = 4 * KIB
# The largest ticket that Windows makes, in base64, and what else a request says.
_HEAD_WITH_TICKET_BYTES = 80 * KIB
# Codes of some providers are two KB long.
_TARGET_WITH_CODE_BYTES = 8 * KIB


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


def make_oidc(
    config: Config, identity: Identity, *, database: Database, clock: Clock, metrics: Metrics
) -> Oidc | None:
    """Return what signs people in at the OpenID provider; None where there is none.

    The provider is not asked for anything yet: it may come up after us.

    Raises:
        ConfigurationError: the secret or the authorities cannot be read.
    """
    settings = config.identity.oidc
    if settings is None:
        return None
    rules = OidcRules(
        label=settings.label,
        name_claim=settings.name_claim,
        display_name_claim=settings.display_name_claim,
        groups_claim=settings.groups_claim,
        provider=settings.provider,
        allowed_groups=None if settings.allowed_groups is None else frozenset(settings.allowed_groups),
    )
    client = _client(config, settings, clock)
    return Oidc(client, identity, rules, database=database, clock=clock, metrics=metrics)


def try_provider(config: Config) -> "Iterator[Tried]":
    """Ask the OpenID provider of the configuration what it says of itself; nothing where there is none."""
    settings = config.identity.oidc
    if settings is None:
        return
    from spoold.identity.ldap_check import Tried  # noqa: PLC0415 - for this command only
    from spoold.identity.oidc_check import words_about  # noqa: PLC0415

    subject = f"{settings.label} ({settings.issuer})"
    try:
        client = _client(config, settings, SystemClock())
    except ConfigurationError as error:
        yield Tried(subject, fine=False, words=error.public.rstrip("."))
        return
    words = trio.run(words_about, client)
    yield Tried(subject, fine=not words, words=words or "answers, and is what issuer says")
    if not words:
        back = settings.redirect_uri or f"https://{config.server.name}{RETURN_PATH}"
        yield Tried(subject, fine=True, words=f"sends people back to {back}, if that is registered there")


def roomier(limits: HttpLimits, config: Config) -> HttpLimits:
    """Return the limits of a listener with room for tickets and codes, where those are configured."""
    if config.identity.kerberos is not None:
        limits = replace(limits, max_head_bytes=_HEAD_WITH_TICKET_BYTES)
    if config.identity.oidc is not None:
        limits = replace(limits, max_target_bytes=_TARGET_WITH_CODE_BYTES)
    return limits


def _client(config: Config, settings: OidcSettings, clock: Clock) -> "OidcClient":
    # Authlib takes 25 MiB: only where it is used.
    from spoold.identity.oidc_client import OidcClient  # noqa: PLC0415

    wanted = [settings.name_claim]
    if settings.provider is None:
        wanted += [settings.display_name_claim, settings.groups_claim]
    return OidcClient(
        issuer=settings.issuer,
        client_id=settings.client_id,
        secret=_client_secret(settings),
        redirect_uri=settings.redirect_uri or f"https://{config.server.name}{RETURN_PATH}",
        scopes=settings.scopes,
        wanted=tuple(wanted),
        tls=_trust(settings.ca),
        clock=clock,
    )


def _client_secret(settings: OidcSettings) -> Secret | None:
    if settings.client_secret is None:
        return None
    path = secret_path(settings.client_secret, "The client secret", "[identity.oidc] client_secret")
    try:
        if settings.client_secret.kind == "file" and path.stat().st_mode & 0o077:
            raise ConfigurationError(
                f"The client secret {path} is open to others; close it: chmod 0600 {path}"
            )
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_SECRET_BYTES + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"The client secret {path} cannot be read: {why}.") from None
    if not text or len(text) > _MAX_SECRET_BYTES or not text.isprintable():
        raise ConfigurationError(f"The client secret {path} is not one line of text.")
    return Secret(text)


def _trust(ca: Path | None) -> ssl.SSLContext:
    try:
        return verified_context(ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"The authorities in {ca} cannot be used: {error}.") from error
