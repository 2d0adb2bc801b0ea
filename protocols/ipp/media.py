"""Sizes of paper by their self-describing names (PWG 5101.1), in hundredths of millimetres."""

import re
from decimal import Decimal

# Hundredths of a millimetre in the units that names are written in.
_UNITS = {"mm": Decimal(100), "in": Decimal(2540)}
_NAME = re.compile(r"[a-z0-9]+_[a-z0-9.-]+_(\d{1,5}(?:\.\d{1,4})?)x(\d{1,5}(?:\.\d{1,4})?)(mm|in)", re.ASCII)

CUSTOM_MIN = "custom_min_"
CUSTOM_MAX = "custom_max_"


def size_of(name: str) -> tuple[int, int] | None:
    """Return width and height of a size such as `iso_a4_210x297mm`; None when the name does not say them."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    unit = _UNITS[match[3]]
    return round(Decimal(match[1]) * unit), round(Decimal(match[2]) * unit)


def is_custom_bound(name: str) -> bool:
    """Whether a name is not a size but the smallest or largest of custom ones (PWG 5100.13 and 5101.1)."""
    return name.startswith((CUSTOM_MIN, CUSTOM_MAX))
