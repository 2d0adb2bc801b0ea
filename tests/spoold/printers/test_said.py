"""What a printer says it can do: read as it is, and never more than makes sense."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import (
    Attribute,
    Collection,
    LanguageString,
    Range,
    Resolution,
    Value,
    boolean,
    integer,
    keyword,
    mime,
    range_,
    resolution,
)
from spoold.doors.ipp.capabilities import capability_attributes
from spoold.printers.capabilities import CHOICES, Capabilities, Choice, Medium
from spoold.printers.said import MAX_COPIES, MAX_VALUES, WANTED, essence, read
from tests.support.capabilities import A3, A4, LETTER, OFFICE, group
from tests.support.release_house import queue


def said(*attributes: Attribute, without: tuple[str, ...] = ()) -> Capabilities:
    found = read(group(*attributes, without=without))
    assert found is not None
    return found


def test_an_office_printer_is_mirrored() -> None:
    office = said()
    assert office.choices["sides"].default == "two-sided-long-edge"
    assert office.choices["print-quality"] == Choice((4, 5), 4)
    assert office.choices["finishings"].values == (3, 4, 20, 28)
    assert office.choices["output-bin"] == Choice(("face-down", "stacker-1"), "face-down")
    assert (office.media, office.media_default) == ((A4, A3, LETTER), A4)
    assert office.database[1] == Medium(21000, 29700, 0, 0, 0, 0, "tray-1", "photographic")
    assert [one.source for one in office.ready] == ["tray-1", "tray-2"]
    assert (office.sources, office.types) == (("auto", "tray-1", "tray-2"), ("stationery", "photographic"))
    assert (office.copies, office.color, office.two_sided) == (99, True, True)
    assert (office.raster_resolutions, office.sheet_back) == ((Resolution(600, 600),), "rotated")
    assert office.urf == ("V1.4", "W8", "SRGB24", "RS600", "CP99", "DM3")
    assert (office.pages_per_minute, office.pages_per_minute_color) == (40, 35)
    assert office.accepted == ("application/pdf", "image/jpeg", "image/pwg-raster", "image/urf")


def test_a_printer_that_does_not_say_what_it_takes_says_nothing() -> None:
    assert read(group(without=("document-format-supported",))) is None
    assert read(group(mime("document-format-supported", "no format", "*/*"))) is None


def test_a_printer_of_few_words_is_taken_for_a_modest_one() -> None:
    found = read(Group(GroupTag.PRINTER, (mime("document-format-supported", "Application/PDF"),)))
    assert found is not None
    assert (set(found.formats), found.copies, found.color) == ({"application/pdf"}, 1, False)
    assert found.choices["sides"].values == ("one-sided",)
    assert (found.media, found.media_default) == ((A4,), A4)
    assert [one.size for one in found.ready] == [(21000, 29700)]


def test_colour_without_a_word_on_colour_modes() -> None:
    left_out = ("print-color-mode-supported", "print-color-mode-default")
    assert "color" in said(without=left_out).choices["print-color-mode"].values
    gray = said(boolean("color-supported", False), without=left_out)
    assert gray.choices["print-color-mode"] == Choice(("monochrome",), "monochrome")


def test_urf_without_a_resolution_is_completed() -> None:
    assert "RS600" in said(keyword("urf-supported", "V1.4", "W8")).urf


def test_custom_sizes_are_kept_as_bounds() -> None:
    found = said(keyword("media-supported", A4, "custom_min_3x5in", "custom_max_8.5x14in"))
    assert found.custom == (Range(7620, 21590), Range(12700, 35560))
    assert found.media_default == A4


def test_nonsense_is_left_out() -> None:
    found = said(
        range_("copies-supported", Range(1, 2**31 - 1)),
        resolution(
            "printer-resolution-supported", Resolution(-1, 600), Resolution(300, 300), Resolution(9, 9, 4)
        ),
        keyword("output-bin-supported", "face-down", "<script>", "x" * 200, "two words"),
        keyword("media-supported", A4, "letter", "tray 1"),
        range_("number-up-supported", Range(0, 10**9)),
        integer("pages-per-minute", -5),
    )
    assert found.copies == MAX_COPIES
    assert found.choices["printer-resolution"].values == (Resolution(300, 300),)
    assert found.choices["output-bin"].values == ("face-down",)
    assert found.media == (A4,)
    assert found.choices["number-up"].values == tuple(range(1, 17))
    assert found.pages_per_minute == 0


def test_lists_are_bounded() -> None:
    many = keyword("media-type-supported", *(f"type-{number}" for number in range(3 * MAX_VALUES)))
    kept = essence(group(many)).get("media-type-supported")
    assert kept is not None
    assert len(kept.values) == MAX_VALUES
    assert len(said(many).types) == MAX_VALUES


_DATA = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.text(max_size=40),
    st.binary(max_size=20),
    st.builds(LanguageString, st.just("en"), st.text(max_size=20)),
    st.builds(Range, st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1)),
    st.builds(Resolution, st.integers(-9, 10**6), st.integers(-9, 10**6), st.integers(-128, 127)),
    st.just(Collection(())),
    st.sampled_from([value.data for attribute in OFFICE for value in attribute.values]),
)
_VALUES = st.lists(st.builds(Value, st.sampled_from(ValueTag), _DATA), min_size=1, max_size=10)
_GROUPS = st.lists(
    st.builds(lambda name, values: Attribute(name, tuple(values)), st.sampled_from(sorted(WANTED)), _VALUES),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(_GROUPS)
def test_any_answer_makes_capabilities_that_can_be_told(attributes: list[Attribute]) -> None:
    found = read(essence(group(*{one.name: one for one in attributes}.values())))
    if found is None:
        return
    for name in CHOICES:
        choice = found.choices[name]
        assert choice.values
        assert choice.default is None or choice.default in choice.values
    assert found.media_default in found.media
    assert found.database
    assert found.ready
    names = [attribute.name for attribute in capability_attributes(queue("open", "lobby"), found)]
    assert len(names) == len(set(names))
