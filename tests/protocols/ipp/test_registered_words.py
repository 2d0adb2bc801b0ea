"""Operations, statuses and keywords against facts of the standards."""

import pytest

from protocols.ipp.keywords import JobState, JobStateReason, Orientation, PrinterState, PrintQuality, Sides
from protocols.ipp.operations import Operation
from protocols.ipp.status import Status, is_successful, keyword_of
from protocols.ipp.tags import OUT_OF_BAND_TAGS, STRING_TAGS, GroupTag, ValueTag


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0x0002, "Print-Job"),
        (0x0003, "Print-URI"),
        (0x0006, "Send-Document"),
        (0x000B, "Get-Printer-Attributes"),
        (0x000D, "Release-Job"),
        (0x0026, "Release-Held-New-Jobs"),
        (0x0039, "Cancel-My-Jobs"),
        (0x003B, "Close-Job"),
        (0x003C, "Identify-Printer"),
        (0x0066, "Get-User-Printer-Attributes"),
    ],
)
def test_operation_names(code: int, name: str) -> None:
    assert Operation(code).rfc_name == name


def test_reserved_operations_are_not_operations() -> None:
    assert len(Operation) == 100
    for code in (0x0000, 0x0001, 0x000F, 0x001D, 0x001F, 0x0021, 0x0032, 0x4001):
        assert code not in set(Operation)


@pytest.mark.parametrize(
    ("code", "keyword"),
    [
        (0x0000, "successful-ok"),
        (0x0001, "successful-ok-ignored-or-substituted-attributes"),
        (0x0406, "client-error-not-found"),
        (0x040F, "client-error-compression-not-supported"),
        (0x0411, "client-error-document-format-error"),
        (0x041E, "client-error-account-limit-reached"),
        (0x0507, "server-error-busy"),
        (0x050C, "server-error-too-many-documents"),
        (0x0480, "0x0480"),
        (0x0416, "0x0416"),
    ],
)
def test_status_keywords(code: int, keyword: str) -> None:
    assert keyword_of(code) == keyword
    assert is_successful(code) == keyword.startswith("successful")


def test_statuses_know_their_keyword_and_class() -> None:
    assert Status.CLIENT_ERROR_NOT_POSSIBLE.keyword == "client-error-not-possible"
    assert Status.SUCCESSFUL_OK_CONFLICTING_ATTRIBUTES.is_successful
    assert not Status.SERVER_ERROR_BUSY.is_successful


def test_states() -> None:
    assert [state.keyword for state in JobState] == [
        "pending",
        "pending-held",
        "processing",
        "processing-stopped",
        "canceled",
        "aborted",
        "completed",
    ]
    assert [int(state) for state in JobState] == [3, 4, 5, 6, 7, 8, 9]
    assert [state for state in JobState if state.is_terminal] == [7, 8, 9]
    assert PrinterState.from_keyword("stopped") == 5
    assert PrintQuality.from_keyword("high") == 5
    assert Orientation.REVERSE_LANDSCAPE.keyword == "reverse-landscape"
    with pytest.raises(ValueError, match="idle, processing, stopped"):
        PrinterState.from_keyword("broken")


def test_keywords_are_their_own_text() -> None:
    assert Sides("two-sided-long-edge") == "two-sided-long-edge"
    for reason in JobStateReason:
        assert reason.value == reason.name.lower().replace("_", "-")


def test_tags_do_not_overlap() -> None:
    assert all(tag < 0x10 for tag in GroupTag)
    assert all(0x10 <= tag < 0x20 for tag in OUT_OF_BAND_TAGS)
    assert all(0x40 <= tag < 0x60 for tag in STRING_TAGS)
    assert ValueTag.MEMBER_NAME not in STRING_TAGS
