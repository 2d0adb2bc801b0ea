"""Reads the octets of single values, one function per attribute syntax (RFC 8010 section 3.9).

Every reader raises ValueError for octets that are not of its syntax. Requests are read strictly, so that
nothing has two readings; printers' answers are read leniently, which makes the best of what printers
really send: text cut inside a character, boolean 0xFF, dates of zeros.
"""

import struct
from collections.abc import Callable
from typing import TypeAlias

from protocols.ipp.tags import FIRST_VALUE_TAG, OUT_OF_BAND_END, STRING_TAGS, ValueTag
from protocols.ipp.values import DateTime, LanguageString, Range, Resolution, ValueData

Reader: TypeAlias = Callable[[bytes], ValueData]

_RANGE = struct.Struct(">ii")
_RESOLUTION = struct.Struct(">iiB")
_DATE_TIME = struct.Struct(">HBBBBBBcBB")

# RFC 2579 DateAndTime: what is allowed from month to minutes from UTC, in wire order.
_DATE_TIME_RANGES = (
    ("month", 1, 12),
    ("day", 1, 31),
    ("hour", 0, 23),
    ("minute", 0, 59),
    ("second", 0, 60),
    ("decisecond", 0, 9),
    ("utc_hours", 0, 14),  # RFC 2579 stops at 13; Kiribati is at 14
    ("utc_minutes", 0, 59),
)

# Neither ever gives a str with surrogates, which could not be logged or stored.
read_string: Callable[[bytes], str] = bytes.decode


def repair_string(octets: bytes) -> str:
    """Read a character string, with U+FFFD wherever it is not UTF-8."""
    return octets.decode("utf-8", "replace")


def read_integer(octets: bytes) -> int:
    """Read an integer or enum: four octets, signed."""
    if len(octets) != 4:
        raise ValueError(f"an integer has 4 octets, not {len(octets)}")
    return int.from_bytes(octets, "big", signed=True)


def read_boolean(octets: bytes) -> bool:
    """Read a boolean: 0 or 1."""
    if octets == b"\x01":
        return True
    if octets == b"\x00":
        return False
    raise ValueError("a boolean is one octet, 0 or 1")


def repair_boolean(octets: bytes) -> bool:
    """Read a boolean whose true may be any octet but 0."""
    return read_boolean(octets) if len(octets) != 1 else octets != b"\x00"


def repair_date_time(octets: bytes) -> DateTime:
    """Read a dateTime of any numbers; `DateTime.to_datetime` tells whether there is such a moment."""
    if len(octets) != _DATE_TIME.size:
        raise ValueError(f"a dateTime has 11 octets, not {len(octets)}")
    year, month, day, hour, minute, second, tenth, direction, utc_hours, utc_minutes = _DATE_TIME.unpack(
        octets
    )
    sign = "-" if direction == b"-" else "+"
    return DateTime(year, month, day, hour, minute, second, tenth, sign, utc_hours, utc_minutes)


def read_date_time(octets: bytes) -> DateTime:
    """Read a dateTime: eleven octets of RFC 2579, each in its range."""
    value = repair_date_time(octets)
    for field, lowest, highest in _DATE_TIME_RANGES:
        if not lowest <= getattr(value, field) <= highest:
            raise ValueError(f"a dateTime's {field} is out of range")
    if octets[8] not in b"+-":
        raise ValueError("a dateTime's direction from UTC is + or -")
    return value


def read_resolution(octets: bytes) -> Resolution:
    """Read a resolution: cross feed, feed, units."""
    if len(octets) != _RESOLUTION.size:
        raise ValueError(f"a resolution has 9 octets, not {len(octets)}")
    return Resolution(*_RESOLUTION.unpack(octets))


def read_range(octets: bytes) -> Range:
    """Read a rangeOfInteger: lower and upper bound."""
    if len(octets) != _RANGE.size:
        raise ValueError(f"a rangeOfInteger has 8 octets, not {len(octets)}")
    return Range(*_RANGE.unpack(octets))


def _split_language(octets: bytes) -> tuple[bytes, bytes]:
    size = len(octets)
    language_end = 2 + int.from_bytes(octets[:2], "big")
    text_at = language_end + 2
    if size < 4 or text_at > size or text_at + int.from_bytes(octets[language_end:text_at], "big") != size:
        raise ValueError("the lengths inside a string with a language do not add up")
    return octets[2:language_end], octets[text_at:]


def read_language_string(octets: bytes) -> LanguageString:
    """Read a textWithLanguage or nameWithLanguage: two strings, each with its length before it."""
    language, text = _split_language(octets)
    return LanguageString(language.decode(), text.decode())


def repair_language_string(octets: bytes) -> LanguageString:
    """Read a textWithLanguage or nameWithLanguage whose strings need not be UTF-8."""
    language, text = _split_language(octets)
    return LanguageString(repair_string(language), repair_string(text))


def read_octets(octets: bytes) -> bytes:
    """Read an octetString, or a value whose tag is unknown here: kept as it is."""
    return octets


def read_extension(octets: bytes) -> bytes:
    """Read a value under the extension tag; its first four octets are the real tag (RFC 8010 3.5.2)."""
    if len(octets) < 4:
        raise ValueError("a value under the extension tag starts with a tag of 4 octets")
    return octets


def read_out_of_band(octets: bytes) -> None:
    """Read a value whose tag says it all; its length must be zero (RFC 8010 3.8)."""
    if octets:
        raise ValueError("an out-of-band value is empty")


def ignore_octets(octets: bytes) -> None:
    """Read an out-of-band value whatever it carries."""


_READERS: dict[int, Reader] = {
    ValueTag.INTEGER: read_integer,
    ValueTag.ENUM: read_integer,
    ValueTag.BOOLEAN: read_boolean,
    ValueTag.DATE_TIME: read_date_time,
    ValueTag.RESOLUTION: read_resolution,
    ValueTag.RANGE_OF_INTEGER: read_range,
    ValueTag.TEXT_WITH_LANGUAGE: read_language_string,
    ValueTag.NAME_WITH_LANGUAGE: read_language_string,
    ValueTag.EXTENSION: read_extension,
    **dict.fromkeys(STRING_TAGS, read_string),
}

_LENIENT_READERS: dict[Reader, Reader] = {
    read_boolean: repair_boolean,
    read_date_time: repair_date_time,
    read_language_string: repair_language_string,
    read_string: repair_string,
    read_out_of_band: ignore_octets,
}

_STRUCTURE_TAGS = (ValueTag.BEGIN_COLLECTION, ValueTag.MEMBER_NAME, ValueTag.END_COLLECTION)


def _reader(tag: int) -> Reader | None:
    if tag < FIRST_VALUE_TAG or tag in _STRUCTURE_TAGS:
        return None
    return _READERS.get(tag, read_out_of_band if tag < OUT_OF_BAND_END else read_octets)


READERS: tuple[Reader | None, ...] = tuple(_reader(tag) for tag in range(256))
"""The strict reader of every value tag; None for delimiters and the tags collections are built with."""

LENIENT_READERS: tuple[Reader | None, ...] = tuple(
    reader if reader is None else _LENIENT_READERS.get(reader, reader) for reader in READERS
)
"""The lenient reader of every value tag."""
