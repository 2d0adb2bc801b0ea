"""Formats that tell whole reads from broken ones, and PINs that are no obvious ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spoold.model.badge import Alphabet, BadgeFormat, Check, pin_trouble, trouble_of


@pytest.mark.parametrize(
    ("format_", "words"),
    [
        (BadgeFormat(frozenset()), "4 to 32"),
        (BadgeFormat(frozenset({3})), "4 to 32"),
        (BadgeFormat(frozenset({33})), "4 to 32"),
        (BadgeFormat(frozenset({8, 16})), "16 characters and pass for one"),
        (BadgeFormat(frozenset({6, 8, 14})), "14 characters"),
        (BadgeFormat(frozenset({8, 18}), prefix=";", suffix="?"), "18 characters"),
        (BadgeFormat(frozenset({8}), Alphabet.HEX_UPPER, Check.LUHN), "about digits"),
        (BadgeFormat(frozenset({8}), check=Check.XOR), "about hex"),
        (BadgeFormat(frozenset({9}), Alphabet.HEX_LOWER, Check.XOR), "whole bytes"),
        (BadgeFormat(frozenset({8}), facility="4A"), "facility has a character"),
        (BadgeFormat(frozenset({4}), facility="4000"), "as long as a whole"),
        (BadgeFormat(frozenset({8}), prefix="1"), "signs such as"),
        (BadgeFormat(frozenset({8}), prefix=";%+", suffix="??"), "signs such as"),
        (BadgeFormat(frozenset({10})), ""),
        (BadgeFormat(frozenset({8}), check=Check.LUHN), ""),
        (BadgeFormat(frozenset({12}), Alphabet.HEX_UPPER, Check.XOR), ""),
        (BadgeFormat(frozenset({8, 11}), prefix=";", suffix="?", facility="40"), ""),
    ],
)
def test_formats_that_cannot_tell_are_reported(format_: BadgeFormat, words: str) -> None:
    found = trouble_of(format_)
    assert words in found if words else not found


@pytest.mark.parametrize(
    "pin",
    [
        *("", "12345", "1234567890123", "12345a", "\N{FULLWIDTH DIGIT ONE}23456"),
        *("123456", "654321", "135791", "000000", "890123", "987654"),
        *("121212", "123123", "121121", "112211", "444455", "345543"),
    ],
)
def test_obvious_pins_are_refused(pin: str) -> None:
    assert pin_trouble(pin)


@pytest.mark.parametrize("pin", ["482915", "100294", "77310465"])
def test_other_pins_are_taken(pin: str) -> None:
    assert pin_trouble(pin) == ""
    assert pin_trouble(pin[:6], 8)


@given(st.integers(0, 10**6 - 1))
def test_few_pins_are_refused(pin: int) -> None:
    text = f"{pin:06}"
    assert not pin_trouble(text) or len(set(text)) < 5 or len(set(map(int, text))) == 6 or text == text[::-1]
