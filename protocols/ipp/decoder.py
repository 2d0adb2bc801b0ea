"""Decodes the binary form of RFC 8010 section 3: whole, or as the octets arrive."""

import struct
from typing import NamedTuple

from protocols.errors import RemoteProtocolError
from protocols.ipp.message import Group, Message
from protocols.ipp.status import Status
from protocols.ipp.syntaxes import LENIENT_READERS, READERS, repair_string
from protocols.ipp.tags import FIRST_VALUE_TAG, GroupTag, ValueTag
from protocols.ipp.values import Attribute, Collection, Value
from protocols.limits import IppLimits

_HEAD = struct.Struct(">BBHi")
_two_lengths = struct.Struct(">HH").unpack_from
_new = tuple.__new__

# Plain numbers: the loop runs once a value, and reading a member of an enumeration is slow.
_BEGIN_COLLECTION = int(ValueTag.BEGIN_COLLECTION)
_MEMBER_NAME = int(ValueTag.MEMBER_NAME)
_STRUCTURE_TAGS = frozenset((_BEGIN_COLLECTION, _MEMBER_NAME, int(ValueTag.END_COLLECTION)))
_END_OF_ATTRIBUTES = int(GroupTag.END)

_BAD_REQUEST = int(Status.CLIENT_ERROR_BAD_REQUEST)
_TOO_LARGE = int(Status.CLIENT_ERROR_REQUEST_ENTITY_TOO_LARGE)
_CHARSET_NOT_SUPPORTED = int(Status.CLIENT_ERROR_CHARSET_NOT_SUPPORTED)

# A keyword, and so an attribute's name, has at most 255 octets (RFC 8011 5.1.4).
MAX_NAME_OCTETS = 255
# The tag and two empty lengths: the smallest item that is not a delimiter.
_SMALLEST_ITEM = 5

_Values = list[Value]
# A group's or a collection's attributes while their values are still coming in.
_Members = list[tuple[str, _Values]]


class Head(NamedTuple):
    """A message's first eight octets, which an answer needs even when the rest is refused."""

    version: tuple[int, int]
    code: int
    request_id: int


def decode(
    data: bytes | bytearray | memoryview, limits: IppLimits, *, lenient: bool = False
) -> tuple[Message, int]:
    """Decode one message; return it and the number of octets it takes up (a document may follow).

    Args:
        data: the octets from the message's first on.
        limits: bounds; whatever passes them is refused at once.
        lenient: for printers' answers: text that is not UTF-8 is repaired with U+FFFD, and of several
            attributes of one name the first counts. A request is refused for either.

    Raises:
        RemoteProtocolError: the octets are not one whole message within the limits; `status_hint` is the
            IPP status to answer with.
    """
    decoder = Decoder(limits, lenient=lenient)
    decoder.receive_data(data)
    message = decoder.message
    if message is None:
        raise RemoteProtocolError(_ENDS_EARLY, status_hint=_BAD_REQUEST)
    return message, decoder.consumed


def decode_group(data: bytes, limits: IppLimits, *, lenient: bool = False) -> Group:
    """Decode what `encoder.encode_group` wrote.

    Raises:
        RemoteProtocolError: the octets are not exactly one group.
    """
    octets = b"".join((bytes(_HEAD.size), data, bytes((_END_OF_ATTRIBUTES,))))
    message, consumed = decode(octets, limits, lenient=lenient)
    if consumed != len(octets) or len(message.groups) != 1:
        raise RemoteProtocolError("not exactly one attribute group", status_hint=_BAD_REQUEST)
    return message.groups[0]


_ENDS_EARLY = "the message ends before its end-of-attributes tag"


