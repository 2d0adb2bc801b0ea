"""The database: one connection, used by one thread at a time, and one fsync for all that waits."""

import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
import trio
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from spoold.database.records import forget_fact, get_fact, set_fact
from spoold.database.transaction import CLOSED, Work, is_full, roll_back, run_batch
from spoold.database.wal import Wal
from spoold.model.errors import SpoolError, Unavailable

T = TypeVar("T")
log = structlog.get_logger()

# One transaction holds at most this many pieces of work, so that the first client does not wait for the last,
# and the event loop is not kept for more than about 20 ms.
MAX_BATCH = 128
# Pages that held shredded keys leave the WAL within this time (docs/formats.md, shredding).
SHRED_WITHIN_S = 5.0
# The fact that is there between an orderly end and the next start. Reading 50,000 held jobs through takes
# seconds, which a crash is worth and an update is not.
_CLOSED = "database-closed"

_PRAGMAS: tuple[str, ...] = (
    "PRAGMA journal_mode=WAL",
    # Commits are synced by `Wal.sync`, in a thread of its own and before anybody hears of them.
    "PRAGMA synchronous=NORMAL",
    "PRAGMA secure_delete=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=2000",
    # The WAL is folded between batches: a commit never waits for a checkpoint.
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA cache_size=-8192",
)


