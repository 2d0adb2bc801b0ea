"""Translates whole English sentences with values in them, as the daemon's lower floors make them.

What happens to a job is told in rows, and refusals are raised below the doors, as finished English sentences.
A pattern such as "Being printed at {printer}." finds its sentence again, takes the values out, and puts them
into the sentence of the other language. Values that are sentences themselves are translated as well, and a
text of several sentences is taken apart. Matching is a walk along the fixed parts without any going back, so
no text takes long.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

_SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_BREAK = re.compile(r"(?<=[.!?]) +")
# Values that are what somebody called something: never words of ours, even when they read like some.
_NAMES = frozenset({"name", "printer", "queue", "called", "canonical", "groups", "media", "label"})
# Values that list such names: what joins them is ours.
_LISTS = frozenset({"places", "printers"})
# Values that are numbers: what has a space in it is something else.
_NUMBERS = frozenset({"number", "count"})
# "{one} and {other}" is no sentence: it joins any number of parts, each of which must be known.
_CONJUNCTIONS = frozenset({"and", "or"})
# What a rule sets of a job; a longer row is nothing that was made here.
_MAX_ROW = 6
# Longer than anything the daemon says; what is longer is somebody else's.
MAX_LENGTH = 2_000
# A value in a value in a sentence; deeper is nothing that was made here.
_MAX_DEPTH = 4
# No refusal and no reason has more sentences.
_MAX_SENTENCES = 12
# Texts repeat: states of printers, reasons of jobs.
_MAX_REMEMBERED = 1_024


def has_slots(message: str) -> bool:
    """Tell whether a message names values as the daemon's sentences do: {name}."""
    return _SLOT.search(message) is not None


