"""Throttling: how many checks a guesser gets, and who is not kept out by it."""

from collections.abc import Callable

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from spoold.identity.throttle import Throttle, ThrottleLimits
from spoold.identity.turns import FIRST
from spoold.model.errors import Busy, TooManyAttempts
from spoold.model.ids import UserId
from tests.support.clock import FakeClock

HERE, ELSEWHERE = "10.20.1.1", "192.0.2.9"


class Guesser:
    """Tries and counts what gets through."""

    def __init__(self, limits: ThrottleLimits | None = None) -> None:
        self.clock = FakeClock()
        self.throttle = Throttle(self.clock, limits)
        self.checked: list[float] = []

    async def guess(self, name: str = "alice", peer: str = HERE) -> bool:
        """Guess wrong; whether the guess was checked."""
        try:
            async with self.throttle.attempt(name, peer) as attempt:
                self.checked.append(self.clock.monotonic_s())
                attempt.failed()
        except TooManyAttempts:
            return False
        return True

    async def sign_in(self, name: str = "alice", peer: str = HERE) -> bool:
        """Be right; whether that was let through."""
        try:
            async with self.throttle.attempt(name, peer) as attempt:
                attempt.succeeded()
        except TooManyAttempts:
            return False
        return True

    async def wait_s(self, name: str = "alice", peer: str = HERE) -> float:
        try:
            async with self.throttle.attempt(name, peer):
                return 0.0
        except TooManyAttempts as error:
            return float(str(error.fields["retry_after_s"]))


@pytest.fixture
def guesser() -> Guesser:
    return Guesser()


def most_within(times: list[float], window_s: float) -> int:
    return max(sum(1 for other in times if start <= other < start + window_s) for start in times)


async def test_five_failures_then_a_wait(guesser: Guesser) -> None:
    assert [await guesser.guess() for _ in range(7)] == [True] * 5 + [False] * 2
    assert await guesser.wait_s() == 900


async def test_the_lock_ends_by_itself_even_under_attack(guesser: Guesser) -> None:
    for _ in range(5):
        await guesser.guess()
    for _ in range(899):
        guesser.clock.advance(1)
        assert not await guesser.guess()
    guesser.clock.advance(1)
    assert await guesser.sign_in()


@pytest.mark.parametrize("addresses", [1, 200])
async def test_ten_thousand_guesses(addresses: int) -> None:
    guesser = Guesser()
    for turn in range(10_000):
        await guesser.guess(peer=f"10.20.{turn % addresses}.7")
        guesser.clock.advance(1.0)
    assert most_within(guesser.checked, 900) <= 5
    # Delays double up to 15 minutes: fewer and fewer get through.
    assert len(guesser.checked) < 10 + 10_000 / 900
    wait_s = await guesser.wait_s(peer=ELSEWHERE)
    assert wait_s <= 900
    guesser.clock.advance(wait_s)
    assert await guesser.sign_in(peer=ELSEWHERE)


@given(st.lists(st.tuples(st.floats(0, 1200), st.integers(0, 30), st.booleans()), max_size=120))
@settings(deadline=None)
def test_never_more_than_five_checks_in_fifteen_minutes(steps: list[tuple[float, int, bool]]) -> None:
    guesser = Guesser()

    async def main() -> None:
        for pause_s, address, owner_too in steps:
            guesser.clock.advance(pause_s)
            await guesser.guess(peer=f"10.20.{address}.7")
            if owner_too:
                await guesser.sign_in(peer=ELSEWHERE)
            # Sums of floats are a hair off.
            assert await guesser.wait_s(peer="203.0.113.5") <= 900 + 1e-6

    trio.run(main)
    assert not guesser.checked or most_within(guesser.checked, 900 - 1e-6) <= 5


async def test_where_somebody_has_signed_in_one_check_is_kept_for_them(guesser: Guesser) -> None:
    assert await guesser.sign_in(peer=HERE)
    assert [await guesser.guess(peer=ELSEWHERE) for _ in range(6)] == [True] * 4 + [False] * 2
    assert await guesser.sign_in(peer=HERE)
    assert not await guesser.sign_in(peer=ELSEWHERE)
    assert await guesser.guess(peer=HERE)
    assert not await guesser.guess(peer=HERE)
    for _ in range(9):
        guesser.clock.advance(100)
        await guesser.guess(peer=ELSEWHERE)
    assert await guesser.sign_in(peer=HERE)


async def test_a_success_does_not_refill_what_guessers_may_try(guesser: Guesser) -> None:
    for _ in range(20):
        await guesser.guess(peer=ELSEWHERE)
        await guesser.sign_in(peer=HERE)
    assert len(guesser.checked) <= 5


async def test_an_address_has_twenty_for_all_names(guesser: Guesser) -> None:
    got = [await guesser.guess(f"pupil{n}", HERE) for n in range(30)]
    assert got == [True] * 20 + [False] * 10
    assert await guesser.guess("pupil29", "10.20.1.2")
    guesser.clock.advance(600)
    assert await guesser.guess("pupil29", HERE)


