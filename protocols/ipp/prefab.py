"""Encodes attributes of known names straight from values: for lists of thousands of objects.

`encoder` takes any attribute; here the name's octets are made once, and what is left to do for an object is
to put its value behind them (RFC 8010 3.1.4).
"""

import functools
import struct
from collections.abc import Callable
from datetime import UTC, datetime

from protocols.errors import LocalProtocolError
from protocols.ipp.encoder import encode_attributes
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import date_time, no_value

_pack_length = struct.Struct(">H").pack
_pack_integer = struct.Struct(">i").pack
_MAX_OCTETS = 0x7FFF


def integers(name: str, tag: ValueTag = ValueTag.INTEGER) -> Callable[[int | None], bytes]:
    """Return what encodes an `integer` or `enum` attribute of this name; None is *no-value*."""
    head, without = _head(name, tag) + b"\x00\x04", nothing(name)

    def encode(value: int | None) -> bytes:
        return without if value is None else head + _pack_integer(value)

    return encode


def octets(name: str, tag: ValueTag) -> Callable[[bytes | None], bytes]:
    """Return what encodes an attribute of this name and one value that is octets already (UTF-8, say).

    None is *no-value*.

    Raises (when used):
        LocalProtocolError: the value is longer than RFC 8010 lets it be.
    """
    head, without = _head(name, tag), nothing(name)

    def encode(value: bytes | None) -> bytes:
        if value is None:
            return without
        if len(value) > _MAX_OCTETS:
            raise LocalProtocolError(f"value of {name} is too long: {len(value)} octets")
        return head + _pack_length(len(value)) + value

    return encode


def moments(name: str) -> Callable[[int], bytes]:
    """Return what encodes a `dateTime` attribute from microseconds since 1970 UTC."""

    @functools.lru_cache(1024)
    def encode(tenths: int) -> bytes:
        return encode_attributes([date_time(name, datetime.fromtimestamp(tenths / 10, UTC))])

    return lambda us: encode(us // 100_000)


def nothing(name: str) -> bytes:
    """Return an attribute of this name with the out-of-band value *no-value*."""
    return encode_attributes([no_value(name)])


def _head(name: str, tag: ValueTag) -> bytes:
    text = name.encode()
    return bytes((tag,)) + _pack_length(len(text)) + text
