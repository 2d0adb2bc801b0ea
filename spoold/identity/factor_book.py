"""The book of second factors: who has which, kept, used and removed, each with its record."""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from spoold.database import factors, people
from spoold.database.engine import Database
from spoold.database.factors import RECOVERY, FactorRow
from spoold.identity.guesses import Guess, Guesses
from spoold.identity.second_rule import SecondRule
from spoold.identity.sessions import Session, Sessions
from spoold.model.errors import NotAuthenticated, NotFound, NotPossible
from spoold.model.ids import UserId
from spoold.model.principal import Principal
from spoold.records import audit
from spoold.runtime.clock import Clock

MAX_LABEL_CHARACTERS = 100
# A phone or two, some keys, and their spares.
MAX_FACTORS = 20
_SESSION_OVER = "You are not signed in any more. Sign in again."


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What came of setting one up.

    Args:
        codes: new recovery codes, with the first factor; shown once.
    """

    codes: list[str] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody shows a second factor.

    Args:
        user_id: whose it is said to be; None where a passkey itself says it.
    """

    guess: Guess
    user_id: UserId | None
    peer: str


class FactorBook:
    """Keeps second factors, inside transactions.

    Args:
        rule: is told who has a second factor now.
    """

    def __init__(
        self, *, database: Database, clock: Clock, sessions: Sessions, guesses: Guesses, rule: SecondRule
    ) -> None:
        self.database = database
        self.clock = clock
        self.sessions = sessions
        self.guesses = guesses
        self.rule = rule

    async def of(self, user_id: UserId) -> list[FactorRow]:
        """Return somebody's factors, the oldest first."""
        return await self.database.read(lambda connection: factors.factors_of(connection, user_id))

    async def add(self, factor: FactorRow, token: str) -> Enrolled:
        """Keep a factor that was just shown: it counts as shown in this session.

        Raises:
            NotPossible: it is known already, or there are too many.
            NotAuthenticated: the session is over.
        """
        made = _new_codes()

        def work(connection: Connection) -> bool:
            had = factors.factors_of(connection, factor.user_id)
            if len(had) >= MAX_FACTORS + len(made):
                raise NotPossible("You have too many second factors; remove one first.")
            try:
                factors.insert_factor(connection, factor)
            except IntegrityError:
                raise NotPossible("This passkey is set up already.") from None
            is_first = not had
            if is_first:
                self._replace_codes(connection, factor.user_id, made)
            self._audit(connection, "second-factor-added", factor.user_id, factor.user_id, factor=factor.kind)
            session = self.sessions.find(connection, token, self.clock.now())
            if session is None or session.user.id != factor.user_id:
                raise NotAuthenticated(_SESSION_OVER)
            self._note_shown(connection, session)
            return is_first

        is_first = await self.database.write(work)
        self.rule.note(factor.user_id, enrolled=True)
        return Enrolled(made if is_first else [])

    async def new_recovery_codes(self, principal: Principal) -> Enrolled:
        """Replace all recovery codes."""
        made = _new_codes()

        def work(connection: Connection) -> None:
            self._replace_codes(connection, principal.id, made)
            self._audit(connection, "recovery-codes-made", principal.id, principal.id)

        await self.database.write(work)
        return Enrolled(made)

    async def remove(self, principal: Principal, factor_id: str) -> None:
        """Remove one factor; with the last, its recovery codes go.

        Raises:
            NotFound: there is none of this id.
        """

        def work(connection: Connection) -> bool:
            if not factors.delete_factor(connection, principal.id, factor_id):
                raise NotFound("There is no such second factor.")
            left = [row for row in factors.factors_of(connection, principal.id) if row.kind != RECOVERY]
            if not left:
                factors.delete_factors(connection, principal.id)
            self._audit(connection, "second-factor-removed", principal.id, principal.id)
            return bool(left)

        self.rule.note(principal.id, enrolled=await self.database.write(work))

    async def reset(self, user_id: UserId, *, actor: str) -> int:
        """Remove all factors of somebody who has lost them; all sessions end. Returns how many there were."""

        def work(connection: Connection) -> int:
            removed = factors.delete_factors(connection, user_id)
            people.delete_sessions_of(connection, user_id)
            self._audit(connection, "second-factor-reset", actor, user_id)
            self.guesses.pardon(connection, f"second:{user_id}")
            return removed

        removed = await self.database.write(work)
        self.rule.note(user_id, enrolled=False)
        return removed

    # -- showing one

    def shown(self, connection: Connection, token: str, principal: Principal, used: FactorRow | None) -> bool:
        """Note in the session that a factor was shown; False when none was.

        Raises:
            NotAuthenticated: the session is over.
        """
        session = self._session(connection, token, principal)
        return used is not None and self._note_shown(connection, session)

    def record(self, connection: Connection, tried: Try, used: FactorRow | None, *, why: str = "") -> None:
        """Count and record how a try ended."""
        if used is None:
            tried.guess.wrong(connection)
            audit.append(
                connection,
                at=self.clock.now(),
                kind="second-factor-failed",
                actor=f"unproven:{tried.peer}",
                user=tried.user_id,
                why=why or "used-before",
            )
            return
        tried.guess.right(connection)
        self._audit(
            connection, "second-factor", used.user_id, used.user_id, factor=used.kind, peer=tried.peer
        )

    # -- how

    def _note_shown(self, connection: Connection, session: Session) -> bool:
        """Note it in the session, which is a full sign-in from now on: wrong PINs are forgiven."""
        if not self.sessions.show_second(connection, session, self.clock.now()):
            return False
        self.guesses.pardon_person(connection, session.user.id)
        return True

    def _replace_codes(self, connection: Connection, user_id: UserId, codes: list[str]) -> None:
        from spoold.identity import one_time  # noqa: PLC0415 - loaded when used

        factors.delete_factors(connection, user_id, RECOVERY)
        for code in codes:
            row = FactorRow(
                id=str(uuid.uuid4()),
                user_id=user_id,
                kind=RECOVERY,
                label="",
                secret=one_time.recovery_hash(code),
                created_at=self.clock.now(),
            )
            factors.insert_factor(connection, row)

    def _session(self, connection: Connection, token: str, principal: Principal) -> Session:
        session = self.sessions.find(connection, token, self.clock.now())
        if session is None or session.user.id != principal.id:
            raise NotAuthenticated(_SESSION_OVER)
        return session

    def _audit(
        self, connection: Connection, kind: str, actor: str, user_id: UserId, **fields: object
    ) -> None:
        audit.append(connection, at=self.clock.now(), kind=kind, actor=actor, user=user_id, **fields)


def _new_codes() -> list[str]:
    from spoold.identity import one_time  # noqa: PLC0415 - loaded when used

    return one_time.new_recovery_codes()


def checked_label(label: str) -> str:
    """Return the name of a factor; raises NotPossible for what cannot be one."""
    stripped = label.strip()
    if not 0 < len(stripped) <= MAX_LABEL_CHARACTERS or not stripped.isprintable():
        raise NotPossible("Give it a name of up to 100 characters, such as the phone or key it is on.")
    return stripped
