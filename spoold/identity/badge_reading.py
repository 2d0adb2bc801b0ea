"""Reads what badge readers type: one whole number of one badge, or nothing; pure.

A reader that stands for a keyboard types the digits of a badge and Enter. Cables, hubs and people in a hurry
make of that: half a number, a number twice, two numbers in one, two readers at once, a digit that flipped.
None of these may pass for a badge, so a site states the exact lengths of its numbers; what reads like a
number but has another length is refused, and never corrected.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from protocols.errors import RemoteProtocolError
from spoold.model.badge import ALPHABETS, BadgeFormat, Check

# Enter, as readers send it: CR, LF or both.
_ENDS = ("\r\n", "\r", "\n")


@dataclass(frozen=True, slots=True)
class BadgeLimits:
    """Bounds on one read."""

    # Prefix, number and suffix of the longest format, and Enter; more is a stuck reader.
    max_read_characters: int = 64


class BadgeReader:
    """Reads under one format.

    Args:
        badge_format: checked by the configuration (`spoold.model.badge.trouble_of`).
    """

    def __init__(self, badge_format: BadgeFormat, limits: BadgeLimits | None = None) -> None:
        self._format = badge_format
        self._allowed = ALPHABETS[badge_format.alphabet]
        self._limits = limits or BadgeLimits()

    def framed(self, read: str) -> str:
        """Return the number of a whole read, the Enter at its end included.

        Raises:
            RemoteProtocolError: it is not one whole read of one badge; the words are for people and repeat
                nothing of it.
        """
        for end in _ENDS:
            if read.endswith(end):
                return self.typed(read[: -len(end)])
        raise RemoteProtocolError("The badge was not read to its end. Hold it to the reader again.")

    def typed(self, read: str) -> str:
        """Return the number of a read whose Enter has already ended a field of a form; as `framed`."""
        wanted = self._format
        if len(read) > self._limits.max_read_characters:
            raise RemoteProtocolError("More than one badge was read. Hold one badge to the reader.")
        if not (read.startswith(wanted.prefix) and read.endswith(wanted.suffix)):
            raise RemoteProtocolError("The badge was not read completely. Hold it to the reader again.")
        number = read[len(wanted.prefix) : len(read) - len(wanted.suffix)]
        if len(number) not in wanted.lengths:
            raise RemoteProtocolError(_wrong_length(len(number), wanted.lengths))
        if not self._allowed.issuperset(number):
            raise RemoteProtocolError("That is not a badge of this site. Hold the badge to the reader again.")
        if not number.startswith(wanted.facility):
            raise RemoteProtocolError("That badge belongs to another site.")
        if not _PROVES[wanted.check](number):
            raise RemoteProtocolError("The badge was not read correctly. Hold it to the reader again.")
        return number


def _wrong_length(length: int, lengths: frozenset[int]) -> str:
    if length < min(lengths):
        return "Only a part of the badge was read. Hold it to the reader again."
    if length > max(lengths):
        return "More than one badge was read. Hold one badge to the reader."
    return "The badge was not read completely. Hold it to the reader again."


def _nothing(_number: str) -> bool:
    return True


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) << (place & 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _xor(number: str) -> bool:
    found = 0
    for byte in bytes.fromhex(number):
        found ^= byte
    return found == 0


_PROVES: Mapping[Check, Callable[[str], bool]] = MappingProxyType(
    {Check.NONE: _nothing, Check.LUHN: _luhn, Check.XOR: _xor}
)
