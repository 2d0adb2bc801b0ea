"""Directories that lie, stall, break off or lead elsewhere: nobody is let in, no password goes anywhere else.

Every answer comes within five seconds, whatever the server does; the rules are those of docs/threat-model.md.
"""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trio

from spoold.config.identity import Directory
from spoold.database.engine import Database
from spoold.identity import ldap_servers
from spoold.identity.ldap import LdapConversation, LdapServer, ServerFailed, escaped
from spoold.identity.ldap_directory import LdapDirectory
from spoold.identity.ldap_settings import DirectorySettings
from spoold.identity.provider import Accepted, Finding, NotHere, Rejected
from spoold.identity.secret import Secret
from spoold.model.errors import Unavailable
from spoold.model.ids import canonical_name
from tests.support import directories
from tests.support.authority import Authority
from tests.support.clock import FakeClock
from tests.support.directories import FakeDirectory, entry, pretending
from tests.support.identities import make_identity
from tests.support.slapd import BASE, PEOPLE, READER, READER_PASSWORD, Slapd, lab_entries, running

# Every answer is timed.
pytestmark = pytest.mark.alone
# What a site gives a directory, unless it says otherwise.
SITE = DirectorySettings(name="school", kind="openldap", base_dn=BASE)
# The promise: somebody stands at a printer and waits.
ANSWER_S = 5.0
ALICE = f"dn:uid=alice,{PEOPLE}".encode()
PASSWORD = "correct horse"
WORD = Secret(PASSWORD)


class Listener:
    """A host that a referral points to: keeps every byte that anybody sends there."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                with connection, suppress(OSError):
                    connection.settimeout(1)
                    while data := connection.recv(4096):
                        self.received += data

    def close(self) -> None:
        """Stop."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=10)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def slapd(
    authority: Authority, elsewhere: Listener, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Slapd]:
    """A directory with a part of the tree that is said to lie on another host."""
    away = f"ldap://127.0.0.1:{elsewhere.port}"
    entries = [
        *lab_entries(),
        f"dn: ou=away,{BASE}\nobjectClass: referral\nobjectClass: extensibleObject\nou: away\n"
        f"ref: {away}/ou=away,{BASE}\n",
    ]
    made = Slapd(
        tmp_path_factory.mktemp("slapd"),
        authority.certificate,
        authority.issue("localhost"),
        entries=entries,
        extra=f"referral {away}",
    )
    with running(made) as started:
        yield started


def starttls(slapd: Slapd) -> LdapServer:
    return LdapServer("localhost", slapd.ports["ldap"], implicit_tls=False)


def ldaps(slapd: Slapd) -> LdapServer:
    return LdapServer("localhost", slapd.ports["ldaps"], implicit_tls=True)


def make_directory(
    database: Database, ca: Path | None, servers: Sequence[LdapServer], **settings: Any
) -> LdapDirectory:
    """A provider that waits as long as a site's."""
    times: dict[str, Any] = {"timeout_s": SITE.timeout_s, "server_s": SITE.server_s}
    return directories.make_directory(database, ca, servers, **times | settings)


async def asked(provider: LdapDirectory, name: str = "alice", password: str = PASSWORD) -> Finding | str:
    """What the provider answers, within the time; "unavailable" when it does not decide."""
    began = time.monotonic()
    finding: Finding | str
    try:
        finding = await provider.check(name, Secret(password))
    except Unavailable:
        finding = "unavailable"
    assert time.monotonic() - began < ANSWER_S
    assert not isinstance(finding, Accepted), name
    return finding


# -- rule 1: empty names and passwords never reach the directory


@pytest.mark.parametrize("name", ["", " ", "\t", "al\0ice", "alice\0", "a\nlice", "\x7f"])
async def test_names_that_are_none_are_shown_to_nobody(
    database: Database, authority: Authority, name: str
) -> None:
    with pretending(FakeDirectory("yes", authority.issue("localhost"))) as fake:
        provider = make_directory(database, authority.certificate, [fake.server])
        assert await asked(provider, name) == NotHere()
        assert await provider.find(name) == NotHere()
    assert fake.connections == 0


async def test_an_empty_password_is_shown_to_nobody(database: Database, authority: Authority) -> None:
    with pretending(FakeDirectory("yes", authority.issue("localhost"))) as fake:
        provider = make_directory(database, authority.certificate, [fake.server])
        assert await asked(provider, "alice", "") == NotHere()
    assert fake.connections == 0


def test_a_bind_without_a_name_or_a_password_is_never_sent(authority: Authority, slapd: Slapd) -> None:
    context = ssl.create_default_context(cafile=authority.certificate)
    with LdapConversation(starttls(slapd), context, 3) as link:
        for name, password in (("", b"x"), (" ", b"x"), (f"uid=alice,{PEOPLE}", b"")):
            with pytest.raises(ValueError, match="a name and a password"):
                link.bind(name, password)


