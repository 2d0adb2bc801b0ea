"""Pages of jobs: the right ones, in order, and without sorting everybody's."""

import functools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from spoold.database import jobs, listing
from spoold.database.engine import Database
from spoold.database.listing import OPTIONAL, JobLine, Wanted, line_of, list_page
from spoold.database.migrations import migrate
from spoold.database.prepared import driver_of
from spoold.model.ids import UserId, new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HELD = (JobState.HELD,)


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)
    yield database
    database.close()


def job(number: int, **fields: Any) -> Job:
    usual: dict[str, Any] = {
        "queue": "open",
        "state": JobState.HELD,
        "owner_id": None,
        "claimed_name": "ana",
        "peer": "192.0.2.9",
    }
    return Job(
        id=new_job_id(),
        number=number,
        reason="Waiting.",
        protocol="ipp",
        created_at=NOW,
        changed_at=NOW,
        expires_at=NOW + timedelta(hours=4),
        template=b"template",
        private=b"private",
        wrapped_key=b"key",
        **usual | fields,
    )


JOBS = (
    job(1),
    job(2, owner_id=UserId("id-ana"), peer="192.0.2.1"),
    job(3, claimed_name="ben"),
    job(4, owner_id=UserId("id-ben"), claimed_name="ana", peer="192.0.2.1"),
    job(5, state=JobState.PRINTING),
    job(6, queue="secure"),
    job(7, claimed_name="", peer="192.0.2.1"),
)


async def page(
    database: Database, wanted: Wanted, limit: int = 100, beyond: int | None = None
) -> list[JobLine]:
    def read(connection: Connection) -> list[JobLine]:
        return list_page(connection, wanted, frozenset(), limit=limit, beyond=beyond)

    return await database.read(read)


async def numbers(database: Database, wanted: Wanted) -> list[int]:
    return [line.number for line in await page(database, wanted)]


@pytest.fixture(name="filled")
async def _filled(database: Database) -> Database:
    def write(connection: Connection) -> None:
        for one in JOBS:
            jobs.insert_job(connection, one)

    await database.write(write)
    return database


async def test_whose_jobs(filled: Database) -> None:
    """The account's, those sent under its name while nobody is proven, those of the address, or all."""
    own = Wanted("open", HELD, owner=("id-ana", "ana"))
    assert await numbers(filled, own) == [1, 2]
    assert await numbers(filled, own._replace(peer="192.0.2.9")) == [1, 2, 3]
    assert await numbers(filled, Wanted("open", HELD, peer="192.0.2.9")) == [1, 3]
    assert await numbers(filled, Wanted("open", HELD, peer="192.0.2.9", name="ben")) == [3]
    assert await numbers(filled, Wanted("open", HELD)) == [1, 2, 3, 4, 7]
    assert await numbers(filled, Wanted("open", HELD, owner=("id-x", ""))) == []


async def test_several_states_are_one_list_in_order(filled: Database) -> None:
    both = (JobState.PRINTING, JobState.HELD)
    assert await numbers(filled, Wanted("open", both, peer="192.0.2.9")) == [1, 3, 5]
    assert await numbers(filled, Wanted("open", both)) == [1, 2, 3, 4, 5, 7]
    assert await numbers(filled, Wanted("open", both, newest_first=True)) == [7, 5, 4, 3, 2, 1]


