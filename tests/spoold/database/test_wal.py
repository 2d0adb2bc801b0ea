"""The WAL is synced before anybody hears of a commit, by whichever thread the commit came from."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio
import trio.testing
from sqlalchemy import Connection

from spoold.database import records, wal
from spoold.database.engine import Database
from spoold.database.migrations import migrate
from spoold.model.errors import Unavailable

Ended = list[str]
# Long: the machine may be busy with other tests.
WAIT_S = 120.0


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)
    yield database
    database.close()


def _put(name: str, value: str = "1") -> Callable[[Connection], None]:
    return lambda connection: records.set_fact(connection, name, value)


def _thread(_connection: Connection) -> str:
    return threading.current_thread().name


class SlowDisk:
    """An fdatasync that counts, and waits until it may end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self)

    def __call__(self, descriptor: int) -> None:
        self.begun.release()
        if not self.may_end.acquire(timeout=WAIT_S):
            raise TimeoutError
        self.real(descriptor)


async def test_short_work_runs_in_the_loops_thread_and_long_work_does_not(database: Database) -> None:
    here = threading.current_thread().name
    assert await database.write(_thread, short=True) == here
    assert await database.read(_thread, short=True) == here
    assert await database.write(_thread) == "database"
    assert await database.read(_thread) == "database"


@pytest.mark.parametrize("short", [True, False])
async def test_nobody_hears_of_a_commit_before_it_is_synced(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, short: bool
) -> None:
    disk, heard = SlowDisk(monkeypatch), Ended()

    async def write() -> None:
        await database.write(_put("a"), short=short)
        heard.append("written")

    async def read() -> None:
        value = await database.read(lambda connection: records.get_fact(connection, "a"), short=short)
        heard.append(f"read {value}")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await trio.to_thread.run_sync(disk.begun.acquire)
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        assert heard == []
        disk.may_end.release()

    assert sorted(heard) == ["read 1", "written"]


async def test_what_comes_during_a_sync_shares_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, heard = SlowDisk(monkeypatch), Ended()

    async def write(name: str) -> None:
        await database.write(_put(name), short=True)
        heard.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, "first")
        await trio.to_thread.run_sync(disk.begun.acquire)
        for number in range(20):
            nursery.start_soon(write, f"n{number}")
        await trio.testing.wait_all_tasks_blocked()
        disk.may_end.release(2)

    assert len(heard) == 21
    assert not disk.may_end.acquire(blocking=False)


@pytest.mark.parametrize("short", [True, False])
async def test_a_failed_sync_is_a_refusal_and_the_end(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, short: bool
) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(Unavailable):
            await database.write(_put("a"), short=short)
    assert database.failed == "OSError"
    with pytest.raises(Unavailable):
        await database.write(_put("b"), short=short)


async def test_an_error_in_short_work_is_its_own(database: Database) -> None:
    def broken(connection: Connection) -> None:
        records.set_fact(connection, "broken", "1")
        raise LookupError("no")

    with pytest.raises(LookupError):
        await database.write(broken, short=True)
    await database.write(_put("good"), short=True)

    assert await database.read(lambda one: records.get_fact(one, "broken"), short=True) is None
    assert await database.read(lambda one: records.get_fact(one, "good"), short=True) == "1"


async def test_a_long_reader_is_not_starved_by_short_work(database: Database) -> None:
    ended = False

    async def keep_writing() -> None:
        while not ended:
            await database.write(_put("busy"), short=True)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(keep_writing)
        with trio.fail_after(WAIT_S):
            for _ in range(5):
                await database.read(_thread)
        ended = True


async def test_the_log_is_used_again_from_its_start(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing over blocks that are there is cheaper to sync than making the file longer."""
    monkeypatch.setattr(wal, "MAX_WAL_BYTES", 64 * 1024)
    for number in range(200):
        await database.write(_put(f"n{number}", "x" * 2000), short=True)

    size = (tmp_path / "spoold.db-wal").stat().st_size
    assert 64 * 1024 < size < 4 * 64 * 1024
    count = await database.read(
        lambda connection: sum(
            records.get_fact(connection, f"n{number}") is not None for number in range(200)
        )
    )
    assert count == 200
