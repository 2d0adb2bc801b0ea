"""What a printer is and how full its supplies are, read by pyipp from an answer that we have decoded."""

import re

import structlog

from protocols.ipp.message import Group
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import Attribute, text_of
from spoold.printers.base import PrinterDescription, Supply

log = structlog.get_logger()

# What pyipp's models read, by the type they take for granted. Nothing else is handed over: its reading of
# printer-device-id and of URIs fails on odd ones, and nobody is shown them.
_TEXTS = frozenset({"printer-make-and-model", "printer-name", "printer-info"})
_TEXT_LISTS = frozenset({"marker-names", "marker-colors", "marker-types"})
_NUMBER_LISTS = frozenset({"marker-levels", "marker-high-levels", "marker-low-levels"})

WANTED = (*sorted(_TEXTS), *sorted(_TEXT_LISTS), *sorted(_NUMBER_LISTS))

# A printer with more supplies than this is no printer; the portal shows all of them.
MAX_SUPPLIES = 32
MAX_TEXT_CHARACTERS = 127
_KIND = re.compile(r"[A-Za-z][A-Za-z-]{0,31}", re.ASCII)
_NUMBERS = frozenset({ValueTag.INTEGER, ValueTag.ENUM})


def describe(group: Group) -> PrinterDescription:
    """Return the description in the printer attributes group of an answer."""
    # pyipp brings an HTTP client that is never used; it is loaded when the first printer is described.
    from pyipp.models import Printer  # noqa: PLC0415

    try:
        printer = Printer.from_dict(_plain(group))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # How a printer describes itself is for show; whatever pyipp makes of it must not cost more.
        log.info("printer-not-described", error=repr(error))
        return PrinterDescription()
    supplies = tuple(
        Supply(
            _clean(str(marker.name)),
            _percent(marker.level),
            0 <= marker.level <= marker.low_level,
            _kind(str(marker.marker_type)),
        )
        for marker in printer.markers
    )
    return PrinterDescription(_clean(printer.info.name), supplies)


def _plain(group: Group) -> dict[str, object]:
    found: dict[str, object] = {}
    for attribute in group:
        if attribute.name in _TEXTS:
            text = text_of(attribute.values[0])
            if text is not None:
                found[attribute.name] = _clean(text)
        elif attribute.name in _TEXT_LISTS:
            found[attribute.name] = list(attribute.strings()[:MAX_SUPPLIES])
        elif attribute.name in _NUMBER_LISTS:
            found[attribute.name] = _numbers(attribute)
    return found


def _numbers(attribute: Attribute) -> list[int]:
    values = attribute.values[:MAX_SUPPLIES]
    return [data for tag, data in values if tag in _NUMBERS and isinstance(data, int)]


def _percent(level: int) -> int | None:
    # -1 to -3 mean unlimited, unknown, and "there is some" (PWG 5100.9, prtMarkerSuppliesLevel).
    return level if 0 <= level <= 100 else None


def _kind(word: str) -> str:
    """Return prtMarkerSuppliesType as RFC 3805 names it, or "other"."""
    return word if _KIND.fullmatch(word) else "other"


def _clean(text: str) -> str:
    """Take away what could disturb a page or a log: control and formatting characters, length."""
    return "".join(character for character in text if character.isprintable())[:MAX_TEXT_CHARACTERS].strip()
