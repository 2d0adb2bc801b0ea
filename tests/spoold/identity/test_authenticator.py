"""Identity: proofs, refusals, what is recorded of them, providers in order, guesses in masses."""

import contextlib
import itertools
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import pytest
import trio
from sqlalchemy import Connection

from spoold.database import people
from spoold.database.engine import Database
from spoold.identity.authenticator import WRONG
from spoold.identity.claim import Claim
from spoold.identity.provider import Accepted, Account, Finding, NotHere
from spoold.identity.refused import RefusedProofs
from spoold.identity.secret import Secret
from spoold.model.errors import Busy, NotAuthenticated, TooManyAttempts, Unavailable
from spoold.model.ids import UserId
from spoold.model.principal import Method, Role
from tests.support.authenticator_conformance import TRICKS, AuthenticatorConformance
from tests.support.identities import PASSWORD, IdentityKit, make_identity

HERE, ELSEWHERE = "10.20.1.1", "192.0.2.9"


@pytest.fixture
async def alice(kit: IdentityKit) -> UserId:
    user = await kit.identity.add_user("alice", PASSWORD, groups=["pupils"], role=Role.OPERATOR)
    return user.id


_GUESSES = itertools.count()


async def refused(
    kit: IdentityKit, name: str = "alice", password: str | None = None, peer: str = HERE
) -> str:
    """Sign in with a wrong password, another one each time unless one is given."""
    if password is None:
        password = f"wrong-{next(_GUESSES)}"
    with pytest.raises(NotAuthenticated) as caught:
        await kit.identity.authenticate(name, password, peer=peer, fresh=True)
    return caught.value.public


async def test_basic_gives_a_principal(kit: IdentityKit, alice: UserId) -> None:
    principal = await kit.identity.authenticate(" ALICE", PASSWORD, peer=HERE, fresh=True)
    assert (principal.id, principal.name, set(principal.groups)) == (alice, "alice", {"pupils"})
    assert (principal.role, principal.method, principal.proven_at) == (
        Role.OPERATOR,
        Method.BASIC,
        kit.clock.now(),
    )


async def test_all_refusals_read_the_same(kit: IdentityKit, alice: UserId) -> None:
    await kit.identity.add_user("closed", PASSWORD)
    await kit.identity.disable_user("closed")
    texts = {
        await refused(kit, "alice", "wrong"),
        await refused(kit, "nobody", PASSWORD),
        await refused(kit, "closed", PASSWORD),
        await refused(kit, "alice", ""),
        await refused(kit, "", ""),
    }
    assert len(texts) == 1


async def test_tricks_in_name_and_password_open_nothing(kit: IdentityKit, alice: UserId) -> None:
    for n, trick in enumerate((*TRICKS, "\ud800", "a" * 10_240, "alice" + " " * 300)):
        peer = f"10.{n}.0.1"
        await refused(kit, "alice", trick, peer="") if n < 4 else None
        if trick.strip() != "alice":
            await refused(kit, trick, PASSWORD, peer=peer)


async def test_a_long_name_is_not_cut_to_somebody_elses(kit: IdentityKit) -> None:
    name = "x" * 255
    await kit.identity.add_user(name, PASSWORD)
    await kit.identity.authenticate(name, PASSWORD, peer=HERE, fresh=True)
    await refused(kit, name + "y", PASSWORD)


async def test_the_cache_serves_lists_but_never_a_release(kit: IdentityKit, alice: UserId) -> None:
    proven = kit.clock.now()
    await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=False)
    before = kit.hasher.computed
    kit.clock.advance(200)
    again = await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=False)
    assert (kit.hasher.computed, again.proven_at) == (before, proven)
    fresh = await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)
    assert (kit.hasher.computed, fresh.proven_at) == (before + 1, kit.clock.now())


