"""People of directories: their rows, their names beside those of others, and the account as it is now."""

import contextlib
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
import trio

from spoold.database import people
from spoold.database.engine import Database
from spoold.identity.admission import KNOWN_HERE
from spoold.identity.kept import KeptPeople, Term
from spoold.identity.provider import Accepted, Account, Authenticator, Finding, NotHere, Rejected
from spoold.identity.secret import Secret
from spoold.model.errors import NotAuthenticated, NotAuthorized, NotPossible, TooManyAttempts, Unavailable
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role
from tests.support.identities import PASSWORD, IdentityKit, make_identity

HERE = "10.20.1.1"
WORD = "school password"
# Of an OpenID provider: nobody can be asked about this person.
SERGE = Account(UserId("oidc:1"), "serge", frozenset(), Role.USER, 0, "Serge", "oidc")


@dataclass
class FakeDirectory:
    """A directory in memory: people by name, who may be renamed, closed and taken away."""

    name: str = "school"
    accounts: dict[str, Account] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def add(self, name: str, key: str = "", **fields: object) -> Account:
        """Put somebody in."""
        account = Account(
            UserId(f"ldap:{self.name}:{key or name}"),
            name,
            frozenset({"pupils"}),
            Role.USER,
            epoch=0,
            provider=self.name,
            unique=True,
        )
        self.accounts[name] = replace(account, **fields)  # type: ignore[arg-type]
        return self.accounts[name]

    async def check(self, name: str, password: Secret) -> Finding:
        finding = await self.find(name)
        if isinstance(finding, Accepted) and password.reveal() != WORD:
            return Rejected(finding.account.id, "wrong-password")
        return finding

    async def find(self, name: str) -> Finding:
        await trio.lowlevel.checkpoint()
        self.asked.append(name)
        return self._finding(self.accounts.get(self.alias(name) or ""))

    async def again(self, account_id: UserId) -> Finding:
        await trio.lowlevel.checkpoint()
        return self._finding(next((one for one in self.accounts.values() if one.id == account_id), None))

    def alias(self, name: str) -> str | None:
        left, at, right = name.rpartition("@")
        return left if at and right in {self.name, f"{self.name}.example"} else name

    def _finding(self, account: Account | None) -> Finding:
        if self.down:
            raise Unavailable("The directory cannot be asked.")
        if account is None:
            return NotHere()
        return Rejected(account.id, "disabled") if account.name in self.closed else Accepted(account)


@pytest.fixture
def school() -> FakeDirectory:
    return FakeDirectory()


@pytest.fixture
def kit(database: Database, school: FakeDirectory) -> IdentityKit:
    return with_order(make_identity(database), school)


def with_order(kit: IdentityKit, *directories: Authenticator) -> IdentityKit:
    kit.identity.providers.order = (kit.users, *directories)
    return kit


async def signed_in(kit: IdentityKit, name: str, password: str = WORD) -> Principal:
    return await kit.identity.authenticate(name, password, peer=HERE, fresh=True)


async def names(kit: IdentityKit) -> dict[str, str]:
    return {row.id: row.name for row in await kit.database.read(people.list_users)}


# -- rows


async def test_a_row_is_made_with_the_record_of_the_first_sign_in(
    kit: IdentityKit, school: FakeDirectory
) -> None:
    account = school.add("carol", display_name="Carol C")
    principal = await signed_in(kit, "carol")
    assert (principal.id, principal.name, principal.provider) == (account.id, "carol", "school")
    row = await kit.database.read(lambda c: people.user_by_id(c, account.id))
    assert row is not None
    assert (row.password_hash, row.provider, row.display_name, row.groups) == (
        "",
        "school",
        "Carol C",
        frozenset({"pupils"}),
    )
    assert [entry["kind"] for entry in await kit.audit()] == ["sign-in"]
    token, _ = await kit.identity.sign_in("carol", WORD, peer=HERE)
    session = await kit.identity.principal_of(token)
    assert session is not None
    assert (session.id, session.provider, session.method) == (account.id, "school", Method.PASSWORD)


async def test_what_the_directory_says_now_is_written_down(kit: IdentityKit, school: FakeDirectory) -> None:
    school.add("carol")
    await signed_in(kit, "carol")
    school.add("carol", groups=frozenset({"staff"}), role=Role.OPERATOR)
    token, _ = await kit.identity.sign_in("carol", WORD, peer=HERE)
    session = await kit.identity.principal_of(token)
    assert session is not None
    assert (session.role, session.groups) == (Role.OPERATOR, frozenset({"staff"}))


