"""Accounts by id, for jobs that go to the printer by themselves: the rules still ask about their owner."""

from spoold.database import people
from spoold.database.engine import Database
from spoold.model.ids import UserId
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
        user = await self._database.read(lambda connection: people.user_by_id(connection, user_id), short=True)
        if user is None or user.disabled:
            return None
        return Principal(
            id=user.id,
            name=user.name,
            groups=user.groups,
            role=user.role,
            method=Method.ON_ARRIVAL,
            proven_at=self._clock.now(),
        )