@pytest.mark.parametrize("password", ["correct horse\0", "\0", "x" * 5000, "\ud800", "correct horse\ufeff"])
async def test_odd_passwords_are_wrong_ones(
    database: Database, authority: Authority, slapd: Slapd, password: str
) -> None:
    provider = make_directory(database, authority.certificate, [starttls(slapd)])
    assert isinstance(await asked(provider, "alice", password), Rejected)


# -- rule 2: a yes counts only for the person who was asked about


@pytest.mark.parametrize("who", [b"", b"dn:", b"u:", f"dn:uid=bob,{PEOPLE}".encode(), b"u:LAB\\bob"])
async def test_a_yes_about_nobody_or_somebody_else_is_a_no(
    database: Database, authority: Authority, who: bytes
) -> None:
    with pretending(FakeDirectory("yes", authority.issue("localhost"), who=who)) as fake:
        provider = make_directory(database, authority.certificate, [fake.server])
        assert await asked(provider) == "unavailable"
        assert fake.connections == 1


async def test_the_friendly_server_would_be_believed_otherwise(
    database: Database, authority: Authority
) -> None:
    """The check above fails for the reason it names."""
    who = f"dn:uid=alice,{PEOPLE}".encode()
    with pretending(FakeDirectory("yes", authority.issue("localhost"), who=who)) as fake:
        provider = make_directory(database, authority.certificate, [fake.server])
        assert isinstance(await provider.check("alice", WORD), Accepted)


SID, OTHER_SID = bytes(range(28)), bytes(range(1, 29))


@pytest.mark.parametrize("attribute", ["sAMAccountName", "userPrincipalName", "mail"])
@pytest.mark.parametrize(
    "said",
    [
        ("u:LAB\\ana", None, True),
        ("u:lab\\ANA", None, True),
        ("u:LAB\\ana", OTHER_SID, True),
        ("u:OTHER\\ana", None, False),
        ("u:OTHER\\ana", OTHER_SID, False),
        # A domain has a short name as well, which need not be listed.
        ("u:SHORT\\ana", SID, True),
        ("u:LAB\\ben", SID, False),
        ("u:LAB\\ana@lab.example", None, False),
        ("u:ana@lab.example", SID, True),
        ("", SID, True),
        ("", OTHER_SID, False),
        ("", None, False),
        ("u:", OTHER_SID, False),
    ],
)
async def test_a_domain_says_whom_its_yes_was_about(
    database: Database, authority: Authority, attribute: str, said: tuple[str, bytes | None, bool]
) -> None:
    """A controller says DOMAIN\\account, whatever attribute people sign in with."""
    who, token, is_she = said
    ana = {"sAMAccountName": "Ana", "userPrincipalName": "ana@lab.example", "mail": "ana@lab.example"}
    found = entry(
        f"cn=Ana,cn=Users,{BASE}", objectGUID=bytes(16), objectSid=SID, userAccountControl="512", **ana
    )
    rights = {} if token is None else {"tokenGroups": token}
    entries = {b"tokenGroups": entry("", **rights), b"objectGUID": found}
    fake = FakeDirectory("yes", authority.issue("localhost"), who=who.encode(), entries=entries)
    with pretending(fake):
        provider = make_directory(
            database,
            authority.certificate,
            [fake.server],
            kind="active-directory",
            name_attribute=attribute,
            group_mode="memberOf",
            domains=frozenset({"LAB"}),
        )
        name = canonical_name(ana[attribute])
        if is_she:
            assert isinstance(await provider.check(name, WORD), Accepted)
        else:
            assert await asked(provider, name) == "unavailable"


async def test_a_form_that_leads_to_another_entry_lets_nobody_in(
    database: Database, authority: Authority, slapd: Slapd
) -> None:
    provider = make_directory(
        database, authority.certificate, [starttls(slapd)], direct_bind=f"uid=carol,{PEOPLE}"
    )
    assert await asked(provider) == "unavailable"


# -- rule 3: certificates


@pytest.mark.parametrize("door", ["ldap", "ldaps"])
@pytest.mark.parametrize("wrong", ["authority", "name", "expired", "system"])
async def test_a_certificate_that_is_not_right_gets_no_password(
    database: Database,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
    door: str,
    wrong: str,
) -> None:
    folder = tmp_path_factory.mktemp("wrong")
    stranger = Authority(folder / "stranger", "Stranger")
    pair = {
        "authority": lambda: stranger.issue("localhost"),
        "name": lambda: authority.issue("other.example"),
        "expired": lambda: authority.issue("localhost", ends=-timedelta(hours=1)),
        "system": lambda: authority.issue("localhost"),
    }[wrong]()
    trusted = None if wrong == "system" else authority.certificate
    with running(Slapd(folder / "slapd", authority.certificate, pair)) as slapd:
        server = starttls(slapd) if door == "ldap" else ldaps(slapd)
        assert await asked(make_directory(database, trusted, [server])) == "unavailable"
        assert "BIND" not in slapd.log