async def test_a_row_closed_here_is_closed_whatever_the_directory_says(
    kit: IdentityKit, school: FakeDirectory
) -> None:
    account = school.add("carol")
    principal = await signed_in(kit, "carol")
    await kit.identity.disable_user("carol")
    with pytest.raises(NotAuthenticated):
        await signed_in(kit, "carol")
    with pytest.raises(NotAuthenticated):
        await kit.identity.admit(account, method=Method.KERBEROS, peer=HERE)
    with pytest.raises(NotAuthenticated):
        await kit.identity.open_session(principal)
    with pytest.raises(NotAuthorized):
        await kit.identity.confirmed(principal)
    assert await kit.identity.lookup("carol") is None
    assert await kit.identity.account_of(account.id) is None


async def test_its_password_is_not_ours_to_set(kit: IdentityKit, school: FakeDirectory) -> None:
    school.add("carol")
    await signed_in(kit, "carol")
    with pytest.raises(NotPossible, match="kept by the directory"):
        await kit.identity.set_password("carol", "a password of our own")
    with pytest.raises(NotAuthenticated):
        await signed_in(kit, "carol", "a password of our own")


# -- names


async def test_all_forms_of_a_name_are_one_person_and_counted_together(
    kit: IdentityKit, school: FakeDirectory
) -> None:
    account = school.add("carol")
    for name in ("carol", "carol@school", "CAROL@school.example"):
        assert (await signed_in(kit, name)).id == account.id
        assert kit.identity.providers.counted(name.casefold()) == "carol"
    assert await names(kit) == {account.id: "carol"}
    assert await kit.kinds() == ["sign-in"] * 3


async def test_a_name_stays_somebodys_when_nobody_can_be_asked_about_it(
    kit: IdentityKit, school: FakeDirectory
) -> None:
    carol, vouched = school.add("carol"), replace(SERGE, vouched_at=kit.clock.now())
    assert await kit.identity.whose("carol") == Accepted(carol)
    assert await kit.identity.whose("serge") == NotHere()
    await signed_in(kit, "carol")
    await kit.identity.admit(vouched, method=Method.OIDC, peer=HERE)
    del school.accounts["carol"]
    for name, owner in (
        ("carol", carol.id),
        ("Carol@school.example", carol.id),
        ("SERGE", vouched.id),
        ("Serge@School", vouched.id),
    ):
        assert await kit.identity.whose(name) == Rejected(owner, KNOWN_HERE)
    await kit.identity.disable_user("carol")
    assert await kit.identity.whose("carol") == Rejected(carol.id, KNOWN_HERE)
    for nobody in ("carola", "serge@elsewhere", "", "x" * 300, "\ud800"):
        assert await kit.identity.whose(nobody) == NotHere()
    school.down = True
    with pytest.raises(Unavailable):
        await kit.identity.whose("nobody")


async def test_a_local_account_has_the_bare_name_before_and_after(
    kit: IdentityKit, school: FakeDirectory
) -> None:
    alice = await kit.identity.add_user("alice", PASSWORD)
    other, carol = school.add("alice"), school.add("carol")
    assert (await signed_in(kit, "alice@school")).name == "alice@school"
    assert (await signed_in(kit, "alice", PASSWORD)).id == alice.id
    token, _ = await kit.identity.sign_in("carol", WORD, peer=HERE)
    local = await kit.identity.add_user("carol", PASSWORD)
    assert await names(kit) == {
        alice.id: "alice",
        other.id: "alice@school",
        carol.id: "carol@school",
        local.id: "carol",
    }
    assert await kit.identity.principal_of(token) is None
    assert (await signed_in(kit, "carol", PASSWORD)).id == local.id
    assert (await signed_in(kit, "carol@school")).id == carol.id


async def test_of_two_directories_the_earlier_one_has_the_bare_name(
    database: Database, school: FakeDirectory
) -> None:
    college = FakeDirectory("college")
    kit = with_order(make_identity(database), school, college)
    late = college.add("dora")
    assert (await signed_in(kit, "dora")).name == "dora"
    early = school.add("dora")
    assert (await signed_in(kit, "dora")).id == early.id
    assert (await signed_in(kit, "dora@college")).name == "dora@college"
    assert await names(kit) == {early.id: "dora", late.id: "dora@college"}
    school.accounts["eve"] = school.add("eve")
    eve = college.add("eve")
    assert (await signed_in(kit, "eve@college")).name == "eve@college", "before school's eve ever came"
    assert eve.id in await names(kit)


async def test_a_name_that_was_given_to_somebody_else_goes_with_it(
    kit: IdentityKit, school: FakeDirectory
) -> None:
    first = school.add("carol", "one")
    token, _ = await kit.identity.sign_in("carol", WORD, peer=HERE)
    second = school.add("carol", "two")
    assert (await signed_in(kit, "carol")).id == second.id
    found = await names(kit)
    assert found[second.id] == "carol"
    assert found[first.id].startswith("carol#")
    assert await kit.identity.principal_of(token) is None, "whoever had the name is signed out"


