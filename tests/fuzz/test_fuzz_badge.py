"""A short run of the badge fuzzer; the long one is started by hand."""

from tests.fuzz.fuzz_badge import run


def test_nobody_is_let_in_by_a_damaged_read() -> None:
    report = run(20_000, seed=2)
    assert report.failures == []
    # The fuzzer reaches what it is there for: numbers that look right, and those of other people.
    assert report.outcomes["unknown"] > 500
    assert report.outcomes["another's number, wrong PIN"] > 50
    assert report.outcomes["refused"] > 10_000
