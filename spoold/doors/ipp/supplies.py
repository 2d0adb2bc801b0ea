"""What the printers behind a queue are filled with, as Printer attributes (PWG 5100.13)."""

from collections.abc import Sequence

from protocols.ipp.message import Attribute
from protocols.ipp.values import clip, octets, text
from spoold.printers.base import Supply

# prtMarkerSuppliesLevel and prtMarkerSuppliesMaxCapacity of RFC 3805: -2 is "unknown".
UNKNOWN = -2
# A value is one octetString; clients read a page of them, not more.
MAX_SUPPLIES = 64
_MAX_TEXT_OCTETS = 255


def supply_attributes(supplies: Sequence[Supply]) -> tuple[Attribute, ...]:
    """Return "printer-supply" and "printer-supply-description", of equal length and never empty."""
    listed = tuple(supplies[:MAX_SUPPLIES]) or (Supply("Supplies of the printers", None, False),)
    return (
        octets("printer-supply", *(_value(index, one) for index, one in enumerate(listed, 1))),
        text("printer-supply-description", *(clip(one.name, _MAX_TEXT_OCTETS) or "Supply" for one in listed)),
    )


def _value(index: int, supply: Supply) -> bytes:
    """Return a supply in the words of PWG 5100.13 table 16: the fields of RFC 3805 with their names."""
    known = supply.level is not None
    return (
        f"index={index};class=supplyThatIsConsumed;type={supply.kind};unit=percent;"
        f"maxcapacity={100 if known else UNKNOWN};level={supply.level if known else UNKNOWN};"
        f"colorantname={supply.color};"
    ).encode()