@pytest.mark.parametrize(
    ("peers", "outside"),
    [
        ([f"10.20.1.{n % 250}" for n in range(300)], "10.20.2.1"),
        ([f"::ffff:10.20.1.{n % 250}" for n in range(300)], "10.20.2.1"),
        ([f"2001:db8:1:2::{n:x}" for n in range(300)], "2001:db8:1:3::1"),
    ],
)
async def test_a_network_has_two_hundred(guesser: Guesser, peers: list[str], outside: str) -> None:
    got = [await guesser.guess(f"pupil{n}", peer) for n, peer in enumerate(peers)]
    assert got == [True] * 200 + [False] * 100
    assert await guesser.guess("somebody", outside)


async def test_one_address_in_two_forms_is_one(guesser: Guesser) -> None:
    for n in range(20):
        await guesser.guess(f"pupil{n}", "10.20.1.1" if n % 2 else "::ffff:10.20.1.1")
    assert not await guesser.guess("pupil99", "10.20.1.1")


async def test_privacy_addresses_of_one_subscriber_are_one_usual_place(guesser: Guesser) -> None:
    await guesser.sign_in(peer="2001:db8:1:2::77")
    for _ in range(9):
        await guesser.guess(peer=ELSEWHERE)
    assert await guesser.sign_in(peer="2001:db8:1:2:a:b:c:d")


async def test_a_local_socket_has_no_address_and_is_counted_all_the_same(guesser: Guesser) -> None:
    for n in range(20):
        assert await guesser.guess(f"pupil{n}", "")
    assert not await guesser.guess("pupil99", "")


async def test_attempts_that_were_not_checked_do_not_count(guesser: Guesser) -> None:
    for _ in range(1000):
        await guesser.guess()
    assert await guesser.guess("bob", HERE), "a stale password in one queue does not lock out the room"


async def test_the_first_refusal_of_a_lock_is_told_from_the_others(guesser: Guesser) -> None:
    async def first() -> object:
        with pytest.raises(TooManyAttempts) as caught:
            async with guesser.throttle.attempt("alice", HERE):
                pass
        return caught.value.fields["first"]

    for _ in range(5):
        await guesser.guess()
    assert [await first() for _ in range(3)] == [True, False, False]
    guesser.clock.advance(900)
    assert await guesser.guess()
    assert [await first() for _ in range(2)] == [True, False]


async def test_a_place_that_is_shut_out_is_told_of_once_whatever_names_it_tries(guesser: Guesser) -> None:
    """Each first refusal is a record on the disk, and each name takes memory: names are free."""

    async def first(name: str) -> object:
        with pytest.raises(TooManyAttempts) as caught:
            async with guesser.throttle.attempt(name, HERE):
                pass
        return caught.value.fields["first"]

    for number in range(ThrottleLimits().address_failures):
        assert await guesser.guess(f"name-{number}")
    assert [await first(f"other-{number}") for number in range(3)] == [True, False, False]
    assert not [name for name in guesser.throttle._people if name.startswith("other-")]
    guesser.clock.advance(ThrottleLimits().address_window_s)
    assert await guesser.guess("other-0")


async def test_delays_double(guesser: Guesser) -> None:
    spread = Guesser(ThrottleLimits(user_window_s=1.0, address_window_s=1.0, network_window_s=1.0))
    waits = []
    for _ in range(12):
        assert await spread.guess()
        spread.clock.advance(1.0)
        waits.append(round(await spread.wait_s()) + 1)
        spread.clock.advance(await spread.wait_s())
    assert waits == [1, 1, 1, 1, 30, 60, 120, 240, 480, 900, 900, 900]
    assert "minute" in str(TooManyAttempts("Too many failed sign-ins. Try again in a minute."))


async def test_a_row_of_failures_is_history_after_an_hour(guesser: Guesser) -> None:
    for _ in range(5):
        await guesser.guess()
    guesser.clock.advance(3_601)
    await guesser.guess()
    assert await guesser.wait_s() == 0


async def test_checks_of_one_name_run_one_after_the_other(guesser: Guesser, nursery: trio.Nursery) -> None:
    running, most, refused = 0, 0, 0

    async def one() -> None:
        nonlocal running, most, refused
        try:
            async with guesser.throttle.attempt("alice", HERE) as attempt:
                running += 1
                most = max(most, running)
                await trio.testing.wait_all_tasks_blocked()
                attempt.failed()
                running -= 1
        except TooManyAttempts:
            refused += 1

    async with trio.open_nursery() as many:
        for _ in range(12):
            many.start_soon(one)
    assert (most, refused) == (1, 7)


async def test_too_many_at_once_are_turned_away(guesser: Guesser, nursery: trio.Nursery) -> None:
    async def hold(name: str, peer: str) -> None:
        async with guesser.throttle.attempt(name, peer):
            await trio.sleep_forever()

    for _ in range(16):
        nursery.start_soon(hold, "alice", HERE)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(Busy):
        async with guesser.throttle.attempt("alice", ELSEWHERE):
            pass
    for n in range(4):
        nursery.start_soon(hold, f"pupil{n}", HERE)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(Busy):
        async with guesser.throttle.attempt("pupil9", HERE):
            pass
    assert await guesser.sign_in("pupil9", ELSEWHERE)
    nursery.cancel_scope.cancel()


