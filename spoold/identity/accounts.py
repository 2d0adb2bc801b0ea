"""Accounts that nobody signed in to: owners of jobs that print by themselves, senders known by address."""

from spoold.database import people
from spoold.database.engine import Database
from spoold.database.people import UserRow
from spoold.identity.provider import account_of
from spoold.model.ids import UserId, canonical_name
from spoold.model.principal import Method, Principal
from spoold.runtime.clock import Clock


class Accounts:
    """Looks accounts up as they are now."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, user_id: UserId) -> Principal | None:
        """Return the person of an account, None when it is gone or closed.

        Nobody proved anything just now, and the method says so.
        """
        user = await self._database.read(
            lambda connection: people.user_by_id(connection, user_id), short=True
        )
        return self._principal(user, Method.ON_ARRIVAL)

    async def at_address(self, name: str) -> Principal | None:
        """Return the person whom the configuration knows by the address of a machine; None as `of`.

        Args:
            name: as the configuration writes it.
        """
        user = await self._database.read(
            lambda connection: people.user_by_name(connection, canonical_name(name)), short=True
        )
        return self._principal(user, Method.ADDRESS)

    def _principal(self, user: UserRow | None, method: Method) -> Principal | None:
        if user is None or user.disabled:
            return None
        return account_of(user).principal(method, self._clock.now())
