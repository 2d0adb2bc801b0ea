"""The encoder on golden octets and on values that fit no wire format."""

from datetime import datetime, timedelta, timezone

import pytest

from protocols.errors import LocalProtocolError
from protocols.ipp.decoder import decode
from protocols.ipp.encoder import MAX_ENCODED_DEPTH, encode, encode_attributes, encode_group
from protocols.ipp.message import Attribute, Group, Message, Value
from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import (
    Collection,
    DateTime,
    LanguageString,
    Range,
    Resolution,
    boolean,
    charset,
    collection,
    date_time,
    integer,
    keyword,
    mime,
    name_,
    natural_language,
    no_value,
    octets,
    range_,
    resolution,
    text,
    unknown,
    unsupported,
    uri,
    uri_scheme,
)
from protocols.limits import IppLimits


def octets_of(attribute: Attribute) -> bytes:
    return encode_attributes([attribute])


def test_a_message_octet_by_octet() -> None:
    message = Message(
        (2, 0), 0x0001, 7, (Group(GroupTag.OPERATION, (charset("c", "utf-8"),)), Group(GroupTag.JOB))
    )
    assert encode(message) == b"\x02\x00\x00\x01\x00\x00\x00\x07\x01\x47\x00\x01c\x00\x05utf-8\x02\x03"
    assert encode_group(message.groups[0]) == b"\x01\x47\x00\x01c\x00\x05utf-8"


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        (integer("a", -2, 3), b"\x21\x00\x01a\x00\x04\xff\xff\xff\xfe\x21\x00\x00\x00\x04\x00\x00\x00\x03"),
        (boolean("a", True, False), b"\x22\x00\x01a\x00\x01\x01\x22\x00\x00\x00\x01\x00"),
        (octets("a", b"\x00"), b"\x30\x00\x01a\x00\x01\x00"),
        (keyword("a", "x"), b"\x44\x00\x01a\x00\x01x"),
        (uri("a", "x"), b"\x45\x00\x01a\x00\x01x"),
        (uri_scheme("a", "x"), b"\x46\x00\x01a\x00\x01x"),
        (natural_language("a", "x"), b"\x48\x00\x01a\x00\x01x"),
        (mime("a", "x"), b"\x49\x00\x01a\x00\x01x"),
        (text("a", "é"), b"\x41\x00\x01a\x00\x02\xc3\xa9"),
        (text("a", LanguageString("fr", "é")), b"\x35\x00\x01a\x00\x08\x00\x02fr\x00\x02\xc3\xa9"),
        (
            name_("a", "x", LanguageString("fr", "")),
            b"\x42\x00\x01a\x00\x01x\x36\x00\x00\x00\x06\x00\x02fr\x00\x00",
        ),
        (resolution("a", Resolution(1, 2)), b"\x32\x00\x01a\x00\x09\x00\x00\x00\x01\x00\x00\x00\x02\x03"),
        (range_("a", (1, 2)), b"\x33\x00\x01a\x00\x08\x00\x00\x00\x01\x00\x00\x00\x02"),
        (no_value("a"), b"\x13\x00\x01a\x00\x00"),
        (unknown("a"), b"\x12\x00\x01a\x00\x00"),
        (unsupported("a"), b"\x10\x00\x01a\x00\x00"),
        (
            date_time(
                "a", datetime(2026, 11, 22, 13, 44, 59, 999_999, timezone(-timedelta(hours=5, minutes=30)))
            ),
            b"\x31\x00\x01a\x00\x0b\x07\xea\x0b\x16\x0d\x2c\x3b\x09-\x05\x1e",
        ),
        (
            collection("a", [integer("x", 1), collection("y", [])], []),
            b"\x34\x00\x01a\x00\x00"
            b"\x4a\x00\x00\x00\x01x\x21\x00\x00\x00\x04\x00\x00\x00\x01"
            b"\x4a\x00\x00\x00\x01y\x34\x00\x00\x00\x00\x37\x00\x00\x00\x00"
            b"\x37\x00\x00\x00\x00\x34\x00\x00\x00\x00\x37\x00\x00\x00\x00",
        ),
        (
            Attribute("a", (Value(0x5F, b"x"), Value(0x18, None))),
            b"\x5f\x00\x01a\x00\x01x\x18\x00\x00\x00\x00",
        ),
    ],
)
def test_every_syntax(attribute: Attribute, expected: bytes) -> None:
    assert octets_of(attribute) == expected
    message = Message((1, 1), 0, 1, (Group(GroupTag.JOB, (attribute,)),))
    assert decode(encode(message), IppLimits())[0] == message


