"""Reads what badge readers type: one whole number of one badge, or nothing; pure.

A reader that stands for a keyboard types the digits of a badge and Enter. Cables, hubs and people in a hurry
make of that: half a number, a number twice, two numbers in one, two readers at once, a digit that flipped.
None of these may pass for a badge, so a site states the exact lengths of its numbers; what reads like a
number but has another length is refused, and never corrected.
"""

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from protocols.errors import RemoteProtocolError

# Enter, as readers send it: CR, LF or both.
_ENDS = ("\r\n", "\r", "\n")
# Numbers on badges have 4 (door systems) to 32 digits (UUIDs in hex).
MIN_NUMBER_CHARACTERS = 4
MAX_NUMBER_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class BadgeLimits:
    """Bounds on one read."""

    # Prefix, number and suffix of the longest format, and Enter; more is a stuck reader.
    max_read_characters: int = 64


class Alphabet(enum.StrEnum):
    """What numbers are made of. One case only: a reader does not change it, a flipped bit does."""

    DIGITS = "digits"
    HEX_UPPER = "hex-upper"
    HEX_LOWER = "hex-lower"


class Check(enum.StrEnum):
    """What the end of a number proves about the rest of it."""

    NONE = "none"
    # ISO/IEC 7812-1 annex B: the last digit; finds every single wrong digit, and most that changed places.
    LUHN = "luhn"
    # The last two hex digits are the XOR of the bytes before them, as readers of 125 kHz badges send it.
    XOR = "xor"


_ALPHABETS: Mapping[Alphabet, frozenset[str]] = MappingProxyType(
    {
        Alphabet.DIGITS: frozenset("0123456789"),
        Alphabet.HEX_UPPER: frozenset("0123456789ABCDEF"),
        Alphabet.HEX_LOWER: frozenset("0123456789abcdef"),
    }
)


@dataclass(frozen=True, slots=True)
class BadgeFormat:
    """How the numbers of a site look.

    Args:
        lengths: every length a number may have, check digits included, prefix and suffix not.
        alphabet: what it is made of.
        check: what its end proves.
        facility: with what every number begins; badges of other houses are refused.
        prefix, suffix: what readers type around the number, such as ";" and "?"; never part of it.
    """

    lengths: frozenset[int]
    alphabet: Alphabet = Alphabet.DIGITS
    check: Check = Check.NONE
    facility: str = ""
    prefix: str = ""
    suffix: str = ""


class BadgeReader:
    """Reads under one format.

    Args:
        badge_format: checked by the configuration (`trouble_of`).
    """

    def __init__(self, badge_format: BadgeFormat, limits: BadgeLimits | None = None) -> None:
        self._format = badge_format
        self._allowed = _ALPHABETS[badge_format.alphabet]
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


def trouble_of(badge_format: BadgeFormat) -> str:
    """Return why a format cannot tell whole reads from broken ones, in words; empty when it can."""
    lengths = sorted(badge_format.lengths)
    if not lengths or lengths[0] < MIN_NUMBER_CHARACTERS or lengths[-1] > MAX_NUMBER_CHARACTERS:
        return f"numbers have {MIN_NUMBER_CHARACTERS} to {MAX_NUMBER_CHARACTERS} characters"
    around = len(badge_format.prefix) + len(badge_format.suffix)
    sums = {one + other + around for one in lengths for other in lengths}
    if found := sums & badge_format.lengths:
        return f"two badges read as one would have {min(found)} characters and pass for one"
    if badge_format.check is Check.LUHN and badge_format.alphabet is not Alphabet.DIGITS:
        return 'check = "luhn" is about digits'
    if badge_format.check is Check.XOR and badge_format.alphabet is Alphabet.DIGITS:
        return 'check = "xor" is about hex digits'
    if badge_format.check is Check.XOR and any(length % 2 for length in lengths):
        return 'check = "xor" is about whole bytes: an even number of characters'
    if not _ALPHABETS[badge_format.alphabet].issuperset(badge_format.facility):
        return "facility has a character that numbers do not have"
    if len(badge_format.facility) >= lengths[0]:
        return "facility is as long as a whole number"
    if not re.fullmatch(r"[!-/:-@\[-`{-~]{0,4}", badge_format.prefix + badge_format.suffix):
        return "prefix and suffix are signs such as ; and ?, four together at most"
    return ""


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
