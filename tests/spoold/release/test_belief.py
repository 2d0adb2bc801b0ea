"""Belief: a wall clock destroys copies only if nobody set it for a while; longer if it fits no record."""

from datetime import timedelta

import pytest

from spoold.release.belief import LONGEST_GAP, STEADY, STEADY_AFTER_GAP, Belief
from tests.support.clock import START, FakeClock

SECOND = timedelta(seconds=1)


def held_for(clock: FakeClock, belief: Belief) -> timedelta:
    """Return after how long the clock is believed, to the second among the two terms; zero if at once."""
    waited = timedelta()
    for term in (timedelta(), STEADY - SECOND, STEADY, STEADY_AFTER_GAP - SECOND, STEADY_AFTER_GAP):
        clock.advance((term - waited).total_seconds())
        waited = term
        if belief.ends_copies(clock.now()):
            return waited
    raise AssertionError("never believed")


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (None, STEADY),
        (timedelta(), STEADY),
        (LONGEST_GAP, STEADY),
        (LONGEST_GAP + SECOND, STEADY_AFTER_GAP),
        (-SECOND, STEADY_AFTER_GAP),
        (timedelta(days=365 * 14), STEADY_AFTER_GAP),
    ],
)
def test_it_takes_an_hour_and_after_a_gap_a_week(gap: timedelta | None, expected: timedelta) -> None:
    clock = FakeClock()
    assert held_for(clock, Belief(clock, None if gap is None else START - gap)) == expected


def test_a_step_makes_it_wait_anew() -> None:
    clock = FakeClock()
    belief = Belief(clock, START)
    assert held_for(clock, belief) == STEADY
    clock.step_wall(60)
    belief.stepped()
    assert held_for(clock, belief) == STEADY


def test_a_wrong_clock_that_was_set_right_is_not_doubted() -> None:
    clock = FakeClock()
    belief = Belief(clock, START)
    clock.step_wall(timedelta(days=5000).total_seconds())
    assert belief.doubts(clock.now())
    clock.advance(600)
    clock.step_wall(-timedelta(days=5000).total_seconds())
    belief.stepped()
    assert not belief.doubts(clock.now())
    assert held_for(clock, belief) == STEADY


def test_running_for_long_without_a_record_is_no_gap() -> None:
    clock = FakeClock()
    belief = Belief(clock, START)
    clock.advance((2 * LONGEST_GAP).total_seconds())
    assert not belief.doubts(clock.now())


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (None, timedelta()),
        (LONGEST_GAP, timedelta()),
        (LONGEST_GAP + SECOND, STEADY),
        (-SECOND, STEADY),
        (timedelta(days=365 * 14), STEADY),
    ],
)
def test_jobs_end_at_once_and_after_a_gap_in_an_hour(gap: timedelta | None, expected: timedelta) -> None:
    clock = FakeClock()
    belief = Belief(clock, None if gap is None else START - gap)
    assert belief.ends_jobs(clock.now()) == (expected == timedelta())
    clock.advance((STEADY - SECOND).total_seconds())
    assert belief.ends_jobs(clock.now()) == (expected == timedelta())
    clock.advance(1)
    assert belief.ends_jobs(clock.now())