async def test_old_tls_is_refused(database: Database, authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    # Rule 9: a key exchange without forward secrecy, which every client of ours refuses.
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")
    fake = FakeDirectory("yes", authority.issue("localhost"), context=context)
    with pretending(fake):
        assert await asked(make_directory(database, authority.certificate, [fake.server])) == "unavailable"
    assert fake.received == b""


# -- rule 4: nothing before encryption


@pytest.mark.parametrize("manner", ["plain", "injects"])
async def test_without_starttls_nothing_is_said(
    database: Database, authority: Authority, manner: str
) -> None:
    with pretending(FakeDirectory(manner)) as fake:
        provider = make_directory(database, authority.certificate, [fake.server])
        assert await asked(provider) == "unavailable"
    assert fake.connections == 1
    for secret in (PASSWORD, READER_PASSWORD, READER, "alice"):
        assert secret.encode() not in fake.received


# -- rule 5: referrals


async def test_referrals_are_never_followed(
    database: Database, authority: Authority, slapd: Slapd, elsewhere: Listener
) -> None:
    servers = [starttls(slapd)]
    away = f"ou=away,{BASE}"
    below = make_directory(database, authority.certificate, servers, direct_bind=f"uid={{name}},{away}")
    outside = make_directory(database, authority.certificate, servers, base_dn="dc=other,dc=example")
    inside = make_directory(database, authority.certificate, servers, base_dn=away)
    reader = make_directory(database, authority.certificate, servers, bind_dn=f"cn=spoold,{away}")
    for provider in (below, outside, inside, reader):
        await asked(provider)
    whole = make_directory(database, authority.certificate, servers)
    assert isinstance(await whole.check("alice", WORD), Accepted), (
        "a referral beside the entry is passed over"
    )
    assert await asked(whole, "nobody") == NotHere()
    assert (elsewhere.connections, bytes(elsewhere.received)) == (0, b"")


# -- rules 6 and 7: time


@pytest.mark.parametrize("tls_first", [True, False])
@pytest.mark.parametrize("manner", ["silent", "resets", "garbage", "drips"])
async def test_servers_that_do_not_answer_are_given_up(
    database: Database, authority: Authority, manner: str, tls_first: bool
) -> None:
    pair = authority.issue("localhost") if tls_first else None
    with pretending(FakeDirectory(manner, pair)) as fake:
        provider = make_directory(database, authority.certificate, [fake.server])
        assert await asked(provider) == "unavailable"
        assert PASSWORD.encode() not in fake.received


@pytest.mark.parametrize("manner", ["silent", "resets", "garbage", "drips"])
async def test_the_next_server_answers_in_time(
    database: Database, authority: Authority, slapd: Slapd, manner: str
) -> None:
    with pretending(FakeDirectory(manner, authority.issue("localhost"))) as fake:
        provider = make_directory(database, authority.certificate, [fake.server, ldaps(slapd)])
        began = time.monotonic()
        assert isinstance(await provider.check("alice", WORD), Accepted)
        assert time.monotonic() - began < ANSWER_S
        asked_before = fake.connections
        assert isinstance(await provider.check("alice", WORD), Accepted)
        assert fake.connections == asked_before, "a server that has just failed is asked last"


async def test_a_directory_that_is_silent_about_passwords_is_shown_no_more_than_it_may_count(
    database: Database, authority: Authority
) -> None:
    """What had no answer may have been counted there, by each server of its own."""
    clock, pair = FakeClock(), authority.issue("localhost")
    most = Directory.model_fields["max_wrong_passwords"].default
    window_s = Directory.model_fields["wrong_passwords_window"].default.total_seconds()
    with (
        pretending(FakeDirectory("hangs", pair, who=ALICE)) as first,
        pretending(FakeDirectory("hangs", pair, who=ALICE)) as second,
    ):
        servers = [first.server, second.server]
        ca = authority.certificate
        provider = make_directory(database, ca, servers, failures=most, clock=clock, domains={"lab"})
        kit = make_identity(database, clock=clock, order=[provider])

        def binds() -> int:
            return sum(fake.received.count(b"guess-") for fake in (first, second))

        for turn in range(3 * most):
            name = ("alice", "lab\\alice", "alice@lab")[turn % 3]
            with pytest.raises(Unavailable):
                await kit.identity.authenticate(name, f"guess-{turn}", peer=f"10.9.{turn}.1", fresh=True)
        assert binds() == most
        # It answers again: nobody was locked, here or there, for longer than its own window.
        first.manner = second.manner = "yes"
        assert await asked(provider) == "unavailable"
        clock.advance(window_s)
        await kit.identity.authenticate("alice", PASSWORD, peer="10.9.0.1", fresh=True)
        assert binds() == most


class SlowThread(FakeClock):
    """Lets a worker thread wait where it reads the time, when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = False
        self.came = threading.Event()
        self.go_on = threading.Event()

    def monotonic_s(self) -> float:
        if self.is_held and threading.current_thread() is not threading.main_thread():
            self.came.set()
            self.go_on.wait(60)
        return super().monotonic_s()


async def test_a_password_is_not_counted_that_nobody_waits_for_any_more(
    database: Database, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The next question waits until the thread that was given up has ended.
    monkeypatch.setattr(ldap_servers, "MAX_CONVERSATIONS", 1)
    clock = SlowThread()
    with pretending(FakeDirectory("yes", authority.issue("localhost"), who=ALICE)) as fake:
        provider = make_directory(database, authority.certificate, [fake.server], failures=1, clock=clock)
        # Its groups are remembered now: what follows reads the time right before the password is counted.
        assert isinstance(await provider.find("alice"), Accepted)
        clock.is_held = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(provider.check, "alice", WORD)
            await trio.to_thread.run_sync(clock.came.wait, 60)
            nursery.cancel_scope.cancel()
        clock.is_held = False
        clock.go_on.set()
        assert isinstance(await provider.check("alice", WORD), Accepted)
        assert fake.received.count(PASSWORD.encode()) == 1


async def test_a_yes_of_the_second_server_gives_back_what_the_first_was_sent(
    database: Database, authority: Authority
) -> None:
    pair = authority.issue("localhost")
    with (
        pretending(FakeDirectory("hangs", pair, who=ALICE)) as first,
        pretending(FakeDirectory("yes", pair, who=ALICE)) as second,
    ):
        provider = make_directory(database, authority.certificate, [first.server, second.server], failures=2)
        for _ in range(3):
            assert isinstance(await provider.check("alice", WORD), Accepted)
        assert (first.received.count(PASSWORD.encode()), second.connections) == (1, 3)


async def test_a_directory_that_is_down_answers_nobody_and_forgets_nothing(
    database: Database, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A7: what was remembered of groups says yes to nobody."""
    folder = tmp_path_factory.mktemp("down")
    with running(Slapd(folder, authority.certificate, authority.issue("localhost"))) as slapd:
        provider = make_directory(database, authority.certificate, [ldaps(slapd)])
        found = await provider.check("alice", WORD)
        assert isinstance(found, Accepted)
        slapd.stop()
        assert await asked(provider) == "unavailable"
        for question in (provider.find("alice"), provider.again(found.account.id)):
            with pytest.raises(Unavailable):
                await question
        slapd.start()
        assert isinstance(await provider.again(found.account.id), Accepted)


# -- rule 8: names are words, never questions

NAMES = [
    "*",
    "a*",
    "*)(uid=*",
    "alice)(objectClass=*",
    "alice)(|(uid=*",
    "(uid=alice)",
    "alice\\2a",
    "\\61lice",
    "alice,ou=people",
    "uid=alice",
    "alice#",
    "a" * 10_240,
    "\u00e1lice",
    "al\u00adice",
    "\ufeffalice",
    "alice/../bob",
    "&",
    "|",
    "!",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_no_name_is_a_question(
    database: Database, authority: Authority, slapd: Slapd, name: str
) -> None:
    for form in (None, f"uid={{name}},{PEOPLE}"):
        provider = make_directory(database, authority.certificate, [starttls(slapd)], direct_bind=form)
        assert await asked(provider, name) == NotHere()
        assert await provider.find(name) == NotHere()


async def test_two_entries_of_one_name_are_nobody(
    database: Database, authority: Authority, slapd: Slapd
) -> None:
    provider = make_directory(database, authority.certificate, [starttls(slapd)])
    before = slapd.log.count('BIND dn="uid=twin')
    assert isinstance(await asked(provider, "twin"), Rejected)
    assert slapd.log.count('BIND dn="uid=twin') == before


def test_filters_are_escaped_by_the_octet() -> None:
    assert escaped("a*(b)\\\0\u00e9") == "a\\2a\\28b\\29\\5c\\00\\c3\\a9"
    assert escaped(b"\x00\xffA") == "\\00\\ffA"


def test_what_the_log_says_quotes_no_answer(authority: Authority) -> None:
    with pretending(FakeDirectory("garbage", authority.issue("localhost"))) as fake:
        context = ssl.create_default_context(cafile=authority.certificate)
        with pytest.raises(ServerFailed) as caught, LdapConversation(fake.server, context, 3) as link:
            link.bind(READER, READER_PASSWORD.encode())
    assert READER_PASSWORD not in str(caught.value)
    assert len(str(caught.value)) < 200
