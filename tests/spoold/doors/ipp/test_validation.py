"""Job Template attributes against what a queue supports (RFC 8011 4.1.7)."""

import pytest

from protocols.ipp.message import Attribute
from protocols.ipp.operations import Operation
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import (
    Range,
    Resolution,
    collection,
    enum,
    integer,
    keyword,
    name_,
    no_value,
    range_,
    resolution,
    unsupported,
)
from spoold.doors.ipp.capabilities import JOB_TEMPLATE, capability_attributes
from spoold.doors.ipp.holding import held_job_attributes
from spoold.doors.ipp.protocol_attributes import protocol_attributes
from spoold.doors.ipp.validation import check_template
from spoold.printers.capabilities import DEFAULT
from tests.support.release_house import queue

OPEN = queue("open", "lobby")
ATTRIBUTES = (
    *protocol_attributes(tuple(Operation)),
    *capability_attributes(OPEN, DEFAULT),
    *held_job_attributes(OPEN),
)
SUPPORTED = {attribute.name: attribute for attribute in ATTRIBUTES}
MARGINS = tuple(integer(f"media-{edge}-margin", 0) for edge in ("bottom", "left", "right", "top"))


def sheet(width: int, height: int) -> Attribute:
    return collection("media-size", (integer("x-dimension", width), integer("y-dimension", height)))


@pytest.mark.parametrize(
    "attribute",
    [
        integer("copies", 1),
        integer("copies", 999),
        keyword("sides", "two-sided-long-edge"),
        keyword("print-color-mode", "monochrome"),
        enum("print-quality", 5),
        enum("orientation-requested", 4),
        enum("finishings", 3),
        resolution("printer-resolution", Resolution(600, 600)),
        keyword("media", "iso_a4_210x297mm"),
        keyword("media", "jis_b5_182x257mm"),
        name_("media", "na_letter_8.5x11in"),
        integer("job-priority", 1),
        integer("job-priority", 100),
        keyword("job-hold-until", "no-hold"),
        range_("page-ranges", Range(1, 3)),
        collection("media-col", (keyword("media-type", "labels"),)),
        collection("media-col", (sheet(29700, 42000), keyword("media-source", "tray-2"), *MARGINS)),
        collection("media-col", (keyword("media-size-name", "iso_a3_297x420mm"), sheet(42000, 29700))),
        no_value("media-col"),
        collection("overrides", (range_("pages", Range(1, 1)),)),
        no_value("print-quality"),
    ],
)
def test_kept(attribute: Attribute) -> None:
    checked = check_template([attribute], SUPPORTED)
    assert (checked.kept, checked.refused) == ((attribute,), ())


@pytest.mark.parametrize(
    "attribute",
    [
        integer("copies", 0),
        integer("copies", 1000),
        integer("copies", -1),
        keyword("copies", "many"),
        keyword("sides", "three-sided"),
        keyword("sides", "one-sided", "three-sided"),
        enum("print-quality", 9),
        keyword("media", "a4"),
        # What says no size: a rule could not tell which paper it is.
        keyword("media", "x_y_z"),
        keyword("media", "custom_max_297x420mm"),
        keyword("media-col", "labels"),
        collection("media-col", (keyword("media-type", "labels"),), (keyword("media-type", "bond"),)),
        integer("job-priority", 0),
        integer("job-priority", 101),
        keyword("job-hold-until", "teatime"),
        resolution("printer-resolution", Resolution(1200, 1200)),
        collection("sides", (keyword("media-type", "labels"),)),
        # What rules would not see: they are asked about a job's own attributes, and the first value of each.
        keyword("print-color-mode", "monochrome", "color"),
        integer("copies", 1, 99),
        collection("overrides", (range_("pages", Range(1, 99)), keyword("print-color-mode", "color"))),
        keyword("overrides", "pages"),
    ],
)
def test_a_known_attribute_with_another_value_is_answered_as_asked(attribute: Attribute) -> None:
    checked = check_template([attribute], SUPPORTED)
    assert (checked.kept, checked.refused) == ((), (attribute,))


def test_an_attribute_nobody_knows_is_answered_as_unsupported() -> None:
    """RFC 8010 3.8: the out-of-band value, so that the client sees it is the name that is not known."""
    checked = check_template([keyword("smell", "roses"), integer("copies", 2)], SUPPORTED)
    assert checked.kept == (integer("copies", 2),)
    (refused,) = checked.refused
    assert (refused.name, refused.values[0].tag) == ("smell", ValueTag.UNSUPPORTED)


def test_every_template_attribute_says_what_it_supports() -> None:
    """An attribute without "-supported" would never be honoured, whatever its value."""
    free = {"media-col", "page-ranges", "overrides"}
    for name in JOB_TEMPLATE:
        assert name in free or f"{name}-supported" in SUPPORTED


def test_every_default_is_supported() -> None:
    for name in JOB_TEMPLATE:
        default = SUPPORTED.get(f"{name}-default")
        if default is not None and name != "media-col":
            checked = check_template([Attribute(name, default.values)], SUPPORTED)
            assert checked.refused == (), name


def test_no_attribute_is_said_twice() -> None:
    names = [attribute.name for attribute in ATTRIBUTES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "member",
    [
        sheet(0, 0),
        collection("media-size", (integer("x-dimension", 21000),)),
        collection("media-size", (range_("x-dimension", Range(1, 2)), integer("y-dimension", 2))),
        keyword("media-size-name", "letterhead"),
        keyword("media-type", "labels", "bond"),
        keyword("media-source", "tray-1", "tray-2"),
        keyword("media-top-margin", "none"),
    ],
)
def test_a_member_of_media_col_that_says_nothing_clear_is_left_out(member: Attribute) -> None:
    rest = integer("media-left-margin", 423)
    checked = check_template([collection("media-col", (member, rest))], SUPPORTED)
    assert checked.kept == (collection("media-col", (rest,)),)
    assert checked.refused == (collection("media-col", (member,)),)
    assert check_template([collection("media-col", (member,))], SUPPORTED).kept == ()


@pytest.mark.parametrize("name", ["media-key", "media-color", "media-order-count", "x-tray"])
def test_a_member_of_media_col_that_nobody_knows_is_not_passed_on(name: str) -> None:
    """A printer could find paper by it that no rule was asked about."""
    labels = keyword("media-type", "labels")
    checked = check_template([collection("media-col", (keyword(name, "a3-letterhead"), labels))], SUPPORTED)
    assert checked.kept == (collection("media-col", (labels,)),)
    (refused,) = checked.refused
    assert refused == collection("media-col", (unsupported(name),))


def test_a_size_and_another_size_s_name_are_both_left_out() -> None:
    two = (keyword("media-size-name", "iso_a4_210x297mm"), sheet(29700, 42000))
    labels = keyword("media-type", "labels")
    checked = check_template([collection("media-col", (*two, labels))], SUPPORTED)
    assert checked.kept == (collection("media-col", (labels,)),)
    assert checked.refused == (collection("media-col", two),)


def test_what_media_col_may_have_is_what_clients_are_told() -> None:
    supported = SUPPORTED["media-col-supported"].strings()
    members = [sheet(21000, 29700), keyword("media-size-name", "iso_a4_210x297mm"), *MARGINS]
    members += [keyword("media-type", "stationery"), keyword("media-source", "auto")]
    assert sorted(one.name for one in members) == sorted(supported)
    assert check_template([collection("media-col", members)], SUPPORTED).refused == ()
