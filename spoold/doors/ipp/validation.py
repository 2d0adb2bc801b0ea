"""Checks Job Template attributes of a request against what the queue says it supports (RFC 8011 4.1.7)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from protocols.ipp.media import is_custom_bound, size_of
from protocols.ipp.message import Attribute, Value
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import Collection, Range, text_of, unsupported
from spoold.doors.ipp.capabilities import JOB_TEMPLATE
from spoold.doors.ipp.paper import check_media_col

# Its "-supported" attribute only says yes; the printer at the end decides on the values.
_FREE = frozenset({"page-ranges"})
# All others have one value (RFC 8011 5.2). Rules are asked about the first: a second one would go past them.
_SEVERAL = frozenset({"finishings", "overrides", "page-ranges"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What is kept of a job's attributes, and what goes into the unsupported group."""

    kept: tuple[Attribute, ...]
    refused: tuple[Attribute, ...]


def check_template(asked: Iterable[Attribute], supported: Mapping[str, Attribute]) -> Checked:
    """Split attributes into those that can be honoured and those that cannot.

    Args:
        asked: the job group of the request.
        supported: the queue's Printer attributes by name.

    An attribute we do not know at all is answered with the out-of-band value *unsupported*; a known one
    with a value we do not support is answered as it was asked.
    """
    kept: list[Attribute] = []
    refused: list[Attribute] = []
    for attribute in asked:
        if attribute.name not in JOB_TEMPLATE:
            refused.append(unsupported(attribute.name))
        elif attribute.name == "media-col":
            fits, fails = check_media_col(attribute)
            kept += fits
            refused += fails
        elif _honours(attribute, supported.get(f"{attribute.name}-supported")):
            kept.append(attribute)
        else:
            refused.append(attribute)
    return Checked(tuple(kept), tuple(refused))


def _honours(attribute: Attribute, supported: Attribute | None) -> bool:
    if len(attribute.values) > 1 and attribute.name not in _SEVERAL:
        return False
    if attribute.name in _FREE:
        return True
    if supported is None:
        return False
    if attribute.name == "overrides":
        return all(_only_selects(value, supported) for value in attribute.values)
    return all(_is_among(value, supported.values, attribute.name) for value in attribute.values)


def _only_selects(value: Value, supported: Attribute) -> bool:
    """Tell whether an override has the members we support, which say where; none of what could be different.

    Rules are asked about a job's own attributes, not about those of some of its pages (PWG 5100.6).
    """
    names = set(supported.strings())
    return isinstance(value.data, Collection) and all(one.name in names for one in value.data.members)


def _is_among(value: Value, supported: tuple[Value, ...], name: str) -> bool:
    if value.tag in (ValueTag.NO_VALUE, ValueTag.UNKNOWN):
        return True
    if isinstance(value.data, Collection):
        return False
    word = text_of(value)
    for one in supported:
        if word is not None and text_of(one) == word:
            return True
        if isinstance(one.data, Range) and isinstance(value.data, int) and value.data in one.data:
            return True
        if name == "job-priority":
            # RFC 8011 5.2.1: the supported value is a number of levels; every priority maps to one.
            return isinstance(value.data, int) and 1 <= value.data <= 100
        if one.data == value.data:
            return True
    # Any PWG 5101.1 size name is passed on: the printer at the end knows its trays, we do not. A name that
    # says no size would be paper that rules cannot tell.
    return name == "media" and word is not None and size_of(word) is not None and not is_custom_bound(word)