async def test_live_counts_are_never_dropped_for_new_ones() -> None:
    guesser = Guesser(ThrottleLimits(max_subjects=8))
    for n in range(4):
        await guesser.guess(f"pupil{n}", f"10.{n}.0.1")
    with pytest.raises(Busy):
        await guesser.guess("pupil4", "10.4.0.1")
    guesser.clock.advance(901)
    assert await guesser.guess("pupil99", "10.99.0.1")


async def test_counts_survive_a_restart(guesser: Guesser) -> None:
    for _ in range(5):
        await guesser.guess()
    rows = guesser.throttle.rows("alice", HERE, UserId("a1"))
    assert {row.subject: row.failures for row in rows} == {
        "user:a1": 5,
        f"address:{HERE}": 5,
        "network:10.20.1.0/24": 5,
    }
    guesser.clock.advance(10)
    guesser.throttle = Throttle(guesser.clock)
    guesser.throttle.restore(rows, {"a1": "alice"})
    assert not await guesser.guess()
    assert [await guesser.guess(f"pupil{n}") for n in range(16)] == [True] * 15 + [False]
    guesser.clock.advance(900)
    assert await guesser.guess()


@pytest.mark.parametrize("step", [lambda c: c.step_wall(-86_400 * 365), lambda c: c.step_wall(86_400 * 365)])
async def test_no_clock_makes_a_lock_last(guesser: Guesser, step: Callable[[FakeClock], None]) -> None:
    for _ in range(5):
        await guesser.guess()
    rows = guesser.throttle.rows("alice", HERE, UserId("a1"))
    step(guesser.clock)
    guesser.throttle = Throttle(guesser.clock)
    guesser.throttle.restore(rows, {"a1": "alice"})
    assert await guesser.wait_s() <= 900
    guesser.clock.advance(901)
    assert await guesser.sign_in()


async def test_a_name_nobody_has_is_not_stored(guesser: Guesser) -> None:
    await guesser.guess("my secret password")
    rows = guesser.throttle.rows("my secret password", HERE, None)
    assert "secret" not in repr(rows)
    assert [row.subject.partition(":")[0] for row in rows] == ["address", "network", "nobody"]


# -- who waits for whom


async def test_somebody_at_the_usual_place_does_not_wait_for_guesses(
    guesser: Guesser, nursery: trio.Nursery
) -> None:
    await guesser.sign_in(peer=HERE)
    async with guesser.throttle.attempt("alice", ELSEWHERE):
        for number in range(ThrottleLimits().user_queue - 1):
            nursery.start_soon(guesser.guess, "alice", f"198.51.100.{number}")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Busy):
            await guesser.guess(peer="198.51.100.99")
        with trio.fail_after(120):
            assert await guesser.sign_in(peer=HERE)


async def test_both_at_once_get_no_more_than_five(guesser: Guesser) -> None:
    """The last check that is left is had by one of the two."""
    await guesser.sign_in(peer=HERE)
    for number in range(3):
        assert await guesser.guess(peer=f"198.51.100.{number}")
    assert await guesser.guess(peer=HERE)
    for first, second in ((HERE, ELSEWHERE), (ELSEWHERE, HERE)):
        async with guesser.throttle.attempt("alice", first):
            with pytest.raises(Busy):
                await guesser.guess(peer=second)
    assert await guesser.guess(peer=ELSEWHERE)
    assert not await guesser.guess(peer=HERE)
    assert len(guesser.checked) == 5


async def test_whoever_was_wrong_waits_behind_whoever_was_not(guesser: Guesser) -> None:
    """What an attempt is worth in a queue for the processor."""

    async def rank(name: str, peer: str) -> int:
        async with guesser.throttle.attempt(name, peer) as attempt:
            return attempt.rank

    await guesser.sign_in("alice", HERE)
    assert await rank("alice", HERE) == FIRST
    assert await rank("bob", HERE) == await rank("alice", "192.0.2.1") == FIRST + 1
    for number in range(3):
        await guesser.guess(f"anybody {number}", ELSEWHERE)
    assert await rank("bob", ELSEWHERE) == FIRST + 4
    # Several at the same time count as if they had failed already; people at their own desks do not mind.
    async with guesser.throttle.attempt("carol", "192.0.2.1"), guesser.throttle.attempt("dan", "192.0.2.1"):
        assert await rank("bob", "192.0.2.1") == FIRST + 3
    # A network of guessers, each new: ten addresses of it are as one.
    for number in range(40):
        await guesser.guess(f"somebody {number}", f"203.0.113.{number}")
    assert await rank("bob", "203.0.113.99") == FIRST + 4
    await guesser.sign_in("alice", ELSEWHERE)
    assert await rank("alice", ELSEWHERE) == FIRST
