"""What several printers can do together, and what a site says in their place."""

import itertools
from dataclasses import replace

import pytest

from protocols.ipp.values import Range, Resolution, boolean, enum, keyword, mime, range_, resolution
from spoold.model.queue import CapabilityOverrides
from spoold.printers.capabilities import CHOICES, DEFAULT, Capabilities, common, overridden, with_conversion
from spoold.printers.said import read
from tests.support.capabilities import A3, A4, LETTER, group


def printer(*attributes: object, without: tuple[str, ...] = ()) -> Capabilities:
    found = read(group(*attributes, without=without))  # type: ignore[arg-type]
    assert found is not None
    return found


OFFICE = printer()
SMALL = printer(
    mime("document-format-supported", "image/urf", "image/jpeg"),
    keyword("sides-supported", "one-sided"),
    keyword("print-color-mode-supported", "monochrome"),
    keyword("print-color-mode-default", "monochrome"),
    boolean("color-supported", False),
    range_("copies-supported", Range(1, 20)),
    enum("finishings-supported", 3),
    keyword("media-supported", A4, LETTER),
    keyword("output-bin-supported", "face-up"),
    keyword("urf-supported", "V1.4", "W8", "RS300-600"),
    without=("media-col-database", "media-col-ready", "media-source-supported", "media-type-supported"),
)


def test_without_printers_a_common_set_is_taken_for_granted() -> None:
    assert common([]) is DEFAULT


def test_one_printer_is_mirrored() -> None:
    assert common([OFFICE]) is OFFICE


def test_several_printers_can_do_what_all_can() -> None:
    both = common([OFFICE, SMALL])
    assert both.choices["sides"].values == ("one-sided",)
    assert both.choices["sides"].default == "one-sided"
    assert both.choices["print-color-mode"].values == ("monochrome",)
    assert not both.color
    assert both.choices["finishings"].values == (3,)
    assert (both.media, both.media_default) == ((A4, LETTER), A4)
    assert {one.size for one in both.database} == {(21000, 29700), (21590, 27940)}
    assert both.copies == 20
    # PDF is made into URF for the small one.
    assert both.formats == {"application/pdf", "image/jpeg", "image/urf"}
    assert both.urf
    assert "SRGB24" not in both.urf
    assert "DM1" not in both.urf


def test_where_they_have_nothing_in_common_the_first_counts() -> None:
    fine = printer(resolution("printer-resolution-supported", Resolution(2400, 2400)))
    both = common([OFFICE, fine])
    assert both.choices["printer-resolution"].values == (Resolution(600, 600),)


def test_where_they_have_no_tray_in_common_any_will_do() -> None:
    assert common([OFFICE, SMALL]).choices["output-bin"].values == ("auto",)


@pytest.mark.parametrize("printers", [*itertools.permutations([OFFICE, SMALL, DEFAULT])])
def test_nothing_is_ever_empty(printers: tuple[Capabilities, ...]) -> None:
    together = common(printers)
    for name in CHOICES:
        choice = together.choices[name]
        assert choice.values, name
        assert choice.default is None or choice.default in choice.values
    assert together.media_default in together.media
    assert together.database
    assert together.ready
    assert together.formats
    assert together.sources
    assert together.types


def test_a_site_overrides_what_printers_say() -> None:
    overrides = CapabilityOverrides(
        sides=("one-sided", "two-sided-long-edge"),
        color=False,
        media=(LETTER, A3, "iso_a5_148x210mm"),
        media_ready=("iso_a5_148x210mm",),
        finishings=(3, 5),
        resolutions=(Resolution(300, 300),),
    )
    changed = overridden(OFFICE, overrides)
    assert changed.choices["sides"].values == ("one-sided", "two-sided-long-edge")
    assert changed.choices["print-color-mode"].values == ("monochrome",)
    assert changed.choices["finishings"].values == (3, 5)
    assert changed.choices["printer-resolution"].default == Resolution(300, 300)
    assert changed.media == (LETTER, A3, "iso_a5_148x210mm")
    assert changed.media_default == "iso_a5_148x210mm"
    assert {one.size for one in changed.database} == {(21590, 27940), (29700, 42000), (14800, 21000)}
    assert [one.size for one in changed.ready] == [(14800, 21000)]
    assert "SRGB24" not in changed.urf


def test_what_is_ready_is_supported() -> None:
    changed = overridden(OFFICE, CapabilityOverrides(media_ready=("iso_a5_148x210mm",)))
    assert changed.media == (*OFFICE.media, "iso_a5_148x210mm")
    assert changed.database[-1].size == (14800, 21000)


def test_no_overrides_change_nothing() -> None:
    assert overridden(OFFICE, CapabilityOverrides()) is OFFICE


def test_pdf_is_taken_for_whoever_takes_a_raster() -> None:
    raster = replace(OFFICE, formats=frozenset({"image/pwg-raster"}))
    assert raster.accepted == ("application/pdf", "image/jpeg", "image/pwg-raster")
    assert replace(OFFICE, formats=frozenset({"image/jpeg"})).accepted == ("image/jpeg",)


def test_resolutions_in_urf_are_those_of_the_raster() -> None:
    many = printer(
        resolution("pwg-raster-document-resolution-supported", Resolution(600, 600), Resolution(300, 300)),
        keyword("urf-supported", "W8"),
    )
    assert "RS300-600" in many.urf


def test_who_has_its_pdf_drawn_here_can_have_copies_and_pages_made_here() -> None:
    modest = replace(OFFICE, formats=frozenset({"image/urf"}), copies=1, page_ranges=False)
    drawn = with_conversion(modest)
    assert (drawn.copies, drawn.page_ranges) == (999, True)
    for other in (OFFICE, replace(modest, formats=frozenset({"image/jpeg"}))):
        assert with_conversion(other) is other
