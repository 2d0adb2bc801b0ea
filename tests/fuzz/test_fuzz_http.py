"""A short run of the HTTP fuzzer, and that it would notice."""

import pytest

from protocols.http import head, parser
from protocols.http.body import LengthReader
from tests.fuzz import fuzz_http

pytestmark = pytest.mark.alone


def test_the_parser_survives_a_short_run() -> None:
    report = fuzz_http.run(20_000, seed=20_261_122)
    assert report.escapes == []
    assert report.executions == 20_000
    assert report.slowest_ms_per_mib <= fuzz_http.MAX_MS_PER_MIB
    # The corpus leads deep enough: requests are read, compared, and refused in every way.
    assert report.requests > 1_000
    assert report.compared > 1_000
    assert set(report.refusals) == fuzz_http.STATUSES


def test_a_seed_gives_the_same_run_again() -> None:
    first, second = fuzz_http.run(500, seed=7), fuzz_http.run(500, seed=7)
    assert (first.requests, first.refusals) == (second.requests, second.refusals)


def test_a_parser_that_lets_a_path_through_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "_decode_path", lambda path: path)
    assert fuzz_http.run(5_000, seed=1).escapes


def test_a_parser_that_ends_a_body_too_early_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "LengthReader", lambda length: LengthReader(max(0, length - 1)))
    assert fuzz_http.run(5_000, seed=1).escapes


def test_a_parser_that_takes_other_codings_for_none_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "_read_framing", lambda fields, minor, limits: 0)
    assert any("llhttp" in escape for escape in fuzz_http.run(5_000, seed=1).escapes)
