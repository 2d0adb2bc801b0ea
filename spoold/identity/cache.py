"""Remembers right passwords for minutes, so that a print job does not cost a quarter of a second of CPU."""

import hashlib
import hmac
import os
from collections import OrderedDict
from dataclasses import dataclass

from spoold.identity.secret import Secret
from spoold.model.principal import Principal
from spoold.runtime.clock import Clock

DEFAULT_TTL_S = 300.0
# About 1 KiB each; a site has fewer people printing within five minutes.
DEFAULT_MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: bytes
    epoch: int
    principal: Principal
    expires_s: float


class ProofCache:
    """Proofs that were right a moment ago; wrong ones are never remembered, nothing is written to disk.

    Keeps no password: an entry is HMAC-SHA256 under a key that this process made and shows nobody,
    over scheme, name, password and the account's epoch. For submitting and listing only: whatever
    lets paper out is verified anew.

    Args:
        ttl_s: how long a proof is good for.
        max_entries: the least recently used goes first.
    """

    def __init__(
        self, clock: Clock, *, ttl_s: float = DEFAULT_TTL_S, max_entries: int = DEFAULT_MAX_ENTRIES
    ) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._max_entries = max_entries
        self._key = os.urandom(32)
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        # Lowest epoch that may still be remembered, for accounts that changed in this process.
        self._epochs: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, scheme: str, name: str, password: Secret) -> Principal | None:
        """Return who was proven by exactly this within the last `ttl_s` seconds."""
        entry = self._entries.get((scheme, name))
        if entry is None:
            return None
        if entry.expires_s <= self._clock.monotonic_s():
            del self._entries[scheme, name]
            return None
        if not hmac.compare_digest(entry.tag, self._tag(scheme, name, password, entry.epoch)):
            return None
        self._entries.move_to_end((scheme, name))
        return entry.principal

    def remember(self, scheme: str, name: str, password: Secret, epoch: int, principal: Principal) -> None:
        """Remember a proof that was just made, unless the account has changed while it was being made."""
        if epoch < max(self._epochs.get(name, 0), self._epochs.get(principal.name, 0)):
            return
        expires_s = self._clock.monotonic_s() + self._ttl_s
        tag = self._tag(scheme, name, password, epoch)
        self._entries[scheme, name] = _Entry(tag, epoch, principal, expires_s)
        self._entries.move_to_end((scheme, name))
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def forget(self, name: str, epoch: int) -> None:
        """Forget an account's proofs because it now has this epoch; older ones are not taken any more."""
        self._epochs[name] = max(epoch, self._epochs.get(name, 0))
        # A directory's person may have typed another form of the name: "ana@lab.example".
        for key in [key for key, one in self._entries.items() if name in (key[1], one.principal.name)]:
            del self._entries[key]

    def _tag(self, scheme: str, name: str, password: Secret, epoch: int) -> bytes:
        parts = (scheme, name, password.reveal(), str(epoch))
        message = b"".join(
            len(encoded).to_bytes(4, "big") + encoded
            for encoded in (part.encode("utf-8", "surrogatepass") for part in parts)
        )
        return hmac.digest(self._key, message, hashlib.sha256)
