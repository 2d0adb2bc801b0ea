"""Challenges for passkeys: made here, good for minutes, for one purpose and once.

A challenge carries its own end and a tag under a key that this process made and shows nobody, so giving one
out costs no memory and nobody can push another's out. What was answered is remembered as long as it lived.
"""

import hashlib
import hmac
import os
from collections import OrderedDict

from spoold.model.errors import Busy, NotAuthenticated
from spoold.runtime.clock import Clock

# Somebody looks for the key in a bag.
LIFE_S = 300.0
_NONCE_BYTES, _END_BYTES, _TAG_BYTES = 16, 8, 32
# Answers within `LIFE_S`; each came with a challenge that was asked for before.
MAX_USED = 65_536
_NOT_GOOD = "That took too long, or was answered before. Try again."


class Challenges:
    """Gives out challenges and takes each back once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = os.urandom(32)
        self._used: OrderedDict[bytes, float] = OrderedDict()

    def new(self, purpose: str, about: str = "") -> bytes:
        """Return a new challenge.

        Args:
            purpose: what the answer is for; an answer to one is none to another.
            about: whose, such as a session's token; only the same may answer.
        """
        ends_ms = round((self._clock.monotonic_s() + LIFE_S) * 1000)
        head = os.urandom(_NONCE_BYTES) + ends_ms.to_bytes(_END_BYTES, "big")
        return head + self._tag(head, purpose, about)

    def redeem(self, challenge: bytes, purpose: str, about: str = "") -> None:
        """Take a challenge back.

        Raises:
            NotAuthenticated: it is not ours, not for that, too old, or was answered before.
            Busy: too many are answered at once.
        """
        head, tag = challenge[:-_TAG_BYTES], challenge[-_TAG_BYTES:]
        if len(head) != _NONCE_BYTES + _END_BYTES or not hmac.compare_digest(
            tag, self._tag(head, purpose, about)
        ):
            raise NotAuthenticated(_NOT_GOOD, why="challenge")
        now, ends = self._clock.monotonic_s(), int.from_bytes(head[_NONCE_BYTES:], "big") / 1000
        while self._used and next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)
        if ends <= now or head in self._used:
            raise NotAuthenticated(_NOT_GOOD, why="challenge")
        if len(self._used) >= MAX_USED:
            raise Busy("Too many people are signing in at this moment. Try again in a few seconds.")
        # In the order of the answers, which need not be that of the ends: kept a little longer, then.
        self._used[head] = now + LIFE_S

    def _tag(self, head: bytes, purpose: str, about: str) -> bytes:
        parts = (head, purpose.encode(), about.encode())
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)
