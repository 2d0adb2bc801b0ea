"""People for whom somebody else vouched, and who cannot be asked about: known by their rows, for a term."""

from datetime import timedelta

from spoold.database import people
from spoold.database.engine import Database
from spoold.database.people import UserRow
from spoold.identity.provider import Finding, NotHere, Rejected, finding_of
from spoold.identity.secret import Secret
from spoold.model.errors import NotAuthorized
from spoold.model.ids import UserId
from spoold.runtime.clock import Clock

# Why a `Rejected` account is one: nobody has vouched for it within the term.
TERM_OVER = "not-vouched-for"
_SIGN_IN = "It is too long since you signed in through your organisation. Sign in at the portal again."


class SignInAgain(NotAuthorized):
    """Nobody has vouched for this person lately; a sign-in at the portal, through the provider, mends it."""

    kind = "sign-in-again"
    # As `RefusedByPolicy`: on 0403 CUPS clients would ask for a password that nobody has.
    ipp_status = 0x040B

    def __init__(self, **fields: object) -> None:
        super().__init__(_SIGN_IN, **fields)


class Term:
    """For how long somebody is known for whom a provider without a directory vouched.

    Args:
        provider: whose people these are; all others can be asked about, and have no term.
        known_for: after the provider vouched last.
    """

    def __init__(self, provider: str, known_for: timedelta, clock: Clock) -> None:
        self._provider = provider
        self._known_for = known_for
        self._clock = clock

    def is_over(self, row: UserRow) -> bool:
        """Tell whether too much time has passed; so it has for whoever nobody ever vouched for."""
        if row.provider != self._provider:
            return False
        return row.vouched_at is None or self._clock.now() - row.vouched_at >= self._known_for


class KeptPeople:
    """A provider without a source: accounts that an OpenID provider brought, say."""

    def __init__(self, name: str, database: Database, term: Term) -> None:
        self.name = name
        self._database = database
        self._term = term

    async def check(self, _name: str, _password: Secret) -> Finding:
        """Know nobody: nobody has a password here."""
        return NotHere()

    async def find(self, _name: str) -> Finding:
        """Know nobody by name: whoever vouches for these people tells them by their ids."""
        return NotHere()

    async def again(self, account_id: UserId) -> Finding:
        """Look an account up by its id."""
        row = await self._database.read(
            lambda connection: people.user_by_id(connection, account_id), short=True
        )
        if row is not None and not row.disabled and self._term.is_over(row):
            return Rejected(row.id, TERM_OVER)
        return finding_of(row, self.name)

    def alias(self, _name: str) -> str | None:
        """Return nothing: no typed name is for us."""
        return None
