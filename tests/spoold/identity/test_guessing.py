"""Ten thousand guesses: how many are compared with anything, who is kept out by them, and what they learn.

Counted is work, not time: every check of a password is one run of bcrypt and one record. The same with a
clock, against a running daemon, is `python -m bench.guessing`.
"""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import bcrypt
import pytest
import trio

from spoold.database import people
from spoold.database.people import UserRow
from spoold.identity.authenticator import WRONG
from spoold.identity.provider import Accepted, Finding, NotHere, Rejected
from spoold.identity.secret import Secret
from spoold.model.errors import Busy, NotAuthenticated, SpoolError, TooManyAttempts
from spoold.model.ids import UserId
from spoold.model.principal import Role
from tests.support.identities import PASSWORD, IdentityKit, make_identity

GUESSES = 10_000
WINDOW_S = 900.0
# Guesses that are under way at the same time, as from a program with that many connections.
AT_ONCE = 40
# People whose usual place is known, among those who are guessed at.
RESIDENTS = 20
HOME = "10.30.0.7"


@dataclass
class Town:
    """People with the same password, and somebody who guesses it."""

    kit: IdentityKit
    names: list[str]
    ids: dict[UserId, str]
    answers: Counter[str] = field(default_factory=Counter)

    async def guess(self, number: int, peer: str, name: str) -> None:
        try:
            await self.kit.identity.authenticate(name, f"guess {number}", peer=peer, fresh=True)
        except TooManyAttempts:
            self.answers["throttled"] += 1
        except Busy:
            self.answers["busy"] += 1
        except NotAuthenticated as error:
            self.answers["wrong" if error.public == WRONG else error.public] += 1

    async def checked(self) -> Counter[str]:
        """How often a password of each person was compared with what is stored."""
        rows = await self.kit.database.read(
            lambda c: c.exec_driver_sql(
                "SELECT json_extract(entry, '$.user') FROM audit"
                " WHERE json_extract(entry, '$.kind') = 'sign-in-failed'"
            ).fetchall()
        )
        return Counter(self.ids[row[0]] for row in rows)


async def settled_town(kit: IdentityKit, count: int) -> Town:
    """Make accounts (one hash for all: it is slow on purpose) and have some sign in at home."""
    hashed = await kit.hasher.hash(Secret(PASSWORD))
    now = kit.clock.now()
    rows = [
        UserRow(UserId(f"{number:032x}"), f"user-{number}", hashed, frozenset(), Role.USER, False, 0, now)
        for number in range(count)
    ]

    def work(connection: Any) -> None:
        for row in rows:
            people.insert_user(connection, row)

    await kit.database.write(work)
    for row in rows[:RESIDENTS]:
        await kit.identity.authenticate(row.name, PASSWORD, peer=HOME, fresh=True)
    return Town(kit, [row.name for row in rows], {row.id: row.name for row in rows})


def places(count: int) -> list[str]:
    """Addresses of as many networks: guessers who are not told apart by theirs."""
    return [f"198.{18 + number // 250}.{number % 250}.7" for number in range(count)]


