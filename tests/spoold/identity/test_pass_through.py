"""How many wrong passwords of one account a directory is asked about."""

import pytest

from spoold.database.people import FailureRow
from spoold.identity.pass_through import PassThrough
from spoold.model.ids import UserId
from tests.support.clock import FakeClock

ANA, BEN = UserId("ldap:school:1"), UserId("ldap:school:2")


def make(clock: FakeClock) -> PassThrough:
    return PassThrough(clock, failures=4, window_s=1800.0)


def wrong(budget: PassThrough, account_id: UserId = ANA) -> bool:
    """Send a password that the directory refuses; False when it may not be asked."""
    shown = budget.send(account_id)
    if shown is not None:
        shown.right = False
    return shown is not None


def test_below_the_threshold_whatever_the_name() -> None:
    clock = FakeClock()
    budget = make(clock)
    assert [wrong(budget) for _ in range(5)] == [True, True, True, True, False]
    assert wrong(budget, BEN)
    clock.advance(1799)
    assert not wrong(budget)
    clock.advance(1)
    assert wrong(budget)


def test_what_is_sent_counts_at_once_and_only_a_yes_gives_it_back() -> None:
    clock = FakeClock()
    budget = make(clock)
    sent = [budget.send(ANA) for _ in range(4)]
    assert budget.send(ANA) is None
    assert budget.in_doubt(ANA)
    assert not budget.in_doubt(BEN)
    first = sent[0]
    assert first is not None
    budget.give_back(ANA, first)
    budget.give_back(ANA, first)
    assert budget.send(ANA) is not None
    assert budget.send(ANA) is None
    clock.advance(1800)
    assert not budget.in_doubt(ANA)
    assert budget.send(ANA) is not None


def test_a_clear_no_is_no_doubt() -> None:
    budget = make(FakeClock())
    for _ in range(4):
        wrong(budget)
    assert not budget.in_doubt(ANA)


def test_a_right_password_gives_no_wrong_ones_back() -> None:
    """A directory may count on over one of its own policies; the window alone forgets."""
    budget = make(FakeClock())
    for _ in range(3):
        wrong(budget)
    shown = budget.send(ANA)
    assert shown is not None
    budget.give_back(ANA, shown)
    assert wrong(budget)
    assert not wrong(budget)


def test_failures_from_before_a_restart_count() -> None:
    clock = FakeClock()
    budget = make(clock)
    wall = clock.now()
    rows = [
        FailureRow(f"user:{ANA}", 3, wall, wall, wall),
        FailureRow("address:1.2.3.4", 9, wall, wall, wall),
    ]
    budget.restore(rows, wall)
    assert wrong(budget)
    assert not wrong(budget)
    assert not budget.in_doubt(ANA)


def test_a_directory_that_locks_at_once_is_not_asked() -> None:
    with pytest.raises(ValueError, match="first wrong password"):
        PassThrough(FakeClock(), failures=0, window_s=60.0)
