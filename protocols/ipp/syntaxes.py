"""Reads the octets of single values, one function per attribute syntax (RFC 8010 section 3.9).

Every reader raises ValueError for octets that are not of its syntax. `lenient` readers make the best of
what printers really send (text cut inside a character, boolean 0xFF, dates of zeros); requests are read
strictly, so that nothing has two readings.
"""

import struct
from collections.abc import Callable
from typing import TypeAlias

from protocols.ipp.tags import FIRST_VALUE_TAG, OUT_OF_BAND_END, STRING_TAGS, ValueTag
from protocols.ipp.values import DateTime, LanguageString, Range, Resolution, ValueData

Reader: TypeAlias = Callable[[bytes, bool], ValueData]

_INTEGER = struct.Struct(">i")
_RANGE = struct.Struct(">ii")
_RESOLUTION = struct.Struct(">iiB")
_DATE_TIME = struct.Struct(">HBBBBBBcBB")

# RFC 2579 DateAndTime: the ranges of month to minutes from UTC, in wire order.
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


def read_string(octets: bytes, lenient: bool) -> str:
    """Read any character string without a language.

    The result never holds a surrogate, so it can go to logs and databases; lenient reading puts U+FFFD
    where the octets are not UTF-8.
    """
    return octets.decode("utf-8", "replace" if lenient else "strict")


def read_integer(octets: bytes, lenient: bool) -> int:  # noqa: ARG001 - all readers are called alike
    """Read an integer or enum: four octets, signed."""
    if len(octets) != 4:
        raise ValueError(f"an integer has 4 octets, not {len(octets)}")
    return int.from_bytes(octets, "big", signed=True)


def read_boolean(octets: bytes, lenient: bool) -> bool:
    """Read a boolean: 0 or 1."""
    if octets == b"\x01":
        return True
    if octets == b"\x00":
        return False
    if lenient and len(octets) == 1:
        return True
    raise ValueError("a boolean is one octet, 0 or 1")


def read_date_time(octets: bytes, lenient: bool) -> DateTime:
    """Read a dateTime: eleven octets of RFC 2579."""
    if len(octets) != _DATE_TIME.size:
        raise ValueError(f"a dateTime has 11 octets, not {len(octets)}")
    year, month, day, hour, minute, second, tenth, direction, utc_hours, utc_minutes = _DATE_TIME.unpack(
        octets
    )
    if lenient:
        sign = "-" if direction == b"-" else "+"
        return DateTime(year, month, day, hour, minute, second, tenth, sign, utc_hours, utc_minutes)
    if direction not in (b"+", b"-"):
        raise ValueError("a dateTime's direction from UTC is + or -")
    value = DateTime(
        year, month, day, hour, minute, second, tenth, direction.decode("ascii"), utc_hours, utc_minutes
    )
    for field, lowest, highest in _DATE_TIME_RANGES:
        if not lowest <= getattr(value, field) <= highest:
            raise ValueError(f"a dateTime's {field} is out of range")
    return value


def read_resolution(octets: bytes, lenient: bool) -> Resolution:  # noqa: ARG001
    """Read a resolution: cross feed, feed, units."""
    if len(octets) != _RESOLUTION.size:
        raise ValueError(f"a resolution has 9 octets, not {len(octets)}")
    return Resolution(*_RESOLUTION.unpack(octets))


def read_range(octets: bytes, lenient: bool) -> Range:  # noqa: ARG001
    """Read a rangeOfInteger: lower and upper bound."""
    if len(octets) != _RANGE.size:
        raise ValueError(f"a rangeOfInteger has 8 octets, not {len(octets)}")
    return Range(*_RANGE.unpack(octets))


def read_language_string(octets: bytes, lenient: bool) -> LanguageString:
    """Read a textWithLanguage or nameWithLanguage: two strings, each with its length before it."""
    size = len(octets)
    language_end = 2 + int.from_bytes(octets[:2], "big")
    text_at = language_end + 2
    if size < 4 or text_at > size or text_at + int.from_bytes(octets[language_end:text_at], "big") != size:
        raise ValueError("the lengths inside a string with a language do not add up")
    return LanguageString(
        read_string(octets[2:language_end], lenient), read_string(octets[text_at:], lenient)
    )


def read_octets(octets: bytes, lenient: bool) -> bytes:  # noqa: ARG001
    """Read an octetString, or a value whose tag is unknown here: kept as it is."""
    return octets


def read_extension(octets: bytes, lenient: bool) -> bytes:  # noqa: ARG001
    """Read a value under the extension tag, whose first four octets are the real tag (RFC 8010 3.5.2)."""
    if len(octets) < 4:
        raise ValueError("a value under the extension tag starts with a tag of 4 octets")
    return octets


def read_out_of_band(octets: bytes, lenient: bool) -> None:
    """Read a value that its tag says all about; its length must be zero (RFC 8010 3.8)."""
    if octets and not lenient:
        raise ValueError("an out-of-band value is empty")


def _reader(tag: int) -> Reader:
    if tag in _READERS:
        return _READERS[tag]
    if tag in STRING_TAGS:
        return read_string
    return read_out_of_band if FIRST_VALUE_TAG <= tag < OUT_OF_BAND_END else read_octets


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
}

READERS: tuple[Reader, ...] = tuple(_reader(tag) for tag in range(256))
"""The reader of every tag; collections are structure, not values, and are the decoder's business."""
