"""The short form of the IPP fuzzer; the long one is `python -m tests.fuzz.fuzz_ipp`."""

import pytest

from protocols.ipp.decoder import decode
from tests.fuzz.fuzz_ipp import LIMITS, MAX_MS_PER_MIB, corpus, main, run

pytestmark = pytest.mark.alone

EXECUTIONS = 20_000


def test_nothing_escapes_and_nothing_is_slow() -> None:
    report = run(EXECUTIONS, seed=2026)
    assert report.escapes == []
    assert report.executions == EXECUTIONS
    assert report.slowest_ms_per_mib < MAX_MS_PER_MIB
    # Mutations that are all refused would test little beyond the first check.
    assert EXECUTIONS * 0.05 < report.accepted < EXECUTIONS * 0.5


def test_the_corpus_holds_whole_messages() -> None:
    assert all(decode(data, LIMITS)[1] > 8 for data in corpus()[:7])


def test_the_command_reports(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--executions", "50", "--seed", "3"]) == 0
    assert capsys.readouterr().out.startswith("50 executions in ")
