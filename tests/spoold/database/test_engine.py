"""The writer thread: durable on return, batches, isolation of errors, migrations, no residue."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio
import trio.testing
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from spoold.database import records, schema, wal
from spoold.database.engine import Database
from spoold.database.migrations import HEAD, current_revision, known_revisions, migrate, upgrade
from spoold.model.errors import ConfigurationError, Unavailable


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)
    yield database
    database.close()


# Long: the machine may be busy with other tests.
WAIT_S = 120.0
_NEWER = "UPDATE alembic_version SET version_num = '9999'"


def _put(name: str, value: str) -> Callable[[Connection], None]:
    return lambda connection: records.set_fact(connection, name, value)


async def test_a_write_is_seen_by_the_next_read(database: Database) -> None:
    """What was returned from write is committed."""
    await database.write(_put("a", "1"))
    assert await database.read(lambda connection: records.get_fact(connection, "a")) == "1"


async def test_an_error_rolls_back_its_own_work_only(database: Database) -> None:
    """Work that shares a transaction does not share its failures."""

    def broken(connection: Connection) -> None:
        records.set_fact(connection, "broken", "1")
        raise LookupError("no")

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(database.write, _put(f"good-{number}", "1"))
        with pytest.raises(LookupError):
            await database.write(broken)
    names = await database.read(
        lambda connection: list(connection.execute(text("SELECT name FROM facts")).scalars())
    )
    assert sorted(names) == sorted(f"good-{number}" for number in range(20))


async def test_cancelled_work_is_waited_for_and_told_of(database: Database) -> None:
    """Whoever asked learns what happened, even if nobody wants the rest of what they were doing."""
    begun, may_end = threading.Event(), threading.Event()

    def slow(connection: Connection) -> str:
        begun.set()
        may_end.wait(WAIT_S)
        records.set_fact(connection, "slow", "1")
        return "written"

    results: list[str] = []

    async def write(*, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        with trio.CancelScope() as scope:
            task_status.started(scope)
            results.append(await database.write(slow))
            await trio.lowlevel.checkpoint()
            results.append("went on")

    async with trio.open_nursery() as nursery:
        scope: trio.CancelScope = await nursery.start(write)
        await trio.to_thread.run_sync(begun.wait)
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert results == []
        may_end.set()

    assert results == ["written"]
    assert await database.read(lambda connection: records.get_fact(connection, "slow")) == "1"


async def test_waiting_work_shares_a_transaction(database: Database) -> None:
    """Many clients are served by few commits."""
    commits: list[None] = []
    assert database._opened is not None
    raw = database._opened[0].connection.dbapi_connection
    assert raw is not None
    raw.set_trace_callback(lambda statement: commits.append(None) if statement == "COMMIT" else None)
    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(database.write, _put(f"n{number}", "1"))
    assert 1 <= len(commits) < 50
    raw.set_trace_callback(None)


async def test_a_failing_commit_refuses_everything_from_then_on(database: Database) -> None:
    """After an error of the disk nothing is tried again on the same file."""
    told: list[str] = []
    database._on_failure = told.append

    def sabotage(connection: Connection) -> None:
        # Ends the transaction under the batch: its own RELEASE and COMMIT then fail like a broken disk.
        connection.exec_driver_sql("ROLLBACK")

    with pytest.raises(Unavailable):
        await database.write(sabotage)
    assert database.failed
    assert told == [database.failed]
    with pytest.raises(Unavailable):
        await database.write(_put("later", "1"))


async def test_what_waited_behind_a_failed_commit_is_refused(database: Database) -> None:
    """Work that was queued before the failure became known is not tried on the same connection either."""
    go_on = threading.Event()
    refused: list[str] = []

    def sabotage(connection: Connection) -> None:
        go_on.wait(WAIT_S)
        connection.exec_driver_sql("ROLLBACK")

    async def expect_refusal(work: Callable[[Connection], None]) -> None:
        with pytest.raises(Unavailable):
            await database.write(work)
        refused.append("refused")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_refusal, sabotage)
        await trio.testing.wait_all_tasks_blocked()
        # The first is running by now, so this one is in the next batch.
        nursery.start_soon(expect_refusal, _put("late", "1"))
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()
    assert refused == ["refused", "refused"]


async def test_a_full_disk_is_not_the_end(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A WAL that cannot be folded for want of room waits; the next commits go on."""
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    real = Connection.exec_driver_sql
    tried = threading.Event()

    def no_room(self: Connection, statement: str, *arguments: object) -> object:
        if "wal_checkpoint" in statement:
            tried.set()
            raise full
        return real(self, statement, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "exec_driver_sql", no_room)
    database.shred_soon()
    await database.write(_put("one", "1"))
    assert await trio.to_thread.run_sync(tried.wait, WAIT_S)
    await database.write(_put("two", "2"))
    assert not database.failed
    monkeypatch.undo()


