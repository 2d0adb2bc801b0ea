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
