"""Short secrets: how many wrong answers each gets, wherever and whenever they are given."""

import pytest
import trio

from spoold.database.engine import Database
from spoold.identity.guesses import LIMITS, Guesses
from spoold.identity.throttle import Throttle
from spoold.model.errors import Busy, TooManyAttempts
from tests.support.clock import FakeClock

PEER = "10.20.1.9"
PIN, BADGE, STATION = "pin:alice", "badge:0011", "station:lobby"


class House:
    """Guesses over a database, and a person who types wrong answers."""

    def __init__(self, database: Database, clock: FakeClock | None = None) -> None:
        self.database = database
        self.clock = clock or FakeClock()
        self.throttle = Throttle(self.clock)
        self.guesses = Guesses(database, self.clock, self.throttle)

    async def wrong(self, *subjects: str, peer: str | None = None) -> bool:
        """Answer wrong; whether it was compared."""
        try:
            async with self.guesses.attempt(*subjects, peer=peer) as guess:
                await self.database.write(guess.wrong)
        except TooManyAttempts:
            return False
        return True

    async def right(self, *subjects: str, peer: str | None = None) -> bool:
        """Answer right; whether that was let through."""
        try:
            async with self.guesses.attempt(*subjects, peer=peer) as guess:
                await self.database.write(guess.right)
        except TooManyAttempts:
            return False
        return True

    async def until_refused(self, *subjects: str, peer: str | None = None) -> int:
        """Answer wrong until it is not compared any more; how often it was."""
        for number in range(100):
            if not await self.wrong(*subjects, peer=peer):
                return number
        return 100


@pytest.fixture(name="house")
def _house(database: Database) -> House:
    return House(database)


@pytest.mark.parametrize("kind", LIMITS)
async def test_each_kind_has_its_tries_within_its_window(house: House, kind: str) -> None:
    limits = LIMITS[kind]
    assert await house.until_refused(f"{kind}:x") == limits.failures
    house.clock.advance(limits.window_s - 1)
    assert not await house.right(f"{kind}:x")
    house.clock.advance(1)
    assert await house.right(f"{kind}:x")
    assert await house.until_refused(f"{kind}:another") == limits.failures


async def test_one_used_up_subject_is_enough(house: House) -> None:
    """The same PIN is tried with several badges and at several stations."""
    for number in range(5):
        assert await house.wrong(PIN, f"badge:{number}", f"station:{number}")
    assert not await house.wrong(PIN, "badge:9", "station:9")
    assert await house.right("pin:bob", "badge:9", "station:9")


async def test_ten_in_a_row_end_a_pin_until_its_person_has_signed_in(house: House) -> None:
    for _ in range(2):
        assert await house.until_refused(PIN) == 5
        house.clock.advance(900)
    house.clock.advance(30 * 86_400)
    with pytest.raises(TooManyAttempts, match="portal"):
        async with house.guesses.attempt(PIN):
            pytest.fail("an ended PIN was compared")
    again = House(house.database, house.clock)
    assert not await again.right(PIN)
    await again.database.write(lambda connection: again.guesses.pardon(connection, PIN))
    assert await again.right(PIN)


async def test_a_right_answer_ends_the_row_but_not_the_window(house: House) -> None:
    for _ in range(30):
        for _ in range(4):
            assert await house.wrong(PIN)
        assert await house.right(PIN)
        house.clock.advance(900)
    for _ in range(4):
        assert await house.wrong(PIN)
    assert await house.right(PIN)
    assert await house.wrong(PIN)
    assert not await house.right(PIN)


async def test_failures_survive_a_restart(house: House) -> None:
    for _ in range(4):
        assert await house.wrong(PIN, STATION, peer=PEER)
    again = House(house.database, house.clock)
    assert await again.until_refused(PIN) == 1
    assert await again.until_refused(STATION) == 16


async def test_wrong_answers_count_for_the_place_like_wrong_passwords(house: House) -> None:
    for number in range(20):
        assert await house.wrong(f"pin:{number}", peer=PEER)
    assert not await house.wrong("pin:new", peer=PEER)
    assert await house.wrong("pin:new", peer="10.99.0.1")
    with pytest.raises(TooManyAttempts):
        async with house.throttle.attempt("alice", PEER):
            pytest.fail("a password was checked from a place that is shut out")


async def test_no_more_are_compared_at_once_than_one_after_the_other(house: House) -> None:
    compared, busy = 0, 0

    async def try_once() -> None:
        nonlocal compared, busy
        try:
            async with house.guesses.attempt(PIN) as guess:
                compared += 1
                await trio.sleep(1)
                await house.database.write(guess.wrong)
        except (Busy, TooManyAttempts):
            busy += 1

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(try_once)
    assert (compared, busy) == (5, 45)


async def test_only_the_first_refusal_is_told_apart(house: House) -> None:
    for _ in range(5):
        assert await house.wrong(BADGE)
    first = []
    for _ in range(3):
        with pytest.raises(TooManyAttempts) as refused:
            async with house.guesses.attempt(BADGE):
                pytest.fail("a used up badge was compared")
        first.append(refused.value.fields["first"])
    assert first == [True, False, False]


async def test_a_kind_that_does_not_exist_is_a_mistake(house: House) -> None:
    with pytest.raises(KeyError):
        async with house.guesses.attempt("nothing:x"):
            pytest.fail("an unknown kind was admitted")