async def test_a_new_password_or_a_closed_account_counts_at_once(kit: IdentityKit, alice: UserId) -> None:
    await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=False)
    await kit.identity.set_password("alice", "battery staple")
    with pytest.raises(NotAuthenticated):
        await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=False)
    await kit.identity.authenticate("alice", "battery staple", peer=HERE, fresh=False)
    await kit.identity.disable_user("alice")
    with pytest.raises(NotAuthenticated):
        await kit.identity.authenticate("alice", "battery staple", peer=HERE, fresh=False)


async def test_many_requests_of_one_client_are_checked_once(kit: IdentityKit, alice: UserId) -> None:
    before = kit.hasher.computed
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(lambda: kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=False))
    assert kit.hasher.computed == before + 1


async def test_a_password_changed_during_the_check_is_not_let_in(database: Database) -> None:
    kit = make_identity(database)
    await kit.identity.add_user("alice", PASSWORD)
    real = kit.users.check

    async def slow(name: str, password: Secret) -> Finding:
        finding = await real(name, password)
        await kit.identity.set_password("alice", "battery staple")
        return finding

    kit.users.check = slow  # type: ignore[method-assign]
    with pytest.raises(NotAuthenticated):
        await kit.identity.sign_in("alice", PASSWORD, peer=HERE)
    sessions = await database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM sessions").scalar())
    assert sessions == 0


async def test_what_is_recorded(kit: IdentityKit, alice: UserId) -> None:
    await kit.identity.sign_in("alice", PASSWORD, peer=HERE)
    await refused(kit, "alice", "hunter22")
    await refused(kit, "Hunter22!Typed in the wrong field", "x")
    await refused(kit, "Hunter22!Typed in the wrong field", "y", peer=ELSEWHERE)
    entries = (await kit.audit())[1:]
    assert [(e["kind"], e["actor"], e.get("user"), e.get("why")) for e in entries] == [
        ("sign-in", alice, None, None),
        ("sign-in-failed", f"unproven:{HERE}", alice, "wrong-password"),
        ("sign-in-failed", f"unproven:{HERE}", None, "unknown-name"),
        ("sign-in-failed", f"unproven:{ELSEWHERE}", None, "unknown-name"),
    ]
    assert entries[2]["name_tag"] == entries[3]["name_tag"]
    assert "hunter22" not in str(entries).lower()


async def test_what_people_typed_is_nowhere_on_disk(
    kit: IdentityKit, alice: UserId, database: Database
) -> None:
    for typed in ("Marker-In-Password", "marker-in-name"):
        await refused(kit, "alice", typed)
        await refused(kit, typed, typed)
    await kit.identity.set_password("alice", "Marker-In-Password")
    await kit.identity.sign_in("alice", "Marker-In-Password", peer=HERE)
    database.close()
    for path in sorted(database._path.parent.rglob("*")):
        if path.is_file():
            assert b"marker-in" not in path.read_bytes().lower(), path


async def test_known_and_unknown_names_take_the_same_steps(kit: IdentityKit, alice: UserId) -> None:
    class Counting(Database):
        """Counts what goes through."""

        steps: ClassVar[list[str]] = []

        async def _submit(self, run: object, *, writes: bool, short: bool) -> object:  # type: ignore[override]
            self.steps.append("write" if writes else "read")
            return await super()._submit(run, writes=writes, short=short)  # type: ignore[arg-type]

    kit.database.__class__ = Counting
    await refused(kit, "alice", "wrong", peer=ELSEWHERE)
    taken: dict[str, tuple[list[str], int]] = {}
    for name in ("alice", "nobody"):
        Counting.steps, before = [], kit.hasher.computed
        await refused(kit, name, "wrong")
        taken[name] = (Counting.steps, kit.hasher.computed - before)
    assert taken["alice"] == taken["nobody"] == (["read", "write"], 1)


