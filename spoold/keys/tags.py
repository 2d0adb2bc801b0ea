"""Tags: keyed hashes under which numbers and codes are found again that must not be readable in the database.

A badge number has ten digits and an approval code eight letters: a plain hash of one is undone by trying
them all. Without the store key nobody can try.
"""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache

# Keys of purposes are kept: there are a handful, and each costs an HMAC.
_KEPT = 16


class Tags:
    """Makes tags.

    Args:
        derive: the keys of a purpose, one of each store key, the active one's first
            (`holdstore.keyring.Keyring.derive`).
    """

    def __init__(self, derive: Callable[[bytes], tuple[bytes, ...]]) -> None:
        self._keys = lru_cache(_KEPT)(derive)

    def of(self, purpose: bytes, text: str) -> bytes:
        """Return the tag that new rows get: HMAC-SHA-256, 32 bytes.

        Args:
            purpose: names the key, such as b"spoold/badge/v1".
        """
        return self.all_of(purpose, text)[0]

    def all_of(self, purpose: bytes, text: str) -> tuple[bytes, ...]:
        """Return every tag a row may have, the newest first: one of each store key that is still known."""
        encoded = text.encode("utf-8", "surrogatepass")
        return tuple(hmac.digest(key, encoded, hashlib.sha256) for key in self._keys(purpose))
