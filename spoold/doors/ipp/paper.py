"""Checks "media-col": what is passed on of it is what the site's rules see, and nothing else (PWG 5100.7)."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from protocols.ipp.media import Size, dimensions, is_custom_bound, is_same_paper, size_in, size_of
from protocols.ipp.message import Attribute
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import Collection, collection, text_of, unsupported
from spoold.doors.ipp.capabilities import MEDIA_COL

SIZE, SIZE_NAME = "media-size", "media-size-name"
# Two ways to ask for paper; clients should use one, and a printer that is sent both chooses by itself.
MEDIA, COLUMN = "media", "media-col"
OTHER_WAY: Mapping[str, str] = MappingProxyType({MEDIA: COLUMN, COLUMN: MEDIA})
BOTH_WORDS = "The paper is asked for twice, by media and by media-col, and not alike; send one of them."


def in_one_way(asked: Iterable[Attribute]) -> tuple[tuple[Attribute, ...], tuple[Attribute, ...]]:
    """Return what is asked with its paper asked for in one way, and both ways where they contradict.

    Some clients send "media" beside a "media-col" of the same size, or of none: that is one wish, and the
    "media-col" says it. No job is lost for it.
    """
    every = tuple(asked)
    found = {one.name: one for one in every if one.name in OTHER_WAY}
    size = size_of(text_of(found[MEDIA].values[0]) or "") if len(found) == len(OTHER_WAY) else None
    if size is None:
        # One way only; or "media" says no size, which is not honoured by itself either.
        return every, ()
    column = _joined(found[MEDIA], size, found[COLUMN])
    if column is None:
        return every, tuple(one for one in every if one.name in OTHER_WAY)
    return tuple(column if one.name == COLUMN else one for one in every if one.name != MEDIA), ()


def _joined(media: Attribute, size: Size, column: Attribute) -> Attribute | None:
    """Return the "media-col" that says both; None when they are about different paper, or not understood."""
    inner = column.first
    if len(media.values) != 1 or not isinstance(inner, Collection) or len(column.values) != 1:
        return None
    if inner.get(SIZE) is None and inner.get(SIZE_NAME) is None:
        return collection(COLUMN, (*inner.members, Attribute(SIZE_NAME, media.values)))
    other = size_in(inner)
    return column if other is not None and is_same_paper(other, size) else None


def check_media_col(attribute: Attribute) -> tuple[tuple[Attribute, ...], tuple[Attribute, ...]]:
    """Split a "media-col" into what can be honoured and what cannot; each is an attribute, or nothing.

    What cannot is a "media-col" with the members concerned: as they were asked where their value is none,
    and as *unsupported* where nobody knows them here. A printer might read those, while rules do not.
    """
    column = attribute.first
    if len(attribute.values) == 1 and attribute.values[0].tag in (ValueTag.NO_VALUE, ValueTag.UNKNOWN):
        return (attribute,), ()
    if len(attribute.values) != 1 or not isinstance(column, Collection):
        return (), (attribute,)
    kept = [one for one in column.members if one.name in MEDIA_COL and _is_sound(one)]
    if _is_contradictory(kept):
        kept = [one for one in kept if one.name not in (SIZE, SIZE_NAME)]
    refused = [
        one if one.name in MEDIA_COL else unsupported(one.name) for one in column.members if one not in kept
    ]
    return _column(kept), _column(refused)


def _column(members: list[Attribute]) -> tuple[Attribute, ...]:
    return (collection(COLUMN, members),) if members else ()


def _is_sound(member: Attribute) -> bool:
    """Tell whether a member has one value, of its syntax."""
    if len(member.values) != 1:
        return False
    if member.name == SIZE:
        return dimensions(member) is not None
    word = text_of(member.values[0])
    if member.name == SIZE_NAME:
        return word is not None and size_of(word) is not None and not is_custom_bound(word)
    if member.name.endswith("-margin"):
        return member.values[0].tag == ValueTag.INTEGER
    return bool(word)


def _is_contradictory(members: Iterable[Attribute]) -> bool:
    """Tell whether a size and its name are both given, and are not the same paper."""
    found = {one.name: one for one in members}
    if SIZE not in found or SIZE_NAME not in found:
        return False
    size, named = dimensions(found[SIZE]), size_of(text_of(found[SIZE_NAME].values[0]) or "")
    return size is None or named is None or not is_same_paper(size, named)
