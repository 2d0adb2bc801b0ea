"""The archive's rows: they outlive their job, end on time and go whole."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection

from spoold.database import archive, jobs
from spoold.database.engine import Database
from spoold.model.archive import ArchivedJob, ArchiveTerms, Copy
from spoold.model.ids import JobId, UserId, new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from tests.support.clock import START
from tests.support.identities import open_database

DAY = timedelta(days=1)
JOB = Job(
    id=new_job_id(),
    number=1,
    queue="q",
    state=JobState.HELD,
    reason="",
    owner_id=UserId("a1"),
    claimed_name="alice",
    peer="192.0.2.7",
    protocol="ipp",
    created_at=START,
    changed_at=START,
    expires_at=START,
)
KEPT = ArchivedJob(
    id=JOB.id,
    number=1,
    queue="q",
    owner_id=UserId("a1"),
    claimed_name="alice",
    printer="lobby",
    printed_at=START,
    expires_at=START + DAY,
    key_id=b"i" * 16,
    wrapped_key=b"w" * 80,
    private=b"sealed",
)
IN_ROW = Copy(JOB.id, 1, "application/pdf", 10, 1, b"k" * 80, b"container")
IN_FILE = Copy(JOB.id, 2, "application/pdf", 100_000, 2, b"k" * 80)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "spoold.db") as opened:
        yield opened


async def test_the_terms_of_the_last_release_count(database: Database) -> None:
    first, last = ArchiveTerms(b"1" * 32, DAY), ArchiveTerms(b"2" * 32, 2 * DAY)

    def work(connection: Connection) -> list[ArchiveTerms | None]:
        jobs.insert_job(connection, JOB)
        found = [archive.terms_of(connection, JOB.id)]
        for terms in (first, last):
            archive.set_terms(connection, JOB.id, terms)
            found.append(archive.terms_of(connection, JOB.id))
        return found

    assert await database.write(work) == [None, first, last]


async def test_an_archived_job_comes_back_with_its_documents(database: Database) -> None:
    other = replace(KEPT, id=new_job_id(), number=2, owner_id=None)

    def work(connection: Connection) -> None:
        archive.insert_archived(connection, KEPT, [IN_ROW, IN_FILE])
        archive.insert_archived(connection, other, [replace(IN_FILE, job_id=other.id)])

    await database.write(work)
    expected = [
        replace(KEPT, documents=2, size_bytes=100_010),
        replace(other, documents=1, size_bytes=100_000),
    ]
    assert await database.read(archive.archived) == expected
    assert await database.read(lambda connection: archive.copies_of(connection, JOB.id)) == [IN_ROW, IN_FILE]
    assert {one.job_id for one in await database.read(archive.copies_in_files)} == {JOB.id, other.id}
    for wanted in (str(other.id), other.id.hex[:20], "2", f" {str(other.id).upper()[:24]} "):
        assert await database.read(partial(archive.find, wanted=wanted)) == [expected[1]]
    for wanted in ("", "3", "%", "_" * 32, "zoë", "9" * 40, other.id.hex + "0"):
        assert await database.read(partial(archive.find, wanted=wanted)) == []
    assert set(await database.read(archive.containers_in_files)) == {(JOB.id, 2), (other.id, 2)}


async def test_a_beginning_that_fits_several_is_not_one_of_them(database: Database) -> None:
    beginning = "01a205ea"
    jobs = [
        replace(KEPT, id=JobId(UUID(f"{beginning}{place:024x}")), number=number)
        for place, number in enumerate((1, 2, 3))
    ]
    # Somebody's number is how the others' ids begin.
    called = replace(KEPT, id=JobId(UUID(f"{1205:032x}")), number=int("0101"))
    begun = replace(KEPT, id=JobId(UUID(f"0101{0:028x}")), number=5)

    def work(connection: Connection) -> None:
        for job in (*jobs, called, begun):
            archive.insert_archived(connection, job, [])

    await database.write(work)

    async def found(wanted: str) -> list[int]:
        return [one.number for one in await database.read(partial(archive.find, wanted=wanted))]

    assert len(await found(beginning)) == 2
    assert await found(str(jobs[2].id)) == [3]
    assert await found("3") == [3]
    assert await found("0101") == [called.number]
    assert await found("01010") == [begun.number]


async def test_it_outlives_the_row_of_its_job(database: Database) -> None:
    done = replace(JOB, state=JobState.COMPLETED, finished_at=START)

    def work(connection: Connection) -> int:
        jobs.insert_job(connection, done)
        jobs.insert_job(connection, replace(JOB, id=new_job_id(), number=2))
        archive.insert_archived(connection, KEPT, [IN_ROW])
        return jobs.forget_finished(connection, START + DAY)

    assert await database.write(work) == 1
    assert [one.id for one in await database.read(archive.archived)] == [JOB.id]


async def test_it_ends_on_time_and_goes_whole(database: Database) -> None:
    def work(connection: Connection) -> list[object]:
        archive.insert_archived(connection, KEPT, [IN_ROW, IN_FILE])
        early = archive.ended(connection, START + DAY - timedelta(seconds=1), 1, 10)
        young = archive.ended(connection, START + DAY, 0, 10)
        late = archive.ended(connection, START + DAY, 1, 10)
        numbers = archive.remove(connection, KEPT.id)
        return [
            early,
            young,
            late,
            numbers,
            archive.archived(connection),
            archive.copies_of(connection, KEPT.id),
        ]

    assert await database.write(work) == [[], [], [KEPT.id], [1, 2], [], []]


async def test_ends_move_with_the_wall_clock(database: Database) -> None:
    fixed = replace(KEPT, id=new_job_id(), number=0)
    young = replace(KEPT, id=new_job_id(), number=2, printed_at=START + DAY, expires_at=START + 3 * DAY)
    now = START + timedelta(days=100)

    def work(connection: Connection) -> list[ArchivedJob]:
        archive.insert_archived(connection, fixed, [])
        stays = archive.newest(connection)
        archive.insert_archived(connection, KEPT, [])
        settled = archive.newest(connection)
        archive.insert_archived(connection, young, [])
        archive.move_ends(connection, timedelta(days=100), stays, settled, now)
        return archive.archived(connection)

    assert await database.read(archive.newest) == 0
    ends = [one.expires_at for one in await database.write(work)]
    assert ends == [fixed.expires_at, START + timedelta(days=101), now + 2 * DAY]
