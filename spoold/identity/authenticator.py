"""Identity: the one place that turns what somebody presents into a Principal, or refuses."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import trio
from sqlalchemy import Connection

from spoold.database.engine import Database
from spoold.identity.admission import Admission
from spoold.identity.cache import ProofCache
from spoold.identity.claim import Claim, typed_name
from spoold.identity.guesses import Guesses
from spoold.identity.local import LocalUsers, User
from spoold.identity.offices import Offices
from spoold.identity.provider import Accepted, Account, Authenticator
from spoold.identity.providers import Providers
from spoold.identity.refused import Check, RefusedProofs
from spoold.identity.second_rule import SecondRule
from spoold.identity.secret import Secret
from spoold.identity.sessions import Session, Sessions
from spoold.identity.signing import SignIns
from spoold.identity.throttle import Attempt, Throttle
from spoold.identity.turns import FIRST, ranked
from spoold.model.errors import NotAuthenticated, NotAuthorized, SpoolError, TooManyAttempts, Unavailable
from spoold.model.principal import Method, Principal, Role
from spoold.records import audit
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

# One text for every reason: a stranger learns neither which names exist nor which are closed.
WRONG = "The user name or password is not right."
_SESSION_OVER = "You are not signed in any more. Sign in again."
# Every failure takes a whole number of these where a directory is asked: how long the directory took, and
# whether it was asked at all, tells a stranger which names exist and where.
FAILURE_GRID_S = 0.5
# As long as a client takes to try an old password for one job (CUPS: six times in a few seconds). Less than
# people need to have their password changed in a directory, and to try the new one.
REFUSED_ELSEWHERE_S = 60.0
_BASIC = "basic"

_Also = Callable[[Connection, Account], None]


class Identity(Admission):
    """Who somebody is.

    Error handling: database, audit chain or provider in doubt raise `Unavailable`: nobody is let in
    on a guess. Every checked password, right or wrong, is an audit record in a transaction of its own
    that is durable before the answer; attempts turned away by throttling are recorded once a lock.

    Args:
        users: spoold's own accounts.
        order: the providers to ask, in turn; the first that knows the name decides.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        users: LocalUsers,
        order: Sequence[Authenticator] | None = None,
        throttle: Throttle | None = None,
        cache: ProofCache | None = None,
        sessions: Sessions | None = None,
        second: SecondRule | None = None,
    ) -> None:
        self._throttle = throttle or Throttle(clock)
        providers = Providers((users,) if order is None else order)
        super().__init__(
            database=database,
            clock=clock,
            metrics=metrics,
            providers=providers,
            sessions=sessions or Sessions(),
            records=SignIns(database, clock, self._throttle, providers),
            second=second or SecondRule(),
            guesses=Guesses(database, clock, self._throttle),
        )
        self._users = users
        self._cache = cache or ProofCache(clock)
        self._refused = RefusedProofs(clock)
        self._offices = Offices(clock, self.confirmed)

    @property
    def throttle(self) -> Throttle:
        """What counts failures: wrong answers to other secrets count for the same places."""
        return self._throttle

    # -- proving

    async def authenticate(
        self, name: str, password: str, *, peer: str, fresh: bool, in_person: bool = False
    ) -> Principal:
        """Check a name and password, as HTTP Basic carries them with every request.

        Args:
            name: as typed.
            peer: numeric address of the client.
            fresh: check the password itself, whatever was proven minutes ago; for everything that
                lets paper out or changes an account.
            in_person: somebody has just typed it, and no client keeps it: wrong PINs are forgiven.

        Raises:
            NotAuthenticated: wrong, unknown or closed.
            NotAuthorized: right, and not enough: a second factor is missing (`SecondRule.bounded`).
            TooManyAttempts: throttled; `fields["retry_after_s"]` says for how long.
            Busy, Unavailable: not decided; try again later.
        """
        claim = self._claim(name, password, peer, Method.BASIC)
        if not fresh and (known := self._remembered(claim)) is not None:
            return self.second.bounded(known, fresh=fresh)
        also = partial(self._typed, Method.BASIC) if in_person else None
        return self.second.bounded(await self._prove(claim, remembered=not fresh, also=also), fresh=fresh)

    async def sign_in(self, name: str, password: str, *, peer: str) -> tuple[str, Principal]:
        """Check a name and password and start a session; returns its token and who it is.

        The token is always a new one; an old session of the same browser is for the caller to end.

        Raises:
            as for `authenticate`.
        """
        claim = self._claim(name, password, peer, Method.PASSWORD)
        token = ""

        def begin(connection: Connection, account: Account) -> None:
            nonlocal token
            self._typed(Method.PASSWORD, connection, account)
            token = self._sessions.begin(connection, account.id, account.epoch, self._clock.now())

        principal = await self._prove(claim, also=begin)
        return token, principal

    async def confirm(self, token: str, password: str, *, peer: str) -> Principal:
        """Check the password again inside a session, for what needs a fresh proof.

        Raises:
            NotAuthenticated: wrong, or the session is over.
            others: as for `authenticate`.
        """
        session = await self._find(token)
        if session is None:
            raise NotAuthenticated(_SESSION_OVER)

        def prove(connection: Connection, account: Account) -> None:
            if account.id != session.row.user_id:
                raise NotAuthenticated(_SESSION_OVER)
            if not self._sessions.prove(connection, session, self._clock.now()):
                raise NotAuthenticated(_SESSION_OVER)
            self._typed(Method.SESSION, connection, account, second_at=session.row.second_at)

        claim = self._claim(session.user.name, password, peer, Method.SESSION)
        proven = await self._prove(claim, also=prove)
        return replace(proven, second_at=session.row.second_at, station=session.row.station)

    async def principal_of(self, token: str, *, used: bool = True) -> Principal | None:
        """Return whose session this is, with the role they have now; None when it is nobody's any more.

        Args:
            used: whether a person did something; a page that refreshes itself passes False, so that an
                open tab does not keep a session alive.
        """
        session = await self._find(token)
        if session is None:
            return None
        now = self._clock.now()
        if used and self._sessions.needs_touch(session, now):
            await self._database.write(
                lambda connection: self._sessions.touch(connection, session, now), short=True
            )
        try:
            return await self._offices.held(session.principal)
        except NotAuthorized:
            # The account is gone or closed where it is kept; its sessions have ended.
            return None

    async def sign_out(self, token: str) -> None:
        """End a session; one that has ended before is fine."""

        def work(connection: Connection) -> None:
            ended = self._sessions.end(connection, token)
            if ended is not None:
                audit.append(connection, at=self._clock.now(), kind="sign-out", actor=ended.user_id)

        await self._database.write(work)

    # -- accounts

    async def add_user(
        self,
        name: str,
        password: str,
        *,
        groups: Iterable[str] = (),
        role: Role = Role.USER,
        display_name: str = "",
        actor: str = "spoold",
    ) -> User:
        """Create a local account.

        Raises:
            NotPossible: the name is taken or cannot be one, or the password is too weak.
        """
        added = await self._users.add(
            name,
            Secret(password),
            groups=frozenset(groups),
            role=role,
            display_name=display_name,
            actor=actor,
        )
        # A directory's person may have had the name until now.
        self._forget(added.name, 0)
        return added

    async def set_password(self, name: str, password: str, *, actor: str = "spoold") -> None:
        """Give a local account a new password; its sessions and remembered proofs end.

        Raises:
            NotFound, NotPossible: no such account, or the password is too weak.
        """
        row = await self._users.set_password(name, Secret(password), actor=actor)
        self._forget(row.name, row.epoch)

    async def disable_user(self, name: str, *, actor: str = "spoold") -> None:
        """Close a local account; its sessions and remembered proofs end."""
        row = await self._users.set_disabled(name, disabled=True, actor=actor)
        self._forget(row.name, row.epoch)

    async def enable_user(self, name: str, *, actor: str = "spoold") -> None:
        """Open a closed local account again."""
        row = await self._users.set_disabled(name, disabled=False, actor=actor)
        self._forget(row.name, row.epoch)

    async def list_users(self) -> list[User]:
        """Return all local accounts by name."""
        return await self._users.all()

    def _forget(self, name: str, epoch: int) -> None:
        """Forget what was right and what was wrong for an account that has just changed."""
        self._cache.forget(name, epoch)
        self._refused.forget(name)

    # -- how

    async def _prove(self, claim: Claim, *, remembered: bool = False, also: _Also | None = None) -> Principal:
        """Check a claim under the throttle's eye and record how it ended.

        Args:
            remembered: whether a proof that was made while this one waited its turn is good enough: of
                many requests that one client sends at once, the first checks.
            also: done in the transaction that records the success; what it raises undoes both.
        """
        try:
            await self._records.restore()
            if await self._refused.answers(claim):
                raise NotAuthenticated(WRONG)
            check = self._refused.check(claim)
            async with self._throttle.attempt(claim.counted, claim.peer) as attempt:
                if self._refused.holds(claim):
                    # Refused while this one waited its turn: of many alike, the first is checked and counts.
                    raise NotAuthenticated(WRONG)
                if remembered and (known := self._remembered(claim)) is not None:
                    return known
                # Whoever hangs up after sending a guess has guessed all the same.
                with trio.CancelScope(shield=True):
                    account = await self._checked(attempt, claim, also, check)
        except TooManyAttempts as error:
            self._metrics.sign_in("throttled")
            if error.fields["first"]:
                await self._records.throttled(claim)
            raise
        except NotAuthenticated:
            self._metrics.sign_in("rejected")
            raise
        except SpoolError:
            self._metrics.sign_in("unavailable")
            raise
        self._metrics.sign_in("accepted")
        principal = account.principal(claim.method, self._clock.now())
        if claim.method is Method.BASIC:
            self._cache.remember(_BASIC, claim.name, claim.password, account.epoch, principal)
        return principal

    def _typed(
        self, method: Method, connection: Connection, account: Account, second_at: datetime | None = None
    ) -> None:
        """Note that somebody typed the right password, and what else was shown in this session."""
        principal = account.principal(method, self._clock.now())
        self._forgive(connection, replace(principal, second_at=second_at))

    async def _checked(self, attempt: Attempt, claim: Claim, also: _Also | None, check: Check) -> Account:
        began_s = trio.current_time()
        try:
            with ranked(attempt.rank):
                provider, finding = await self.providers.check(claim)
        except Unavailable as error:
            if error.fields.get("guessed") and attempt.rank != FIRST:
                # Sent, and no answer: a directory that is slow to say no is no place to guess for nothing.
                # One that is down shuts nobody out of the usual desk.
                attempt.failed()
            raise
        if not isinstance(finding, Accepted):
            attempt.failed()
            await self._records.failed(claim, finding)
            await self._pad(began_s)
            # What a directory refuses may be right there the next moment; our own accounts tell us.
            self._refused.remember(check, ttl_s=None if provider is self._users else REFUSED_ELSEWHERE_S)
            raise NotAuthenticated(WRONG)
        account = finding.account
        attempt.succeeded()

        def record(connection: Connection) -> Account:
            settled = self._records.succeeded(connection, account, method=claim.method, peer=claim.peer)
            if settled is None:
                raise NotAuthenticated(WRONG)
            self._records.counts(connection, claim, settled)
            if also is not None:
                also(connection, settled)
            return settled

        return await self._database.write(record)

    async def _pad(self, began_s: float) -> None:
        """Let a failure take a whole number of grid steps, where more than our own accounts are asked."""
        if len(self.providers.order) > 1 or self.providers.order[0] is not self._users:
            await trio.sleep(FAILURE_GRID_S - (trio.current_time() - began_s) % FAILURE_GRID_S)

    def _claim(self, name: str, password: str, peer: str, method: Method) -> Claim:
        typed = typed_name(name)
        return Claim(typed, Secret(password), peer, method, self.providers.counted(typed))

    def _remembered(self, claim: Claim) -> Principal | None:
        return self._cache.find(_BASIC, claim.name, claim.password)

    async def _find(self, token: str) -> Session | None:
        now = self._clock.now()
        return await self._database.read(
            lambda connection: self._sessions.find(connection, token, now), short=True
        )