@pytest.mark.parametrize("others", [0, 3])
async def test_a_statement_that_finds_the_disk_full_is_not_the_end(database: Database, others: int) -> None:
    """SQLite ends the whole transaction then: everybody in it hears no, and the next ones go on."""

    def fill(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        records.set_fact(connection, "long", "x" * 100_000)

    refused: list[str] = []

    async def put(name: str, work: Callable[[Connection], None]) -> None:
        try:
            await database.write(work)
        except Unavailable:
            refused.append(name)

    # The thread is kept busy, so that what follows is one batch.
    go_on = threading.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(database.read, lambda _connection: go_on.wait(WAIT_S))
        await trio.testing.wait_all_tasks_blocked()
        for number in range(others):
            nursery.start_soon(put, f"before-{number}", _put(f"before-{number}", "1"))
        nursery.start_soon(put, "long", fill)
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()
    assert sorted(refused) == sorted([*(f"before-{number}" for number in range(others)), "long"])
    assert not database.failed
    await database.write(_put("after", "1"))
    names = await database.read(
        lambda connection: list(connection.execute(text("SELECT name FROM facts")).scalars())
    )
    assert names == ["after"]


async def test_a_reader_from_outside_delays_the_shredding_only(database: Database, tmp_path: Path) -> None:
    """A backup that reads the file keeps the WAL as it is; what was deleted leaves it afterwards."""
    marker = "a-key-that-was-destroyed"
    await database.write(_put("secret", marker))
    await database.write(lambda connection: records.forget_fact(connection, "secret"))
    outside = sqlite3.connect(tmp_path / "spoold.db", isolation_level=None)
    outside.execute("BEGIN")
    outside.execute("SELECT count(*) FROM facts").fetchone()
    assert database._opened is not None
    connection, wal = database._opened
    assert not await database.read(lambda _connection: wal.fold(connection, cut=True))
    database.shred_soon()
    await trio.sleep(0)
    outside.execute("COMMIT")
    outside.close()
    with trio.fail_after(WAIT_S):
        while any(marker.encode() in path.read_bytes() for path in tmp_path.iterdir()):
            await trio.sleep(0.05)


async def test_statements_never_reach_a_log(database: Database) -> None:
    """An error of the driver becomes a refusal that names its kind only."""

    def broken(connection: Connection) -> None:
        connection.execute(text("INSERT INTO nowhere VALUES (:secret)"), {"secret": "wrapped-key"})

    with pytest.raises(Unavailable) as caught:
        await database.write(broken)
    assert "wrapped-key" not in f"{caught.value.public} {caught.value.fields} {caught.value.__cause__}"


async def test_deleted_secrets_leave_the_files(database: Database, tmp_path: Path) -> None:
    """After a shred neither the database nor its log holds the deleted value."""
    marker = "7d0c1f3a-marker-9e55"
    await database.write(_put("secret", marker))
    assert marker.encode() in (tmp_path / "spoold.db-wal").read_bytes()
    await database.write(lambda connection: records.forget_fact(connection, "secret"))
    database.shred_soon()
    with trio.fail_after(WAIT_S):
        while any(marker.encode() in path.read_bytes() for path in tmp_path.iterdir()):
            await trio.sleep(0.05)


async def test_a_large_wal_is_folded_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between batches, without anybody closing the database."""
    monkeypatch.setattr(wal, "MAX_WAL_BYTES", 64 * 1024)
    path = tmp_path / "spoold.db-wal"
    await database.write(_put("large", "x" * 1024 * 1024))
    await database.write(_put("small", "y"))

    with trio.fail_after(WAIT_S):
        while path.stat().st_size > 64 * 1024:
            await trio.sleep(0.05)
    found = await database.read(lambda connection: records.get_fact(connection, "large"))
    assert found == "x" * 1024 * 1024


@pytest.mark.parametrize("build", [migrate, upgrade], ids=["created", "by the scripts"])
async def test_the_migrations_build_exactly_the_schema(
    tmp_path: Path, build: Callable[[Connection], None]
) -> None:
    """The scripts and the tables in code do not drift apart."""
    database = Database(tmp_path / "spoold.db")
    database.open(build)
    difference = await database.read(
        lambda connection: compare_metadata(MigrationContext.configure(connection), schema.metadata)
    )
    assert difference == []
    assert await database.read(current_revision) == HEAD
    assert HEAD in known_revisions()
    assert await database.read(_definitions) == _definitions_of_the_scripts(tmp_path / "other.db")
    database.close()


def _definitions(connection: Connection) -> list[str]:
    rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
    return ["".join(f"{kind} {name} {sql}".split()) for kind, name, sql in rows]


def _definitions_of_the_scripts(path: Path) -> list[str]:
    """Also what the comparison above does not see: STRICT, actions of foreign keys, the order of columns."""
    database = Database(path)
    database.open(upgrade)
    assert database._opened is not None
    found = _definitions(database._opened[0])
    database.close()
    return found


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """A database of a later version is not touched."""
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)
    await database.write(lambda connection: connection.exec_driver_sql(_NEWER))
    database.close()
    again = Database(tmp_path / "spoold.db")
    with pytest.raises(ConfigurationError, match="newer"):
        again.open(migrate)
    again.close()


def _checked(path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Open and leave the database as a crash would; return whether the whole file was read."""
    statements: list[str] = []
    real = Connection.exec_driver_sql

    def watch(self: Connection, statement: str, *arguments: object) -> object:
        statements.append(statement)
        return real(self, statement, *arguments)  # type: ignore[arg-type]

    database = Database(path)
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "exec_driver_sql", watch)
        database.open(migrate)
    assert database._opened is not None
    # A second one without `close` would share the files; only what `close` writes is left out.
    database._failed = "crash"
    database.close()
    return any("quick_check" in statement for statement in statements)


def test_the_file_is_read_through_unless_it_was_closed_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spoold.db"
    assert _checked(path, monkeypatch)
    assert _checked(path, monkeypatch), "the last run crashed"
    database = Database(path)
    database.open(migrate)
    database.close()
    assert not _checked(path, monkeypatch)
    assert _checked(path, monkeypatch), "the word of an earlier closing must not count twice"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Garbage in place of the database stops the start."""
    (tmp_path / "spoold.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 8000)
    database = Database(tmp_path / "spoold.db")
    with pytest.raises(Unavailable):
        database.open(migrate)
    database.close()


async def test_durability_settings_are_in_force(database: Database) -> None:
    """WAL, pages overwritten on delete; commits are synced by the engine itself (see test_wal.py)."""

    def settings(connection: Connection) -> dict[str, object]:
        names = ("synchronous", "journal_mode", "secure_delete", "foreign_keys", "trusted_schema")
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}

    assert await database.read(settings) == {
        "synchronous": 1,
        "journal_mode": "wal",
        "secure_delete": 1,
        "foreign_keys": 1,
        "trusted_schema": 0,
    }