async def test_a_renamed_person_keeps_the_account(kit: IdentityKit, school: FakeDirectory) -> None:
    account = school.add("carol", "one")
    principal = await signed_in(kit, "carol")
    del school.accounts["carol"]
    school.add("carol.b", "one")
    assert (await kit.identity.confirmed(principal)).name == "carol.b"
    assert await names(kit) == {account.id: "carol.b"}


def kept_people(kit: IdentityKit) -> KeptPeople:
    return KeptPeople("oidc", kit.database, Term("oidc", timedelta(days=30), kit.clock))


async def test_nobody_chooses_a_name_that_is_somebody_elses(kit: IdentityKit, database: Database) -> None:
    """People of an OpenID provider may often write their own name there."""
    kit.identity.providers.order = (kit.users, kept_people(kit))
    first = Account(
        UserId("oidc:1"), "ana", frozenset(), Role.USER, 0, provider="oidc", vouched_at=kit.clock.now()
    )
    assert (await kit.identity.admit(first, method=Method.OIDC, peer=HERE)).name == "ana"
    thief = replace(first, id=UserId("oidc:2"))
    stolen = await kit.identity.admit(thief, method=Method.OIDC, peer=HERE)
    again = await kit.identity.admit(replace(first, id=UserId("oidc:3")), method=Method.OIDC, peer=HERE)
    assert stolen.name == "ana@oidc"
    assert again.name.startswith("ana@oidc#")
    assert (await names(kit))[first.id] == "ana"
    confirmed = await kit.identity.confirmed(stolen)
    assert confirmed.name == "ana@oidc"
    await kit.identity.disable_user("ana@oidc")
    with pytest.raises(NotAuthorized):
        await kit.identity.confirmed(stolen)


# -- as it is now


async def test_confirmed_has_the_groups_of_this_moment(kit: IdentityKit, school: FakeDirectory) -> None:
    school.add("carol")
    principal = await signed_in(kit, "carol")
    assert await kit.identity.confirmed(principal) == principal
    school.add("carol", groups=frozenset(), role=Role.OPERATOR)
    now = await kit.identity.confirmed(replace(principal, role=Role.ADMINISTRATOR))
    assert (now.groups, now.role, now.proven_at) == (frozenset(), Role.OPERATOR, principal.proven_at)
    assert (await kit.kinds())[-1] == "user-changed-in-directory"
    token = replace(principal, method=Method.TOKEN, scopes=frozenset({"jobs:release"}))
    assert await kit.identity.confirmed(token) == replace(token, groups=frozenset()), "no more than it had"


@pytest.mark.parametrize("how", ["closed", "gone"])
async def test_confirmed_refuses_who_is_closed_or_gone_and_ends_the_sessions(
    kit: IdentityKit, school: FakeDirectory, how: str
) -> None:
    school.add("carol")
    token, principal = await kit.identity.sign_in("carol", WORD, peer=HERE)
    if how == "closed":
        school.closed.add("carol")
    else:
        school.accounts.clear()
    with pytest.raises(NotAuthorized, match="closed"):
        await kit.identity.confirmed(principal)
    assert await kit.identity.principal_of(token) is None
    assert (await kit.kinds())[-1] == "sessions-ended"


async def test_a_directory_in_doubt_confirms_nobody_and_local_people_go_on(
    kit: IdentityKit, school: FakeDirectory
) -> None:
    school.add("carol")
    await kit.identity.add_user("alice", PASSWORD)
    token, carol = await kit.identity.sign_in("carol", WORD, peer=HERE)
    alice = await signed_in(kit, "alice", PASSWORD)
    school.down = True
    for question in (
        kit.identity.confirmed(carol),
        kit.identity.account_of(carol.id),
        kit.identity.owner_now(carol.id),
        kit.identity.lookup("carol"),
    ):
        with pytest.raises(Unavailable):
            await question
    assert await kit.identity.confirmed(alice) == alice
    assert await kit.identity.principal_of(token) is not None, "doubt ends no session"


async def test_a_directory_that_is_not_configured_any_more_confirms_nobody(
    kit: IdentityKit, school: FakeDirectory
) -> None:
    school.add("carol")
    principal = await signed_in(kit, "carol")
    kit.identity.providers.order = (kit.users,)
    with pytest.raises(Unavailable, match="not in use"):
        await kit.identity.confirmed(principal)


