"""One batch of work on the one connection: a transaction for what writes, then what only reads."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
import trio
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from spoold.database.prepared import driver_of, forget
from spoold.model.errors import Unavailable

log = structlog.get_logger()

CLOSED = "The spooler's records are closed; nothing was changed."
_REFUSED = "The spooler's records could not be read or written; nothing was changed."
_NOT_WRITTEN = "The spooler's records could not be written; nothing was changed."


@dataclass(slots=True, eq=False)
class Work:
    """Something to do with the connection, and what came of it.

    Args:
        run: gets the connection inside a transaction; does not wait for anything.
        writes: whether it changes rows, so that its caller must not hear of it before it is durable.
        short: a few rows by their keys, so it may run in the event loop's thread.
    """

    run: Callable[[Connection], Any]
    writes: bool
    short: bool
    done: trio.Event = field(default_factory=trio.Event)
    result: Any = None
    error: BaseException | None = None

    def refuse(self, error: Unavailable) -> None:
        """Answer with an error whatever was done so far."""
        self.result, self.error = None, error


def run_batch(connection: Connection, batch: Sequence[Work]) -> Exception | None:
    """Commit the batch's writes as one transaction, then run its reads on what is committed.

    What was committed is not durable yet: the WAL has to be synced (`spoold.database.wal`).

    Returns:
        The error that makes the connection unfit for any further work; everything in the batch was
        refused then. An error inside one piece of work is that work's alone.
    """
    writes = [work for work in batch if work.writes]
    failure = _commit(connection, writes) if writes else None
    for work in batch:
        if failure is not None:
            # Also what would only read: this connection is not trusted with anything more.
            work.refuse(Unavailable(CLOSED, cause=type(failure).__name__))
        elif not work.writes:
            _try(connection, work)
    return failure


def _commit(connection: Connection, writes: Sequence[Work]) -> Exception | None:
    try:
        sqlite = driver_of(connection)
        sqlite.execute("BEGIN IMMEDIATE")
        if len(writes) == 1:
            error = _try(connection, writes[0])
            _check_open(sqlite, error)
            sqlite.execute("COMMIT" if error is None else "ROLLBACK")
            return None
        for work in writes:
            sqlite.execute("SAVEPOINT work")
            error = _try(connection, work)
            _check_open(sqlite, error)
            if error is not None:
                sqlite.execute("ROLLBACK TO work")
            sqlite.execute("RELEASE work")
        sqlite.execute("COMMIT")
    except (SQLAlchemyError, sqlite3.Error) as error:
        roll_back(connection)
        refusal = Unavailable(_NOT_WRITTEN, cause=str(error))
        for work in writes:
            work.refuse(refusal)
        return None if is_full(error) else error
    return None


def _check_open(sqlite: sqlite3.Connection, error: BaseException | None) -> None:
    """Raise what went wrong if SQLite has ended the whole transaction because of it.

    It does so for a statement that finds the disk full (https://sqlite.org/lang_transaction.html, 3): what
    the pieces of work before had written is gone as well, and nothing is left to roll back.
    """
    if isinstance(error, (SQLAlchemyError, sqlite3.Error)) and not sqlite.in_transaction:
        raise error


def _try(connection: Connection, work: Work) -> BaseException | None:
    """Run one piece of work; returns what it raised, of which its caller hears."""
    try:
        work.result = work.run(connection)
    except IntegrityError as error:
        # Callers ask for uniqueness by trying.
        raised: BaseException = error
        work.error = error
    except (SQLAlchemyError, sqlite3.Error) as error:
        # The driver's text may quote a statement; its kind is enough for the log.
        log.warning("database-work-refused", error=type(error).__name__)
        raised = error
        work.error = Unavailable(_REFUSED, cause=type(error).__name__)
    except BaseException as error:  # noqa: BLE001 - carried to the caller's task and raised there
        raised = work.error = error
    else:
        return None
    forget(connection)
    return raised


def roll_back(connection: Connection) -> None:
    """End a transaction that cannot be committed."""
    forget(connection)
    try:
        connection.exec_driver_sql("ROLLBACK")
    except (SQLAlchemyError, sqlite3.Error) as error:
        # SQLite rolls back by itself on some errors; then there is no transaction left to end.
        log.info("database-rollback", error=str(error))


def is_full(error: Exception) -> bool:
    """Tell whether the disk was full: SQLite then wrote nothing, and later work may succeed."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
