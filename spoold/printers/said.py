"""Reads what a printer says it can do, and believes no more of it than makes sense."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from protocols.ipp.media import apart, is_custom_bound, size_of
from protocols.ipp.message import Attribute, Group
from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import DOTS_PER_INCH, Collection, Range, Resolution, Value, text_of
from spoold.printers.capabilities import (
    CHOICES,
    DEFAULT,
    MARGIN,
    Capabilities,
    Choice,
    Medium,
    Scalar,
    media_of,
    urf_of,
)

# The fullest honest list is 200 sizes of media, each with a type or two.
MAX_VALUES = 512
MAX_COPIES = 9999
MAX_NUMBER_UP = 16
MAX_DOTS = 9600
# A road sign: 10 m in hundredths of millimetres.
MAX_SIZE = 1_000_000
# Sizes in inches do not come out even: 0.1 mm is the same paper.
SAME_SIZE = 10
MAX_PAGES_PER_MINUTE = 10_000

_T = TypeVar("_T")
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}", re.ASCII)
_MIME = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,63}/[a-z0-9][a-z0-9.+_-]{0,126}", re.ASCII)
_EDGES = ("bottom", "left", "right", "top")

WANTED = frozenset(
    {
        *(f"{name}-{ending}" for name in (*CHOICES, "media") for ending in ("default", "supported")),
        "color-supported",
        "copies-supported",
        "document-format-supported",
        "media-col-database",
        "media-col-ready",
        "media-ready",
        "media-source-supported",
        "media-type-supported",
        "page-ranges-supported",
        "pages-per-minute",
        "pages-per-minute-color",
        "pwg-raster-document-resolution-supported",
        "pwg-raster-document-sheet-back",
        "pwg-raster-document-type-supported",
        "urf-supported",
    }
)

# What is taken for granted of a printer that does not say.
_MODEST = {
    **DEFAULT.choices,
    "sides": Choice(("one-sided",), "one-sided"),
    "print-quality": Choice((4,), 4),
    "printer-resolution": Choice((Resolution(300, 300),), Resolution(300, 300)),
    "print-scaling": Choice(("auto",), "auto"),
    "number-up": Choice((1,), 1),
}


def essence(group: Group) -> Group:
    """Return the part of a printer's attributes that says what it can do, with bounded lists."""
    return Group(
        GroupTag.PRINTER,
        tuple(
            Attribute(attribute.name, attribute.values[:MAX_VALUES])
            for attribute in group
            if attribute.name in WANTED
        ),
    )


def read(group: Group) -> Capabilities | None:
    """Return what a printer's attributes say it can do; None when they do not even say what it takes."""
    formats = frozenset(
        kind for text in _texts(group, "document-format-supported") if _MIME.fullmatch(kind := text.lower())
    )
    if not formats:
        return None
    names = tuple(name for name in _keywords(group, "media-supported") if size_of(name) is not None)
    names = names if any(not is_custom_bound(name) for name in names) else (DEFAULT.media_default, *names)
    sizes = [size for name in names if not is_custom_bound(name) and (size := size_of(name)) is not None]
    database = _media(group, "media-col-database", sizes) or media_of(names)
    ready = _media(group, "media-col-ready", sizes) or media_of(
        name for name in _keywords(group, "media-ready") if name in names
    )
    default = _first(name for name in _keywords(group, "media-default") if name in names)
    choices = {name: _choice(group, name) for name in CHOICES}
    found = Capabilities(
        choices=choices,
        media=names,
        media_default=default or next(name for name in names if not is_custom_bound(name)),
        database=database,
        ready=ready or database[:1],
        sources=_keywords(group, "media-source-supported")
        or _distinct(one.source for one in database)
        or ("auto",),
        types=_keywords(group, "media-type-supported")
        or _distinct(one.type for one in database)
        or ("stationery",),
        formats=formats,
        copies=_copies(group),
        page_ranges=group.boolean("page-ranges-supported") is not False,
        raster_resolutions=_resolutions(group, "pwg-raster-document-resolution-supported"),
        raster_types=_keywords(group, "pwg-raster-document-type-supported"),
        sheet_back=_first(_keywords(group, "pwg-raster-document-sheet-back")) or "",
        urf=_keywords(group, "urf-supported"),
        pages_per_minute=_speed(group, "pages-per-minute"),
        pages_per_minute_color=_speed(group, "pages-per-minute-color"),
    )
    return found if _is_urf(found) else _with_urf(found)


