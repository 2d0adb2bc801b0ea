"""Typed values and attributes: what the encoding of RFC 8010 section 3.9 carries."""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import NamedTuple, TypeAlias

from protocols.errors import LocalProtocolError
from protocols.ipp.tags import ValueTag


class DateTime(NamedTuple):
    """A `dateTime`: RFC 2579 DateAndTime with its time zone."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int  # 60 is a leap second
    decisecond: int
    utc_direction: str  # "+" or "-", as it was sent: -00:00 and +00:00 differ on the wire
    utc_hours: int
    utc_minutes: int

    @classmethod
    def from_datetime(cls, moment: datetime) -> "DateTime":
        """Return an aware datetime's value, cut to tenths of a second.

        Raises:
            LocalProtocolError: the datetime has no time zone, and the wire format needs one.
        """
        offset = moment.utcoffset()
        if offset is None:
            raise LocalProtocolError("a dateTime needs a time zone")
        minutes = int(offset.total_seconds()) // 60
        hours, rest = divmod(abs(minutes), 60)
        date, clock = moment.date(), moment.time()
        return cls(
            date.year,
            date.month,
            date.day,
            clock.hour,
            clock.minute,
            clock.second,
            clock.microsecond // 100_000,
            "-" if minutes < 0 else "+",
            hours,
            rest,
        )

    def to_datetime(self) -> datetime | None:
        """Return the moment as an aware datetime, or None if there is no such moment.

        A leap second is moved to the second before it, which `datetime` can say.
        """
        offset = timedelta(hours=self.utc_hours, minutes=self.utc_minutes)
        try:
            return datetime(
                self.year,
                self.month,
                self.day,
                self.hour,
                self.minute,
                min(self.second, 59),
                self.decisecond * 100_000,
                tzinfo=timezone(-offset if self.utc_direction == "-" else offset),
            )
        except ValueError:
            return None


DOTS_PER_INCH = 3
DOTS_PER_CENTIMETER = 4


class Resolution(NamedTuple):
    """A `resolution`: dots in both directions (RFC 8011 5.1.16)."""

    cross_feed: int
    feed: int
    units: int = DOTS_PER_INCH


class Range(NamedTuple):
    """A `rangeOfInteger`, both ends included (RFC 8011 5.1.15)."""

    lower: int
    upper: int

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.lower <= number <= self.upper


class LanguageString(NamedTuple):
    """A `textWithLanguage` or `nameWithLanguage`: text and the language it is in."""

    language: str
    text: str


class Collection(NamedTuple):
    """A `collection`: member attributes, which may be collections themselves (RFC 8010 3.1.6)."""

    members: "tuple[Attribute, ...]"

    def get(self, name: str) -> "Attribute | None":
        """Return the member of that name, or None."""
        for member in self.members:
            if member.name == name:
                return member
        return None


ValueData: TypeAlias = (
    int | bool | str | bytes | DateTime | Resolution | Range | LanguageString | Collection | None
)
"""What a value holds. None is an out-of-band value; bytes an octetString or an unknown syntax."""


class Value(NamedTuple):
    """One value with the tag it travels under; a 1setOf may mix tags."""

    tag: int
    data: ValueData


class Attribute(NamedTuple):
    """A named attribute with one or more values."""

    name: str
    values: tuple[Value, ...]

    @property
    def first(self) -> ValueData:
        """The first value's data; None if it is out-of-band."""
        return self.values[0].data

    def strings(self) -> tuple[str, ...]:
        """Return the text of all keyword, name, text, uri and similar values, without languages."""
        return tuple(text for value in self.values if (text := text_of(value)) is not None)


def text_of(value: Value) -> str | None:
    """Return a character-string value's text without its language, or None for other syntaxes."""
    data = value.data
    if isinstance(data, str):
        return data
    if isinstance(data, LanguageString):
        return data.text
    return None


def clip(text: str, max_octets: int) -> str:
    """Return `text` cut so that its UTF-8 form has at most `max_octets` octets, at a character's end.

    Names are limited to 255 octets and texts to 1023 (RFC 8011 5.1.2 and 5.1.3).
    """
    octets = text.encode("utf-8", "replace")
    if len(octets) <= max_octets:
        return text
    return octets[:max_octets].decode("utf-8", "ignore")


def _attribute(name: str, values: tuple[Value, ...]) -> Attribute:
    if not values:
        raise LocalProtocolError(f"attribute {name} needs at least one value")
    return Attribute(name, values)


def integer(name: str, *values: int) -> Attribute:
    """Return an `integer` attribute."""
    return _attribute(name, tuple(Value(ValueTag.INTEGER, value) for value in values))


