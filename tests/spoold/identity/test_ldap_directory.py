"""A directory as a provider, on a real slapd: whom it knows, under which names, with which groups."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from spoold.database.engine import Database
from spoold.identity.ldap import LdapServer
from spoold.identity.ldap_directory import LdapDirectory
from spoold.identity.provider import Accepted, Account, Finding, NotHere, Rejected
from spoold.identity.secret import Secret
from spoold.model.errors import Unavailable
from spoold.model.principal import Role
from tests.support.authenticator_conformance import AuthenticatorConformance
from tests.support.authority import Authority
from tests.support.clock import FakeClock
from tests.support.directories import ODD_GROUPS, make_directory
from tests.support.slapd import GROUPS, PEOPLE, Slapd, group, lab_entries, running

WORD = Secret("correct horse")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def slapd(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    pair = authority.issue("localhost")
    with running(Slapd(tmp_path_factory.mktemp("slapd"), authority.certificate, pair)) as started:
        # After the start, so that slapd's own overlay writes memberOf.
        added = group("of-overlay", f"uid=alice,{PEOPLE}")
        started.modify(added.replace("\n", "\nchangetype: add\n", 1))
        yield started


@pytest.fixture
def servers(slapd: Slapd) -> list[LdapServer]:
    return [LdapServer("localhost", slapd.ports["ldap"], implicit_tls=False)]


@pytest.fixture(scope="module")
def odd(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LdapServer]]:
    """A directory whose groups have names that a distinguished name escapes."""
    pair = authority.issue("localhost")
    with running(Slapd(tmp_path_factory.mktemp("odd"), authority.certificate, pair)) as started:
        started.modify(f"dn: cn=pupils,{GROUPS}\nchangetype: delete\n")
        for name, (written, _) in ODD_GROUPS.items():
            added = group(name, f"uid=alice,{PEOPLE}", rdn=written)
            started.modify(added.replace("\n", "\nchangetype: add\n", 1))
        yield [LdapServer("localhost", started.ports["ldap"], implicit_tls=False)]


@pytest.fixture
def provider(database: Database, authority: Authority, servers: list[LdapServer]) -> LdapDirectory:
    return make_directory(database, authority.certificate, servers)


def accepted(finding: Finding) -> Account:
    assert isinstance(finding, Accepted)
    return finding.account


class TestConformance(AuthenticatorConformance):
    """The rules of every provider, by StartTLS."""


class TestConformanceOverTls(AuthenticatorConformance):
    """The rules of every provider, over ldaps and with the password shown under a name of a form."""

    @pytest.fixture
    def provider(self, database: Database, authority: Authority, slapd: Slapd) -> LdapDirectory:
        servers = [LdapServer("localhost", slapd.ports["ldaps"], implicit_tls=True)]
        return make_directory(database, authority.certificate, servers, direct_bind=f"uid={{name}},{PEOPLE}")


async def test_an_account_is_known_by_the_id_that_never_changes(provider: LdapDirectory) -> None:
    account = accepted(await provider.check("alice", WORD))
    assert account.id.startswith("ldap:school:")
    assert (account.name, account.provider, account.display_name) == ("alice", "school", "Alice Lab")
    assert accepted(await provider.find("alice")).id == account.id
    assert accepted(await provider.again(account.id)).name == "alice"


async def test_domains_before_and_behind_a_name_mean_the_same_person(
    database: Database, authority: Authority, servers: list[LdapServer]
) -> None:
    provider = make_directory(
        database, authority.certificate, servers, domains=frozenset({"LAB", "lab.example"})
    )
    plain = accepted(await provider.check("alice", WORD))
    for name in ("lab\\alice", "alice@lab.example", "alice@school", "school\\alice"):
        account = accepted(await provider.check(name, WORD))
        assert (account.id, account.name, provider.alias(name)) == (plain.id, "alice", "alice")
    for name in (
        "other\\alice",
        "alice@other.example",
        "lab\\",
        "@lab.example",
        "lab\\\\alice",
        "lab\\lab\\alice",
    ):
        assert await provider.check(name, WORD) == NotHere()


@pytest.mark.parametrize("mode", ["groupOfNames", "memberOf"])
async def test_groups_and_roles(
    database: Database, authority: Authority, servers: list[LdapServer], mode: str
) -> None:
    provider = make_directory(
        database,
        authority.certificate,
        servers,
        group_mode=mode,
        operator_groups=frozenset({"OF-overlay"}),
        administrator_groups=frozenset({f"cn=print-admins, {GROUPS}"}),
    )
    alice = accepted(await provider.check("alice", WORD))
    assert "of-overlay" in alice.groups
    assert alice.role is Role.OPERATOR
    if mode == "groupOfNames":
        assert alice.groups == {"pupils", "of-overlay"}
        assert accepted(await provider.find("bob")).role is Role.ADMINISTRATOR


@pytest.mark.parametrize("mode", ["groupOfNames", "memberOf"])
async def test_groups_have_the_names_that_people_gave_them(
    database: Database, authority: Authority, odd: list[LdapServer], mode: str
) -> None:
    """A rule that forbids something to "Sales, North" has to find them under that name."""
    ca = authority.certificate
    provider = make_directory(database, ca, odd, group_mode=mode)
    alice = accepted(await provider.check("alice", WORD))
    assert alice.groups == set(ODD_GROUPS)
    for name, written in ODD_GROUPS.items():
        for wanted in (name, name.upper(), *(f"cn={rdn}, {GROUPS}" for rdn in written)):
            provider = make_directory(database, ca, odd, group_mode=mode, operator_groups=frozenset({wanted}))
            assert accepted(await provider.find("alice")).role is Role.OPERATOR, wanted
    for other in ("Sales", "North", "Sales\\2C North", f"cn=Sales\\\\, North,{GROUPS}"):
        provider = make_directory(database, ca, odd, group_mode=mode, operator_groups=frozenset({other}))
        assert accepted(await provider.find("alice")).role is Role.USER, other


async def test_a_group_that_is_called_like_the_place_of_another_is_not_that_one(
    database: Database, authority: Authority, slapd: Slapd, servers: list[LdapServer]
) -> None:
    place = f"cn=print-admins,{GROUPS}"
    called = group(place, f"uid=alice,{PEOPLE}", rdn=place.replace(",", "\\,"))
    slapd.modify(called.replace("\n", "\nchangetype: add\n", 1))
    try:
        provider = make_directory(
            database, authority.certificate, servers, administrator_groups=frozenset({place})
        )
        alice = accepted(await provider.check("alice", WORD))
        assert place in alice.groups
        assert alice.role is Role.USER
        assert accepted(await provider.find("bob")).role is Role.ADMINISTRATOR
    finally:
        rdn = place.replace(",", "\\,")
        slapd.modify(f"dn: cn={rdn},{GROUPS}\nchangetype: delete\n")


async def test_only_groups_below_their_base_count(
    database: Database, authority: Authority, servers: list[LdapServer]
) -> None:
    """Whoever may make groups elsewhere in the tree makes nobody an administrator."""
    for mode in ("groupOfNames", "memberOf"):
        provider = make_directory(
            database, authority.certificate, servers, group_mode=mode, group_base_dn=PEOPLE
        )
        assert accepted(await provider.check("alice", WORD)).groups == frozenset()


async def test_closed_and_doubtful_accounts_are_found_and_refused(provider: LdapDirectory) -> None:
    mallory = await provider.find("mallory")
    assert isinstance(mallory, Rejected)
    assert mallory.why == "disabled"
    assert await provider.again(mallory.account_id) == mallory
    twin = await provider.check("twin", WORD)
    assert isinstance(twin, Rejected)
    assert twin.why == "several-entries"


async def test_who_is_not_meant_to_print_is_not_here(
    database: Database, authority: Authority, servers: list[LdapServer]
) -> None:
    provider = make_directory(database, authority.certificate, servers, user_filter="(!(employeeType=guest))")
    assert await provider.check("carol", WORD) == NotHere()
    accepted(await provider.check("alice", WORD))


async def test_ids_of_others_are_nobody(provider: LdapDirectory) -> None:
    account = accepted(await provider.find("alice"))
    key = account.id.rpartition(":")[2]
    for wrong in (
        f"ldap:other:{key}",
        key,
        f"ldap:school:{key}x",
        "ldap:school:*",
        f"ldap:school:{key[:-1]}",
    ):
        assert await provider.again(type(account.id)(wrong)) == NotHere()


async def test_groups_are_remembered_for_minutes_but_never_for_a_release(
    slapd: Slapd, database: Database, authority: Authority, servers: list[LdapServer]
) -> None:
    clock = FakeClock()
    provider = make_directory(database, authority.certificate, servers, clock=clock)
    account = accepted(await provider.check("bob", Secret("bobs password")))
    slapd.modify(f"dn: cn=pupils,{GROUPS}\nchangetype: modify\ndelete: member\nmember: uid=bob,{PEOPLE}\n")
    try:
        assert "pupils" in accepted(await provider.find("bob")).groups
        assert "pupils" not in accepted(await provider.again(account.id)).groups
        assert "pupils" not in accepted(await provider.find("bob")).groups, (
            "asked for a release, known to all"
        )
    finally:
        slapd.modify(f"dn: cn=pupils,{GROUPS}\nchangetype: modify\nadd: member\nmember: uid=bob,{PEOPLE}\n")
    clock.advance(301)
    assert "pupils" in accepted(await provider.find("bob")).groups


async def test_a_person_who_moves_keeps_the_id_and_one_who_comes_after_does_not_get_it(
    slapd: Slapd, provider: LdapDirectory
) -> None:
    slapd.modify(
        f"dn: uid=dora,{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: dora\ncn: Dora\nsn: D\n"
        "userPassword: one password\n"
    )
    first = accepted(await provider.check("dora", Secret("one password")))
    slapd.modify(f"dn: uid=dora,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=dora.b\ndeleteoldrdn: 1\n")
    moved = accepted(await provider.again(first.id))
    assert (moved.id, moved.name) == (first.id, "dora.b")
    slapd.modify(
        f"dn: uid=dora,{PEOPLE}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: dora\ncn: Dora\nsn: D\n"
        "userPassword: one password\n"
    )
    assert accepted(await provider.check("dora", Secret("one password"))).id != first.id
    for name in ("dora", "dora.b"):
        slapd.modify(f"dn: uid={name},{PEOPLE}\nchangetype: delete\n")
    assert await provider.again(first.id) == NotHere()


async def test_the_directory_is_asked_about_so_many_wrong_passwords_whatever_the_form(
    slapd: Slapd, database: Database, authority: Authority, servers: list[LdapServer]
) -> None:
    provider = make_directory(
        database, authority.certificate, servers, failures=3, domains=frozenset({"lab"})
    )
    asked = slapd.log.count("err=49")
    for turn in range(9):
        name = ("alice", "lab\\alice", "alice@lab")[turn % 3]
        assert isinstance(await provider.check(name, Secret(f"wrong {turn}")), Rejected)
    assert slapd.log.count("err=49") - asked == 3
    finding = await provider.check("alice", WORD)
    assert isinstance(finding, Rejected)
    assert finding.why == "too-many-for-the-directory"
    accepted(await provider.check("bob", Secret("bobs password")))


@pytest.mark.parametrize(("size", "who"), [(1, "twin"), (3, "alice")], ids=["people", "groups"])
async def test_a_list_that_the_server_cut_is_no_answer(
    database: Database, authority: Authority, tmp_path: Path, size: int, who: str
) -> None:
    """A second person of a name may have been left out, or a group whose members may not print."""
    entries = [*lab_entries(), *(group(f"more-{one}", f"uid=alice,{PEOPLE}") for one in range(3))]
    pair = authority.issue("localhost")
    extra = f"sizelimit {size}"
    cut = Slapd(tmp_path / "slapd", authority.certificate, pair, entries=entries, extra=extra)
    with running(cut):
        servers = [LdapServer("localhost", cut.ports["ldap"], implicit_tls=False)]
        provider = make_directory(database, authority.certificate, servers)
        for question in (provider.check(who, WORD), provider.find(who)):
            with pytest.raises(Unavailable):
                await question
        assert f'BIND dn="uid={who}' not in cut.log
        # What fits is whole.
        whole = make_directory(database, authority.certificate, servers, group_base_dn=PEOPLE)
        assert isinstance(await whole.check("bob", Secret("bobs password")), Accepted)


async def test_many_at_once_are_all_answered_rightly(provider: LdapDirectory) -> None:
    found: dict[int, Finding] = {}

    async def one(turn: int) -> None:
        found[turn] = await provider.check("alice", WORD if turn % 2 else Secret(f"wrong {turn}"))

    async with trio.open_nursery() as nursery:
        for turn in range(24):
            nursery.start_soon(one, turn)
    assert all(isinstance(finding, Accepted if turn % 2 else Rejected) for turn, finding in found.items())


async def test_nothing_but_the_question_is_asked(slapd: Slapd, provider: LdapDirectory) -> None:
    """No schema, no root entry: each would be a round trip before the password is checked."""
    before = len(slapd.log)
    await provider.check("alice", WORD)
    said = slapd.log[before:]
    assert 'SRCH base=""' not in said
    assert "cn=Subschema" not in said
    assert said.count("SRCH base=") == 2
    assert said.count("ACCEPT from") == 1


async def test_the_next_server_is_asked_when_one_is_down(
    database: Database, authority: Authority, servers: list[LdapServer], slapd: Slapd
) -> None:
    gone = LdapServer("localhost", 1, implicit_tls=True)
    provider = make_directory(database, authority.certificate, [gone, *servers])
    accepted(await provider.check("alice", WORD))
    accepted(await provider.check("alice", WORD))
    with pytest.raises(Unavailable):
        await make_directory(database, authority.certificate, [gone]).check("alice", WORD)


async def test_a_reader_that_is_refused_lets_nobody_in(
    database: Database, authority: Authority, servers: list[LdapServer]
) -> None:
    provider = make_directory(database, authority.certificate, servers, bind_password="wrong")
    with pytest.raises(Unavailable):
        await provider.check("alice", WORD)
    blind = make_directory(database, authority.certificate, servers, bind_dn=None, bind_password="")
    with pytest.raises(Unavailable):
        await blind.check("alice", WORD)


def test_the_password_of_the_reader_shows_nowhere(provider: LdapDirectory) -> None:
    assert "reader-password" not in repr(provider._settings)