def _is_urf(capabilities: Capabilities) -> bool:
    return "image/urf" not in capabilities.formats or any(one.startswith("RS") for one in capabilities.urf)


def _with_urf(capabilities: Capabilities) -> Capabilities:
    """Complete a printer that takes URF without saying in which resolution."""
    return replace(capabilities, urf=urf_of(capabilities))


def _choice(group: Group, name: str) -> Choice:
    values = _distinct(_scalars(group.get(f"{name}-supported"), CHOICES[name]))
    if not values:
        return _color_choice(group) if name == "print-color-mode" else _MODEST[name]
    default = _first(_scalars(group.get(f"{name}-default"), CHOICES[name]))
    if name == "orientation-requested":
        return Choice(values, default if default in values else None)
    return Choice(values, default if default in values else values[0])


def _color_choice(group: Group) -> Choice:
    if group.boolean("color-supported"):
        return DEFAULT.choices["print-color-mode"]
    return Choice(("monochrome",), "monochrome")


def _scalars(attribute: Attribute | None, tag: int) -> Iterable[Scalar]:
    for value in () if attribute is None else attribute.values[:MAX_VALUES]:
        data = value.data
        if isinstance(data, Range) and tag == ValueTag.INTEGER:
            yield from range(max(1, data.lower), min(MAX_NUMBER_UP, data.upper) + 1)
        elif value.tag != tag:
            continue
        elif isinstance(data, Resolution):
            if _is_sane(data):
                yield data
        elif isinstance(data, str):
            if _KEYWORD.fullmatch(data):
                yield data
        elif isinstance(data, int) and data > 0:
            yield data


def _resolutions(group: Group, name: str) -> tuple[Resolution, ...]:
    found = _distinct(_scalars(group.get(name), ValueTag.RESOLUTION))
    return tuple(one for one in found if isinstance(one, Resolution))


def _is_sane(one: Resolution) -> bool:
    return one.units == DOTS_PER_INCH and 0 < one.cross_feed <= MAX_DOTS and 0 < one.feed <= MAX_DOTS


def _distinct(values: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(value for value in values if value != ""))


def _first(values: Iterable[_T]) -> _T | None:
    return next(iter(values), None)


def _texts(group: Group, name: str) -> list[str]:
    attribute = group.get(name)
    values: tuple[Value, ...] = () if attribute is None else attribute.values[:MAX_VALUES]
    return [text for value in values if (text := text_of(value)) is not None]


def _keywords(group: Group, name: str) -> tuple[str, ...]:
    return _distinct(text for text in _texts(group, name) if _KEYWORD.fullmatch(text))


def _media(group: Group, name: str, sizes: list[tuple[int, int]]) -> tuple[Medium, ...]:
    """Return the media of an attribute, as far as their sizes are among `sizes`."""
    attribute = group.get(name)
    found = (
        _medium(value.data, sizes)
        for value in (() if attribute is None else attribute.values[:MAX_VALUES])
        if isinstance(value.data, Collection)
    )
    return _distinct(one for one in found if one is not None)


def _medium(members: Collection, sizes: list[tuple[int, int]]) -> Medium | None:
    size = _member(members, "media-size")
    if not isinstance(size, Collection):
        return None
    width, height = _member(size, "x-dimension"), _member(size, "y-dimension")
    if not isinstance(width, int) or not isinstance(height, int):
        return None
    same = _first(one for one in sizes if apart(one, (width, height)) <= SAME_SIZE)
    if same is None or not (0 < width <= MAX_SIZE and 0 < height <= MAX_SIZE):
        return None
    margins = [_member(members, f"media-{edge}-margin") for edge in _EDGES]
    bottom, left, right, top = (
        margin if isinstance(margin, int) and 0 <= margin <= MAX_SIZE else MARGIN for margin in margins
    )
    source, kind = (
        text if isinstance(text := _member(members, name), str) and _KEYWORD.fullmatch(text) else ""
        for name in ("media-source", "media-type")
    )
    return Medium(*same, bottom, left, right, top, source, kind)


def _member(members: Collection, name: str) -> object:
    attribute = members.get(name)
    return None if attribute is None else attribute.first


def _copies(group: Group) -> int:
    attribute = group.get("copies-supported")
    found = None if attribute is None else attribute.first
    upper = found.upper if isinstance(found, Range) else found if isinstance(found, int) else 1
    return min(MAX_COPIES, max(1, upper))


def _speed(group: Group, name: str) -> int:
    return min(MAX_PAGES_PER_MINUTE, max(0, group.integer(name) or 0))
