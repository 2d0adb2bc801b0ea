"""What values an attribute may have, and how they are read from text."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from protocols.ipp.keywords import NamedEnum
from protocols.ipp.tags import STRING_TAGS, ValueTag
from protocols.ipp.values import (
    DOTS_PER_CENTIMETER,
    DOTS_PER_INCH,
    Attribute,
    DateTime,
    Range,
    Resolution,
    Value,
    ValueData,
    text_of,
)

MAX_INTEGER = 2**31 - 1
MIN_INTEGER = -(2**31)


# RFC 8011 5.1: how long a value of each syntax may be, in octets.
_MAX_OCTETS: Mapping[int, int] = {
    ValueTag.TEXT_WITHOUT_LANGUAGE: 1023,
    ValueTag.TEXT_WITH_LANGUAGE: 1023,
    ValueTag.NAME_WITHOUT_LANGUAGE: 255,
    ValueTag.NAME_WITH_LANGUAGE: 255,
    ValueTag.KEYWORD: 255,
    ValueTag.URI: 1023,
    ValueTag.URI_SCHEME: 63,
    ValueTag.CHARSET: 63,
    ValueTag.NATURAL_LANGUAGE: 63,
    ValueTag.MIME_MEDIA_TYPE: 255,
    ValueTag.OCTET_STRING: 1023,
}

_RESOLUTION = re.compile(r"([1-9]\d{0,5})(?:x([1-9]\d{0,5}))?(dpi|dpcm)", re.ASCII)
_RANGE = re.compile(r"(\d{1,10})(?:-(\d{0,10}))?", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,10}", re.ASCII)
# RFC 8011 5.1.4, with the capitals and dots that vendors' keywords have.
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Syntax:
    """What values an attribute may have.

    Attributes:
        tags: the syntaxes allowed, the one that text is read as first.
        several: whether it is a 1setOf.
        lowest, highest: bounds of numbers, both included.
        max_octets: the longest string, or None for its syntax's own maximum.
        enum: the registered names of an enum's numbers.
        keywords: the registered keywords, where vendors have no reason to add their own.
        no_value: whether the attribute may also say that it has no value.
    """

    tags: tuple[ValueTag, ...]
    several: bool = False
    lowest: int = MIN_INTEGER
    highest: int = MAX_INTEGER
    max_octets: int | None = None
    enum: type[NamedEnum] | None = None
    keywords: frozenset[str] = frozenset()
    no_value: bool = False

    def accepts(self, attribute: Attribute) -> bool:
        """Whether the attribute has this syntax: its tags, number of values, bounds and lengths."""
        if len(attribute.values) > 1 and not self.several:
            return False
        return all(self._accepts(value) for value in attribute.values)

    def _accepts(self, value: Value) -> bool:
        tag, data = value
        if tag == ValueTag.NO_VALUE:
            return self.no_value
        if tag not in self.tags:
            return False
        if isinstance(data, Range):
            return self.lowest <= data.lower <= data.upper <= self.highest
        if isinstance(data, int) and not isinstance(data, bool):
            return self.lowest <= data <= self.highest
        text = text_of(value)
        octets = data if isinstance(data, bytes) else b"" if text is None else text.encode()
        limit = self._max_octets(tag)
        return limit is None or len(octets) <= limit

    def parse(self, text: str) -> tuple[Value, ...]:
        """Read values from text: several are separated by commas.

        Raises:
            ValueError: the text is not of this syntax; the message says what is.
        """
        parts = [part.strip() for part in text.split(",")] if self.several else [text.strip()]
        return tuple(self._parse(part) for part in parts)

    def _parse(self, text: str) -> Value:
        tag = self.tags[0]
        if (
            tag == ValueTag.KEYWORD
            and not _KEYWORD.fullmatch(text)
            and ValueTag.NAME_WITHOUT_LANGUAGE in self.tags
        ):
            tag = ValueTag.NAME_WITHOUT_LANGUAGE
        value = Value(tag, self._data(tag, text))
        if self._accepts(value):
            return value
        if isinstance(value.data, str):
            raise ValueError(f"{text[:40]!r}... is longer than {self._max_octets(tag)} octets")
        raise ValueError(f"{text!r} is not within {self.lowest} to {self.highest}")

    def _data(self, tag: ValueTag, text: str) -> ValueData:
        if tag == ValueTag.KEYWORD:
            return _parse_keyword(text, self.keywords)
        if tag == ValueTag.ENUM:
            return _parse_enum(text, self.enum)
        if tag == ValueTag.RANGE_OF_INTEGER:
            return _parse_range(text, self.highest)
        if tag not in _PARSERS:
            raise ValueError("a collection or octet string cannot be written as text")
        return _PARSERS[tag](text)

    def _max_octets(self, tag: int) -> int | None:
        return self.max_octets or _MAX_OCTETS.get(tag)


def _parse_string(text: str) -> str:
    if not text:
        raise ValueError("an empty text is no value")
    return text


def _parse_keyword(text: str, known: frozenset[str]) -> str:
    if known and text not in known:
        raise ValueError(f"{text!r} is not one of {', '.join(sorted(known))}")
    if not _KEYWORD.fullmatch(text):
        raise ValueError(f"{text!r} is not a keyword")
    return text


def _parse_integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _parse_boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def _parse_enum(text: str, names: type[NamedEnum] | None) -> int:
    if names is None or _INTEGER.fullmatch(text):
        return _parse_integer(text)
    return int(names.from_keyword(text))


def _parse_range(text: str, highest: int) -> Range:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a range such as 3 or 3-7 or 3-")
    lower, upper = match[1], match[2]
    # "3" is the one number, "3-" everything from there on.
    return Range(int(lower), int(lower) if upper is None else int(upper or highest))


def _parse_resolution(text: str) -> Resolution:
    match = _RESOLUTION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a resolution such as 600dpi or 600x1200dpi")
    units = DOTS_PER_INCH if match[3] == "dpi" else DOTS_PER_CENTIMETER
    return Resolution(int(match[1]), int(match[2] or match[1]), units)


def _parse_date_time(text: str) -> DateTime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return DateTime.from_datetime(moment)


_PARSERS: dict[int, Callable[[str], ValueData]] = {
    **dict.fromkeys(STRING_TAGS, _parse_string),
    ValueTag.INTEGER: _parse_integer,
    ValueTag.BOOLEAN: _parse_boolean,
    ValueTag.RESOLUTION: _parse_resolution,
    ValueTag.DATE_TIME: _parse_date_time,
}
