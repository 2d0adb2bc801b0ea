"""A Database without a thread, so that a mocked clock may jump whenever every task waits."""

from collections.abc import Callable
from typing import TypeVar

import trio
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from spoold.database.engine import Database
from spoold.database.prepared import forget
from spoold.database.schema import metadata
from spoold.model.errors import Unavailable

T = TypeVar("T")


class InlineDatabase(Database):
    """The same tables and the same promises, in memory and in the caller's own task."""

    def __init__(self) -> None:
        self._memory = create_engine(
            "sqlite://",
            isolation_level="AUTOCOMMIT",
            poolclass=StaticPool,
            connect_args={"check_same_thread": False},
        )
        self._only = self._memory.connect()
        self._only.exec_driver_sql("PRAGMA foreign_keys=ON")
        metadata.create_all(self._only)
        self.shreds = 0
        self.refusing = 0
        self._why_failed = ""

    @property
    def failed(self) -> str:
        return self._why_failed

    def fail(self) -> None:
        """Behave as after a failed fsync from now on."""
        self._why_failed = "OperationalError"

    async def write(self, work: Callable[[Connection], T], *, short: bool = False) -> T:
        await trio.lowlevel.cancel_shielded_checkpoint()
        if self.refusing or self._why_failed:
            self.refusing = max(0, self.refusing - 1)
            raise Unavailable("The spooler's records could not be written; nothing was changed.")
        self._only.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            result = work(self._only)
        except BaseException:
            forget(self._only)
            self._only.exec_driver_sql("ROLLBACK")
            raise
        self._only.exec_driver_sql("COMMIT")
        return result

    async def read(self, work: Callable[[Connection], T], *, short: bool = False) -> T:
        await trio.lowlevel.cancel_shielded_checkpoint()
        return work(self._only)

    def shred_soon(self) -> None:
        self.shreds += 1

    def close(self) -> None:
        self._only.close()
        self._memory.dispose()
