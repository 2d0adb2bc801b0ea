"""Whole reads give their number; what is truncated, doubled, joined, mixed or flipped gives none."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from spoold.identity.badge_reading import BadgeReader
from spoold.model.badge import Alphabet, BadgeFormat, Check

TEN = BadgeFormat(frozenset({10}))
LUHN = BadgeFormat(frozenset({8}), check=Check.LUHN)
XOR = BadgeFormat(frozenset({12}), Alphabet.HEX_UPPER, Check.XOR)
STRIPE = BadgeFormat(frozenset({8, 11}), prefix=";", suffix="?", facility="40")
NUMBERS = st.text(string.digits, min_size=10, max_size=10)


def luhn(first: str) -> str:
    """The digits with the check digit of ISO/IEC 7812-1 after them, worked out by trying."""
    return next(first + digit for digit in string.digits if _sum(first + digit) % 10 == 0)


def _sum(number: str) -> int:
    digits = [int(digit) for digit in number]
    return sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_whole_read_is_its_number(end: str) -> None:
    assert BadgeReader(TEN).framed(f"0012345678{end}") == "0012345678"
    assert BadgeReader(STRIPE).framed(f";40123456?{end}") == "40123456"
    assert BadgeReader(XOR).framed(f"0A1B2C3D4E4E{end}") == "0A1B2C3D4E4E"
    assert BadgeReader(LUHN).framed(f"{luhn('1234567')}{end}") == luhn("1234567")


@pytest.mark.parametrize(
    ("read", "words"),
    [
        ("0012345678", "not read to its end"),
        ("0012345678\r\r", "More than one"),
        ("0012345678\n\r", "More than one"),
        ("\r", "Only a part"),
        ("12345678\r", "Only a part"),
        ("00123456780012345678\r", "More than one"),
        ("0012345678\r0012345678\r", "More than one"),
        ("0" * 4096 + "\r", "More than one"),
        ("001234567a\r", "not a badge of this site"),
        ("001234567\N{ARABIC-INDIC DIGIT SEVEN}\r", "not a badge of this site"),
        (" 01234567 \r", "not a badge of this site"),
        ("00123\x005678\r", "not a badge of this site"),
    ],
)
def test_what_is_not_one_whole_read_is_refused(read: str, words: str) -> None:
    with pytest.raises(RemoteProtocolError, match=words) as caught:
        BadgeReader(TEN).framed(read)
    assert "12345678" not in str(caught.value)


@pytest.mark.parametrize("read", ["40123456?", ";40123456", ";50123456?", ";;40123456??", "?40123456;"])
def test_prefix_suffix_and_facility_must_be_right(read: str) -> None:
    with pytest.raises(RemoteProtocolError):
        BadgeReader(STRIPE).typed(read)


@given(NUMBERS, st.integers(0, 9))
def test_every_part_of_a_read_is_refused(number: str, kept: int) -> None:
    reader = BadgeReader(TEN)
    for part in (number[:kept], number[10 - kept :]):
        with pytest.raises(RemoteProtocolError):
            reader.typed(part)


@given(NUMBERS, NUMBERS, st.integers(0, 10))
def test_two_reads_in_one_are_refused(one: str, other: str, at: int) -> None:
    reader = BadgeReader(TEN)
    mixed = "".join(a + b for a, b in zip(one, other, strict=True))
    for read in (one + other, one[:at] + other + one[at:], mixed, one + "\r" + other):
        with pytest.raises(RemoteProtocolError):
            reader.typed(read)


@given(st.text(string.digits, min_size=7, max_size=7), st.integers(0, 7), st.integers(1, 9))
def test_luhn_finds_every_single_wrong_digit(first: str, at: int, by: int) -> None:
    number = luhn(first)
    wrong = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
    assert BadgeReader(LUHN).typed(number) == number
    with pytest.raises(RemoteProtocolError):
        BadgeReader(LUHN).typed(wrong)


@given(st.binary(min_size=5, max_size=5), st.integers(0, 47))
def test_xor_finds_every_flipped_bit(content: bytes, bit: int) -> None:
    check = 0
    for byte in content:
        check ^= byte
    whole = bytearray(content + bytes([check]))
    assert BadgeReader(XOR).typed(whole.hex().upper()) == whole.hex().upper()
    whole[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RemoteProtocolError):
        BadgeReader(XOR).typed(whole.hex().upper())


@given(st.text())
def test_nothing_else_ever_escapes(read: str) -> None:
    for known in (TEN, LUHN, XOR, STRIPE):
        try:
            number = BadgeReader(known).framed(read)
        except RemoteProtocolError:
            continue
        assert len(number) in known.lengths
