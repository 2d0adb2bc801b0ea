"""A short run of the raster fuzzer, and that it would notice."""

import pytest

from protocols.raster import walk
from tests.fuzz.fuzz_raster import run

pytestmark = pytest.mark.alone


def test_only_the_protocol_error_escapes_and_cutting_changes_nothing() -> None:
    report = run(10_000, seed=3)
    assert report.failures == []
    # The fuzzer reaches what it is there for: documents walked to their end as well as refusals.
    assert report.outcomes["pages"] > 500
    assert report.outcomes["refused"] > 2_000


def test_a_walker_that_loses_its_place_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two pieces it forgets how much of a run is still to come."""
    right = walk.RasterWalker._walk

    def wrong(self: walk.RasterWalker, octets: bytes, at: int, end: int) -> int:
        found = right(self, octets, at, end)
        self._skip = 0
        return found

    monkeypatch.setattr(walk.RasterWalker, "_walk", wrong)
    assert run(2_000, seed=1).failures
