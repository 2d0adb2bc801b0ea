"""Suggestion: the known word that an unknown one is most likely a misspelling of."""

import difflib
from collections.abc import Iterable

# difflib's ratio below which two words are not each other's misspelling ("colour" and "color" have 0.91).
SIMILARITY = 0.6
# The beginning of a word counts from here on ("admin" for "administrator").
MIN_PREFIX = 3


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, or None; case is forgiven."""
    names = list(known)
    folded = word.casefold()
    beginnings = [name for name in names if len(word) >= MIN_PREFIX and name.casefold().startswith(folded)]
    if beginnings:
        return beginnings[0]
    by_folded = {name.casefold(): name for name in names}
    matches = difflib.get_close_matches(folded, list(by_folded), n=1, cutoff=SIMILARITY)
    return by_folded[matches[0]] if matches else None
