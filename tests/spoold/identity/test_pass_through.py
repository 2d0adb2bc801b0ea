"""How many wrong passwords of one account a directory is asked about."""

import pytest

from spoold.database.people import FailureRow
from spoold.identity.pass_through import PassThrough
from spoold.model.ids import UserId
from tests.support.clock import FakeClock

ANA, BEN = UserId("ldap:school:1"), UserId("ldap:school:2")


def make(clock: FakeClock) -> PassThrough:
    return PassThrough(clock, failures=4, window_s=1800.0)


def test_below_the_threshold_whatever_the_name() -> None:
    clock = FakeClock()
    budget = make(clock)
    for _ in range(4):
        assert budget.allows(ANA)
        budget.begin(ANA)
        budget.failed(ANA)
    assert not budget.allows(ANA)
    assert budget.allows(BEN)
    clock.advance(1799)
    assert not budget.allows(ANA)
    clock.advance(1)
    assert budget.allows(ANA)


def test_what_is_being_asked_counts_until_it_is_known() -> None:
    budget = make(FakeClock())
    for _ in range(4):
        budget.begin(ANA)
    assert not budget.allows(ANA)
    budget.passed(ANA)
    assert budget.allows(ANA)


def test_a_right_password_gives_no_wrong_ones_back() -> None:
    """A directory may count on over one of its own policies; the window alone forgets."""
    budget = make(FakeClock())
    for _ in range(3):
        budget.begin(ANA)
        budget.failed(ANA)
    budget.begin(ANA)
    budget.passed(ANA)
    budget.begin(ANA)
    budget.failed(ANA)
    assert not budget.allows(ANA)


def test_failures_from_before_a_restart_count() -> None:
    clock = FakeClock()
    budget = make(clock)
    wall = clock.now()
    rows = [
        FailureRow(f"user:{ANA}", 3, wall, wall, wall),
        FailureRow("address:1.2.3.4", 9, wall, wall, wall),
    ]
    budget.restore(rows, wall)
    budget.failed(ANA)
    assert not budget.allows(ANA)


def test_a_directory_that_locks_at_once_is_not_asked() -> None:
    with pytest.raises(ValueError, match="first wrong password"):
        PassThrough(FakeClock(), failures=0, window_s=60.0)
