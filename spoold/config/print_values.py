"""Values that say what a queue can print: sizes of paper, finishings, resolutions, read from text."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator, StrictBool, WithJsonSchema

from policy.suggestion import closest
from protocols.ipp.keywords import Finishing
from protocols.ipp.media import is_custom_bound, size_of
from protocols.ipp.registry import from_text
from protocols.ipp.values import Resolution
from spoold.config.section import Section
from spoold.config.values import refuse

# A printer that has not been asked for it yet need not know a size: names say their sizes themselves.
_SIZES = ("iso_a4_210x297mm", "iso_a3_297x420mm", "iso_a5_148x210mm", "na_letter_8.5x11in")

# Paper that costs more is not printed in an office.
MAX_COST = 1_000
COST_WORDS = "must be what a page costs, from 0 to 1000 with at most three decimals, such as 0.05 or 0.008"


def parse_cost(value: object) -> int:
    """Parse what a page costs, in any currency; returns thousandths of it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_COST:
        refuse(COST_WORDS)
    # As it is written: 0.05 is no sum of halves, and neither is its thousandfold.
    thousandths = Decimal(repr(value)) * 1_000
    if thousandths != int(thousandths):
        refuse(COST_WORDS)
    return int(thousandths)


def parse_size_name(value: object) -> str:
    """Parse the name of a paper size (PWG 5101.1), such as "iso_a4_210x297mm"."""
    if not isinstance(value, str) or size_of(value) is None or is_custom_bound(value):
        near = closest(value, _SIZES) if isinstance(value, str) else None
        refuse('must be a paper size by its full name, such as "iso_a4_210x297mm"', near)
    return value


def parse_finishing(value: object) -> int:
    """Parse the name of a finishing (RFC 8011 5.2.6, PWG 5100.1), such as "staple"."""
    names = [one.keyword for one in Finishing]
    if not isinstance(value, str) or value not in names:
        near = closest(value, names) if isinstance(value, str) else None
        refuse('must be a finishing such as "none", "staple" or "punch"', near)
    return int(Finishing.from_keyword(value))


def parse_resolution(value: object) -> Resolution:
    """Parse a resolution such as "600dpi" or "1200x600dpi"."""
    try:
        found = from_text("printer-resolution", value).first if isinstance(value, str) else None
    except ValueError:
        found = None
    if not isinstance(found, Resolution):
        refuse('must be a resolution such as "600dpi" or "1200x600dpi"')
    return found


def _resolution_text(value: Resolution) -> str:
    return f"{value.cross_feed}x{value.feed}{'dpi' if value.units == 3 else 'dpcm'}"


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


SizeName = Annotated[
    str, PlainValidator(parse_size_name), _schema(r"^[a-z0-9]+_[a-z0-9.-]+_.+(mm|in)$", _SIZES[0])
]
FinishingValue = Annotated[
    int,
    PlainValidator(parse_finishing),
    PlainSerializer(lambda value: Finishing(value).keyword),
    _schema(r"^[a-z-]+$", "staple"),
]
ResolutionValue = Annotated[
    Resolution,
    PlainValidator(parse_resolution),
    PlainSerializer(_resolution_text),
    _schema(r"^\d+(x\d+)?(dpi|dpcm)$", "600dpi"),
]
Cost = Annotated[
    int,
    PlainValidator(parse_cost),
    PlainSerializer(lambda thousandths: thousandths / 1_000),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": MAX_COST, "examples": [0.05]}),
]
Side = Literal["one-sided", "two-sided-long-edge", "two-sided-short-edge"]


class CapabilitySettings(Section):
    """What a queue says it can do, in place of what its printers say."""

    sides: Annotated[tuple[Side, ...] | None, Field(min_length=1)] = None
    """One side of the sheet, or both."""
    color: StrictBool | None = None
    """false: black and white only; true: colour as well."""
    media: Annotated[tuple[SizeName, ...] | None, Field(min_length=1)] = None
    """Sizes of paper, by their full names."""
    media_ready: Annotated[tuple[SizeName, ...] | None, Field(min_length=1)] = None
    """Sizes of the paper in the trays; the first is the default."""
    finishings: Annotated[tuple[FinishingValue, ...] | None, Field(min_length=1)] = None
    """Stapling, punching and the like; "none" belongs to them."""
    resolutions: Annotated[tuple[ResolutionValue, ...] | None, Field(min_length=1)] = None
    """Resolutions, such as "600dpi"."""
