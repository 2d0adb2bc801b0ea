"""The [identity.kerberos] table: sign-in with tickets instead of passwords (RFC 4559)."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from spoold.config.section import Section
from spoold.config.values import Name, SecretFile, spelt

# RFC 4120 6.1, as far as anybody uses it: realms are domains, in capitals by custom.
Realm = Annotated[
    str, *spelt(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", 'a realm such as "EXAMPLE.ORG"')
]
ServicePrincipal = Annotated[
    str,
    *spelt(
        r"[A-Za-z][A-Za-z0-9]{0,31}/[A-Za-z0-9.-]{1,253}(?:@[A-Za-z0-9.-]{1,253})?",
        'a service and its host such as "HTTP/print.example.org@EXAMPLE.ORG"',
    ),
]


class Kerberos(Section):
    """Sign-in with Kerberos tickets; needs python3-gssapi."""

    keytab: SecretFile
    """The service's keys: "credential:NAME" (systemd) or "file:/path" (mode 0600)."""
    service: ServicePrincipal | None = None
    """The one key of the keytab that counts, every key when absent; without @REALM of the machine's realm."""
    endpoints: Annotated[tuple[Literal["portal", "api", "ipp"], ...], Field(min_length=1)] = ("portal", "api")
    """Where tickets are taken; everywhere else they are refused unread."""
    realms: Annotated[Mapping[Realm, Name], Field(min_length=1)]
    """Whose tickets count, and which provider of [identity] order has the accounts of a realm's people."""
