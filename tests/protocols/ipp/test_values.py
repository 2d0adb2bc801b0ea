"""Typed values: moments, ranges, collections and the constructors' own checks."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from protocols.errors import LocalProtocolError
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import (
    Attribute,
    Collection,
    DateTime,
    LanguageString,
    Range,
    Value,
    clip,
    collection,
    date_time,
    integer,
    keyword,
    name_,
)


def test_moments_survive_to_a_tenth_of_a_second() -> None:
    for zone in (UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=9, minutes=30))):
        moment = datetime(2026, 11, 22, 13, 44, 59, 900_000, zone)
        assert DateTime.from_datetime(moment).to_datetime() == moment


def test_a_leap_second_becomes_the_second_before() -> None:
    value = DateTime(2016, 12, 31, 23, 59, 60, 0, "+", 0, 0)
    assert value.to_datetime() == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        DateTime(0, 0, 0, 0, 0, 0, 0, "+", 0, 0),
        DateTime(2026, 2, 30, 0, 0, 0, 0, "+", 0, 0),
        DateTime(2026, 2, 1, 0, 0, 0, 0, "+", 255, 0),
    ],
)
def test_there_is_no_such_moment(value: DateTime) -> None:
    assert value.to_datetime() is None


def test_moments_need_a_time_zone() -> None:
    with pytest.raises(LocalProtocolError, match="time zone"):
        date_time("a", datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_ranges_contain_their_ends() -> None:
    assert 3 in Range(3, 5)
    assert 5 in Range(3, 5)
    assert 6 not in Range(3, 5)


def test_collections_are_asked_by_name() -> None:
    size = Collection((integer("x-dimension", 21000), integer("y-dimension", 29700)))
    assert size.get("y-dimension") == integer("y-dimension", 29700)
    assert size.get("z") is None


def test_a_single_attribute_is_no_collection() -> None:
    with pytest.raises(LocalProtocolError, match="sequence"):
        collection("media-size", integer("x-dimension", 1))  # type: ignore[arg-type]


def test_an_attribute_needs_a_value() -> None:
    with pytest.raises(LocalProtocolError, match="at least one"):
        keyword("sides")


def test_strings_leave_languages_and_other_syntaxes_out() -> None:
    attribute = Attribute(
        "a",
        (
            Value(ValueTag.KEYWORD, "one"),
            Value(ValueTag.INTEGER, 2),
            *name_("a", LanguageString("fr", "trois"), "four").values,
            Value(ValueTag.NO_VALUE, None),
            Value(ValueTag.OCTET_STRING, b"five"),
        ),
    )
    assert attribute.strings() == ("one", "trois", "four")
    assert attribute.first == "one"


@pytest.mark.parametrize(
    ("text", "max_octets", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "abc"),
        ("aé", 2, "a"),
        ("aé", 3, "aé"),
        ("€€", 5, "€"),
        ("\ud800x", 9, "\ud800x"),
    ],
)
def test_clipping_ends_at_a_character(text: str, max_octets: int, expected: str) -> None:
    assert clip(text, max_octets) == expected