def deep(levels: int) -> Attribute:
    attribute = integer("x", 1)
    for _ in range(levels):
        attribute = collection("c", [attribute])
    return attribute


@pytest.mark.parametrize(
    "attribute",
    [
        integer("a", 2**31),
        integer("a", -(2**31) - 1),
        Attribute("a", (Value(ValueTag.INTEGER, "1"),)),
        Attribute("a", (Value(ValueTag.BOOLEAN, 1),)),
        Attribute("a", (Value(ValueTag.BOOLEAN, None),)),
        Attribute("a", (Value(ValueTag.KEYWORD, 5),)),
        Attribute("a", (Value(ValueTag.KEYWORD, None),)),
        Attribute("a", (Value(ValueTag.OCTET_STRING, "text"),)),
        Attribute("a", (Value(ValueTag.TEXT_WITH_LANGUAGE, "text"),)),
        Attribute("a", (Value(ValueTag.RANGE_OF_INTEGER, 5),)),
        Attribute("a", (Value(ValueTag.RANGE_OF_INTEGER, Range(0, 2**31)),)),
        Attribute("a", (Value(ValueTag.RESOLUTION, Resolution(1, 1, 256)),)),
        Attribute("a", (Value(ValueTag.DATE_TIME, DateTime(70000, 1, 1, 0, 0, 0, 0, "+", 0, 0)),)),
        Attribute("a", (Value(ValueTag.DATE_TIME, DateTime(2000, 1, 1, 0, 0, 0, 0, "++", 0, 0)),)),
        Attribute("a", (Value(ValueTag.BEGIN_COLLECTION, b""),)),
        Attribute("a", (Value(ValueTag.END_COLLECTION, b""),)),
        Attribute("a", (Value(ValueTag.MEMBER_NAME, "m"),)),
        Attribute("a", (Value(0x03, b""),)),
        Attribute("a", (Value(0x100, b""),)),
        Attribute("a", ()),
        Attribute("", (Value(ValueTag.NO_VALUE, None),)),
        Attribute("a", (Value(ValueTag.BEGIN_COLLECTION, Collection((Attribute("m", ()),))),)),
        keyword("a", "\ud800"),
        keyword("\ud800", "a"),
        octets("a", bytes(0x10000)),
        keyword("a" * 0x10000, "x"),
        text("a", LanguageString("x" * 0x10000, "x")),
        deep(MAX_ENCODED_DEPTH + 1),
    ],
)
def test_what_fits_no_wire_format_is_our_own_error(attribute: Attribute) -> None:
    with pytest.raises(LocalProtocolError):
        octets_of(attribute)


def test_the_deepest_collection() -> None:
    assert octets_of(deep(MAX_ENCODED_DEPTH)).endswith(b"\x37\x00\x00\x00\x00" * MAX_ENCODED_DEPTH)


def test_the_longest_value() -> None:
    assert octets_of(octets("a", bytes(0xFFFF)))[4:6] == b"\xff\xff"


@pytest.mark.parametrize("tag", [0, GroupTag.END, 0x10, 0x21])
def test_groups_need_a_groups_tag(tag: int) -> None:
    with pytest.raises(LocalProtocolError):
        encode_group(Group(tag))


@pytest.mark.parametrize(
    "message", [Message((256, 0), 0, 1), Message((2, 0), -1, 1), Message((2, 0), 0, 2**31)]
)
def test_headers_out_of_range(message: Message) -> None:
    with pytest.raises(LocalProtocolError, match="header"):
        encode(message)


def test_groups_that_are_encoded_already_follow() -> None:
    operation = Group(GroupTag.OPERATION, (charset("attributes-charset", "utf-8"),))
    printer = Group(GroupTag.PRINTER, (integer("queued-job-count", 3),))
    later = Group(GroupTag.JOB, (integer("job-id", 7),))

    joined = encode(Message((2, 0), 0, 1, (operation,)), encode_group(printer), encode_group(later))

    assert joined == encode(Message((2, 0), 0, 1, (operation, printer, later)))
