"""What a printer's words mean: the registered ones, the suffixes, and everything nobody has heard of."""

from datetime import UTC, datetime

import pytest

from spoold.printers.health import (
    MAX_REASONS,
    STOPS_PAPER,
    finishing_trouble,
    judge,
    read_reason,
    unknown,
)
from spoold.printers.state_words import FINISHERS, ReasonClass, is_registered, look_up

NOW = datetime(2026, 11, 22, tzinfo=UTC)

BLOCKING = [
    "media-jam",
    "media-empty",
    "media-needed",
    "toner-empty",
    "marker-supply-empty",
    "developer-empty",
    "marker-waste-full",
    "cover-open",
    "door-open",
    "interlock-open",
    "input-tray-missing",
    "output-tray-missing",
    "output-area-full",
    "fuser-over-temp",
    "fuser-under-temp",
    "opc-life-over",
    "offline",
    "paused",
    "moving-to-paused",
    "stopping",
    "shutdown",
    "power-down",
    "deactivated",
    "deleted",
    "timed-out",
    "connecting-to-device",
    "spool-area-full",
    "storage-full",
    "unknown",
    "other",
    "password",
    # by form
    "input-media-tray-jam",
    "some-vendors-jam",
    "subsystem-unrecoverable-failure",
    "marker-toner-cartridge-missing",
    "media-path-output-full",
    "input-lift-failure",
    "output-bin-7-full",
]
WARNING = [
    "toner-low",
    "marker-supply-low",
    "media-low",
    "marker-waste-almost-full",
    "developer-low",
    "opc-near-eol",
    "marker-toner-almost-empty",
    "output-bin-7-almost-full",
    "marker-recoverable-failure",
    "media-path-pick-roller-life-warn",
    "stopped-partly",
    "standby",
    "hibernate",
    "suspend",
    "testing",
    "resuming",
    "hold-new-jobs",
    "stapler-jam",
    "puncher-full",
    "make-envelope-missing",
    "stitcher-unrecoverable-failure",
]
SILENT = [
    "none",
    "configuration-change",
    "identify-printer-requested",
    "marker-added",
    "input-removed",
    "subunit-turned-on",
    "stapler-warming-up",
    "printer-ready-to-print",
    "com.apple.print.recoverable-message",
    "cups-waiting-for-job-completed",
]


@pytest.mark.parametrize("keyword", BLOCKING)
def test_what_blocks(keyword: str) -> None:
    assert read_reason(keyword).blocks
    assert read_reason(f"{keyword}-error").blocks


@pytest.mark.parametrize("keyword", [word for word in BLOCKING if word not in {"other", "unknown"}])
def test_a_warning_of_something_that_stops_paper_blocks(keyword: str) -> None:
    """CUPS itself says media-jam-warning of a jam."""
    assert read_reason(f"{keyword}-warning").blocks


@pytest.mark.parametrize("keyword", ["other", "unknown"])
def test_vague_words_go_by_their_suffix(keyword: str) -> None:
    assert not read_reason(f"{keyword}-warning").blocks
    assert not read_reason(f"{keyword}-report").blocks


@pytest.mark.parametrize("keyword", BLOCKING)
def test_a_report_blocks_only_where_no_paper_can_come(keyword: str) -> None:
    """ippeveprinter says media-jam-report as soon as its job is over, jammed as it is."""
    assert read_reason(f"{keyword}-report").blocks == (keyword in STOPS_PAPER)


@pytest.mark.parametrize("keyword", [*WARNING, *SILENT])
def test_what_does_not_block(keyword: str) -> None:
    for suffix in ("", "-warning", "-report"):
        assert not read_reason(keyword + suffix).blocks, suffix


@pytest.mark.parametrize("keyword", [*WARNING, *SILENT[1:]])
def test_anything_with_error_blocks(keyword: str) -> None:
    assert read_reason(f"{keyword}-error").blocks


@pytest.mark.parametrize(
    "keyword",
    ["input-media-tray-feed-error", "media-path-input-feed-error", "media-path-output-feed-error"],
)
def test_some_words_end_in_error_by_themselves(keyword: str) -> None:
    assert is_registered(keyword)
    assert look_up(keyword).kind is ReasonClass.BLOCK
    assert read_reason(keyword).blocks
    assert "feed paper" in read_reason(keyword).text


