"""The registry: text becomes typed values, and wrong syntaxes are found."""

from datetime import UTC, datetime

import pytest

from protocols.ipp.keywords import Finishing, Sides
from protocols.ipp.message import Attribute, Group, Value
from protocols.ipp.registry import JOB_TEMPLATE, OPERATION, from_text, misfits
from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import (
    LanguageString,
    Range,
    Resolution,
    boolean,
    collection,
    date_time,
    enum,
    integer,
    keyword,
    mime,
    name_,
    no_value,
    octets,
    range_,
    resolution,
    text,
)


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("sides", "two-sided-long-edge", keyword("sides", Sides.TWO_SIDED_LONG_EDGE)),
        ("copies", " 3 ", integer("copies", 3)),
        ("print-quality", "high", enum("print-quality", 5)),
        ("print-quality", "5", enum("print-quality", 5)),
        ("orientation-requested", "landscape", enum("orientation-requested", 4)),
        ("finishings", "staple, punch", enum("finishings", Finishing.STAPLE, Finishing.PUNCH)),
        ("finishings", "91", enum("finishings", 91)),
        ("page-ranges", "1-4,7,9-", range_("page-ranges", (1, 4), (7, 7), (9, 2**31 - 1))),
        ("printer-resolution", "600dpi", resolution("printer-resolution", Resolution(600, 600, 3))),
        ("printer-resolution", "300x600dpcm", resolution("printer-resolution", Resolution(300, 600, 4))),
        ("media", "iso_a4_210x297mm", keyword("media", "iso_a4_210x297mm")),
        ("media", "Our paper", name_("media", "Our paper")),
        ("job-name", "Größe, 1", name_("job-name", "Größe, 1")),
        ("message", "hello", text("message", "hello")),
        ("my-jobs", "true", boolean("my-jobs", True)),
        ("last-document", "false", boolean("last-document", False)),
        ("document-format", "application/pdf", mime("document-format", "application/pdf")),
        ("print-darkness", "-100", integer("print-darkness", -100)),
        (
            "requested-attributes",
            "all,media-col-database",
            keyword("requested-attributes", "all", "media-col-database"),
        ),
        (
            "job-hold-until-time",
            "2026-11-22T10:00:00+00:00",
            date_time("job-hold-until-time", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ),
    ],
)
def test_text_becomes_typed_values(name: str, words: str, expected: Attribute) -> None:
    assert from_text(name, words) == expected


@pytest.mark.parametrize(
    ("name", "words", "complaint"),
    [
        ("sides", "two-sided", "one-sided, two-sided-long-edge, two-sided-short-edge"),
        ("copies", "0", "1 to 2147483647"),
        ("copies", "99999999999", "not a whole number"),
        ("copies", "2147483648", "not within"),
        ("copies", "1,2", "not a whole number"),
        ("copies", "", "not a whole number"),
        ("copies", "٣", "not a whole number"),
        ("job-priority", "101", "1 to 100"),
        ("print-quality", "best", "draft, normal, high"),
        ("page-ranges", "5-3", "not within"),
        ("page-ranges", "0-3", "not within"),
        ("page-ranges", "-3", "not a range"),
        ("page-ranges", "1,,2", "not a range"),
        ("printer-resolution", "600", "not a resolution"),
        ("printer-resolution", "0dpi", "not a resolution"),
        ("my-jobs", "yes", "neither true nor false"),
        ("compression", "g zip", "not a keyword"),
        ("job-hold-until-time", "2026-11-22T10:00:00", "no time zone"),
        ("job-hold-until-time", "tomorrow", "job-hold-until-time"),
        ("job-name", "x" * 256, "255 octets"),
        ("job-name", "ä" * 128, "255 octets"),
        ("output-device", "x" * 128, "127 octets"),
        ("document-format", "", "empty"),
        ("media-col", "{}", "cannot be written"),
        ("job-password", "1234", "cannot be written"),
        ("colour", "red", "not a Job Template or operation attribute"),
    ],
)
def test_text_that_is_not_of_the_syntax(name: str, words: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        from_text(name, words)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    "attribute",
    [
        keyword("sides", "vendor-sides"),
        keyword("media", "a"),
        name_("media", LanguageString("fr", "papier")),
        enum("finishings", 3, 4, 999),
        collection("finishings-col", [], []),
        no_value("finishings-col"),
        range_("page-ranges", (1, 1), (3, 5)),
        resolution("printer-resolution", Resolution(600, 600)),
        keyword("vendor-attribute", "anything"),
    ],
)
def test_attributes_that_fit(attribute: Attribute) -> None:
    assert misfits(Group(GroupTag.JOB, (attribute,)), JOB_TEMPLATE) == ()


@pytest.mark.parametrize(
    "attribute",
    [
        integer("sides", 1),
        keyword("sides", "one-sided", "two-sided-long-edge"),
        name_("sides", "one-sided"),
        no_value("sides"),
        integer("copies", 0),
        enum("copies", 1),
        Attribute("copies", (Value(ValueTag.RANGE_OF_INTEGER, Range(1, 2)),)),
        range_("page-ranges", (3, 1)),
        integer("print-quality", 4),
        keyword("media", "x" * 256),
        enum("finishings", 3, -1),
        octets("media-col", b""),
    ],
)
def test_attributes_that_do_not_fit(attribute: Attribute) -> None:
    group = Group(GroupTag.JOB, (keyword("print-scaling", "fit"), attribute))
    assert misfits(group, JOB_TEMPLATE) == (attribute,)


def test_operation_attributes_have_their_own_bounds() -> None:
    group = Group(
        GroupTag.OPERATION,
        (
            octets("job-password", bytes(256)),
            text("message", "x" * 128),
            integer("limit", 0),
            boolean("my-jobs", True),
        ),
    )
    assert [attribute.name for attribute in misfits(group, OPERATION)] == ["job-password", "message", "limit"]
