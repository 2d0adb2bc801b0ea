"""What has happened lately: the lines of a queue or a job after one that was read, oldest first."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from spoold.database import happenings as module
from spoold.database import jobs, records
from spoold.database.engine import Database
from spoold.database.happenings import Happening, happenings, newest
from spoold.database.migrations import migrate
from spoold.model.ids import new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def job(number: int, queue: str) -> Job:
    return Job(
        id=new_job_id(),
        number=number,
        queue=queue,
        state=JobState.HELD,
        reason="Waiting.",
        owner_id=None,
        claimed_name="ana",
        peer="192.0.2.9",
        protocol="ipp",
        created_at=NOW,
        changed_at=NOW,
        expires_at=NOW + timedelta(hours=4),
        template=b"template",
    )


@pytest.fixture(name="filled")
async def _filled(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)
    first, second, other = job(1, "open"), job(2, "open"), job(3, "secure")

    def write(connection: Connection) -> None:
        for one in (first, second, other):
            jobs.insert_job(connection, one)
            records.insert_event(connection, one.id, NOW, "accepted", "Waiting.")
        for event in ("granted", "note", "not-ready"):
            records.insert_event(connection, first.id, NOW + timedelta(seconds=5), event, f"It is {event}.")

    await database.write(write)
    yield database
    database.close()


async def read(
    database: Database, queue: str, after: int, *, job: int | None = None, limit: int = 100
) -> list[Happening]:
    return await database.read(lambda connection: happenings(connection, queue, after, job=job, limit=limit))


async def test_lines_come_in_order_and_go_on(filled: Database) -> None:
    found = await read(filled, "open", 0)
    assert [(one.number, one.event) for one in found] == [
        (1, "accepted"),
        (2, "accepted"),
        (1, "granted"),
        (1, "note"),
        (1, "not-ready"),
    ]
    assert [one.seq for one in found] == sorted(one.seq for one in found)
    assert await read(filled, "open", found[2].seq) == found[3:]
    assert await read(filled, "open", 0, limit=2) == [one._replace(followed_by="") for one in found[:2]]


async def test_each_knows_the_next_change_of_its_job(filled: Database) -> None:
    found = await read(filled, "open", 0)
    assert [one.followed_by for one in found] == ["granted", "", "not-ready", "not-ready", ""]


async def test_one_job_or_one_queue(filled: Database) -> None:
    assert [one.event for one in await read(filled, "open", 0, job=2)] == ["accepted"]
    assert [one.number for one in await read(filled, "secure", 0)] == [3]
    assert await read(filled, "secure", 0, job=1) == []


async def test_what_was_long_ago_is_left_out(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOOK_BACK", 2)
    last = await filled.read(newest)
    assert [one.seq for one in await read(filled, "open", 0)] == [last - 1, last]
    # A job's own line is as long as its life, which is bounded elsewhere.
    assert len(await read(filled, "open", 0, job=1)) == 4
