"""Prepared statements: SQLAlchemy's statement, run by sqlite3."""

from collections.abc import Iterator

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    create_engine,
    insert,
    select,
)

from spoold.database.prepared import Prepared

_WORDS = Table(
    "words", MetaData(), Column("seq", Integer, primary_key=True), Column("word", Text, nullable=False)
)


@pytest.fixture(name="connection")
def _connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        _WORDS.metadata.create_all(connection)
        yield connection
    engine.dispose()


def test_an_inserted_row_is_read_back(connection: Connection) -> None:
    Prepared(insert(_WORDS)).run(connection, {"seq": 7, "word": "sheet"})
    by_number = Prepared(select(_WORDS.c.word).where(_WORDS.c.seq == bindparam("wanted")))

    assert by_number.run(connection, {"wanted": 7}).fetchall() == [("sheet",)]
    assert by_number.run(connection, {"wanted": 8}).fetchone() is None


def test_columns_that_are_not_named_are_left_to_sqlite(connection: Connection) -> None:
    without_number = Prepared(insert(_WORDS), ("word",))
    for word in ("first", "second"):
        without_number.run(connection, {"word": word})

    assert connection.execute(select(_WORDS)).all() == [(1, "first"), (2, "second")]


def test_numbers_in_the_statement_stay_in_it(connection: Connection) -> None:
    add = Prepared(insert(_WORDS), ("word",))
    for word in ("first", "second", "third"):
        add.run(connection, {"word": word})
    newest = Prepared(select(_WORDS.c.seq + 10).order_by(_WORDS.c.seq.desc()).limit(1))

    assert newest.run(connection).fetchall() == [(13,)]


def test_a_missing_value_is_an_error(connection: Connection) -> None:
    with pytest.raises(KeyError):
        Prepared(insert(_WORDS)).run(connection, {"seq": 1})


def test_it_takes_part_in_the_open_transaction(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
    Prepared(insert(_WORDS)).run(connection, {"seq": 1, "word": "gone"})
    connection.exec_driver_sql("ROLLBACK")

    assert connection.execute(select(_WORDS)).all() == []
