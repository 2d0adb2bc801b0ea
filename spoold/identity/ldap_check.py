"""Tries a directory as configured, server by server, and says what an administrator would want to know."""

import secrets
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from spoold.identity.ldap import SUCCESS, LdapConversation, LdapServer, ServerFailed
from spoold.identity.ldap_entries import Person, Reader, refusal_word
from spoold.identity.ldap_settings import DirectorySettings

# What would let a stolen password of the reading account change who people are.
_TELLING_ATTRIBUTES = ("userPassword", "description")


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was tried, and how it went.

    Args:
        subject: the directory and its server.
        fine: whether there is nothing to do.
        words: for the administrator.
    """

    subject: str
    fine: bool
    words: str


def try_directory(
    settings: DirectorySettings, servers: Sequence[LdapServer], context: ssl.SSLContext
) -> Iterator[Tried]:
    """Connect, sign in, search and read groups on every server; never changes anything."""
    for server in servers:
        subject = f"{settings.name} ({server})"
        try:
            with LdapConversation(server, context, settings.timeout_s) as link:
                yield Tried(subject, True, "connected; the certificate is right")
                yield from _inside(subject, settings, link)
        except ServerFailed as error:
            yield Tried(subject, False, f"cannot be used: {error}")


def _inside(subject: str, settings: DirectorySettings, link: LdapConversation) -> Iterator[Tried]:
    if settings.bind_dn is not None:
        answer = link.bind(settings.bind_dn, settings.bind_password.encode())
        if answer.code != SUCCESS:
            why = refusal_word(settings, answer.message)
            yield Tried(subject, False, f"refuses bind_dn with bind_password ({why})")
            return
        yield Tried(subject, True, "bind_dn signs in")
    base = link.search(settings.base_dn, "(objectClass=*)", ["objectClass"], limit=1, only_base=True)
    if not base:
        yield Tried(subject, False, "base_dn does not exist, or bind_dn may not read it")
        return
    reader = Reader(link, settings, datetime.now(UTC))
    person = reader.anybody()
    if person is None:
        yield Tried(subject, False, "finds nobody: look at base_dn, user_filter and name_attribute")
        return
    groups = reader.groups(person)
    yield Tried(subject, True, f"finds people, such as {person.name}, in {_counted(len(groups), 'group')}")
    if _could_write(settings, link, person):
        yield Tried(
            subject,
            False,
            "bind_dn may change entries of people; give spoold an account that can only read: whoever steals "
            "its password could become anybody",
        )
    else:
        yield Tried(subject, True, "bind_dn changes nothing")


def _could_write(settings: DirectorySettings, link: LdapConversation, person: Person) -> bool:
    dn = person.entry.dn
    if settings.is_active_directory:
        # [MS-ADTS] 3.1.1.4.5.19: what whoever asks may write there.
        asked = ["allowedAttributesEffective", "allowedChildClassesEffective"]
        found = [
            *link.search(dn, "(objectClass=*)", asked, limit=1, only_base=True),
            *link.search(settings.base_dn, "(objectClass=*)", asked, limit=1, only_base=True),
        ]
        return any(entry.texts(name) for entry in found for name in asked)
    # Taking away what is not there changes nothing, and is refused for another reason than a lack of rights.
    return any(link.may_take_away(dn, name, secrets.token_hex(16)) for name in _TELLING_ATTRIBUTES)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
