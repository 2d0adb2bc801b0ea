"""Sizes of paper by their self-describing names (PWG 5101.1), in hundredths of millimetres."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import TypeGuard

from protocols.ipp.media_sizes import NAMED_SIZES
from protocols.ipp.values import Attribute, Collection, text_of

Size = tuple[int, int]

# Hundredths of a millimetre in the units that names are written in.
_UNITS = {"mm": Decimal(100), "in": Decimal(2540)}
_NAME = re.compile(r"[a-z0-9]+_[a-z0-9.-]+_(\d{1,5}(?:\.\d{1,4})?)x(\d{1,5}(?:\.\d{1,4})?)(mm|in)", re.ASCII)
# Sizes that differ by half a millimetre are the same paper: everybody rounds inches in their own way.
SAME_PAPER = 50
# Of a client's own choice: so many are remembered, the others are computed again.
_REMEMBERED = 1024

CUSTOM_MIN = "custom_min_"
CUSTOM_MAX = "custom_max_"


def size_of(name: str) -> Size | None:
    """Return width and height of a size such as `iso_a4_210x297mm`; None when the name does not say them."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    unit = _UNITS[match[3]]
    return round(Decimal(match[1]) * unit), round(Decimal(match[2]) * unit)


def apart(one: Size, other: Size) -> int:
    """Return by how much two sizes differ, in width or in height."""
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


def is_same_paper(one: Size, other: Size) -> bool:
    """Whether two sizes are the same sheet, whichever way it is turned."""
    return min(apart(one, other), apart(one, other[::-1])) <= SAME_PAPER


def is_custom_bound(name: str) -> bool:
    """Whether a name is not a size but the smallest or largest of custom ones (PWG 5100.13 and 5101.1)."""
    return name.startswith((CUSTOM_MIN, CUSTOM_MAX))


_NAMES = {size: name for name in NAMED_SIZES if (size := size_of(name)) is not None}


@lru_cache(_REMEMBERED)
def name_of(size: Size) -> str:
    """Return the name of a size: the standard's, whichever way the sheet is turned, else a custom one.

    A custom size is named by its width and height: `custom_211x300mm_211x300mm`.
    """
    for turned in (size, size[::-1]):
        away, name = min((apart(one, turned), name) for one, name in _NAMES.items())
        if away <= SAME_PAPER:
            return name
    text = f"{_millimetres(size[0])}x{_millimetres(size[1])}mm"
    return f"custom_{text}_{text}"


def one_name(name: str) -> str:
    """Return the one name that paper has, whatever it is called; a name that says no size stays as it is."""
    size = size_of(name)
    return name if size is None else name_of(size)


def size_in(column: Collection) -> Size | None:
    """Return the size that "media-col" asks for, by its dimensions or its name; None if it asks for none."""
    member = column.get("media-size")
    if member is not None:
        return dimensions(member)
    named = column.get("media-size-name")
    return None if named is None else size_of(text_of(named.values[0]) or "")


def dimensions(member: Attribute) -> Size | None:
    """Return width and height of a "media-size"; None when they are not two lengths (PWG 5100.7)."""
    size = member.first
    if len(member.values) != 1 or not isinstance(size, Collection):
        return None
    sides = {one.name: one.first for one in size.members if len(one.values) == 1}
    width, height = sides.get("x-dimension"), sides.get("y-dimension")
    if len(size.members) != 2 or not _is_length(width) or not _is_length(height):
        return None
    return width, height


def _is_length(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _millimetres(hundredths: int) -> str:
    whole, part = divmod(hundredths, 100)
    return f"{whole}.{part:02}".rstrip("0") if part else str(whole)
