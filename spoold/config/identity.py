"""The [identity.ldap.NAME] tables: directories that know people, over LDAP."""

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator, StrictInt, WithJsonSchema, field_validator

from spoold.config.section import Section
from spoold.config.values import MAX_PORT, AbsolutePath, Duration, SecretFile, parse_host_name, refuse, spelt

LDAP_PORT = 389
LDAPS_PORT = 636
LONGEST_TIMEOUT = timedelta(seconds=30)

# RFC 4512 1.4: keystring.
Attribute = Annotated[str, *spelt(r"[A-Za-z][A-Za-z0-9-]{0,62}", 'an attribute such as "uid"')]
# RFC 4514: attribute=value pairs; whether they exist is what `spoold check --online` finds out.
DistinguishedName = Annotated[
    str,
    *spelt(r"[A-Za-z0-9.-]+\s*=[^\x00-\x1f\x7f]{1,1000}", 'a distinguished name such as "dc=example,dc=org"'),
]
# An AD account may also be given as "ANA@EXAMPLE.ORG" or "EXAMPLE\\ana".
BindName = Annotated[str, *spelt(r"[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]{0,1000}", "a distinguished name")]
Domain = Annotated[
    str,
    *spelt(
        r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?", 'a domain such as "EXAMPLE" or "example.org"'
    ),
]
BindTemplate = Annotated[
    str,
    *spelt(
        r"[^\x00-\x1f\x7f]{0,500}\{name\}[^\x00-\x1f\x7f{}]{0,500}", 'a form such as "{name}@example.org"'
    ),
]
Group = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]+$")]


@dataclass(frozen=True, slots=True)
class DirectoryUri:
    """Where a directory listens: "ldaps://HOST[:PORT]", or "ldap://HOST[:PORT]" with StartTLS."""

    scheme: Literal["ldap", "ldaps"]
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = LDAPS_PORT if self.scheme == "ldaps" else LDAP_PORT
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


def parse_directory_uri(value: object) -> DirectoryUri:
    """Parse ldaps://HOST[:PORT] or ldap://HOST[:PORT]; base and filter have keys of their own."""
    if isinstance(value, DirectoryUri):
        return value
    if not isinstance(value, str):
        refuse('must be a string: an address such as "ldaps://dc1.example.org"')
    match = re.fullmatch(r"(ldaps?)://(\[[^\]/]*\]|[^:/?\[\]@]+)(?::(\d{1,5}))?/?", value, re.ASCII)
    if match is None:
        refuse('must be "ldaps://HOST" or "ldap://HOST", with a port if need be, and nothing else')
    scheme: Literal["ldap", "ldaps"] = "ldaps" if match[1] == "ldaps" else "ldap"
    port = int(match[3]) if match[3] else LDAPS_PORT if scheme == "ldaps" else LDAP_PORT
    if not 1 <= port <= MAX_PORT:
        refuse(f"the port must be between 1 and {MAX_PORT}")
    return DirectoryUri(scheme, parse_host_name(match[2].removeprefix("[").removesuffix("]")), port)


def parse_search_filter(value: object) -> str:
    """Parse a filter in parentheses (RFC 4515); it is joined with "and" to the one for a name."""
    if not isinstance(value, str):
        refuse('must be a string: a filter such as "(objectClass=person)"')
    text = value.strip()
    depths = list(accumulate((one == "(") - (one == ")") for one in text))
    is_one = bool(depths) and depths[-1] == 0 and all(depth > 0 for depth in depths[:-1])
    if not is_one or not re.fullmatch(r"\([^\x00-\x1f\x7f]{1,1000}\)", text):
        refuse('must be one filter in parentheses such as "(objectClass=person)"')
    return text


Uri = Annotated[
    DirectoryUri,
    PlainValidator(parse_directory_uri),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": "^ldaps?://", "examples": ["ldaps://dc1.example.org"]}),
]
SearchFilter = Annotated[
    str, PlainValidator(parse_search_filter), WithJsonSchema({"type": "string", "pattern": r"^\(.+\)$"})
]


class Directory(Section):
    """One directory: OpenLDAP or another LDAP server, or Active Directory."""

    uri: Annotated[tuple[Uri, ...], Field(min_length=1, max_length=8)]
    """Its servers, the preferred one first: "ldaps://HOST", or "ldap://HOST" (StartTLS comes first)."""
    kind: Literal["active-directory", "openldap"]
    """How names, ids, groups and closed accounts are kept."""
    base_dn: DistinguishedName
    """Where people and groups are searched."""
    ca: AbsolutePath | None = None
    """PEM file of the authorities that may sign the servers' certificates, instead of the system's."""
    bind_dn: BindName | None = None
    """The account that reads the directory, and may do nothing else; without one it is read anonymously."""
    bind_password: SecretFile | None = None
    """Its password: "credential:NAME" or "file:/path" (mode 0600)."""
    direct_bind: BindTemplate | None = None
    """What a password is checked as, such as "{name}@example.org"; the entry that was found when absent."""
    name_attribute: Attribute | None = None
    """Holds the user name; "sAMAccountName" or "uid" when absent."""
    display_name_attribute: Attribute | None = None
    """Holds the name people read; "displayName" or "cn" when absent."""
    user_filter: SearchFilter | None = None
    """Who may be found at all; people, when absent."""
    groups: Literal["memberOf", "groupOfNames", "ad-nested"] | None = None
    """Where groups come from: the person's entry, the groups' entries, or those with members of members."""
    group_base_dn: DistinguishedName | None = None
    """Only groups below this count; below base_dn when absent."""
    domains: tuple[Domain, ...] = ()
    """What people may write before "\\" or behind "@", such as "EXAMPLE" and "example.org"."""
    operator_groups: tuple[Group, ...] = ()
    """Groups whose members are operators: names, or distinguished names."""
    administrator_groups: tuple[Group, ...] = ()
    """Groups whose members are administrators."""
    timeout: Duration = timedelta(seconds=4)
    """How long all servers together may take to answer one question."""
    max_wrong_passwords: Annotated[StrictInt, Field(ge=1, le=1000)] = 4
    """Wrong passwords of one account that are passed on within the window; less than lock it there."""
    wrong_passwords_window: Duration = timedelta(minutes=30)
    """The directory's own "reset lockout counter after", or longer."""

    @field_validator("timeout")
    @classmethod
    def _people_wait(cls, value: timedelta) -> timedelta:
        if value > LONGEST_TIMEOUT:
            refuse(f"must be at most {LONGEST_TIMEOUT.seconds}s: somebody stands at a printer and waits")
        return value
