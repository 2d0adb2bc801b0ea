"""Folding: names of groups are compared without regard to case, as directories do it."""

import unicodedata
from functools import lru_cache

# A large site has some thousand groups, and each is compared in many decisions.
_REMEMBERED = 8192


@lru_cache(_REMEMBERED)
def fold(name: str) -> str:
    """Return the form in which names of groups are compared: composed (NFC) and without case.

    Directories compare them so (RFC 4517 4.2.11, caseIgnoreMatch), and the same group may come with other
    capitals from another directory, or after somebody has renamed it.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
