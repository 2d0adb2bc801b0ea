"""A short run of the PJL fuzzer; the long one is started by hand."""

import pytest

from tests.fuzz.fuzz_pjl import run

pytestmark = pytest.mark.alone


def test_no_sequence_comes_out_and_only_the_protocol_error_escapes() -> None:
    report = run(20_000, seed=2)
    assert report.failures == []
    # The fuzzer reaches what it is there for: documents taken out as well as refusals.
    assert report.outcomes["unwrapped"] > 2_000
    assert report.outcomes["refused"] > 2_000
