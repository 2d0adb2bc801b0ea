"""Watermark: the words that a rule wants on every page, with places for who, when and where."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policy.suggestion import closest

# What can stand in braces. Never the document's name: it would be on paper that others see.
PLACEHOLDERS = ("user", "date", "time", "printer", "job")
_PLACE = re.compile(r"\{([^{}]*)\}")
_KNOWN = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
# The characters that every PDF printer has letters for without being sent a font (ISO 32000-1, annex D.2).
ENCODING = "cp1252"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with the words; `offset` is its place, in characters from 0."""

    offset: int
    message: str
    suggestion: str | None = None


def mistakes_in(text: str) -> Iterator[Mistake]:
    """Yield every mistake in a watermark's words."""
    if not text.strip():
        yield Mistake(0, "has no words")
    for place in _PLACE.finditer(text):
        name = place[1]
        if name not in PLACEHOLDERS:
            near = closest(name, PLACEHOLDERS)
            words = f"there is no {place[0]}; known are {_KNOWN}"
            yield Mistake(place.start(), words, None if near is None else f"{{{near}}}")
    rest = _PLACE.sub(lambda place: " " * len(place[0]), text)
    for offset, character in enumerate(rest):
        if character in "{}":
            yield Mistake(offset, f"a brace stands only around one of {_KNOWN}")
        elif not _is_printable(character):
            yield Mistake(offset, f'"{character}" cannot be stamped: only the letters of Western Europe can')


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the words with the placeholders replaced.

    Args:
        values: by placeholder; one that is not there is left empty.
    """
    return _PLACE.sub(lambda place: values.get(place[1], ""), text)


def _is_printable(character: str) -> bool:
    try:
        character.encode(ENCODING)
    except UnicodeEncodeError:
        return False
    return character.isprintable()
