"""Sign-ins that are under way at the OpenID provider: what is remembered until the browser comes back."""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from spoold.identity.places import home_of
from spoold.model.errors import Busy
from spoold.runtime.clock import Clock

WRONG = "The sign-in could not be verified. Sign in again; if that does not help, ask an administrator."
DOWN = "Your organisation's sign-in cannot be reached. Try again later, or sign in another way."
# Somebody looks for a second factor; ten minutes later they have given up.
TERM_S = 600.0
# One person's tabs, and a computer room behind one address; the oldest of one place go first.
MAX_PER_ADDRESS = 64
# A kilobyte each.
MAX_PENDING = 4_096
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Identified:
    """What a provider vouches for.

    Args:
        subject: never given to anybody else by this issuer.
        signed_in_at: when this person signed in there; None when the provider does not say.
        claims: of the identity token, and of the user info where that was asked.
    """

    subject: str
    signed_in_at: datetime | None
    claims: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """One sign-in under way.

    Args:
        state: comes back with the browser (RFC 6749 10.12); a key, not a secret of ours alone.
        nonce: comes back in the identity token.
        verifier: proves to the provider that it is us who asked (RFC 7636).
        browser: SHA-256 of what the browser keeps in its cookie.
        following: where to go afterwards.
        again: somebody who is signed in proves it once more; only a sign-in there from now on counts.
        home: where it was begun; an IPv6 network of which somebody has every address is one place.
    """

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    browser: bytes = field(repr=False)
    following: str
    again: bool
    home: str
    at: datetime
    until_s: float


class PendingSignIns:
    """Keeps sign-ins in memory, each for ten minutes and one use; a restart forgets them all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: OrderedDict[str, Pending] = OrderedDict()

    def begin(self, browser: str, following: str, peer: str, *, again: bool) -> Pending:
        """Remember a new one.

        Raises:
            Busy: too many are under way.
        """
        self._forget_old()
        home = home_of(peer)
        mine = [one.state for one in self._pending.values() if one.home == home]
        for state in mine[: max(0, len(mine) + 1 - MAX_PER_ADDRESS)]:
            del self._pending[state]
        if len(self._pending) >= MAX_PENDING:
            raise Busy("Too many people are signing in at once. Try again in a few minutes.")
        pending = Pending(
            state=secrets.token_urlsafe(_SECRET_BYTES),
            nonce=secrets.token_urlsafe(_SECRET_BYTES),
            verifier=secrets.token_urlsafe(_SECRET_BYTES),
            browser=_hash(browser),
            following=following,
            again=again,
            home=home,
            at=self._clock.now(),
            until_s=self._clock.monotonic_s() + TERM_S,
        )
        self._pending[pending.state] = pending
        return pending

    def take(self, state: str, browser: str) -> Pending | None:
        """Return the sign-in of this state and browser, once; None when there is none, or it is over."""
        self._forget_old()
        pending = self._pending.get(state)
        if pending is None or not hmac.compare_digest(pending.browser, _hash(browser)):
            # Of somebody else's state nothing is lost: they may still come back.
            return None
        return self._pending.pop(state)

    def _forget_old(self) -> None:
        now = self._clock.monotonic_s()
        while self._pending and next(iter(self._pending.values())).until_s <= now:
            self._pending.popitem(last=False)


def new_browser() -> str:
    """Return what a browser keeps while a sign-in is under way."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def _hash(browser: str) -> bytes:
    return hashlib.sha256(browser.encode("utf-8", "replace")).digest()
