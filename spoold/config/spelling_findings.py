"""Words that are compared with a fact which is always spelt otherwise: such a rule would be switched off."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from policy.compared import compared
from policy.suggestion import closest
from protocols.ipp.media import one_name, size_of
from protocols.ipp.media_sizes import NAMED_SIZES
from spoold.config.problems import Finding
from spoold.model.ids import canonical_name

Raw = Mapping[str, Any]
Wrong = tuple[str, str | None] | None
"""What is wrong with a word, and what was probably meant; None when nothing is."""


def findings(raw: Raw) -> Iterator[Finding]:
    """Yield every such word of rules and printers; parts of the wrong type are passed over."""
    rules = raw.get("rules")
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        when = rule.get("when") if isinstance(rule, Mapping) else None
        for fact, word, offset in compared(when) if isinstance(when, str) else ():
            wrong = _SPELLING[fact](word) if fact in _SPELLING else None
            if wrong is not None:
                yield Finding(("rules", index, "when"), *wrong, offset=offset)
    printers = raw.get("printers")
    for name, printer in printers.items() if isinstance(printers, Mapping) else ():
        media = printer.get("restricted_media") if isinstance(printer, Mapping) else None
        for word in media if isinstance(media, Mapping) else ():
            # Types and trays may be called anything.
            wrong = _size(word) if size_of(word) is not None else None
            if wrong is not None:
                yield Finding(("printers", name, "restricted_media", word), *wrong)


def _size(word: str) -> Wrong:
    if not word:
        return None
    if size_of(word) is None:
        words = f'is never "{word}": job.media is a size by its full name, such as "iso_a4_210x297mm"'
        return words, closest(word, NAMED_SIZES)
    own = one_name(word)
    return None if own == word else (f'is never "{word}": paper of this size has another name', own)


def _person(word: str) -> Wrong:
    own = canonical_name(word)
    return None if own == word else (f'is never "{word}": names of people are in small letters', own)


_SPELLING: Mapping[str, Callable[[str], Wrong]] = MappingProxyType({"job.media": _size, "user.name": _person})