async def test_a_local_account_closed_meanwhile_is_not_confirmed(kit: IdentityKit) -> None:
    await kit.identity.add_user("alice", PASSWORD)
    alice = await signed_in(kit, "alice", PASSWORD)
    await kit.identity.disable_user("alice")
    with pytest.raises(NotAuthorized):
        await kit.identity.confirmed(alice)


# -- proven by other means


async def test_looked_up_taken_in_and_given_a_session(kit: IdentityKit, school: FakeDirectory) -> None:
    school.add("carol")
    account = await kit.identity.lookup("CAROL@school")
    assert account is not None
    assert await kit.identity.lookup("nobody") is None
    assert await names(kit) == {}, "a look leaves nothing behind"
    principal = await kit.identity.admit(account, method=Method.KERBEROS, peer=HERE)
    shown = replace(principal, second_at=kit.clock.now())
    kit.clock.advance(5)
    token = await kit.identity.open_session(shown)
    session = await kit.identity.principal_of(token)
    assert session == replace(shown, groups=frozenset({"pupils"}))
    assert [entry["method"] for entry in await kit.audit()] == ["kerberos"]


async def test_one_provider_alone_may_be_asked(kit: IdentityKit, school: FakeDirectory) -> None:
    await kit.identity.add_user("alice", PASSWORD)
    school.add("alice")
    found = await kit.identity.lookup("alice", provider="school")
    assert found is not None
    assert (found.provider, found.name) == ("school", "alice@school")
    assert await kit.identity.lookup("alice", provider="local") is not None
    assert await kit.identity.lookup("alice", provider="elsewhere") is None


async def test_an_owner_is_asked_for_by_id(kit: IdentityKit, school: FakeDirectory) -> None:
    school.add("carol")
    carol = await signed_in(kit, "carol")
    owner = await kit.identity.owner_now(carol.id)
    assert owner is not None
    assert (owner.id, owner.method) == (carol.id, Method.ON_ARRIVAL)
    school.closed.add("carol")
    assert await kit.identity.owner_now(carol.id) is None
    assert await kit.identity.owner_now(UserId("nobody")) is None


async def test_failures_take_whole_steps_where_a_directory_is_asked(
    kit: IdentityKit, school: FakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    now = [100.0]

    async def sleep(seconds: float) -> None:
        await trio.lowlevel.checkpoint()
        slept.append(seconds)

    async def slow(name: str, password: Secret) -> Finding:
        now[0] += 0.13
        return NotHere()

    monkeypatch.setattr(trio, "current_time", lambda: now[0])
    monkeypatch.setattr(trio, "sleep", sleep)
    monkeypatch.setattr(school, "check", slow)
    with pytest.raises(NotAuthenticated):
        await signed_in(kit, "nobody", "wrong")
    assert slept == [pytest.approx(0.37)]


async def test_people_without_a_source_are_found_by_their_ids_alone(database: Database) -> None:
    kept = kept_people(make_identity(database))
    for name in ("ana", "", "*"):
        assert await kept.check(name, Secret(WORD)) == NotHere()
        assert await kept.find(name) == NotHere()
        assert kept.alias(name) is None
    assert await kept.again(UserId("oidc:1")) == NotHere()


async def test_an_old_password_in_a_print_queue_is_shown_to_the_directory_once_a_minute(
    kit: IdentityKit, school: FakeDirectory
) -> None:
    """CUPS tries it six times for each job; five wrong ones would lock the account there."""
    school.add("carol")
    for _ in range(6):
        with pytest.raises(NotAuthenticated):
            await signed_in(kit, "carol", "the old one")
    assert (school.asked, await kit.kinds()) == (["carol"], ["sign-in-failed"])
    await signed_in(kit, "carol")
    kit.clock.advance(61)
    with pytest.raises(NotAuthenticated):
        await signed_in(kit, "carol", "the old one")
    assert (await kit.kinds()).count("sign-in-failed") == 2


@pytest.mark.parametrize("addresses", [1, 200])
async def test_of_ten_thousand_guesses_five_reach_the_directory_whatever_the_form(
    kit: IdentityKit, school: FakeDirectory, addresses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(_seconds: float) -> None:
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(trio, "sleep", at_once)
    school.add("carol")
    await kit.identity.authenticate("carol", WORD, peer="192.0.2.9", fresh=True)
    school.asked.clear()
    forms = ("carol", "carol@school", "CAROL@school.example")
    for turn in range(10_000):
        with contextlib.suppress(NotAuthenticated, TooManyAttempts):
            await kit.identity.authenticate(
                forms[turn % 3], f"guess {turn}", peer=f"10.20.{turn % addresses}.7", fresh=True
            )
        kit.clock.advance(0.09)
    assert 1 <= len(school.asked) <= 5
    assert (await kit.identity.authenticate("carol", WORD, peer="192.0.2.9", fresh=True)).name == "carol"
