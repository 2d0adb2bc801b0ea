"""Passkeys as a second factor, and as a way to sign in."""

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from spoold.database import factors
from spoold.database.factors import PASSKEY, FactorRow
from spoold.identity.challenges import Challenges
from spoold.identity.factor_book import Enrolled, FactorBook, Try, checked_label
from spoold.identity.passkey_site import PasskeySite
from spoold.model.errors import NotAuthenticated
from spoold.model.ids import UserId
from spoold.model.principal import Principal

if TYPE_CHECKING:
    from spoold.identity.passkeys import Answer

_MAKING, _SHOWING, _SIGNING_IN = "make", "show", "sign-in"
_NO_KEY = "The passkey was not accepted."


class PasskeyFactors:
    """Asks browsers for passkeys, and takes what they answer.

    A challenge that one session was given is good in no other.
    """

    def __init__(self, book: FactorBook) -> None:
        self._book = book
        self._challenges = Challenges(book.clock)

    async def to_make(self, principal: Principal, token: str, site: PasskeySite) -> str:
        """Return what the browser is asked to make a passkey with, as JSON."""
        from spoold.identity import passkeys  # noqa: PLC0415 - loaded when used

        return passkeys.options_to_make(
            site,
            user_id=principal.id,
            account=principal.name,
            challenge=self._challenges.new(_MAKING, token),
            have=_credentials(await self._book.of(principal.id)),
        )

    async def add(
        self, principal: Principal, token: str, answer: str, site: PasskeySite, *, label: str
    ) -> Enrolled:
        """Keep a passkey that the browser has just made.

        Raises:
            NotAuthenticated: it was made for another challenge, origin or site.
            NotPossible: it is known already.
        """
        from spoold.identity import passkeys  # noqa: PLC0415 - loaded when used

        read = passkeys.read(answer)
        self._challenges.redeem(read.challenge, _MAKING, token)
        key = passkeys.made(read, site)
        factor = FactorRow(
            id=str(uuid.uuid4()),
            user_id=principal.id,
            kind=PASSKEY,
            label=checked_label(label),
            secret=key.public_key,
            created_at=self._book.clock.now(),
            credential_id=key.credential_id,
            counter=key.counter,
        )
        return await self._book.add(factor, token)

    async def to_show(self, principal: Principal, token: str, site: PasskeySite) -> str:
        """Return what the browser is asked to show one of this person's passkeys with; empty without any."""
        from spoold.identity import passkeys  # noqa: PLC0415 - loaded when used

        have = _credentials(await self._book.of(principal.id))
        challenge = self._challenges.new(_SHOWING, token)
        return passkeys.options_to_show(site, challenge=challenge, have=have) if have else ""

    async def show(
        self, principal: Principal, token: str, answer: str, site: PasskeySite, *, peer: str
    ) -> None:
        """Take a passkey as this session's second factor.

        Raises:
            NotAuthenticated: not right, not this person's, a copy, or the session is over.
            TooManyAttempts, Busy, Unavailable: not decided.
        """
        from spoold.identity import passkeys  # noqa: PLC0415 - loaded when used

        async with self._book.guesses.attempt(f"second:{principal.id}", peer=peer) as guess:
            read = passkeys.read(answer)
            self._challenges.redeem(read.challenge, _SHOWING, token)
            factor, counter, why = await self._verified(read, site, principal.id)

            def work(connection: Connection) -> bool:
                used = self._use_passkey(connection, factor, counter)
                self._book.record(connection, Try(guess, principal.id, peer), used, why=why)
                return self._book.shown(connection, token, principal, used)

            if not await self._book.database.write(work):
                raise NotAuthenticated(_NO_KEY, user=principal.id, why=why)

    def to_sign_in(self, site: PasskeySite) -> str:
        """Return what any browser is asked to show any passkey of this site with."""
        from spoold.identity import passkeys  # noqa: PLC0415 - loaded when used

        return passkeys.options_to_show(site, challenge=self._challenges.new(_SIGNING_IN), have=[])

    async def who_shows(self, answer: str, site: PasskeySite, *, peer: str) -> UserId:
        """Return whose passkey was shown by somebody who has not signed in.

        Raises:
            NotAuthenticated: nobody's, not right, or a copy.
            TooManyAttempts, Busy, Unavailable: not decided.
        """
        from spoold.identity import passkeys  # noqa: PLC0415 - loaded when used

        async with self._book.guesses.attempt(peer=peer) as guess:
            read = passkeys.read(answer)
            self._challenges.redeem(read.challenge, _SIGNING_IN)
            factor, counter, why = await self._verified(read, site, None)

            def work(connection: Connection) -> bool:
                used = self._use_passkey(connection, factor, counter)
                user = None if factor is None else factor.user_id
                self._book.record(connection, Try(guess, user, peer), used, why=why)
                return used is not None

            if not await self._book.database.write(work) or factor is None:
                raise NotAuthenticated(_NO_KEY, why=why)
            return factor.user_id

    async def _verified(
        self, read: "Answer", site: PasskeySite, user_id: UserId | None
    ) -> tuple[FactorRow | None, int | None, str]:
        """Return the passkey that was shown, and its new counter or why it is not taken."""
        from spoold.identity import passkeys  # noqa: PLC0415 - loaded when used

        factor = await self._book.database.read(
            lambda connection: factors.passkey_by_credential(connection, read.credential_id)
        )
        if factor is None or user_id not in (None, factor.user_id):
            return None, None, "unknown"
        try:
            return factor, passkeys.shown(read, site, public_key=factor.secret, counter=factor.counter), ""
        except NotAuthenticated as error:
            return factor, None, str(error.fields["why"])

    def _use_passkey(
        self, connection: Connection, factor: FactorRow | None, counter: int | None
    ) -> FactorRow | None:
        if factor is None or counter is None:
            return None
        return factor if factors.use_factor(connection, factor, counter, self._book.clock.now()) else None


def _credentials(rows: list[FactorRow]) -> list[bytes]:
    return [row.credential_id for row in rows if row.credential_id is not None]
