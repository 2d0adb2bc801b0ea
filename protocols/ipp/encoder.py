"""Encodes messages into the binary form of RFC 8010 section 3."""

import struct
from collections.abc import Callable, Iterable
from typing import Any

from protocols.errors import LocalProtocolError
from protocols.ipp.message import Group, Message
from protocols.ipp.tags import FIRST_VALUE_TAG, STRING_TAGS, GroupTag, ValueTag
from protocols.ipp.values import (
    Attribute,
    Collection,
    LanguageString,
    Value,
    ValueData,
)

# Far more than any peer accepts: only a programming error builds something deeper.
MAX_ENCODED_DEPTH = 32
# Lengths are two octets (RFC 8010 3.1.2).
MAX_LENGTH = 0xFFFF

_HEADER = struct.Struct(">BBHi")
_INTEGER = struct.Struct(">i")
_RANGE = struct.Struct(">ii")
_RESOLUTION = struct.Struct(">iiB")
_DATE_TIME = struct.Struct(">HBBBBBBcBB")
_pack_length = struct.Struct(">H").pack

# Plain numbers: reading a member of an enumeration costs more than encoding a keyword.
_BEGIN_COLLECTION = int(ValueTag.BEGIN_COLLECTION)
_MEMBER_NAME = int(ValueTag.MEMBER_NAME)
_END_COLLECTION = int(ValueTag.END_COLLECTION)
_END_OF_ATTRIBUTES = int(GroupTag.END)

_NO_NAME = b"\x00\x00"
_NO_VALUE = b"\x00\x00"
_TAGS = tuple(bytes((tag,)) for tag in range(256))
_STRUCTURE_TAGS = (_BEGIN_COLLECTION, _MEMBER_NAME, _END_COLLECTION)
_MEMBER_START = bytes((_MEMBER_NAME, 0, 0))
_COLLECTION_END = bytes((_END_COLLECTION, 0, 0, 0, 0))


def encode(message: Message, *encoded_groups: bytes) -> bytes:
    """Return a message's octets, up to and including the end-of-attributes tag.

    Args:
        message: its groups come first.
        encoded_groups: groups that follow, as `encode_group` made them some time ago.

    Raises:
        LocalProtocolError: a value does not fit its syntax, or is longer than its length field can say.
    """
    major, minor = message.version
    try:
        pieces = [_HEADER.pack(major, minor, message.code, message.request_id)]
    except struct.error as error:
        raise LocalProtocolError(f"message header out of range: {error}") from error
    for group in message.groups:
        _append_group(pieces, group)
    pieces.extend(encoded_groups)
    pieces.append(bytes((_END_OF_ATTRIBUTES,)))
    return b"".join(pieces)


def encode_group(group: Group) -> bytes:
    """Return one group's octets with its delimiter tag, to be joined into a message later.

    Raises:
        LocalProtocolError: as `encode`.
    """
    pieces: list[bytes] = []
    _append_group(pieces, group)
    return b"".join(pieces)


def encode_attributes(attributes: Iterable[Attribute]) -> bytes:
    """Return attributes' octets without any delimiter tag.

    Raises:
        LocalProtocolError: as `encode`.
    """
    pieces: list[bytes] = []
    _append_attributes(pieces, attributes)
    return b"".join(pieces)


def _append_group(pieces: list[bytes], group: Group) -> None:
    tag = group.tag
    if not 0 < tag < FIRST_VALUE_TAG or tag == _END_OF_ATTRIBUTES:
        raise LocalProtocolError(f"{tag} is not a group's tag")
    pieces.append(bytes((tag,)))
    _append_attributes(pieces, group.attributes)


def _append_attributes(pieces: list[bytes], attributes: Iterable[Attribute]) -> None:
    for name, values in attributes:
        head = _name(name)
        if not values:
            raise LocalProtocolError(f"attribute {name} needs at least one value")
        for value in values:
            _append_value(pieces, name, head, value, 0)
            head = _NO_NAME


def _append_value(pieces: list[bytes], name: str, head: bytes, value: Value, depth: int) -> None:
    tag, data = value
    encoder = _ENCODERS.get(tag)
    if encoder is None:
        if tag == _BEGIN_COLLECTION:
            _append_collection(pieces, name, head, data, depth + 1)
            return
        if not FIRST_VALUE_TAG <= tag <= 0xFF or tag in _STRUCTURE_TAGS:
            raise LocalProtocolError(f"{tag} is not a value's tag (attribute {name})")
        encoder = _other
    try:
        octets = encoder(data)
        pieces += (_TAGS[tag], head, _pack_length(len(octets)), octets)
    except (struct.error, UnicodeEncodeError, AttributeError, TypeError, ValueError) as error:
        raise LocalProtocolError(f"value of {name} does not fit tag 0x{tag:02x}: {error}") from error


def _append_collection(pieces: list[bytes], name: str, head: bytes, data: ValueData, depth: int) -> None:
    if not isinstance(data, Collection):
        raise LocalProtocolError(f"value of {name} is not a collection")
    if depth > MAX_ENCODED_DEPTH:
        raise LocalProtocolError(f"collections in {name} are nested too deep")
    pieces += (_TAGS[_BEGIN_COLLECTION], head, _NO_VALUE)
    for member, values in data.members:
        # A member's name travels as a value: without a name, with the same length before it.
        pieces += (_MEMBER_START, _name(member))
        if not values:
            raise LocalProtocolError(f"member {member} of {name} needs at least one value")
        for value in values:
            _append_value(pieces, member, _NO_NAME, value, depth)
    pieces.append(_COLLECTION_END)


def _name(name: str) -> bytes:
    """Return a name with its length before it."""
    try:
        octets = name.encode()
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"an attribute's name is not text: {error.reason}") from error
    if not 0 < len(octets) <= MAX_LENGTH:
        raise LocalProtocolError(f"an attribute's name has 1 to {MAX_LENGTH} octets, not {len(octets)}")
    return _pack_length(len(octets)) + octets


def _integer(data: Any) -> bytes:
    return _INTEGER.pack(data)


def _boolean(data: Any) -> bytes:
    if data is True:
        return b"\x01"
    if data is False:
        return b"\x00"
    raise ValueError("not a boolean")


def _range(data: Any) -> bytes:
    return _RANGE.pack(*data)


def _resolution(data: Any) -> bytes:
    return _RESOLUTION.pack(*data)


def _date_time(data: Any) -> bytes:
    return _DATE_TIME.pack(*data[:7], data.utc_direction.encode("latin-1"), *data[8:])


def _language_string(data: Any) -> bytes:
    if not isinstance(data, LanguageString):
        raise TypeError("not a string with a language")
    language, text = data.language.encode(), data.text.encode()
    return b"%b%b%b%b" % (_pack_length(len(language)), language, _pack_length(len(text)), text)


def _other(data: Any) -> bytes:
    """Encode an octetString, an out-of-band value, or a value of a tag unknown here."""
    return b"" if data is None else bytes(memoryview(data))


_ENCODERS: dict[int, Callable[[Any], bytes]] = {
    ValueTag.INTEGER: _integer,
    ValueTag.ENUM: _integer,
    ValueTag.BOOLEAN: _boolean,
    ValueTag.DATE_TIME: _date_time,
    ValueTag.RESOLUTION: _resolution,
    ValueTag.RANGE_OF_INTEGER: _range,
    ValueTag.TEXT_WITH_LANGUAGE: _language_string,
    ValueTag.NAME_WITH_LANGUAGE: _language_string,
    **dict.fromkeys(STRING_TAGS, str.encode),
}