def test_a_finishers_own_error_word_is_no_severity() -> None:
    assert not read_reason("binder-unrecoverable-storage-error").blocks
    assert read_reason("binder-unrecoverable-storage-error-error").blocks


@pytest.mark.parametrize(
    ("keyword", "blocks"),
    [
        ("acme-frob", True),
        ("acme-frob-error", True),
        ("acme-frob-warning", False),
        ("acme-frob-report", False),
    ],
)
def test_what_nobody_knows_goes_by_its_suffix(keyword: str, blocks: bool) -> None:
    reason = read_reason(keyword)
    assert reason.blocks is blocks
    assert "acme frob" in reason.text


@pytest.mark.parametrize(
    "keyword", ["", "-", "with space", "line\nbreak", "\u202emedia", "x" * 256, "a;b", "-error"]
)
def test_what_cannot_be_read_blocks_and_is_not_repeated(keyword: str) -> None:
    reason = read_reason(keyword)
    assert reason.blocks
    assert reason.keyword == "unreadable"


def test_capitals_are_the_same_word() -> None:
    assert read_reason("Media-Jam-Warning").blocks
    assert not read_reason("subunit-timing-Failure").blocks


@pytest.mark.parametrize("keyword", ["toner-low", "toner-low-report", "toner-low-warning"])
def test_a_site_can_block_on_more(keyword: str) -> None:
    assert not read_reason(keyword).blocks
    assert read_reason(keyword, frozenset({"toner-low"})).blocks


def test_every_finisher_has_words_for_everything() -> None:
    for part in FINISHERS:
        word = look_up(f"{part}-almost-empty")
        assert word.words == f"The {part.replace('-', ' ')} is almost empty."
        assert look_up(f"{part}-jam").kind is ReasonClass.FINISHER


def test_a_ready_printer() -> None:
    status = judge("lobby", state=3, accepting=True, reasons=["none"], read_at=NOW)
    assert (status.ready, status.state, status.why, status.reasons) == (True, "idle", "", ())
    status = judge("lobby", state=4, accepting=True, reasons=["toner-low-report"], read_at=NOW)
    assert (status.ready, status.state) == (True, "processing")
    assert [reason.text for reason in status.reasons] == ["The toner is low."]


def test_every_reason_is_said_once() -> None:
    reasons = ["media-jam-error", "media-jam-warning", "toner-low", "door-open"]
    status = judge("lobby", state=5, accepting=False, reasons=reasons, read_at=NOW)
    assert status.why == "Paper is jammed. A door is open. The printer accepts no jobs at the moment."
    assert [reason.keyword for reason in status.blocking] == [reasons[0], reasons[1], reasons[3]]


def test_stopped_without_a_reason() -> None:
    status = judge("lobby", state=5, accepting=True, reasons=["none"], read_at=NOW)
    assert (status.ready, status.why) == (False, "The printer is stopped.")


@pytest.mark.parametrize("state", [None, 0, 2, 6, 99, -1])
def test_a_state_that_is_none(state: int | None) -> None:
    status = judge("lobby", state=state, accepting=True, reasons=["none"], read_at=NOW)
    assert (status.ready, status.state) == (False, "unknown")


def test_an_answer_that_leaves_something_out() -> None:
    assert not judge("lobby", state=3, accepting=None, reasons=["none"], read_at=NOW).ready
    assert not judge("lobby", state=3, accepting=True, reasons=None, read_at=NOW).ready


def test_more_reasons_than_any_printer_has() -> None:
    for count, ready in ((MAX_REASONS, True), (MAX_REASONS + 1, False)):
        status = judge("lobby", state=3, accepting=True, reasons=["toner-low"] * count, read_at=NOW)
        assert status.ready is ready


def test_nothing_known_is_not_ready() -> None:
    status = unknown("lobby", "The printer does not answer.", NOW)
    assert (status.ready, status.state, status.why) == (False, "unknown", "The printer does not answer.")


def test_finishers_matter_to_who_wants_them() -> None:
    status = judge("lobby", state=3, accepting=True, reasons=["toner-low", "stapler-empty"], read_at=NOW)
    trouble = finishing_trouble(status)
    assert status.ready
    assert trouble is not None
    assert trouble.text == "The stapler is empty."
    calm = judge("lobby", state=3, accepting=True, reasons=["stapler-empty-report"], read_at=NOW)
    assert finishing_trouble(calm) is None
