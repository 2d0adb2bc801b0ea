"""A short run of the LPR fuzzer; the long one is started by hand."""

import pytest

from tests.fuzz.fuzz_lpr import run

pytestmark = pytest.mark.alone


def test_only_the_protocol_error_escapes() -> None:
    report = run(20_000, seed=2)
    assert report.failures == []
    # The fuzzer reaches what it is there for: whole jobs as well as refusals.
    assert report.outcomes["jobs"] > 2_000
    assert report.outcomes["refused"] + report.outcomes["refused+no-control-file"] > 2_000