class Decoder:
    """Takes a message's octets in pieces of any size and hands out the message and what follows it.

    After an error every further call raises it again: the rest of the stream has no meaning.

    Attributes:
        head: version, code and request-id, as soon as they have arrived; None before.
        message: the message, as soon as its end-of-attributes tag has arrived; None before.
        consumed: octets used so far; the message's size once there is one.
    """

    def __init__(self, limits: IppLimits, *, lenient: bool = False) -> None:
        self.head: Head | None = None
        self.message: Message | None = None
        self.consumed = 0
        self._limits = limits
        self._lenient = lenient
        self._error: RemoteProtocolError | None = None
        # Octets not used yet. They are joined only when the next item is complete: a peer that sends
        # single octets cannot make us copy a long value again and again.
        self._pieces: list[bytes | memoryview] = []
        self._waiting = 0
        self._needed = _HEAD.size
        self._attributes_left = limits.max_attributes
        self._values_left = limits.max_values
        self._groups: list[tuple[int, _Members]] = []
        # The innermost open group or collection, the values of its last attribute, and what encloses it.
        self._members: _Members | None = None
        self._values: _Values | None = None
        self._enclosing: list[tuple[_Members, _Values]] = []

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next octets.

        Raises:
            RemoteProtocolError: the octets so far cannot become a message within the limits.
        """
        if self._error is not None:
            raise RemoteProtocolError(str(self._error), status_hint=self._error.status_hint)
        self._pieces.append(bytes(data))
        self._waiting += len(data)
        if self.message is not None or self._waiting < self._needed:
            return
        octets = b"".join(self._pieces)
        try:
            used = self._parse(octets)
        except RemoteProtocolError as error:
            self._error = error
            self._pieces.clear()
            raise
        self.consumed += used
        self._waiting = len(octets) - used
        self._pieces = [memoryview(octets)[used:]] if self._waiting else []

    def receive_eof(self) -> None:
        """Say that no more octets will come.

        Raises:
            RemoteProtocolError: the message is not complete.
        """
        if self._error is not None:
            raise RemoteProtocolError(str(self._error), status_hint=self._error.status_hint)
        if self.message is None:
            raise RemoteProtocolError(_ENDS_EARLY, status_hint=_BAD_REQUEST)

    def take_remainder(self) -> bytes:
        """Return, once, the octets that came after the message: the beginning of the document."""
        if self.message is None:
            return b""
        remainder = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        return remainder

    def _parse(self, data: bytes) -> int:
        """Use as many of the octets as are complete items; return their number."""
        at = 0
        if self.head is None:
            major, minor, code, request_id = _HEAD.unpack_from(data)
            self.head = Head((major, minor), code, request_id)
            at = _HEAD.size
        try:
            return self._parse_items(data, at, self._limits.max_message_bytes - self.consumed)
        except ValueError as error:
            raise self._bad_value(error) from error

    def _parse_items(self, data: bytes, at: int, limit: int) -> int:
        """Use complete items from `at` on; return where the first incomplete one starts.

        This is the hot loop: a message's cost is nearly all here, so plain values are read in place.
        """
        size = min(len(data), limit)
        values, values_left = self._values, self._values_left
        readers = LENIENT_READERS if self._lenient else READERS
        while at < size:
            tag = data[at]
            if tag < FIRST_VALUE_TAG:
                at += 1
                self._begin_group(tag)
                if self.message is not None:
                    return at
                values = None
                continue
            value_at = at + _SMALLEST_ITEM
            if value_at > size:
                break
            name_size, value_size = _two_lengths(data, at + 1)
            if name_size:
                value_at += name_size
                if value_at > size:
                    break
                value_size = data[value_at - 2] << 8 | data[value_at - 1]
            end = value_at + value_size
            if end > size:
                break
            values_left -= 1
            if values_left < 0:
                raise _refusal(f"more than {self._limits.max_values} values", _TOO_LARGE)
            reader = readers[tag]
            if reader is None:
                values = self._structure(tag, data[at + 3 : at + 3 + name_size], data[value_at:end])
            else:
                if name_size:
                    values = self._begin_attribute(data[at + 3 : value_at - 2])
                elif values is None:
                    raise _refusal("a value without a name follows no attribute")
                values.append(_new(Value, (tag, reader(data[value_at:end]))))
            at = end
        self._values_left = values_left
        self._needed = self._size_of_next(data, at, limit)
        return at

    def _size_of_next(self, data: bytes, at: int, limit: int) -> int:
        """Return the least number of octets that bring the parser further, from `at` on."""
        available = len(data) - at
        needed = 1
        if available and data[at] >= FIRST_VALUE_TAG:
            needed = _SMALLEST_ITEM
            if available >= needed:
                name_size, value_size = _two_lengths(data, at + 1)
                needed += name_size
                if available >= needed:
                    if name_size:
                        (value_size,) = struct.unpack_from(">H", data, at + needed - 2)
                    needed += value_size
        if at + needed > limit:
            raise _refusal(f"message attributes exceed {self._limits.max_message_bytes} octets", _TOO_LARGE)
        return needed

    def _begin_group(self, tag: int) -> None:
        """Close the open group and open the next, or finish the message (RFC 8010 3.5.1)."""
        if self._enclosing:
            raise _refusal("a group ends inside a collection")
        if tag == 0:
            raise _refusal("0 is not a delimiter tag")
        if tag == _END_OF_ATTRIBUTES:
            self._finish()
            return
        if len(self._groups) >= self._limits.max_groups:
            raise _refusal(f"more than {self._limits.max_groups} groups", _TOO_LARGE)
        self._members, self._values = [], None
        self._groups.append((tag, self._members))

    def _finish(self) -> None:
        if self.head is None:
            return
        groups = tuple(Group(tag, self._attributes(members)) for tag, members in self._groups)
        self.message = Message(self.head.version, self.head.code, self.head.request_id, groups)

    def _attributes(self, members: _Members) -> tuple[Attribute, ...]:
        """Freeze what a group or collection holds; the same name twice is an error (RFC 8010 3.1.3)."""
        attributes = tuple([_new(Attribute, (name, tuple(values))) for name, values in members])
        if len(members) == 1 or len({name for name, _ in members}) == len(members):
            return attributes
        if not self._lenient:
            # Two readings of one request: what policy judged must be what the printer sees.
            raise _refusal("an attribute occurs twice in one group or collection")
        first: dict[str, Attribute] = {}
        for attribute in attributes:
            first.setdefault(attribute.name, attribute)
        return tuple(first.values())

    def _begin_attribute(self, octets: bytes) -> _Values:
        if self._enclosing:
            raise _refusal("a collection's member has its name in a memberAttrName")
        return self._add_attribute(octets)

    def _add_attribute(self, octets: bytes) -> _Values:
        if self._members is None:
            raise _refusal("an attribute comes before the first group")
        self._attributes_left -= 1
        if self._attributes_left < 0:
            raise _refusal(f"more than {self._limits.max_attributes} attributes", _TOO_LARGE)
        if self._lenient:
            name = repair_string(octets)
        elif octets.isascii() and 0 < len(octets) <= MAX_NAME_OCTETS:
            name = octets.decode()
        else:
            raise _refusal("an attribute's name is not a keyword")
        values: _Values = []
        self._members.append((name, values))
        self._values = values
        return values

    def _structure(self, tag: int, name: bytes, octets: bytes) -> _Values | None:
        """Follow a collection's begin, member name or end (RFC 8010 3.1.6 and 3.1.7)."""
        if tag == _BEGIN_COLLECTION:
            if name:
                self._begin_attribute(name)
            if octets and not self._lenient:
                raise _refusal("the beginning of a collection carries a value")
            return self._begin_collection()
        if name or not self._enclosing:
            raise _refusal("a member name or the end of a collection outside a collection")
        if self._values == []:
            raise _refusal("a collection's member has no value")
        if tag == _MEMBER_NAME:
            return self._add_attribute(octets)
        if octets and not self._lenient:
            raise _refusal("the end of a collection carries a value")
        return self._end_collection()

    def _begin_collection(self) -> _Values | None:
        if self._values is None or self._members is None:
            raise _refusal("a collection without a name follows no attribute")
        if len(self._enclosing) >= self._limits.max_depth:
            raise _refusal(f"collections nested deeper than {self._limits.max_depth}", _TOO_LARGE)
        self._enclosing.append((self._members, self._values))
        self._members = []
        self._values = None
        return None

    def _end_collection(self) -> _Values:
        members = self._attributes(self._members) if self._members else ()
        self._members, values = self._enclosing.pop()
        values.append(_new(Value, (_BEGIN_COLLECTION, _new(Collection, (members,)))))
        self._values = values
        return values

    def _bad_value(self, error: ValueError) -> RemoteProtocolError:
        name = self._members[-1][0] if self._members else ""
        if not isinstance(error, UnicodeDecodeError):
            return _refusal(f"attribute {name}: {error}")
        # RFC 8011 4.1.4.1: a charset that is not supported has a status of its own.
        charset = next((v[0].data for n, v in self._groups[0][1] if n == "attributes-charset" and v), None)
        known = not isinstance(charset, str) or charset.lower() in ("utf-8", "us-ascii")
        return _refusal(
            f"attribute {name} is not UTF-8 text", _BAD_REQUEST if known else _CHARSET_NOT_SUPPORTED
        )


def _refusal(message: str, status: int = _BAD_REQUEST) -> RemoteProtocolError:
    return RemoteProtocolError(message, status_hint=status)
