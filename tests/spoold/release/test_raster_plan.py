"""How a document is drawn: what jobs ask for, on printers of many kinds."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ipp.values import Attribute, Collection, Resolution, collection, enum, integer, keyword, range_
from protocols.ipp.values import resolution as resolution_
from protocols.raster.headers import PWG_FORMAT, URF_FORMAT, Space
from spoold.documents.plan import RenderPlan, back_side, ghostscript_arguments
from spoold.documents.rendering import RenderingFailed
from spoold.model.ids import new_job_id
from spoold.model.job import Document
from spoold.printers.capabilities import DEFAULT, Capabilities, Choice
from spoold.release.raster_plan import plan_of, target_of, told, with_drawing

PDF = "application/pdf"


def printer(kind: str = PWG_FORMAT, **changes: Any) -> Capabilities:
    return replace(DEFAULT, formats=frozenset({kind}), **changes)


def plan(*template: Attribute, on: Capabilities | None = None, pages: int | None = 10) -> RenderPlan:
    return plan_of(template, PDF, pages, on or printer())


def test_what_can_be_made_of_a_document() -> None:
    both = replace(DEFAULT, formats=frozenset({PWG_FORMAT, URF_FORMAT}))
    assert target_of(PDF, both) == PWG_FORMAT
    assert target_of(PDF, printer(URF_FORMAT)) == URF_FORMAT
    assert target_of("text/plain", both) is None
    assert target_of(PDF, printer("application/postscript")) is None
    with pytest.raises(RenderingFailed):
        plan(on=printer("application/postscript"))


@pytest.mark.parametrize(
    ("types", "mode", "space"),
    [
        (("srgb_8", "sgray_8", "black_1"), None, Space.SRGB),
        (("srgb_8", "sgray_8", "black_1"), "color", Space.SRGB),
        (("srgb_8", "sgray_8", "black_1"), "monochrome", Space.SGRAY),
        (("black_1",), "color", Space.BLACK),
        (("srgb_8",), "monochrome", Space.SRGB),
        ((), None, Space.SGRAY),
    ],
)
def test_colours(types: tuple[str, ...], mode: str | None, space: Space) -> None:
    template = () if mode is None else (keyword("print-color-mode", mode),)
    assert plan(*template, on=printer(raster_types=types)).space is space


def test_a_printer_of_other_colours_gets_nothing() -> None:
    with pytest.raises(RenderingFailed, match="no kind of raster"):
        plan(on=printer(raster_types=("adobe-rgb_16",)))


def test_urf_is_told_in_its_own_words() -> None:
    apple = printer(URF_FORMAT, urf=("V1.4", "W8", "SRGB24", "RS300-600", "DM3"))
    found = plan(keyword("sides", "two-sided-long-edge"), enum("print-quality", 5), on=apple)
    assert (found.space, found.resolution, found.sheet_back, found.duplex) == (
        Space.SRGB, (600, 600), "rotated", True,
    )  # fmt: skip
    assert plan(on=printer(URF_FORMAT, urf=("W8", "RS600"))).space is Space.SGRAY


@pytest.mark.parametrize(
    ("template", "dots"),
    [
        ((), (300, 300)),
        ((enum("print-quality", 3),), (150, 150)),
        ((enum("print-quality", 4),), (300, 300)),
        ((enum("print-quality", 5),), (1200, 600)),
        ((resolution_("printer-resolution", Resolution(600, 600)), enum("print-quality", 3)), (600, 600)),
        ((resolution_("printer-resolution", Resolution(77, 77)),), (300, 300)),
    ],
)
def test_resolution(template: tuple[Attribute, ...], dots: tuple[int, int]) -> None:
    taken = tuple(Resolution(*one) for one in ((150, 150), (300, 300), (600, 600), (1200, 600)))
    choices = {**DEFAULT.choices, "printer-resolution": Choice(taken[:1], None)}
    assert plan(*template, on=printer(raster_resolutions=taken, choices=choices)).resolution == dots


def test_a_printer_without_resolutions_gets_300_dpi() -> None:
    assert plan(on=printer(raster_resolutions=())).resolution == (300, 300)


def test_the_medium() -> None:
    letter = (21590, 27940)
    assert plan().size_name == "iso_a4_210x297mm"
    assert plan(keyword("media", "na_letter_8.5x11in")).size == letter
    assert plan(keyword("media", "tray-2")).size == (21000, 29700)
    size = Collection((integer("x-dimension", letter[0]), integer("y-dimension", letter[1])))
    column = collection("media-col", Collection((collection("media-size", size),)))
    found = plan(column)
    assert (found.size, found.size_name) == (letter, "na_letter_8.5x11in")
    named = keyword("media-size-name", "na_letter_8.5x11in")
    assert plan(collection("media-col", Collection((named,)))).size == letter
    assert plan(collection("media-col", Collection((keyword("media-type", "labels"),)))).size == (
        21000,
        29700,
    )


def test_sides() -> None:
    assert not plan().duplex
    both = plan(keyword("sides", "two-sided-short-edge"))
    assert (both.duplex, both.tumble) == (True, True)
    one_sided = {**DEFAULT.choices, "sides": Choice(("one-sided",), "one-sided")}
    assert not plan(keyword("sides", "two-sided-long-edge"), on=printer(choices=one_sided)).duplex


def test_copies_are_the_printers_unless_it_cannot() -> None:
    template = (integer("copies", 3),)
    assert plan(*template).copies == 1
    assert plan(*template, on=printer(copies=1)).copies == 3
    assert [one.name for one in told(template, printer())] == ["copies"]
    assert told(template, printer(copies=1)) == ()


def test_ranges_rise_and_do_not_overlap() -> None:
    found = plan(range_("page-ranges", (7, 9), (1, 2), (3, 4), (8, 20)))
    assert found.ranges == ((1, 4), (7, 20))
    assert found.sides == 8
    assert "-sPageList=1-4,7-20" in ghostscript_arguments(found)
    with pytest.raises(RenderingFailed, match="none of the pages"):
        plan(range_("page-ranges", (11, 12)))


@given(st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 40)), max_size=6), st.integers(1, 30))
def test_any_ranges_are_pages_in_order(ranges: list[tuple[int, int]], pages: int) -> None:
    wanted = {page for first, last in ranges for page in range(max(1, first), last + 1)}
    template = (range_("page-ranges", *ranges),) if ranges else ()
    if ranges and not wanted:
        return
    if wanted and not wanted & set(range(1, pages + 1)):
        with pytest.raises(RenderingFailed):
            plan(*template, pages=pages)
        return
    found = plan(*template, pages=pages)
    assert {page for first, last in found.ranges for page in range(first, last + 1)} == wanted
    assert list(found.ranges) == sorted(found.ranges)
    assert found.sides == (len(wanted & set(range(1, pages + 1))) if wanted else pages)


def test_scaling() -> None:
    assert "-dFitPage" in ghostscript_arguments(plan())
    assert "-dFitPage" not in ghostscript_arguments(plan(keyword("print-scaling", "none")))
    assert told((keyword("print-scaling", "none"), keyword("media", "x")), printer()) == (
        keyword("media", "x"),
    )


def test_what_ghostscript_is_told_holds_no_word_of_the_client() -> None:
    """Names of media and the like come from clients: only numbers reach the command line."""
    found = plan(keyword("media", "na_letter_8.5x11in"), keyword("sides", "two-sided-long-edge"))
    assert not any("letter" in one or "sided" in one for one in ghostscript_arguments(found))


def test_one_sided_jobs_turn_nothing() -> None:
    assert back_side(plan(on=printer(sheet_back="rotated"))).procedure == ""


def test_what_drawing_adds_to_a_printer() -> None:
    weak = printer(copies=1, page_ranges=False)
    stronger = with_drawing(weak, [document(PDF)])
    assert stronger is not None
    assert (stronger.copies, stronger.page_ranges) == (999, True)
    assert "none" in stronger.choices["print-scaling"].values
    assert with_drawing(weak, [document(PDF), document(PWG_FORMAT)]) is weak
    assert with_drawing(DEFAULT, [document(PDF)]) is DEFAULT
    assert with_drawing(None, [document(PDF)]) is None


def document(kind: str) -> Document:
    return Document(new_job_id(), 1, kind, 1, 1, b"key")
