"""Remembers wrong passwords for minutes: an old one in a print queue is checked, and counted, once."""

import hashlib
import hmac
import os
from collections import OrderedDict
from dataclasses import dataclass

import trio

from spoold.identity.claim import Claim
from spoold.runtime.clock import Clock

# As long as failed checks count for a person (throttle.ThrottleLimits.user_window_s).
DEFAULT_TTL_S = 900.0
# About 200 bytes each; whoever fills it only makes wrong passwords cost a check again.
DEFAULT_MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Check:
    """A check that is under way: since when (trio's clock), and after how many changes of accounts."""

    claim: Claim
    began_s: float
    changes: int


class RefusedProofs:
    """Names, passwords and addresses that were refused together.

    Keeps no password: an entry is HMAC-SHA256 under a key that this process made and shows nobody. The
    address is part of it, so that nobody can find out which wrong passwords are tried elsewhere.
    """

    def __init__(
        self, clock: Clock, *, ttl_s: float = DEFAULT_TTL_S, max_entries: int = DEFAULT_MAX_ENTRIES
    ) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._max_entries = max_entries
        self._key = os.urandom(32)
        # By tag: name, when it is forgotten, and how long its check took; the oldest first.
        self._entries: OrderedDict[bytes, tuple[str, float, float]] = OrderedDict()
        self._changes = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def answers(self, claim: Claim) -> bool:
        """Tell whether exactly this was refused lately; a yes takes as long as the check did."""
        took_s = self._took_s(claim)
        if took_s is None:
            return False
        await trio.sleep(took_s)
        return True

    def holds(self, claim: Claim) -> bool:
        """Tell at once whether exactly this was refused lately."""
        return self._took_s(claim) is not None

    def check(self, claim: Claim) -> Check:
        """Say that a check begins."""
        return Check(claim, trio.current_time(), self._changes)

    def remember(self, check: Check, *, ttl_s: float | None = None) -> None:
        """Remember what a check refused, unless an account has changed while it went on.

        Args:
            ttl_s: for how long; for as long as anything is remembered unless told.
        """
        if check.changes != self._changes:
            return
        claim, took_s = check.claim, trio.current_time() - check.began_s
        tag = self._tag(claim)
        self._entries.pop(tag, None)
        until_s = self._clock.monotonic_s() + (self._ttl_s if ttl_s is None else ttl_s)
        self._entries[tag] = (claim.name, until_s, took_s)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def forget(self, name: str) -> None:
        """Forget what was refused under a name: its account has changed, and what was wrong may be right."""
        self._changes += 1
        for tag in [tag for tag, entry in self._entries.items() if entry[0] == name]:
            del self._entries[tag]

    def _took_s(self, claim: Claim) -> float | None:
        found = self._entries.get(self._tag(claim))
        return None if found is None or found[1] <= self._clock.monotonic_s() else found[2]

    def _tag(self, claim: Claim) -> bytes:
        parts = (claim.name, claim.password.reveal(), claim.peer)
        message = b"".join(
            len(encoded).to_bytes(4, "big") + encoded
            for encoded in (part.encode("utf-8", "surrogatepass") for part in parts)
        )
        return hmac.digest(self._key, message, hashlib.sha256)
