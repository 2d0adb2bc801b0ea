"""A job on its way to a printer: told what the printer can do, with a word on everything else."""

import pytest

from protocols.ipp.values import (
    Attribute,
    Range,
    Resolution,
    boolean,
    collection,
    enum,
    integer,
    keyword,
    name_,
    range_,
    resolution,
)
from spoold.printers.fitting import fit
from spoold.printers.said import read
from tests.support.capabilities import A3, A4, LETTER, OFFICE, group, medium

SMALL = read(
    group(
        keyword("sides-supported", "one-sided"),
        keyword("print-color-mode-supported", "monochrome", "auto-monochrome"),
        boolean("color-supported", False),
        boolean("page-ranges-supported", False),
        range_("copies-supported", Range(1, 20)),
        enum("finishings-supported", 3),
        enum("print-quality-supported", 4),
        keyword("media-supported", A4, "custom_min_3x5in", "custom_max_8.5x14in"),
        keyword("media-type-supported", "stationery"),
        without=("media-col-database", "media-col-ready"),
    )
)
EVERYTHING = read(group())


@pytest.mark.parametrize(
    ("asked", "told", "words"),
    [
        (keyword("sides", "two-sided-long-edge"), keyword("sides", "one-sided"), "one side only"),
        (keyword("print-color-mode", "color"), keyword("print-color-mode", "monochrome"), "black and white"),
        (keyword("print-color-mode", "auto"), keyword("print-color-mode", "monochrome"), ""),
        (keyword("print-color-mode", "bi-level"), None, "colours asked for"),
        (enum("print-quality", 5), enum("print-quality", 4), "quality"),
        (enum("finishings", 3, 20), enum("finishings", 3), "finish"),
        (enum("finishings", 20), None, "finish"),
        (integer("copies", 30), integer("copies", 20), "20 copies"),
        (range_("page-ranges", Range(1, 2)), None, "prints all of them"),
        (keyword("media", A3), None, "no paper of the size"),
        (keyword("media", "om_small-photo_100x150mm"), keyword("media", "om_small-photo_100x150mm"), ""),
        (keyword("media", "letterhead"), keyword("media", "letterhead"), ""),
        (keyword("output-bin", "attic"), None, "output tray"),
        (keyword("output-bin", "auto"), None, ""),
        (keyword("print-content-optimize", "photo"), None, ""),
        (resolution("printer-resolution", Resolution(2400, 2400)), None, "resolution"),
        (integer("number-up", 32), None, "several pages"),
        (name_("job-account-id", "42"), name_("job-account-id", "42"), ""),
        (keyword("output-bin", "face-down"), keyword("output-bin", "face-down"), ""),
    ],
)
def test_what_a_small_printer_is_told(asked: Attribute, told: Attribute | None, words: str) -> None:
    fitted, said = fit([asked], SMALL)
    assert fitted == (() if told is None else (told,))
    assert bool(said) == bool(words)
    assert words in " ".join(said)


def test_a_large_printer_is_told_everything() -> None:
    asked = (
        keyword("sides", "two-sided-short-edge"),
        keyword("print-color-mode", "color"),
        keyword("media", A3),
        enum("finishings", 20),
        integer("copies", 99),
        collection("media-col", medium(LETTER, source="tray-1", kind="stationery")),
    )
    assert fit(asked, EVERYTHING) == (asked, ())


def test_a_printer_that_never_said_is_told_everything() -> None:
    asked = tuple(attribute for attribute in OFFICE if attribute.name == "media-ready")
    assert fit(asked, None) == (asked, ())


def test_of_a_media_col_what_fits_is_told() -> None:
    asked = collection("media-col", medium(A4, source="tray-9", kind="photographic"))
    fitted, said = fit([asked], SMALL)
    (kept,) = fitted
    assert kept == collection("media-col", medium(A4))
    assert "type of paper" in " ".join(said)


def test_a_media_col_of_another_size_loses_it() -> None:
    size = (integer("x-dimension", 29700), integer("y-dimension", 42000))
    asked = collection("media-col", (collection("media-size", size),))
    fitted, said = fit([asked], SMALL)
    assert fitted == ()
    assert "no paper of the size" in said[0]


def test_the_same_is_said_once() -> None:
    asked = (keyword("media", A3), collection("media-col", medium(A3)))
    fitted, said = fit(asked, SMALL)
    assert len(said) == 2
    assert [one.name for one in fitted] == ["media-col"]