@pytest.mark.parametrize("addresses", [1, 200])
async def test_ten_thousand_guesses_at_one_person(kit: IdentityKit, alice: UserId, addresses: int) -> None:
    await kit.identity.authenticate("alice", PASSWORD, peer=ELSEWHERE, fresh=True)
    before, refusals = kit.hasher.computed, 0
    for turn in range(10_000):
        try:
            await kit.identity.authenticate(
                "alice", f"guess {turn}", peer=f"10.20.{turn % addresses}.7", fresh=True
            )
        except TooManyAttempts:
            refusals += 1
        except NotAuthenticated:
            pass
        kit.clock.advance(0.09)
    assert kit.hasher.computed - before <= 5
    assert refusals >= 9_995
    await kit.identity.authenticate("alice", PASSWORD, peer=ELSEWHERE, fresh=True)
    kinds = await kit.kinds()
    assert kinds.count("sign-in-failed") <= 5
    assert kinds.count("sign-in-throttled") <= 5


async def test_a_thousand_guesses_at_once(kit: IdentityKit, alice: UserId) -> None:
    before = kit.hasher.computed

    async def guess(turn: int) -> None:
        with pytest.raises((NotAuthenticated, TooManyAttempts, Busy)):
            await kit.identity.authenticate(
                "alice", f"guess {turn}", peer=f"10.20.{turn % 200}.7", fresh=True
            )

    async with trio.open_nursery() as nursery:
        for turn in range(1000):
            nursery.start_soon(guess, turn)
    assert kit.hasher.computed - before == 5


async def test_hanging_up_does_not_save_a_guess_from_being_counted(kit: IdentityKit, alice: UserId) -> None:
    before = kit.hasher.computed
    for turn in range(20):
        with trio.CancelScope() as scope:
            scope.cancel()
            # The scope is cancelled already: everything that is not shielded ends at once.
            with contextlib.suppress(NotAuthenticated, TooManyAttempts):
                await kit.identity.authenticate("alice", f"guess {turn}", peer=HERE, fresh=True)
    assert kit.hasher.computed - before <= 5


async def test_counts_survive_a_restart(kit: IdentityKit, alice: UserId, database: Database) -> None:
    for _ in range(5):
        await refused(kit)
    again = make_identity(database, clock=kit.clock)
    with pytest.raises(TooManyAttempts) as caught:
        await again.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)
    assert 0 < float(str(caught.value.fields["retry_after_s"])) <= 900
    assert again.hasher.computed == 0
    kit.clock.advance(900)
    await again.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)


async def test_old_counts_leave_the_database(kit: IdentityKit, alice: UserId) -> None:
    await refused(kit, peer=ELSEWHERE)
    kit.clock.advance(3_600)
    await refused(kit, peer=HERE)
    rows = await kit.database.read(people.failure_rows)
    assert f"address:{ELSEWHERE}" not in {row.subject for row in rows}


async def test_a_database_in_doubt_lets_nobody_in(kit: IdentityKit, alice: UserId) -> None:
    token, _ = await kit.identity.sign_in("alice", PASSWORD, peer=HERE)
    kit.database.close()
    with pytest.raises(Unavailable):
        await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)
    with pytest.raises(Unavailable):
        await kit.identity.sign_in("alice", PASSWORD, peer=HERE)
    with pytest.raises(Unavailable):
        await kit.identity.principal_of(token)


async def test_no_record_no_sign_in(kit: IdentityKit, alice: UserId) -> None:
    def break_audit(connection: Connection) -> None:
        connection.exec_driver_sql(
            "CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'broken'); END"
        )

    await kit.database.write(break_audit)
    with pytest.raises(Unavailable):
        await kit.identity.sign_in("alice", PASSWORD, peer=HERE)
    assert await kit.database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM sessions").scalar()) == 0


