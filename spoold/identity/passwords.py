"""Passwords: bcrypt over a keyed pre-hash, a bounded number at a time, and no less work for nobody."""

import base64
import hashlib
import hmac
import unicodedata
from dataclasses import dataclass

import bcrypt
import trio

from spoold.identity.secret import Secret
from spoold.identity.turns import Turns
from spoold.model.errors import Unavailable

DEFAULT_COST = 12
# Stands in for a pepper: it separates this use of HMAC from any other, it keeps nothing secret.
_NO_PEPPER = b"spoold-pw-v1"
# bcrypt's own base64 alphabet; any 31 such characters are a well-formed digest that no password has.
_NOBODY_DIGEST = "nobodyhasthispasswordnobodyhasX"
_PREFIX = "$2b$"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Args:
        matches: the password is the account's.
        outdated: it is, but the stored hash has another cost than new ones get.
    """

    matches: bool
    outdated: bool = False


NO = Verdict(matches=False)


class PasswordHasher:
    """Hashes and checks passwords in threads.

    bcrypt reads 72 bytes at most and stops at a NUL, so it is given base64(HMAC-SHA256(pepper, NFC
    UTF-8 password)): 44 characters whatever was typed.

    Args:
        cost: log2 of bcrypt's rounds for new hashes; 12 is 238 ms of CPU. Tests use less.
        pepper: secret key of the pre-hash, kept outside the database; None for none. Another pepper
            makes every stored password wrong.
        workers: checks at a time; leave a core to everybody else.
        queue: how many more may wait (turns.Turns); beyond, `Busy`.
        max_password_bytes: longer passwords are nobody's.
    """

    def __init__(
        self,
        *,
        cost: int = DEFAULT_COST,
        pepper: bytes | None = None,
        workers: int = 1,
        queue: int = 64,
        max_password_bytes: int = 1_024,
    ) -> None:
        self._cost = cost
        self._pepper = pepper or _NO_PEPPER
        self._max_password_bytes = max_password_bytes
        self._limiter = trio.CapacityLimiter(workers)
        self._turns = Turns(at_once=workers, waiting=queue)
        self._nobody = f"{_PREFIX}{cost:02d}${_nobody_salt()}{_NOBODY_DIGEST}"
        self.computed = 0
        """How many times bcrypt has run."""

    def acceptable(self, password: Secret) -> bool:
        """Tell whether the password could be anybody's: not empty, not too long, encodable."""
        return self._prehash(password) is not None

    async def hash(self, password: Secret) -> str:
        """Return a new hash for the database.

        Raises:
            ValueError: the password is not `acceptable`.
            Busy: too many are waiting.
        """
        prepared = self._prehash(password)
        if prepared is None:
            raise ValueError("the password is empty, too long or not text")
        salt = bcrypt.gensalt(self._cost)
        return (await self._run(prepared, salt)).decode("ascii")

    async def verify(self, password: Secret, stored: str) -> Verdict:
        """Check the password against a stored hash.

        Raises:
            Busy: too many are waiting.
            Unavailable: the stored hash is not one.
        """
        prepared = self._prehash(password)
        if prepared is None:
            return NO
        expected = stored.encode("ascii", "replace")
        try:
            computed = await self._run(prepared, expected)
        except ValueError:
            public = "This account cannot be used: its password record is damaged. Ask an administrator."
            raise Unavailable(public) from None
        if not hmac.compare_digest(computed, expected):
            return NO
        return Verdict(matches=True, outdated=_cost_of(stored) != self._cost)

    async def verify_nobody(self, password: Secret) -> Verdict:
        """Do the work of `verify` for a name nobody has, so that the time tells nothing; the answer is no."""
        return await self.verify(password, self._nobody)

    def _prehash(self, password: Secret) -> bytes | None:
        typed = password.reveal()
        # Measured before anything else is done with it: normalising megabytes is work for free.
        if not typed or len(typed) > self._max_password_bytes:
            return None
        try:
            encoded = typed.encode()
        except UnicodeEncodeError:
            return None
        if len(encoded) > self._max_password_bytes:
            return None
        normal = unicodedata.normalize("NFC", typed).encode()
        return base64.b64encode(hmac.digest(self._pepper, normal, hashlib.sha256))

    async def _run(self, prepared: bytes, salt: bytes) -> bytes:
        async with self._turns.turn():
            self.computed += 1
            return await trio.to_thread.run_sync(bcrypt.hashpw, prepared, salt, limiter=self._limiter)


def _nobody_salt() -> str:
    # 16 bytes in bcrypt's base64 are 22 characters; the last carries 2 bits, which gensalt gets right.
    return bcrypt.gensalt(4).decode("ascii")[7:29]


def _cost_of(stored: str) -> int:
    parts = stored.split("$")
    return int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else 0
