"""Badges and id numbers of a site: how their numbers look, and what a PIN beside them must be; pure."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

# Numbers on badges have 4 (door systems) to 32 digits (UUIDs in hex).
MIN_NUMBER_CHARACTERS = 4
MAX_NUMBER_CHARACTERS = 32
# Fewer are guessed: five tries a quarter of an hour at one in a million.
MIN_PIN_DIGITS = 6
# More than anybody remembers.
MAX_PIN_DIGITS = 12


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


ALPHABETS: Mapping[Alphabet, frozenset[str]] = MappingProxyType(
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


@dataclass(frozen=True, slots=True)
class BadgeRules:
    """What a site says of badges.

    Args:
        format: how numbers look.
        pin_digits: fewest digits of the PIN beside a badge.
    """

    format: BadgeFormat
    pin_digits: int = MIN_PIN_DIGITS


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
    if not ALPHABETS[badge_format.alphabet].issuperset(badge_format.facility):
        return "facility has a character that numbers do not have"
    if len(badge_format.facility) >= lengths[0]:
        return "facility is as long as a whole number"
    if not re.fullmatch(r"[!-/:-@\[-`{-~]{0,4}", badge_format.prefix + badge_format.suffix):
        return "prefix and suffix are signs such as ; and ?, four together at most"
    return ""


def pin_trouble(pin: str, digits: int = MIN_PIN_DIGITS) -> str:
    """Return why this cannot be somebody's PIN at printers, in words; empty when it can.

    Args:
        digits: the fewest the site wants.
    """
    if not (pin.isascii() and pin.isdigit()) or not digits <= len(pin) <= MAX_PIN_DIGITS:
        return f"A PIN has {digits} to {MAX_PIN_DIGITS} digits."
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if len(steps) == 1:
        return "Choose a PIN that is not a row of digits such as 123456."
    if any(pin == (pin[:part] * len(pin))[: len(pin)] for part in (1, 2, 3)) or len(set(pin)) < 3:
        return "Choose a PIN that does not repeat itself."
    if pin == pin[::-1]:
        return "Choose a PIN that is not the same from both ends."
    return ""
