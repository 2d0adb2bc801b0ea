"""Printer attributes as a printer of a kind would send them."""

from collections.abc import Iterable

from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import (
    Attribute,
    Range,
    Resolution,
    boolean,
    collection,
    enum,
    integer,
    keyword,
    mime,
    range_,
    resolution,
)

A4, A3, LETTER = "iso_a4_210x297mm", "iso_a3_297x420mm", "na_letter_8.5x11in"
SIZES = {A4: (21000, 29700), A3: (29700, 42000), LETTER: (21590, 27940)}


def group(*attributes: Attribute, without: Iterable[str] = ()) -> Group:
    """A colour office printer with two trays; `attributes` replace its own of the same name."""
    left_out = {*without, *(attribute.name for attribute in attributes)}
    own = tuple(attribute for attribute in OFFICE if attribute.name not in left_out)
    return Group(GroupTag.PRINTER, (*own, *attributes))


def medium(name: str, *, margin: int = 423, source: str = "", kind: str = "") -> tuple[Attribute, ...]:
    """The members of a media-col."""
    width, height = SIZES[name]
    size = (integer("x-dimension", width), integer("y-dimension", height))
    edges = tuple(integer(f"media-{edge}-margin", margin) for edge in ("bottom", "left", "right", "top"))
    words = (("media-source", source), ("media-type", kind))
    return (collection("media-size", size), *edges, *(keyword(key, word) for key, word in words if word))


OFFICE = (
    mime("document-format-supported", "application/pdf", "image/jpeg", "image/pwg-raster", "image/urf"),
    keyword("sides-supported", "one-sided", "two-sided-long-edge", "two-sided-short-edge"),
    keyword("sides-default", "two-sided-long-edge"),
    keyword("print-color-mode-supported", "auto", "color", "monochrome"),
    keyword("print-color-mode-default", "auto"),
    boolean("color-supported", True),
    enum("print-quality-supported", 4, 5),
    enum("print-quality-default", 4),
    resolution("printer-resolution-supported", Resolution(600, 600), Resolution(1200, 1200)),
    resolution("printer-resolution-default", Resolution(600, 600)),
    enum("finishings-supported", 3, 4, 20, 28),
    keyword("output-bin-supported", "face-down", "stacker-1"),
    keyword("output-bin-default", "face-down"),
    range_("copies-supported", Range(1, 99)),
    keyword("media-supported", A4, A3, LETTER),
    keyword("media-default", A4),
    keyword("media-ready", A4, A3),
    collection(
        "media-col-database",
        medium(A4, source="tray-1", kind="stationery"),
        medium(A4, margin=0, source="tray-1", kind="photographic"),
        medium(A3, source="tray-2", kind="stationery"),
        medium(LETTER, source="tray-1", kind="stationery"),
    ),
    collection(
        "media-col-ready", medium(A4, source="tray-1", kind="stationery"), medium(A3, source="tray-2")
    ),
    keyword("media-source-supported", "auto", "tray-1", "tray-2"),
    keyword("media-type-supported", "stationery", "photographic"),
    resolution("pwg-raster-document-resolution-supported", Resolution(600, 600)),
    keyword("pwg-raster-document-type-supported", "sgray_8", "srgb_8"),
    keyword("pwg-raster-document-sheet-back", "rotated"),
    keyword("urf-supported", "V1.4", "W8", "SRGB24", "RS600", "CP99", "DM3"),
    integer("pages-per-minute", 40),
    integer("pages-per-minute-color", 35),
)