class Database:
    """SQLite through SQLAlchemy Core, with group commit.

    There is one connection, so that SQLite's WAL has a single writer and a single checkpointer. *Short* work
    (a few rows by their keys) runs in the event loop's thread as soon as the connection is free: two threads
    that hand each other the interpreter lock at every statement cost more than the statements. Everything
    else runs in the database's own thread, and so do syncs and checkpoints: the loop never waits for the
    disk. What arrives during a sync is the next batch.

    Resource handling: `open` starts the thread, `close` finishes what waits and stops it.
    Error handling: an error inside one piece of work rolls back that piece alone and is raised to
    its caller; an error of the commit or of the sync fails every piece of the batch and puts the database
    into the failed state, in which everything is refused until the daemon starts anew.
    """

    def __init__(self, path: Path, *, on_failure: Callable[[str], None] | None = None) -> None:
        self._path = path
        self._on_failure = on_failure
        self._engine = create_engine(
            f"sqlite:///{path}",
            isolation_level="AUTOCOMMIT",
            poolclass=StaticPool,
            # Parameters are keys, hashes and names: they must not reach a log through an exception's text.
            hide_parameters=True,
            connect_args={"check_same_thread": False, "cached_statements": 256},
        )
        event.listen(self._engine, "connect", _configure)
        self._opened: tuple[Connection, Wal] | None = None
        self._thread: threading.Thread | None = None
        self._orders: queue.SimpleQueue[Callable[[Connection, Wal], None] | None] = queue.SimpleQueue()
        self._short: deque[Work] = deque()
        self._long: deque[Work] = deque()
        # Whether the thread has an order, and with it the connection.
        self._busy = False
        self._long_is_next = False
        self._fold_is_due = False
        self._shred_since_s: float | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._failed = ""
        self._closed = False

    @property
    def failed(self) -> str:
        """Why the database is not usable any more; empty while it is."""
        return self._failed

    def open(self, migrate: Callable[[Connection], None]) -> None:
        """Connect, check the file, bring the tables up to date, and start the thread.

        Raises:
            Unavailable: the file is damaged or cannot be opened.
        """
        try:
            connection = self._engine.connect()
            if not _was_closed(connection):
                _check(connection)
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                migrate(connection)
                forget_fact(connection, _CLOSED)
            except SpoolError:
                connection.exec_driver_sql("ROLLBACK")
                connection.close()
                raise
            connection.exec_driver_sql("COMMIT")
            wal = Wal(self._path)
            wal.sync()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            public = "The database cannot be opened."
            raise Unavailable(public, path=str(self._path), error=str(error)) from error
        self._opened = connection, wal
        self._thread = threading.Thread(
            target=self._serve, args=(connection, wal), name="database", daemon=True
        )
        self._thread.start()

    async def write(self, work: Callable[[Connection], T], *, short: bool = False) -> T:
        """Run the work inside a transaction and return its result once that transaction is durable.

        Not cancelled half way: once queued, the work is waited for, because a caller that does not
        know whether it happened could not tell its client the truth.

        Args:
            short: it touches a few rows by their keys; it then runs in the event loop's thread.
        """
        return await self._submit(work, writes=True, short=short)

    async def read(self, work: Callable[[Connection], T], *, short: bool = False) -> T:
        """Run the work on what is committed and durable, and return its result.

        Args:
            short: as for `write`.
        """
        return await self._submit(work, writes=False, short=short)

    def shred_soon(self) -> None:
        """Have the WAL cut within `SHRED_WITHIN_S`: it still holds keys that were deleted."""
        if self._shred_since_s is None:
            self._shred_since_s = time.monotonic()

    def close(self) -> None:
        """Finish what waits, fold the WAL and close the file."""
        if self._closed:
            return
        self._closed = True
        self._orders.put(None)
        if self._thread is not None:
            self._thread.join()
        if self._opened is not None:
            connection, wal = self._opened
            while waiting := self._take(self._short) + self._take(self._long):
                self._run(waiting, connection, wal)
                _finish(waiting)
            if not self._failed:
                _say_closed(connection)
                self._fold(connection, wal, cut=True)
            wal.close()
            connection.close()
        self._engine.dispose()

    # -- in the event loop's thread --

    async def _submit(self, run: Callable[[Connection], T], *, writes: bool, short: bool) -> T:
        if self._failed or self._closed:
            raise Unavailable(CLOSED, cause=self._failed)
        work = Work(run, writes, short)
        (self._short if short else self._long).append(work)
        self._token = trio.lowlevel.current_trio_token()
        if not self._busy:
            self._advance()
        if not work.done.is_set():
            with trio.CancelScope(shield=True):
                await work.done.wait()
        if work.error is not None:
            raise work.error
        result: T = work.result
        return result

    def _advance(self) -> None:
        """Give the connection to whatever is next, until the thread has it or nothing waits."""
        while not self._busy and not self._closed and self._opened is not None:
            if self._fold_is_due:
                self._order(partial(self._fold_by_order, cut=self._shred_since_s is not None))
            elif self._long and (self._long_is_next or not self._short):
                self._long_is_next = False
                self._order(partial(self._run_by_order, self._take(self._long)))
            elif self._short:
                self._long_is_next = True
                self._run_short(self._take(self._short), self._opened[0])
            else:
                return

    def _run_short(self, batch: list[Work], connection: Connection) -> None:
        if self._failed:
            _refuse(batch, self._failed)
        else:
            failure = run_batch(connection, batch)
            if failure is not None:
                self._fail(failure)
            elif any(work.writes and work.error is None for work in batch):
                self._order(partial(self._sync_by_order, batch))
                return
        _finish(batch)

    def _order(self, order: Callable[[Connection, Wal], None]) -> None:
        self._busy = True
        self._orders.put(order)

    def _settled(self, batch: Sequence[Work], *, wal_is_long: bool) -> None:
        """Go on after an order was carried out; called in the loop's thread by the database's."""
        self._busy = False
        since_s = self._shred_since_s
        overdue = since_s is not None and time.monotonic() - since_s > SHRED_WITHIN_S / 2
        self._fold_is_due = not self._failed and (wal_is_long or overdue)
        _finish(batch)
        self._advance()

    def _fold_if_idle(self) -> None:
        if not self._busy and self._shred_since_s is not None and not self._failed:
            self._fold_is_due = True
            self._advance()

    @staticmethod
    def _take(waiting: deque[Work]) -> list[Work]:
        return [waiting.popleft() for _ in range(min(len(waiting), MAX_BATCH))]

    # -- in the database's thread --

    def _serve(self, connection: Connection, wal: Wal) -> None:
        while True:
            try:
                order = self._orders.get(timeout=SHRED_WITHIN_S / 4)
            except queue.Empty:
                if self._shred_since_s is not None:
                    self._tell(self._fold_if_idle)
                continue
            if order is None:
                return
            order(connection, wal)

    def _sync_by_order(self, batch: Sequence[Work], _connection: Connection, wal: Wal) -> None:
        self._sync(batch, wal)
        self._tell(partial(self._settled, batch, wal_is_long=not self._failed and wal.is_long()))

    def _run_by_order(self, batch: Sequence[Work], connection: Connection, wal: Wal) -> None:
        self._run(batch, connection, wal)
        self._tell(partial(self._settled, batch, wal_is_long=not self._failed and wal.is_long()))

    def _fold_by_order(self, connection: Connection, wal: Wal, *, cut: bool) -> None:
        self._fold(connection, wal, cut=cut)
        self._tell(partial(self._settled, (), wal_is_long=False))

    def _run(self, batch: Sequence[Work], connection: Connection, wal: Wal) -> None:
        if self._failed:
            # Also what was queued before the failure: this connection is not trusted with anything more.
            _refuse(batch, self._failed)
            return
        try:
            failure = run_batch(connection, batch)
        except Exception as error:  # noqa: BLE001 - without this thread every caller would wait for ever
            failure = error
        if failure is not None:
            self._fail(failure)
            _refuse(batch, self._failed)
        elif any(work.writes and work.error is None for work in batch):
            self._sync(batch, wal)

    def _sync(self, batch: Sequence[Work], wal: Wal) -> None:
        try:
            wal.sync()
        except OSError as error:
            # fsync that failed once may "succeed" on a second try although the data is gone (PostgreSQL,
            # 2018): nothing is tried again on this file.
            self._fail(error)
            _refuse(batch, self._failed)

    def _fold(self, connection: Connection, wal: Wal, *, cut: bool) -> None:
        since_s, self._shred_since_s = self._shred_since_s, None
        try:
            done = wal.fold(connection, cut=cut)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            if not is_full(error):
                roll_back(connection)
                self._fail(error)
                return
            # Nothing is lost: the WAL keeps what it has until there is room, and the shredding is still due.
            self._put_off_shredding(since_s, "the disk is full")
        else:
            if not done:
                self._put_off_shredding(since_s, "another process reads the database")

    def _put_off_shredding(self, since_s: float | None, why: str) -> None:
        self._shred_since_s = None if since_s is None else time.monotonic()
        log.warning("wal-not-folded", error=why)

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            if self._token is not None:
                self._token.run_sync_soon(call)
        except trio.RunFinishedError:
            # The loop that asked is gone, and nobody is left to be told; the next one finds the way free.
            self._busy = False

    def _fail(self, error: Exception) -> None:
        self._failed = type(error).__name__
        log.error("database-failed", error=str(error.__cause__ or error))
        if self._on_failure is not None:
            self._on_failure(self._failed)


def _was_closed(connection: Connection) -> bool:
    """Tell whether the last run closed the database in order, so that the whole file need not be read."""
    there = "SELECT 1 FROM sqlite_master WHERE name = 'facts'"
    return connection.exec_driver_sql(there).scalar() is not None and bool(get_fact(connection, _CLOSED))


def _say_closed(connection: Connection) -> None:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        set_fact(connection, _CLOSED, "in order")
        connection.exec_driver_sql("COMMIT")
    except (SQLAlchemyError, sqlite3.Error) as error:
        # The next start reads the file through, as after a crash; nothing else depends on it.
        log.warning("database-not-marked", error=type(error).__name__)
        roll_back(connection)


def _check(connection: Connection) -> None:
    verdict = connection.exec_driver_sql("PRAGMA quick_check").scalar()
    if verdict != "ok":
        raise Unavailable("The database is damaged; restore it from a backup.", verdict=verdict)


def _refuse(batch: Sequence[Work], why: str) -> None:
    for work in batch:
        work.refuse(Unavailable(CLOSED, cause=why))


def _finish(batch: Sequence[Work]) -> None:
    for work in batch:
        work.done.set()


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