async def test_what_others_entrust_is_wanted_as_well(filled: Database) -> None:
    """Live jobs of whole accounts, and single ones of their owners; each once."""
    nobody = Wanted("open", tuple(JobState), owner=("nobody", "nobody"))
    both = nobody._replace(entrusted_by=("id-ana", "id-ben"), entrusted=((2, "id-ana"),))
    assert await numbers(filled, nobody) == []
    assert await numbers(filled, nobody._replace(entrusted_by=("id-ana",))) == [2]
    assert await numbers(filled, nobody._replace(entrusted=((4, "id-ben"), (2, "id-ana")))) == [2, 4]
    assert await numbers(filled, nobody._replace(entrusted=((4, "id-ana"), (1, "id-ana")))) == []
    assert await numbers(filled, both) == [2, 4]
    assert await numbers(filled, both._replace(newest_first=True)) == [4, 2]
    assert await numbers(filled, both._replace(states=(JobState.COMPLETED,))) == []
    await filled.write(
        lambda connection: jobs.update_job(connection, JOBS[1].id, HELD, state=JobState.COMPLETED.value)
    )
    assert await numbers(filled, both) == [4]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_pages_go_on_where_the_last_one_ended(filled: Database, newest_first: bool) -> None:
    wanted = Wanted("open", tuple(JobState), newest_first=newest_first)
    whole = await numbers(filled, wanted)
    found: list[int] = []
    beyond: int | None = None
    while True:
        lines = await page(filled, wanted, 2, beyond)
        if not lines:
            break
        found += [line.number for line in lines]
        beyond = lines[-1].place
    assert found == whole


async def test_numbers(filled: Database) -> None:
    assert await numbers(filled, Wanted("open", HELD, first_number=3)) == [3, 4, 7]
    assert await numbers(filled, Wanted("open", HELD, numbers=(7, 5, 6, 99, 1))) == [7, 1]


async def test_only_the_columns_asked_for_are_read(filled: Database) -> None:
    wanted = Wanted("open", HELD, numbers=(1,))
    light = (await filled.read(lambda connection: list_page(connection, wanted, frozenset(), limit=1)))[0]
    assert {getattr(light, name) for name in OPTIONAL} == {None}
    whole = (await filled.read(lambda connection: list_page(connection, wanted, OPTIONAL, limit=1)))[0]
    assert whole._replace(place=1) == line_of(JOBS[0])._replace(place=1)


async def test_no_list_is_sorted_by_the_database(database: Database) -> None:
    """A person with 50,000 jobs waits no longer for the first thousand than one with a thousand."""

    def plans(connection: Connection) -> list[str]:
        found = []
        for kind in listing._BRANCHES:
            statement = listing._statement(kind, listing._columns(OPTIONAL), newest_first=False)
            names = ("of_queue", "first_number", "edge", "most", "in_state")
            named = ("of_owner", "of_name", "of_peer", "of_number")
            values = statement.arguments(dict.fromkeys((*names, *named)))
            rows = driver_of(connection).execute(f"EXPLAIN QUERY PLAN {statement.text}", values)
            found += [row[3] for row in rows]
        return found

    plan = await database.read(plans)
    assert len(plan) >= len(listing._BRANCHES)
    assert not [line for line in plan if "TEMP B-TREE" in line]


async def test_a_mark_is_the_same_as_long_as_its_row_is(filled: Database) -> None:
    """Also where a change says nothing of its time, or the clock stands still."""
    wanted = Wanted("open", HELD)
    before = await filled.read(lambda connection: listing.list_marks(connection, wanted, limit=10))
    lines = await page(filled, wanted)
    assert before == [line.mark for line in lines]
    news: list[dict[str, Any]] = [{"reason": "Something else."}, {"pages": 3, "changed_at": NOW}]
    for changes in news:
        await filled.write(functools.partial(jobs.update_job, job_id=JOBS[0].id, states=HELD, **changes))
        after = await filled.read(lambda connection: listing.list_marks(connection, wanted, limit=10))
        assert [one == other for one, other in zip(before, after, strict=True)] == [False, *[True] * 4]
        before = after
    places = [place for place, _ in before]
    again = await filled.read(lambda connection: listing.lines_at(connection, places, frozenset()))
    assert [line.mark for line in again] == before


async def test_every_write_is_a_change(filled: Database) -> None:
    before = await filled.read(listing.changes)
    assert await filled.read(listing.changes) == before
    await filled.write(
        lambda connection: jobs.update_job(connection, JOBS[0].id, HELD, reason="Something else.")
    )
    assert await filled.read(listing.changes) != before