@dataclass
class FakeDirectory:
    """A second provider, in memory."""

    name: str = "school"
    passwords: dict[str, str] = field(default_factory=dict)
    down: bool = False
    guessed: bool = False
    asked: list[str] = field(default_factory=list)

    async def check(self, name: str, password: Secret) -> Finding:
        await trio.lowlevel.checkpoint()
        self.asked.append(name)
        if self.down:
            raise Unavailable("The directory does not answer. Try again later.", guessed=self.guessed)
        if self.passwords.get(name) != password.reveal():
            return NotHere()
        return Accepted(self._account(name))

    async def find(self, name: str) -> Finding:
        await trio.lowlevel.checkpoint()
        if self.down:
            raise Unavailable("The directory does not answer. Try again later.")
        return Accepted(self._account(name)) if name in self.passwords else NotHere()

    async def again(self, account_id: UserId) -> Finding:
        return await self.find(account_id.removeprefix("school-"))

    def alias(self, name: str) -> str | None:
        return name

    def _account(self, name: str) -> Account:
        return Account(UserId(f"school-{name}"), name, frozenset({"school"}), Role.USER, 0, "", self.name)


async def test_providers_are_asked_in_turn(database: Database) -> None:
    school = FakeDirectory(passwords={"alice": "school password", "carol": "school password"})
    kit = make_identity(database)
    kit.identity.providers.order = (kit.users, school)
    await kit.identity.add_user("alice", PASSWORD)
    assert (
        await kit.identity.authenticate("carol", "school password", peer=HERE, fresh=True)
    ).id == "school-carol"
    await refused(kit, "alice", "school password")
    assert school.asked == ["carol"], "the first that knows the name decides"
    await refused(kit, "carol", "")
    assert school.asked == ["carol"], "an empty password is shown to nobody"


async def test_a_provider_in_doubt_is_not_skipped(database: Database) -> None:
    school = FakeDirectory(down=True)
    kit = make_identity(database)
    await kit.identity.add_user("alice", PASSWORD)
    kit.identity.providers.order = (school, kit.users)
    with pytest.raises(Unavailable):
        await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)
    kit.identity.providers.order = (kit.users, school)
    await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)
    with pytest.raises(Unavailable):
        await kit.identity.authenticate("carol", PASSWORD, peer=HERE, fresh=True)


async def test_a_provider_in_doubt_does_not_count_as_a_guess(database: Database) -> None:
    school = FakeDirectory(down=True, passwords={"carol": "school password"})
    kit = make_identity(database)
    kit.identity.providers.order = (kit.users, school)
    for _ in range(10):
        with pytest.raises(Unavailable):
            await kit.identity.authenticate("carol", "school password", peer=HERE, fresh=True)
    school.down = False
    await kit.identity.authenticate("carol", "school password", peer=HERE, fresh=True)


async def test_a_password_that_a_silent_provider_was_sent_is_a_guess_but_at_home(database: Database) -> None:
    """Twenty from an address, whomever they are about; a slow directory keeps nobody from the desk."""
    school = FakeDirectory(passwords={"carol": "school password"})
    kit = make_identity(database)
    kit.identity.providers.order = (kit.users, school)
    await kit.identity.authenticate("carol", "school password", peer=HERE, fresh=True)
    school.down, school.guessed = True, True
    for _ in range(30):
        with pytest.raises(Unavailable):
            await kit.identity.authenticate("carol", "school password", peer=HERE, fresh=True)
    for person in range(20):
        with pytest.raises(Unavailable):
            await kit.identity.authenticate(f"person-{person}", "a guess", peer=ELSEWHERE, fresh=True)
    with pytest.raises(TooManyAttempts):
        await kit.identity.authenticate("one-more", "a guess", peer=ELSEWHERE, fresh=True)
    school.down = False
    await kit.identity.authenticate("carol", "school password", peer=HERE, fresh=True)


async def test_results_are_counted(kit: IdentityKit, alice: UserId) -> None:
    await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)
    for _ in range(5):
        await refused(kit)
    with pytest.raises(TooManyAttempts):
        await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)
    text = kit.metrics.render().decode()
    assert 'spoold_sign_ins_total{result="accepted"} 1.0' in text
    assert 'spoold_sign_ins_total{result="rejected"} 5.0' in text
    assert 'spoold_sign_ins_total{result="throttled"} 1.0' in text


def test_the_conformance_suite_is_the_one_the_provider_names() -> None:
    assert AuthenticatorConformance.__module__ == "tests.support.authenticator_conformance"


