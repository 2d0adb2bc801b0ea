"""Tries a directory as configured, server by server, and says what is wrong and what to do about it."""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from spoold.identity.ldap import SUCCESS, LdapConversation, LdapServer, ServerFailed
from spoold.identity.ldap_entries import Reader, SignedIn, refusal_word, signed_in
from spoold.identity.ldap_lockout import read_lockout
from spoold.identity.ldap_rights import rights
from spoold.identity.ldap_settings import DirectorySettings
from spoold.identity.trouble import Trouble

_WORDS = {
    Trouble.REFUSED: (
        "nothing answers at {host} port {port}; look at the port in uri, and whether the directory runs"
    ),
    Trouble.UNKNOWN_HOST: "this machine does not find the name {host}; look at uri, and at its DNS",
    Trouble.UNREACHABLE: "this machine has no way to {host}; look at its network",
    Trouble.TIME_OUT: (
        "{host} port {port} did not answer within {timeout_s:g} s; look at the server, and at firewalls on "
        "the way"
    ),
    Trouble.HUNG_UP: "the server hung up; {port_words}",
    Trouble.NO_TLS: "TLS is not agreed on; {port_words}, and the server has to know TLS 1.2 or later",
    Trouble.NO_STARTTLS: (
        "the server does not speak StartTLS; write ldaps:// in uri, or switch it on there: in clear nothing "
        "goes"
    ),
    Trouble.WRONG_AUTHORITY: (
        "the server's certificate is not signed by the authority in ca, or without ca by one that this "
        "machine trusts; put the certificate of the authority that signed it there"
    ),
    Trouble.WRONG_NAME: (
        "the server's certificate is not for {host}; write the name in uri that stands in the certificate"
    ),
    Trouble.EXPIRED: "the server's certificate has expired; renew it there, nothing is sent until then",
    Trouble.NOT_YET: "the server's certificate is not good yet; look at the clocks of both machines",
    Trouble.BAD_CERTIFICATE: (
        "the server's certificate is not accepted: its key or signature is too weak, or it is not one for "
        "servers; have another one issued"
    ),
    Trouble.NO_LDAP: "what answers there is no directory; {port_words}",
    Trouble.NO_SUCH_OBJECT: (
        'there is no "{base}", or bind_dn may not see it; look at base_dn and group_base_dn'
    ),
    Trouble.REFERRAL: (
        "the server does not have what is asked for and refers to another one, which spoold does not follow; "
        "look at base_dn and bind_dn, or name that other server in uri"
    ),
    Trouble.NO_NAME: "base_dn or group_base_dn is no distinguished name; one is dc=example,dc=org",
    Trouble.NOT_ALLOWED: (
        "spoold may not search there; set bind_dn and bind_password, and let that account read people and "
        "groups"
    ),
    Trouble.OVERLOADED: "the server is busy, or searches for too long; ask whoever runs it",
    Trouble.CUT_SHORT: (
        "the server lists fewer entries than it was asked for, and half a list is no answer: ask for a "
        "size limit of 1001 entries for bind_dn"
    ),
    Trouble.NO_ANSWER: "the directory does not answer what it is asked; look at its own log",
}
_PORT_WORDS = {
    True: "ldaps:// needs a port that speaks TLS from the first byte, as a rule 636",
    False: "ldap:// needs a port that speaks StartTLS, as a rule 389; for 636 write ldaps://",
}
_REFUSED_READER = {
    "wrong-password": "the name or the password is wrong",
    "disabled": "the account is disabled in the directory",
    "locked-in-directory": "the account is locked in the directory after wrong passwords; have it unlocked",
    "account-expired": "the account has expired in the directory",
    "password-expired": "its password has expired; set a new one, which does not expire",
    "password-must-change": "its password has to be changed first; set one that need not be",
    "not-at-this-hour": "the account may not sign in at this hour",
    "not-from-here": "the account may not sign in from this machine",
}


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
            yield Tried(subject, False, _words(error, settings, server))


def _words(error: ServerFailed, settings: DirectorySettings, server: LdapServer) -> str:
    """Return what is wrong with a server and what to do, never a library's own text."""
    if error.trouble is Trouble.TOLD:
        return f"cannot be used: {error}"
    return _WORDS[error.trouble].format(
        host=server.host,
        port=server.port,
        base=settings.base_dn,
        timeout_s=settings.timeout_s,
        port_words=_PORT_WORDS[server.implicit_tls],
    )


def _inside(subject: str, settings: DirectorySettings, link: LdapConversation) -> Iterator[Tried]:
    if settings.bind_dn is not None:
        answer = link.bind(settings.bind_dn, settings.bind_password.encode())
        if answer.code != SUCCESS:
            word = refusal_word(settings, answer.message)
            why = _REFUSED_READER.get(word, "the directory does not say why")
            yield Tried(subject, False, f"refuses bind_dn with bind_password: {why}")
            return
        yield Tried(subject, True, "bind_dn signs in")
    base = link.search(settings.base_dn, "(objectClass=*)", ["objectClass"], limit=1, only_base=True)
    if not base:
        yield Tried(subject, False, _WORDS[Trouble.NO_SUCH_OBJECT].format(base=settings.base_dn))
        return
    reader = Reader(link, settings, datetime.now(UTC))
    found = reader.some_people()
    # Everybody may change some of one's own entry: only others' tell what the account may do.
    own = SignedIn("") if settings.bind_dn is None else signed_in(link, settings)
    person = next((one for one in found if not own.is_(one)), None)
    if person is None:
        who = "finds nobody but bind_dn itself" if found else "finds nobody"
        yield Tried(subject, False, f"{who}: look at base_dn, user_filter and name_attribute")
        return
    groups = reader.groups(person)
    yield Tried(subject, True, f"finds people, such as {person.name}, in {_counted(len(groups), 'group')}")
    lockout = read_lockout(link, settings)
    if lockout is not None:
        troubles = lockout.troubles(settings)
        yield from (Tried(subject, False, trouble) for trouble in troubles)
        if not troubles:
            yield Tried(subject, True, lockout.words(settings))
    wrong = list(rights(link, settings, person))
    yield from (Tried(subject, False, words) for words in wrong)
    if not wrong:
        yield Tried(subject, True, "bind_dn changes nothing")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
