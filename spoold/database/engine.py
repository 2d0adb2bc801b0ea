"""The database: one writer thread owns the only connection and commits all that waits as one transaction."""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog
import trio
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from spoold.database.prepared import driver_of
from spoold.model.errors import SpoolError, Unavailable

T = TypeVar("T")
log = structlog.get_logger()

# One transaction holds at most this many pieces of work, so that the first client does not wait for the last.
MAX_BATCH = 256
# A WAL larger than this is folded back between batches: it bounds recovery time and disk use.
MAX_WAL_BYTES = 16 * 1024 * 1024
# How often its size is looked at: at the highest rates it grows by a few MiB meanwhile.
WAL_LOOK_S = 0.1
# Pages that held shredded keys leave the WAL within this time (docs/formats.md, shredding).
SHRED_WITHIN_S = 5.0
_CLOSED = "The spooler's records are closed; nothing was changed."
_REFUSED = "The spooler's records could not be read or written; nothing was changed."

_PRAGMAS: tuple[str, ...] = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=2000",
    # The writer thread folds the WAL itself, between batches: a commit never waits for a checkpoint.
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA cache_size=-16384",
)


@dataclass(slots=True, eq=False)
class _Work:
    run: Callable[[Connection], Any]
    writes: bool
    token: trio.lowlevel.TrioToken
    done: trio.Event = field(default_factory=trio.Event)
    result: Any = None
    error: BaseException | None = None