# -- the same wrong password again


async def test_the_same_wrong_password_is_checked_and_counted_once(kit: IdentityKit, alice: UserId) -> None:
    """An old password in a print queue: CUPS tries it six times for each job."""
    before = kit.hasher.computed
    for _ in range(12):
        assert await refused(kit, password="the old one") == WRONG
    assert kit.hasher.computed == before + 1
    assert [entry["kind"] for entry in await kit.audit()].count("sign-in-failed") == 1
    await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)


async def test_it_is_another_one_under_another_name_from_elsewhere_and_later(
    kit: IdentityKit, alice: UserId
) -> None:
    """Nobody finds out by the time an answer takes what was tried at another place."""
    before = kit.hasher.computed
    await refused(kit, password="the old one")
    for number, how in enumerate(({"name": "bob"}, {"peer": ELSEWHERE}, {"password": "the old onE"}), 2):
        await refused(kit, **{"password": "the old one", **how})
        assert kit.hasher.computed == before + number
    kit.clock.advance(901)
    await refused(kit, password="the old one")
    assert kit.hasher.computed == before + 5


async def test_a_second_no_takes_as_long_as_the_first(
    kit: IdentityKit, alice: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        await trio.lowlevel.checkpoint()
        slept.append(seconds)

    check = kit.users.check

    async def slow_check(name: str, password: Secret) -> Finding:
        now[0] += 0.238
        return await check(name, password)

    monkeypatch.setattr(trio, "current_time", lambda: now[0])
    monkeypatch.setattr(trio, "sleep", sleep)
    monkeypatch.setattr(kit.users, "check", slow_check)
    await refused(kit, password="the old one")
    await refused(kit, password="the old one")
    assert slept == [pytest.approx(0.238)]


async def test_of_many_alike_at_once_one_is_checked(kit: IdentityKit, alice: UserId) -> None:
    before = kit.hasher.computed
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(partial(refused, kit, password="the old one"))
    assert kit.hasher.computed == before + 1
    await kit.identity.authenticate("alice", PASSWORD, peer=HERE, fresh=True)


@pytest.mark.parametrize("change", ["password", "enabled", "added"])
async def test_what_was_wrong_may_be_right_once_the_account_has_changed(
    kit: IdentityKit, alice: UserId, change: str
) -> None:
    name, word = "alice", "a brand new password"
    if change == "enabled":
        await kit.identity.disable_user(name)
        word = PASSWORD
    if change == "added":
        name = "carol"
    await refused(kit, name, word)
    if change == "password":
        await kit.identity.set_password(name, word)
    elif change == "enabled":
        await kit.identity.enable_user(name)
    else:
        await kit.identity.add_user(name, word)
    await kit.identity.authenticate(name, word, peer=HERE, fresh=True)


async def test_a_password_that_is_set_while_it_is_checked_is_not_remembered_as_wrong(
    kit: IdentityKit, alice: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = kit.users.check

    async def overtaken(name: str, password: Secret) -> Finding:
        found = await check(name, password)
        await kit.identity.set_password("alice", "a brand new password")
        return found

    monkeypatch.setattr(kit.users, "check", overtaken)
    await refused(kit, password="a brand new password")
    monkeypatch.setattr(kit.users, "check", check)
    await kit.identity.authenticate("alice", "a brand new password", peer=HERE, fresh=True)


async def test_wrong_passwords_are_remembered_in_bounds(kit: IdentityKit, alice: UserId) -> None:
    memory = RefusedProofs(kit.clock, max_entries=3)
    claims = [Claim("alice", Secret(f"wrong-{number}"), HERE, Method.BASIC) for number in range(5)]
    for claim in claims:
        memory.remember(memory.check(claim))
    assert [memory.holds(claim) for claim in claims] == [False, False, True, True, True]
    assert len(memory) == 3
    assert "wrong-4" not in f"{memory.__dict__} {memory.check(claims[4])}"