@pytest.mark.parametrize("users", [1, 1_000])
@pytest.mark.parametrize("addresses", [1, 200])
async def test_ten_thousand_guesses_in_a_quarter_of_an_hour(
    kit: IdentityKit, users: int, addresses: int
) -> None:
    town = await settled_town(kit, users)
    before, peers, renewed = kit.hasher.computed, places(addresses), 0
    for start in range(0, GUESSES, AT_ONCE):
        async with trio.open_nursery() as nursery:
            for number in range(start, start + AT_ONCE):
                nursery.start_soon(town.guess, number, peers[number % addresses], town.names[number % users])
        # Meanwhile somebody prints, whose password was right a minute ago: no bcrypt, no queue.
        computed = kit.hasher.computed
        await kit.identity.authenticate(town.names[0], PASSWORD, peer=HOME, fresh=False)
        renewed += kit.hasher.computed - computed
        kit.clock.advance(WINDOW_S * AT_ONCE / GUESSES * 0.99)
    checked = await town.checked()
    assert max(checked.values()) <= 5
    assert town.answers["wrong"] == sum(checked.values())
    # Nothing was compared that is not on record: a check is one run of bcrypt, and so is a renewed proof.
    assert kit.hasher.computed - before == sum(checked.values()) + renewed
    # A proof is remembered for five minutes.
    assert 2 <= renewed <= 4
    assert sum(town.answers.values()) == GUESSES
    # People at their usual desks sign in at once, with a password that is checked; everybody else soon.
    for name in town.names[:RESIDENTS]:
        await kit.identity.authenticate(name, PASSWORD, peer=HOME, fresh=True)
    kit.clock.advance(WINDOW_S)
    for name in town.names[-5:]:
        await kit.identity.authenticate(name, PASSWORD, peer="10.40.0.1", fresh=True)


