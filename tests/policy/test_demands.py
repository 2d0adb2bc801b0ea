"""Demands on one fact hold together, or they do not."""

import pytest

from policy.demands import Demand, Domain, conflict, one_of
from policy.demands import Test as Demanded

HOURS = Domain(least=0, most=23)


@pytest.mark.parametrize(
    ("tests", "possible"),
    [
        ([Demanded(">", 22)], True),
        ([Demanded(">", 22), Demanded("not in", (23,))], False),
        ([Demanded(">=", 3), Demanded("<=", 3)], True),
        ([Demanded("in", (24,))], False),
        ([Demanded("in", (3, 4)), Demanded("not in", (3,))], True),
        ([Demanded("in", (3, 4)), Demanded("in", (5,))], False),
    ],
)
def test_numbers_within_bounds(tests: list[Demanded], possible: bool) -> None:
    demands = [Demand("time.hour", test) for test in tests]
    assert (conflict(demands, lambda _subject: HOURS) is None) is possible


def test_the_last_demand_on_the_fact_is_named() -> None:
    demands = [one_of("a", ["x"]), Demand("b", Demanded("is", True)), Demand("a", Demanded("in", ("y",)), 7)]
    found = conflict(demands, lambda _subject: Domain())
    assert found is not None
    assert found.at == 7


def test_values_in_words() -> None:
    assert HOURS.words("time.hour") == "0 to 23"
    assert Domain(("a", "b")).words("x") == "one of a, b"
    assert Domain(least=1).words("x") == "1 or more"
    assert HOURS.is_outside(24)
    assert not HOURS.is_outside(True)