class Database:
    """SQLite through SQLAlchemy Core, with group commit.

    One thread owns the only connection: SQLite's WAL then has a single writer and a single
    checkpointer, and as many clients as are waiting share one fsync.

    Resource handling: `open` starts the thread, `close` finishes what is queued and stops it.
    Error handling: an error inside one piece of work rolls back that piece alone and is raised to
    its caller; an error of the commit itself fails every piece of the batch and puts the database
    into the failed state, in which everything is refused until the daemon starts anew.
    """

    def __init__(self, path: Path, *, on_failure: Callable[[str], None] | None = None) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._on_failure = on_failure
        self._thread: threading.Thread | None = None
        self._failed = ""
        self._closed = False
        self._shred_pending = False
        self._wal = path.with_name(f"{path.name}-wal")
        self._looked_at_wal_s = 0.0
        self._engine = create_engine(
            f"sqlite:///{path}",
            isolation_level="AUTOCOMMIT",
            poolclass=StaticPool,
            # Parameters are keys, hashes and names: they must not reach a log through an exception's text.
            hide_parameters=True,
            connect_args={"check_same_thread": False, "cached_statements": 256},
        )
        event.listen(self._engine, "connect", _configure)
        self._connection: Connection | None = None

    @property
    def failed(self) -> str:
        """Why the database is not usable any more; empty while it is."""
        return self._failed

    def open(self, migrate: Callable[[Connection], None]) -> None:
        """Connect, check the file, bring the tables up to date, and start the writer thread.

        Raises:
            Unavailable: the file is damaged or cannot be opened.
        """
        try:
            connection = self._engine.connect()
            verdict = connection.exec_driver_sql("PRAGMA quick_check").scalar()
            if verdict != "ok":
                raise Unavailable("The database is damaged; restore it from a backup.", verdict=verdict)
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                migrate(connection)
            except SpoolError:
                connection.exec_driver_sql("ROLLBACK")
                connection.close()
                raise
            connection.exec_driver_sql("COMMIT")
        except (SQLAlchemyError, sqlite3.Error) as error:
            public = "The database cannot be opened."
            raise Unavailable(public, path=str(self._path), error=str(error)) from error
        self._connection = connection
        self._thread = threading.Thread(target=self._serve, name="database", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run the work inside a transaction and return its result once that transaction is durable.

        Not cancelled half way: once queued, the work is waited for, because a caller that does not
        know whether it happened could not tell its client the truth.
        """
        return await self._submit(work, writes=True)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run the work on committed state only and return its result."""
        return await self._submit(work, writes=False)

    def shred_soon(self) -> None:
        """Have the WAL truncated within `SHRED_WITHIN_S`: it still holds keys that were deleted."""
        self._shred_pending = True

    def close(self) -> None:
        """Finish what is queued, fold the WAL and close the file."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
        self._engine.dispose()

    async def _submit(self, run: Callable[[Connection], T], *, writes: bool) -> T:
        if self._failed or self._closed:
            raise Unavailable(_CLOSED, cause=self._failed)
        work = _Work(run, writes, trio.lowlevel.current_trio_token())
        self._queue.put(work)
        with trio.CancelScope(shield=True):
            await work.done.wait()
        if work.error is not None:
            raise work.error
        result: T = work.result
        return result

    # -- everything below runs in the writer thread --

    def _serve(self) -> None:
        connection = self._connection
        if connection is None:
            return
        stop = False
        while not stop:
            batch: list[_Work] = []
            try:
                first = self._queue.get(timeout=SHRED_WITHIN_S / 2)
                stop = first is None or self._collect(first, batch)
            except queue.Empty:
                pass
            try:
                if batch:
                    self._run_batch(connection, batch)
                    batch = []
                self._fold(connection, closing=stop)
            except Exception as error:  # noqa: BLE001 - without this thread every caller would wait for ever
                self._fail(connection, error)
                for work in batch:
                    work.result, work.error = None, Unavailable(_CLOSED, cause=self._failed)
                self._tell(batch)
        connection.close()

    def _collect(self, first: _Work, batch: list[_Work]) -> bool:
        batch.append(first)
        while len(batch) < MAX_BATCH:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                return False
            if more is None:
                return True
            batch.append(more)
        return False

    def _run_batch(self, connection: Connection, batch: list[_Work]) -> None:
        writes = [work for work in batch if work.writes]
        if writes and not self._failed:
            self._commit(connection, writes)
        for work in batch:
            if self._failed:
                # Also what was queued before the failure: this connection is not trusted with anything more.
                work.result, work.error = None, Unavailable(_CLOSED, cause=self._failed)
            elif not work.writes:
                self._try(connection, work)
        self._tell(batch)

    def _tell(self, batch: list[_Work]) -> None:
        for token, members in _by_token(batch).items():
            try:
                token.run_sync_soon(_finish, members)
            except trio.RunFinishedError:
                # The loop that asked is gone; nobody is left to be told.
                continue

    def _commit(self, connection: Connection, writes: list[_Work]) -> None:
        try:
            sqlite = driver_of(connection)
            sqlite.execute("BEGIN IMMEDIATE")
            for work in writes:
                sqlite.execute("SAVEPOINT work")
                if not self._try(connection, work):
                    sqlite.execute("ROLLBACK TO work")
                sqlite.execute("RELEASE work")
            sqlite.execute("COMMIT")
        except (SQLAlchemyError, sqlite3.Error) as error:
            if _is_full(error):
                self._roll_back(connection)
            else:
                self._fail(connection, error)
            public = "The spooler's records could not be written; nothing was changed."
            refusal = Unavailable(public, cause=str(error))
            for work in writes:
                work.result, work.error = None, refusal

    def _try(self, connection: Connection, work: _Work) -> bool:
        try:
            work.result = work.run(connection)
        except IntegrityError as error:
            # Callers ask for uniqueness by trying.
            work.error = error
            return False
        except (SQLAlchemyError, sqlite3.Error) as error:
            # The driver's text may quote a statement; its kind is enough for the log.
            log.warning("database-work-refused", error=type(error).__name__)
            work.error = Unavailable(_REFUSED, cause=type(error).__name__)
            return False
        except BaseException as error:  # noqa: BLE001 - carried to the caller's task and raised there
            work.error = error
            return False
        return True

    def _fail(self, connection: Connection, error: Exception) -> None:
        # fsync that failed once may "succeed" on a second try although the data is gone (PostgreSQL, 2018):
        # nothing is tried again on this connection.
        self._failed = type(error).__name__
        log.error("database-failed", error=str(error.__cause__ or error))
        self._roll_back(connection)
        if self._on_failure is not None:
            self._on_failure(self._failed)

    def _roll_back(self, connection: Connection) -> None:
        try:
            connection.exec_driver_sql("ROLLBACK")
        except (SQLAlchemyError, sqlite3.Error) as error:
            # SQLite rolls back by itself on some errors; then there is no transaction left to end.
            log.info("database-rollback", error=str(error))

    def _wal_is_large(self) -> bool:
        # Looking costs two turns of the interpreter lock, more than a whole row does.
        now_s = time.monotonic()
        if now_s - self._looked_at_wal_s < WAL_LOOK_S:
            return False
        self._looked_at_wal_s = now_s
        try:
            return self._wal.stat().st_size > MAX_WAL_BYTES
        except FileNotFoundError:
            return False

    def _fold(self, connection: Connection, *, closing: bool) -> None:
        if self._failed:
            return
        large = self._wal_is_large()
        idle_shred = self._shred_pending and (closing or self._queue.empty())
        if not (large or idle_shred or closing):
            return
        self._shred_pending = False
        try:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        except (SQLAlchemyError, sqlite3.Error) as error:
            if not _is_full(error):
                self._fail(connection, error)
                return
            # Nothing is lost: the WAL keeps what it has until there is room, and the shredding is still due.
            self._shred_pending = True
            log.warning("wal-not-folded", error="the disk is full")


def _is_full(error: Exception) -> bool:
    """Tell whether the disk was full: SQLite then wrote nothing, and later work may succeed."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _by_token(batch: list[_Work]) -> dict[trio.lowlevel.TrioToken, list[_Work]]:
    groups: dict[trio.lowlevel.TrioToken, list[_Work]] = {}
    for work in batch:
        groups.setdefault(work.token, []).append(work)
    return groups


def _finish(members: list[_Work]) -> None:
    for work in members:
        work.done.set()


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
