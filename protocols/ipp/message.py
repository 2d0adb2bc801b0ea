"""Messages and their attribute groups: one IPP request or answer without its document."""

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.ipp.tags import GroupTag, ValueTag
from protocols.ipp.values import Attribute, Value, text_of

__all__ = ["Attribute", "Group", "Message", "Value"]

VERSION_1_1 = (1, 1)
VERSION_2_0 = (2, 0)

_NUMBER_TAGS = (ValueTag.INTEGER, ValueTag.ENUM)


@dataclass(frozen=True, slots=True)
class Group:
    """Attributes under one delimiter tag, in the order they have on the wire.

    The getters return None both for an absent attribute and for one whose first value is of another
    syntax; `get` tells the two apart.
    """

    tag: int
    attributes: tuple[Attribute, ...] = ()

    def __iter__(self) -> Iterator[Attribute]:
        return iter(self.attributes)

    def __len__(self) -> int:
        return len(self.attributes)

    def __contains__(self, name: object) -> bool:
        return any(attribute.name == name for attribute in self.attributes)

    def get(self, name: str) -> Attribute | None:
        """Return the attribute of that name, or None."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        return None

    def string(self, name: str) -> str | None:
        """Return the first value's text (any character-string syntax, language stripped)."""
        attribute = self.get(name)
        return None if attribute is None else text_of(attribute.values[0])

    def strings(self, name: str) -> tuple[str, ...]:
        """Return the text of all character-string values; empty if there are none."""
        attribute = self.get(name)
        return () if attribute is None else attribute.strings()

    def integer(self, name: str) -> int | None:
        """Return the first value's number (integer or enum)."""
        attribute = self.get(name)
        if attribute is None:
            return None
        tag, data = attribute.values[0]
        return data if tag in _NUMBER_TAGS and isinstance(data, int) else None

    def boolean(self, name: str) -> bool | None:
        """Return the first value's truth."""
        attribute = self.get(name)
        data = None if attribute is None else attribute.first
        return data if isinstance(data, bool) else None


@dataclass(frozen=True, slots=True)
class Message:
    """One request or answer (RFC 8010 3.1.1).

    Attributes:
        version: major and minor version number, 0 to 255 each.
        code: the operation in a request, the status in an answer.
        request_id: ties an answer to its request; RFC 8010 3.1.1 wants 1 to 2**31 - 1.
        groups: attribute groups in wire order; a tag may occur more than once (Get-Jobs).
    """

    version: tuple[int, int]
    code: int
    request_id: int
    groups: tuple[Group, ...] = ()

    def group(self, tag: int) -> Group:
        """Return the first group of that tag, or an empty one."""
        for group in self.groups:
            if group.tag == tag:
                return group
        return Group(tag)

    def all(self, tag: int) -> tuple[Group, ...]:
        """Return all groups of that tag."""
        return tuple(group for group in self.groups if group.tag == tag)

    @property
    def operation_group(self) -> Group:
        """The operation attributes, which every message starts with (RFC 8011 4.1.4)."""
        return self.group(GroupTag.OPERATION)