def slots_of(message: str) -> list[str]:
    """Return the names of the values, in order."""
    return _SLOT.findall(message)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One sentence with values: `fixed` has one part more than there are names."""

    fixed: tuple[str, ...]
    names: tuple[str, ...]
    target: str

    @property
    def weight(self) -> int:
        """How much of the sentence is its own."""
        return sum(map(len, self.fixed))

    @property
    def joins(self) -> bool:
        """Whether it is no sentence, but what joins the parts of a row."""
        return "".join(self.fixed).strip() in _CONJUNCTIONS

    def suits(self, values: int, foreign: int) -> bool:
        """Tell whether a match says anything, by how many of its values are not known to us."""
        return foreign < values or any(map(str.isalpha, "".join(self.fixed)))

    def joined(self, parts: Iterable[str]) -> str:
        """Return a row of parts as the other language joins them."""
        first, last = self.names
        return reduce(lambda before, part: _filled(self.target, {first: before, last: part}), parts)

    def values_in(self, text: str) -> dict[str, str] | None:
        """Return the values, None when it is another sentence."""
        first, *between, last = self.fixed
        if not (text.startswith(first) and text.endswith(last)) or len(text) < len(first) + len(last):
            return None
        values, start, end = [], len(first), len(text) - len(last)
        for part in between:
            found = text.find(part, start, end)
            if found < 0:
                return None
            values.append(text[start:found])
            start = found + len(part)
        values.append(text[start:end])
        found_by_name: dict[str, str] = {}
        for name, value in zip(self.names, values, strict=True):
            if found_by_name.setdefault(name, value) != value or (name in _NUMBERS and " " in value):
                return None
        return found_by_name


class Sentences:
    """The daemon's sentences in one language.

    Args:
        texts: translations by English text; {name} stands for a value in both.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._exact = {message: text for message, text in texts.items() if not has_slots(message)}
        patterns = [
            _Pattern(tuple(_SLOT.split(message)[::2]), tuple(slots_of(message)), text)
            for message, text in texts.items()
            if has_slots(message)
        ]
        # The one with the most words of its own says the most about a text.
        patterns.sort(key=lambda pattern: -pattern.weight)
        self._patterns = [pattern for pattern in patterns if not pattern.joins]
        self._joins = [pattern for pattern in patterns if pattern.joins]
        self._remembered: dict[str, str] = {}

    def translated(self, text: str) -> str:
        """Return the text in the other language; what is not known in it stays."""
        known = self._remembered.get(text)
        if known is None:
            known = text if len(text) > MAX_LENGTH else self._whole(text, _MAX_DEPTH, loosely=True)
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[text] = known
        return known

    def _whole(self, text: str, depth: int, *, loosely: bool) -> str:
        """Return the text in the other language; what is not known in it stays.

        Args:
            loosely: as for `_by_pattern`, where nothing else knows it.
        """
        core = text.strip()
        if not core or not depth:
            return text
        found = self._exact.get(core)
        if found is None:
            found = self._by_pattern(core, depth, loosely=False)
        if found is None:
            found = self._in_a_row(core, depth)
        if found is None:
            found = self._in_parts(core, depth, loosely=loosely)
        if found is None and loosely:
            found = self._by_pattern(core, depth, loosely=True)
        return text if found is None else text.replace(core, found, 1)

    def _by_pattern(self, text: str, depth: int, *, loosely: bool) -> str | None:
        """Return the text by the best pattern.

        Args:
            loosely: also where a value is more than one sentence that nobody knows.
        """
        best: tuple[int, int, str] | None = None
        for pattern in self._patterns:
            if best is not None and pattern.weight < best[0]:
                break
            values = pattern.values_in(text)
            if values is None:
                continue
            shown = {name: self._value(name, value, depth, loosely=loosely) for name, value in values.items()}
            foreign = [name for name, value in values.items() if value and shown[name] == value]
            if not pattern.suits(len(values), len(foreign)):
                continue
            if not loosely and any(_BREAK.search(values[name].strip()) for name in foreign):
                continue
            if best is None or len(foreign) < best[1]:
                best = pattern.weight, len(foreign), _filled(pattern.target, shown)
        return None if best is None else best[2]

    def _value(self, name: str, value: str, depth: int, *, loosely: bool) -> str:
        if name in _NAMES:
            return value
        if name in _LISTS:
            for pattern in self._joins:
                value = pattern.joined(value.split(pattern.fixed[1]))
            return value
        return self._whole(value, depth - 1, loosely=loosely)

    def _in_a_row(self, text: str, depth: int) -> str | None:
        """Return parts that "and" or "or" joins, every one of which is known."""
        for pattern in self._joins:
            join = pattern.fixed[1]
            pieces = text.split(join)
            if 1 < len(pieces) <= _MAX_ROW and (found := self._each(pieces, join, depth)):
                return pattern.joined(found)
        return None

    def _each(self, pieces: list[str], join: str, depth: int) -> list[str] | None:
        """Return the parts of a row; one may hold the word that joins them, the longest known is it."""
        found: list[str] = []
        start = 0
        while start < len(pieces):
            for end in range(len(pieces), start, -1):
                part = join.join(pieces[start:end])
                known = self._exact.get(part) or self._by_pattern(part, depth, loosely=False)
                if known is not None and end - start < len(pieces):
                    found.append(known)
                    start = end
                    break
            else:
                return None
        return found

    def _in_parts(self, text: str, depth: int, *, loosely: bool) -> str | None:
        """Return the text sentence by sentence, the longest known beginning first; None: none is known."""
        if len(_BREAK.findall(text)) >= _MAX_SENTENCES:
            return None
        for head, tail in _splits(text):
            found = self._exact.get(head) or self._by_pattern(head, depth, loosely=False)
            if found is not None:
                return f"{found} {self._whole(tail, depth, loosely=loosely)}"
        head, _, tail = _first_break(text)
        if not tail:
            return None
        shown = self._whole(tail, depth, loosely=loosely)
        return None if shown == tail else f"{head} {shown}"


def _filled(target: str, values: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda match: values.get(match[1], match[0]), target)


def _splits(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text in two at each end of a sentence, the last one first."""
    for match in reversed(list(_BREAK.finditer(text))):
        yield text[: match.start()], text[match.end() :]


def _first_break(text: str) -> tuple[str, str, str]:
    match = _BREAK.search(text)
    return (text, "", "") if match is None else (text[: match.start()], match[0], text[match.end() :])
