"""One-time passwords and recovery codes as a second factor."""

import hashlib
import uuid
from collections import OrderedDict

from sqlalchemy import Connection

from holdstore.errors import HoldStoreError
from holdstore.keyring import Keyring
from holdstore.sealing import new_key
from spoold.database import factors
from spoold.database.factors import RECOVERY, TOTP, FactorRow
from spoold.identity.factor_book import Enrolled, FactorBook, Try, checked_label
from spoold.model.errors import NotAuthenticated, NotPossible, Unavailable
from spoold.model.ids import UserId
from spoold.model.principal import Principal

# The number under which the store key seals a seed; documents count up from 0 (docs/formats.md).
SEED_NUMBER = 0xFFFF
# People who are setting up an authenticator app at this moment.
MAX_PENDING = 1_000
_WRONG_CODE = "The code is not right, or was used before. Wait for the next one."


class OneTimeFactors:
    """Sets up authenticator apps, and takes what they show.

    A seed that one session was given is good in no other.

    Args:
        keyring: seals the seeds.
    """

    def __init__(self, book: FactorBook, keyring: Keyring) -> None:
        self._book = book
        self._keyring = keyring
        self._pending: OrderedDict[bytes, bytes] = OrderedDict()

    def begin(self, token: str) -> None:
        """Make a seed for an authenticator app; it counts once a code of it was typed."""
        self._pending[_key(token)] = new_key()
        while len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)

    def pending_secret(self, token: str) -> bytes | None:
        """Return the secret that this session's authenticator app is to learn, None before `begin`."""
        seed = self._pending.get(_key(token))
        return None if seed is None else _secret(seed)

    async def add(self, principal: Principal, token: str, code: str, *, label: str) -> Enrolled:
        """Keep the seed, because the app shows the right code.

        Raises:
            NotPossible: the code is wrong, or nothing was begun; no try is counted, it is one's own seed.
        """
        from spoold.identity import one_time  # noqa: PLC0415 - loaded when used

        seed = self._pending.get(_key(token))
        if seed is None:
            raise NotPossible("Begin again: the code that was shown has ended.")
        step = one_time.counter_of(_secret(seed), code, self._book.clock.now(), after=0)
        if step is None:
            raise NotPossible("The code is not right. Check the clock of your phone and type the next one.")
        factor_id = uuid.uuid4()
        enrolled = await self._book.add(
            FactorRow(
                id=str(factor_id),
                user_id=principal.id,
                kind=TOTP,
                label=checked_label(label),
                secret=self._keyring.wrap(seed, factor_id, SEED_NUMBER),
                created_at=self._book.clock.now(),
                counter=step,
            ),
            token,
        )
        self._pending.pop(_key(token), None)
        return enrolled

    async def show(self, principal: Principal, token: str, code: str, *, peer: str) -> None:
        """Take a one-time password or a recovery code as this session's second factor.

        Raises:
            NotAuthenticated: wrong, used before, or the session is over.
            TooManyAttempts, Busy, Unavailable: not decided.
        """
        async with self._book.guesses.attempt(f"second:{principal.id}", peer=peer) as guess:

            def work(connection: Connection) -> bool:
                used = self._use_code(connection, principal.id, code)
                self._book.record(connection, Try(guess, principal.id, peer), used, why="wrong-code")
                return self._book.shown(connection, token, principal, used)

            if not await self._book.database.write(work):
                raise NotAuthenticated(_WRONG_CODE, user=principal.id)

    def _use_code(self, connection: Connection, user_id: UserId, code: str) -> FactorRow | None:
        """Use up the code, and return what it was of; None when it is right nowhere."""
        from spoold.identity import one_time  # noqa: PLC0415 - loaded when used

        now, found = self._book.clock.now(), None
        hashed = one_time.recovery_hash(code)
        for factor in factors.factors_of(connection, user_id):
            if factor.kind == TOTP:
                step = one_time.counter_of(self._open(factor), code, now, after=factor.counter)
                if step is not None and factors.use_factor(connection, factor, step, now):
                    found = factor
            elif factor.kind == RECOVERY and factor.secret == hashed:
                factors.delete_factor(connection, user_id, factor.id)
                found = factor
        return found

    def _open(self, factor: FactorRow) -> bytes:
        try:
            return _secret(self._keyring.unwrap(factor.secret, uuid.UUID(factor.id), SEED_NUMBER))
        except HoldStoreError as error:
            raise Unavailable("Your second factor cannot be read. Ask an administrator.") from error


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _secret(seed: bytes) -> bytes:
    """Return what the app is told: as much of the seed as RFC 4226 asks for, short enough to be typed."""
    return seed[:20]
