"""Statements every job needs: compiled once, then run by sqlite3 itself, at a tenth of SQLAlchemy's cost."""

import sqlite3
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection, Executable
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

_DIALECT = sqlite.dialect(paramstyle="qmark")


class Prepared:
    """One statement as SQL text, made from its SQLAlchemy form so that the schema stays its only source.

    Nothing is converted on the way: values and rows are SQLite's own types, and Python-side defaults of the
    schema are not filled in.

    Args:
        statement: with `bindparam` for what changes from run to run.
        columns: for an insert, the columns given; None means all of the table.
    """

    def __init__(self, statement: Executable, columns: tuple[str, ...] | None = None) -> None:
        compiled = cast(ClauseElement, statement).compile(
            dialect=_DIALECT, column_keys=None if columns is None else list(columns)
        )
        self.text = str(compiled)
        # SQLite binds by position in half the time it takes by name.
        self._names = tuple(cast(SQLCompiler, compiled).positiontup or ())
        # Numbers that stand in the statement itself, such as a limit, are parameters to SQLAlchemy.
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def run(self, connection: Connection, values: Mapping[str, object] | None = None) -> sqlite3.Cursor:
        """Run the statement inside the transaction that is open.

        Raises:
            KeyError: a value is missing.
            sqlite3.Error: SQLite refused it.
        """
        return driver_of(connection).execute(self.text, self.arguments(values or {}))

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values in the order of the statement's question marks."""
        given = {**self._constants, **values} if self._constants else values
        return [given[name] for name in self._names]


# Names in the place that SQLAlchemy keeps with each connection for such things.
_DRIVER = "spoold-driver"
_REMEMBERED = "spoold-remembered"


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return SQLite's own connection behind SQLAlchemy's."""
    driver = connection.info.get(_DRIVER)
    if driver is None:
        driver = connection.info[_DRIVER] = connection.connection.driver_connection
    return cast(sqlite3.Connection, driver)


def remembered(connection: Connection) -> dict[str, Any]:
    """Return what was read or written last and need not be read again; empty after `forget`.

    It holds only while nobody else writes: there is one connection, and a transaction that is rolled back
    is forgotten with what it remembered.
    """
    return cast(dict[str, Any], connection.info.setdefault(_REMEMBERED, {}))


def forget(connection: Connection) -> None:
    """Forget what is remembered, because a transaction or a part of it is rolled back."""
    connection.info.pop(_REMEMBERED, None)