async def test_a_full_queue_keeps_nobody_out_who_did_not_guess(
    kit: IdentityKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty places guess at the same time, and each has been wrong before: others are not behind them."""
    town = await settled_town(kit, 100)
    stranger = await kit.hasher.hash(Secret("a stranger's password"))
    await kit.database.write(lambda c: people.set_password_hash(c, UserId(f"{99:032x}"), stranger))
    peers, count = places(60), 60
    for number in range(count):
        await town.guess(number, peers[number], town.names[number])
    entered, go, checked = threading.Semaphore(0), threading.Semaphore(0), list[bytes]()
    compute = bcrypt.hashpw

    def one_by_one(password: bytes, salt: bytes) -> bytes:
        checked.append(password)
        entered.release()
        go.acquire(timeout=120)
        return compute(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", one_by_one)
    signed_in: list[str] = []

    async def sign_in(name: str, password: str, peer: str) -> None:
        await kit.identity.authenticate(name, password, peer=peer, fresh=True)
        signed_in.append(name)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(town.guess, 1_000 + number, peers[number], town.names[number])
        await trio.to_thread.run_sync(entered.acquire)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(sign_in, "user-99", "a stranger's password", "10.40.0.1")
        nursery.start_soon(sign_in, "user-0", PASSWORD, HOME)
        await trio.testing.wait_all_tasks_blocked()
        go.release(count + 2)
    assert sorted(signed_in) == ["user-0", "user-99"]
    # Right after the one under way: first whoever is at the usual place, then whoever is new there. The
    # answers may come in another order: two threads can be done in the same moment.
    assert checked[1:3] == [kit.hasher._prehash(Secret(one)) for one in (PASSWORD, "a stranger's password")]
    assert not set(checked[1:3]) & {checked[0], *checked[3:]}
    assert len(checked) == count + 2
    assert town.answers["wrong"] == 2 * count


async def test_guessing_on_for_hours_gets_no_more(kit: IdentityKit) -> None:
    """In every quarter of an hour the same few, over restarts too."""
    town = await settled_town(kit, 3)
    peers, times = places(200), []
    for quarter in range(8):
        if quarter == 4:
            again = make_identity(kit.database, clock=kit.clock)
            town.kit = again
        for number in range(200):
            before = town.answers["wrong"]
            await town.guess(quarter * 1_000 + number, peers[number % 200], town.names[number % 3])
            if town.answers["wrong"] > before:
                times.append((town.names[number % 3], kit.clock.monotonic_s()))
            kit.clock.advance(WINDOW_S / 200)
    for name, at in times:
        window = [one for one in times if one[0] == name and at <= one[1] < at + WINDOW_S]
        assert len(window) <= 5


# -- what guesses learn: the same work, whatever the reason


@dataclass
class Work:
    """What one sign-in made the machine do."""

    bcrypt: int = 0
    writes: int = 0
    records: int = 0
    answer: str = ""


@pytest.fixture(name="measure")
def _measure(kit: IdentityKit, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Counts what a sign-in costs."""
    counts = Counter[str]()
    write = kit.database.write

    async def counted(work: Callable[[Any], Any], *, short: bool = False) -> Any:
        counts["writes"] += 1
        return await write(work, short=short)

    monkeypatch.setattr(kit.database, "write", counted)

    async def measure(name: str, password: str, peer: str) -> Work:
        counts.clear()
        computed, records = kit.hasher.computed, len(await kit.audit())
        try:
            await kit.identity.authenticate(name, password, peer=peer, fresh=True)
            answer = ""
        except SpoolError as error:
            answer = f"{error.kind}: {error.public}"
        return Work(
            kit.hasher.computed - computed, counts["writes"], len(await kit.audit()) - records, answer
        )

    return measure


async def test_wrong_unknown_and_closed_are_the_same_work(
    kit: IdentityKit, measure: Callable[..., Any]
) -> None:
    await kit.identity.add_user("known", PASSWORD)
    await kit.identity.add_user("closed", PASSWORD)
    await kit.identity.disable_user("closed")
    found = [
        await measure(name, password, f"198.18.{number}.1")
        for number, (name, password) in enumerate(
            [
                ("known", "wrong password"),
                ("unknown", "wrong password"),
                ("closed", "wrong password"),
                ("closed", PASSWORD),
                ("Unknown.Person@example.org", PASSWORD),
                ("", PASSWORD),
                ("x" * 5_000, PASSWORD),
            ]
        )
    ]
    assert found == [Work(1, 1, 1, f"not-authenticated: {WRONG}")] * len(found)


async def test_locked_ones_are_the_same_work(kit: IdentityKit, measure: Callable[..., Any]) -> None:
    await kit.identity.add_user("known", PASSWORD)
    peers = places(100)
    for number in range(5):
        for name in ("known", "unknown"):
            await measure(name, f"wrong {number}", peers[number])
    first = [await measure(name, "wrong again", peers[50]) for name in ("known", "unknown")]
    assert first[0] == first[1]
    assert (first[0].bcrypt, first[0].records) == (0, 1)
    later = [
        await measure(name, password, peers[60])
        for name in ("known", "unknown")
        for password in ("wrong", PASSWORD)
    ]
    assert later == [later[0]] * 4
    assert (later[0].bcrypt, later[0].writes, later[0].records) == (0, 0, 0)


class Directory:
    """A provider that takes a while, and another while for people it does not know."""

    name = "school"
    known = frozenset({"known"})

    async def check(self, name: str, _password: Secret) -> Finding:
        await trio.sleep(0.043 if name in self.known else 0.007)
        return Rejected(UserId("ldap:school:1"), "wrong-password") if name in self.known else NotHere()

    async def find(self, _name: str) -> Finding:
        return NotHere()

    async def again(self, _user_id: UserId) -> Finding:
        return NotHere()

    def alias(self, _name: str) -> str | None:
        return None


async def test_a_directorys_answers_take_as_long(
    kit: IdentityKit, autojump_clock: trio.testing.MockClock
) -> None:
    """On the clock of the test: a failure takes a whole number of steps of half a second."""
    directory = Directory()
    identity = make_identity(kit.database, clock=kit.clock, order=(kit.users, directory)).identity
    await kit.identity.add_user("local", PASSWORD)
    took: dict[str, set[float]] = {"known": set(), "unknown": set(), "local": set()}
    for number in range(10):
        for name, times in took.items():
            began = trio.current_time()
            with pytest.raises(NotAuthenticated):
                await identity.authenticate(name, f"wrong {number}", peer=places(60)[number * 2], fresh=True)
            times.add(round(trio.current_time() - began, 6))
            kit.clock.advance(4_000)
    assert took["known"] == took["unknown"] == took["local"] == {0.5}
    assert not isinstance(await directory.check("known", Secret("x")), Accepted)
    assert autojump_clock.rate == 0
