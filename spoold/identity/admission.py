"""People who were proven by other means than a password; and everybody, as their provider has them now."""

from dataclasses import replace

from sqlalchemy import Connection

from spoold.database import people
from spoold.database.engine import Database
from spoold.database.people import UserRow
from spoold.identity.claim import typed_name
from spoold.identity.guesses import Guesses
from spoold.identity.kept import TERM_OVER, SignInAgain
from spoold.identity.people_of_directories import overlaid, settle
from spoold.identity.presence import Presences
from spoold.identity.provider import LOCAL, Accepted, Account, Finding, NotHere, Rejected
from spoold.identity.providers import Providers
from spoold.identity.second_rule import SecondRule
from spoold.identity.sessions import Sessions
from spoold.identity.signing import SignIns
from spoold.model.errors import NotAuthenticated, NotAuthorized
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role
from spoold.records import audit
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

_ROLES = tuple(Role)
# Why a name is somebody's that no provider knows: there is a row of that name.
KNOWN_HERE = "known-here"
CLOSED = "Your account is closed. Ask an administrator."


class Admission:
    """Looks people up and takes them in; the part of `Identity` that sees no password."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        metrics: Metrics,
        providers: Providers,
        sessions: Sessions,
        records: SignIns,
        second: SecondRule,
        guesses: Guesses,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self.providers = providers
        self._sessions = sessions
        self._records = records
        self.second = second
        """Who has to show a second factor; every door asks it about whoever came without one."""
        self.guesses = guesses
        """What counts wrong answers to short secrets; a sign-in in person forgives those of a PIN."""
        self.presences = Presences(clock, self.confirmed)
        """Whether people still have their accounts, for what works while they are away."""

    async def lookup(self, name: str, *, provider: str | None = None) -> Account | None:
        """Return the account that signs in under this name, by asking the providers in turn.

        Args:
            name: as typed, "DOMAIN\\name" and "name@domain" too.
            provider: ask only this one.

        Raises:
            Unavailable, Busy: a provider cannot be asked.
        """
        finding = await self.providers.find(typed_name(name), only=provider)
        return await self._as_recorded(finding.account) if isinstance(finding, Accepted) else None

    async def whose(self, name: str) -> Finding:
        """Find out whether a name is anybody's, without a password.

        So it is while there is a row of that name: of people whom an OpenID provider brought nobody can be
        asked about by name, and whoever is gone from a directory may have left jobs behind.

        Args:
            name: as a client sent it, "DOMAIN\\name" and "name@domain" too.

        Returns:
            `Rejected` with `KNOWN_HERE` for whoever is known by a row alone.

        Raises:
            Unavailable, Busy: a provider cannot be asked.
        """
        typed = typed_name(name)
        finding = await self.providers.find(typed)
        if not isinstance(finding, NotHere):
            return finding
        forms = {typed, self.providers.counted(typed)} - {""}

        def look(connection: Connection) -> UserId | None:
            known = (people.id_of_name(connection, form) for form in sorted(forms))
            return next((one for one in known if one is not None), None)

        known = await self._database.read(look, short=True)
        return finding if known is None else Rejected(known, KNOWN_HERE)

    async def distinct(self, account: Account) -> Account:
        """Return an account of a provider that chooses names without us, under a name that is no other's.

        Raises:
            Unavailable, Busy: a provider that may know somebody by this name cannot be asked.
        """
        return await self.providers.distinct(account)

    async def account_of(self, user_id: UserId) -> Account | None:
        """Return an account that was here before as its provider has it now; None when it is gone or closed.

        Raises:
            SignInAgain: nobody has vouched for the person within the term; for the person to read.
            Unavailable, Busy: its provider cannot be asked.
        """
        row = await self._database.read(lambda connection: people.user_by_id(connection, user_id), short=True)
        if row is None or row.disabled:
            return None
        finding = await self.providers.again(row.id, row.provider)
        if isinstance(finding, Rejected) and finding.why == TERM_OVER:
            raise SignInAgain(user=row.id)
        return await self._as_recorded(finding.account) if isinstance(finding, Accepted) else None

    async def owner_now(self, user_id: UserId) -> Principal | None:
        """Return the person of an account for whom nobody proves anything just now; None after the term, too.

        Raises:
            Unavailable, Busy: its provider cannot be asked.
        """
        try:
            account = await self.account_of(user_id)
        except SignInAgain:
            # Whoever asks is somebody else as a rule, and cannot sign in for this person.
            return None
        return None if account is None else account.principal(Method.ON_ARRIVAL, self._clock.now())

    async def admit(self, account: Account, *, method: Method, peer: str) -> Principal:
        """Take somebody in whose account was looked up, and who was proven by other means than a password.

        Raises:
            NotAuthenticated: the account is closed, or has changed meanwhile.
            Unavailable: it cannot be recorded.
        """

        def record(connection: Connection) -> Account:
            settled = self._records.succeeded(connection, account, method=method, peer=peer)
            if settled is None:
                raise NotAuthenticated(CLOSED)
            return settled

        settled = await self._database.write(record)
        self._metrics.sign_in("accepted")
        return settled.principal(method, self._clock.now())

    async def open_session(self, principal: Principal, *, station: str | None = None) -> str:
        """Start a session for somebody who was just proven; returns its token.

        The session keeps how and when that was, and when a second factor was shown.

        Raises:
            NotAuthenticated: the account has been closed meanwhile.
        """

        def begin(connection: Connection) -> str:
            row = people.user_by_id(connection, principal.id)
            if row is None or row.disabled:
                raise NotAuthenticated(CLOSED)
            self._forgive(connection, principal)
            return self._sessions.begin(
                connection,
                row.id,
                row.epoch,
                self._clock.now(),
                method=principal.method,
                proven_at=principal.proven_at,
                second_at=principal.second_at,
                station=station,
            )

        return await self._database.write(begin)

    async def confirmed(self, principal: Principal) -> Principal:
        """Return somebody with the groups and role of this moment, as the provider of the account has them.

        A role is lowered here, never raised: tokens and print URIs have less than their owners.

        For everything that lets paper out. Nothing that was remembered is used: a directory that cannot be
        asked is a no.

        Raises:
            SignInAgain: nobody has vouched for the person within the term; the sessions end.
            NotAuthorized: the account is gone or closed; its sessions end.
            Unavailable, Busy: its provider cannot be asked.
        """
        if principal.method is Method.CONTROL_SOCKET:
            return principal
        finding = await self.providers.again(principal.id, principal.provider)
        if not isinstance(finding, Accepted):
            await self._end_sessions(principal.id)
            if isinstance(finding, Rejected) and finding.why == TERM_OVER:
                raise SignInAgain(user=principal.id)
            raise NotAuthorized(CLOSED, user=principal.id)
        account = finding.account
        if account.provider != LOCAL:
            account = await self._settled(account)
        return replace(
            principal,
            name=account.name,
            groups=account.groups,
            role=min(principal.role, account.role, key=_ROLES.index),
            display_name=account.display_name,
        )

    def _forgive(self, connection: Connection, principal: Principal) -> None:
        """Forget the wrong PINs of somebody who is here and has just shown completely who they are.

        For sessions and passwords that a person types. Not for clients that send what they have kept with
        each job: whoever tries somebody's PINs at a printer would have five more with each.
        """
        if principal.method is not Method.BADGE and not self.second.is_missing(principal):
            self.guesses.pardon_person(connection, principal.id)

    async def _as_recorded(self, account: Account) -> Account | None:
        row = await self._database.read(
            lambda connection: people.user_by_id(connection, account.id), short=True
        )
        return overlaid(row, account)

    async def _settled(self, account: Account) -> Account:
        """Return a directory's account under its name here; what has changed there is written down."""
        row = await self._database.read(
            lambda connection: people.user_by_id(connection, account.id), short=True
        )
        as_recorded = overlaid(row, account)
        if row is not None and as_recorded is not None and _says(row) == _says(as_recorded):
            return as_recorded

        def change(connection: Connection) -> Account:
            settled = settle(connection, account, self._clock.now(), self.providers.names)
            if settled is None:
                raise NotAuthorized(CLOSED, user=account.id)
            audit.append(
                connection,
                at=self._clock.now(),
                kind="user-changed-in-directory",
                actor="spoold",
                user=account.id,
                role=account.role.value,
                groups=sorted(account.groups),
            )
            return settled

        return await self._database.write(change)

    async def _end_sessions(self, user_id: UserId) -> None:
        def work(connection: Connection) -> None:
            if self._sessions.end_all(connection, user_id):
                now = self._clock.now()
                audit.append(connection, at=now, kind="sessions-ended", actor="spoold", user=user_id)

        await self._database.write(work)


def _says(account: Account | UserRow) -> tuple[object, ...]:
    return account.name, account.groups, account.role, account.display_name