def boolean(name: str, *values: bool) -> Attribute:
    """Return a `boolean` attribute."""
    return _attribute(name, tuple(Value(ValueTag.BOOLEAN, value) for value in values))


def enum(name: str, *values: int) -> Attribute:
    """Return an `enum` attribute."""
    return _attribute(name, tuple(Value(ValueTag.ENUM, value) for value in values))


def octets(name: str, *values: bytes) -> Attribute:
    """Return an `octetString` attribute."""
    return _attribute(name, tuple(Value(ValueTag.OCTET_STRING, value) for value in values))


def keyword(name: str, *values: str) -> Attribute:
    """Return a `keyword` attribute."""
    return _attribute(name, tuple(Value(ValueTag.KEYWORD, value) for value in values))


def uri(name: str, *values: str) -> Attribute:
    """Return a `uri` attribute."""
    return _attribute(name, tuple(Value(ValueTag.URI, value) for value in values))


def uri_scheme(name: str, *values: str) -> Attribute:
    """Return a `uriScheme` attribute."""
    return _attribute(name, tuple(Value(ValueTag.URI_SCHEME, value) for value in values))


def charset(name: str, *values: str) -> Attribute:
    """Return a `charset` attribute."""
    return _attribute(name, tuple(Value(ValueTag.CHARSET, value) for value in values))


def natural_language(name: str, *values: str) -> Attribute:
    """Return a `naturalLanguage` attribute."""
    return _attribute(name, tuple(Value(ValueTag.NATURAL_LANGUAGE, value) for value in values))


def mime(name: str, *values: str) -> Attribute:
    """Return a `mimeMediaType` attribute."""
    return _attribute(name, tuple(Value(ValueTag.MIME_MEDIA_TYPE, value) for value in values))


def _text_value(plain: ValueTag, with_language: ValueTag, value: str | LanguageString) -> Value:
    return Value(with_language if isinstance(value, LanguageString) else plain, value)


def text(name: str, *values: str | LanguageString) -> Attribute:
    """Return a `text` attribute, each value with or without a language of its own."""
    plain, with_language = ValueTag.TEXT_WITHOUT_LANGUAGE, ValueTag.TEXT_WITH_LANGUAGE
    return _attribute(name, tuple(_text_value(plain, with_language, value) for value in values))


def name_(name: str, *values: str | LanguageString) -> Attribute:
    """Return a `name` attribute, each value with or without a language of its own."""
    plain, with_language = ValueTag.NAME_WITHOUT_LANGUAGE, ValueTag.NAME_WITH_LANGUAGE
    return _attribute(name, tuple(_text_value(plain, with_language, value) for value in values))


def date_time(name: str, *values: DateTime | datetime) -> Attribute:
    """Return a `dateTime` attribute; datetimes must be aware."""
    return _attribute(
        name,
        tuple(
            Value(ValueTag.DATE_TIME, DateTime.from_datetime(value) if isinstance(value, datetime) else value)
            for value in values
        ),
    )


def resolution(name: str, *values: Resolution) -> Attribute:
    """Return a `resolution` attribute."""
    return _attribute(name, tuple(Value(ValueTag.RESOLUTION, value) for value in values))


def range_(name: str, *values: Range | tuple[int, int]) -> Attribute:
    """Return a `rangeOfInteger` attribute."""
    return _attribute(name, tuple(Value(ValueTag.RANGE_OF_INTEGER, Range(*value)) for value in values))


def _collection(members: Collection | Iterable[Attribute]) -> Collection:
    if isinstance(members, Attribute):
        # An Attribute is a tuple too and would be taken apart without a word.
        raise LocalProtocolError("a collection takes a sequence of attributes, not one attribute")
    return members if isinstance(members, Collection) else Collection(tuple(members))


def collection(name: str, *values: Collection | Iterable[Attribute]) -> Attribute:
    """Return a `collection` attribute; each value is its member attributes."""
    return _attribute(name, tuple(Value(ValueTag.BEGIN_COLLECTION, _collection(value)) for value in values))


def no_value(name: str) -> Attribute:
    """Return an attribute that has no value, for example a job's completion time before it ends."""
    return Attribute(name, (Value(ValueTag.NO_VALUE, None),))


def unsupported(name: str) -> Attribute:
    """Return an attribute as the unsupported group names one that is not known at all."""
    return Attribute(name, (Value(ValueTag.UNSUPPORTED, None),))


def unknown(name: str) -> Attribute:
    """Return an attribute whose value is not known at the moment."""
    return Attribute(name, (Value(ValueTag.UNKNOWN, None),))
