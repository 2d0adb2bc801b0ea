"""What operators told a queue: pause, take no jobs, hold new ones. Durable, audited, and asked in memory."""

import enum
from datetime import datetime

from sqlalchemy import Connection

from spoold.database import records
from spoold.database.engine import Database
from spoold.model.errors import NotAccepting, NotPossible
from spoold.records import audit

# The facts of the database that are orders: "queue/NAME/ORDER" is the time from which it is in force.
_FACT = "queue/"


class Order(enum.StrEnum):
    """What a queue can be told."""

    # Nothing leaves the queue ("Pause-Printer", RFC 8011 4.2.7).
    PAUSE = "paused"
    # Nothing comes into it ("Disable-Printer", RFC 3998 3.1.1).
    DISABLE = "disabled"
    # What comes from now on waits, although the queue prints on arrival ("Hold-New-Jobs", RFC 3998 3.3.1).
    HOLD_NEW = "hold-new-jobs"


class QueueOrders:
    """The orders in force, by queue; a queue that is in nobody's configuration any more keeps its own."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, Order], datetime] = {}

    def load(self, connection: Connection) -> None:
        """Read what was ordered before this start."""
        for name, value in records.facts_beginning(connection, _FACT).items():
            queue, _, order = name.rpartition("/")
            self._since[queue, Order(order)] = datetime.fromisoformat(value)

    def since(self, queue: str, order: Order) -> datetime | None:
        """Return when this was ordered; None while it is not in force."""
        return self._since.get((queue, order))

    async def give(self, database: Database, queue: str, order: Order, *, actor: str, now: datetime) -> bool:
        """Put an order in force, durably; False when it is already."""
        if self.since(queue, order) is not None:
            return False

        def write(connection: Connection) -> None:
            records.set_fact(connection, f"{_FACT}{queue}/{order}", now.isoformat())
            audit.append(connection, at=now, kind=f"queue-{order}", actor=actor, queue=queue)

        await database.write(write)
        self._since[queue, order] = now
        return True

    async def lift(self, database: Database, queue: str, order: Order, *, actor: str, now: datetime) -> bool:
        """End an order, durably; False when it was not in force."""
        if self.since(queue, order) is None:
            return False

        def write(connection: Connection) -> None:
            records.forget_fact(connection, f"{_FACT}{queue}/{order}")
            audit.append(connection, at=now, kind=f"queue-not-{order}", actor=actor, queue=queue)

        await database.write(write)
        self._since.pop((queue, order), None)
        return True

    def check_accepting(self, queue: str) -> None:
        """Raise while the queue takes no jobs.

        Raises:
            NotAccepting: clients keep the job and try again.
        """
        if self.since(queue, Order.DISABLE) is not None:
            raise NotAccepting("This queue takes no jobs at the moment: an operator has closed it.")

    def check_running(self, queue: str) -> None:
        """Raise while nothing may leave the queue.

        Raises:
            NotPossible: in words for the job's owner.
        """
        if self.since(queue, Order.PAUSE) is not None:
            raise NotPossible(
                "An operator has paused this queue. Your job is still held; release it again later."
            )

    def check_passing(self, queue: str, arrived_at: datetime) -> None:
        """Raise when a job that arrived then must not go by itself.

        Raises:
            NotPossible: in words for the job's owner.
        """
        self.check_running(queue)
        since = self.since(queue, Order.HOLD_NEW)
        if since is not None and arrived_at >= since:
            raise NotPossible("An operator has new jobs of this queue wait.")
