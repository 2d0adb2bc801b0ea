"""State changes: table, row, time line and audit belong together; the chain notices every change."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from spoold.database import jobs, records
from spoold.database.engine import Database
from spoold.database.migrations import migrate
from spoold.model.errors import NotFound
from spoold.model.ids import UserId, new_job_id
from spoold.model.job import Document, Job
from spoold.model.jobstate import IllegalTransition, JobEvent, JobState
from spoold.records import audit, transitions
from spoold.records.verify import verify_chain

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)
    yield database
    database.close()


def _job() -> Job:
    return Job(
        id=new_job_id(),
        number=0,
        queue="secure",
        state=JobState.RECEIVING,
        reason="arriving",
        owner_id=UserId("u1"),
        claimed_name="ana",
        peer="192.0.2.1",
        protocol="ipps",
        created_at=NOW,
        changed_at=NOW,
        expires_at=NOW + timedelta(hours=4),
        private=b"sealed",
        wrapped_key=b"wrapped",
    )


async def _begin(database: Database, *walked: JobEvent) -> Job:
    return await database.write(
        lambda connection: transitions.begin(connection, _job(), actor="u1", walked=walked, words="because")
    )


async def test_a_job_in_one_piece_walks_the_table(database: Database) -> None:
    """A job inserted as held got there by edges of the table."""
    job = await _begin(database, JobEvent.SEALED, JobEvent.PERMITTED)
    assert (job.state, job.reason, job.number) == (JobState.HELD, "because", 1)
    with pytest.raises(IllegalTransition):
        await _begin(database, JobEvent.PERMITTED)


async def test_a_move_records_itself(database: Database) -> None:
    """Row, time line and audit change together."""
    job = await _begin(database)
    moved = await database.write(
        lambda connection: transitions.move(
            connection, job.id, JobEvent.SEALED, words="looked at", actor="u1", now=NOW, documents=2
        )
    )
    assert (moved.state, moved.documents, moved.reason) == (JobState.INSPECTING, 2, "looked at")
    events = await database.read(lambda connection: records.events_of(connection, job.id))
    assert [event.event for event in events] == ["accepted", "sealed"]
    rows = await database.read(records.audit_rows)
    assert [_kind(row.entry) for row in rows] == ["job-accepted", "job-sealed"]


async def test_an_illegal_move_changes_nothing(database: Database) -> None:
    """Neither row nor audit hears of it."""
    job = await _begin(database)
    with pytest.raises(IllegalTransition):
        await database.write(
            lambda connection: transitions.move(
                connection, job.id, JobEvent.CONFIRMED, words="", actor="u1", now=NOW
            )
        )
    assert len(await database.read(records.audit_rows)) == 1


async def test_a_move_of_nothing_is_not_found(database: Database) -> None:
    """An unknown job is said to be unknown."""
    with pytest.raises(NotFound):
        await database.write(
            lambda connection: transitions.move(
                connection, new_job_id(), JobEvent.SEALED, words="", actor="u1", now=NOW
            )
        )


async def test_the_end_destroys_the_keys(database: Database) -> None:
    """A final state leaves no key, no sealed words and no container behind, in the same transaction."""
    job = await _begin(database, JobEvent.SEALED, JobEvent.PERMITTED)
    document = Document(job.id, 1, "text/plain", 5, 1, b"wrapped", inline=b"container")

    def work(connection: Connection) -> None:
        jobs.insert_document(connection, document)
        transitions.move(connection, job.id, JobEvent.CANCELED, words="gone", actor="u1", now=NOW)

    await database.write(work)
    ended = await database.read(lambda connection: jobs.job_by_id(connection, job.id))
    assert ended is not None
    assert (ended.private, ended.wrapped_key, ended.finished_at) == (None, None, NOW)
    (left,) = await database.read(lambda connection: jobs.documents_of(connection, job.id))
    assert (left.wrapped_key, left.inline) == (None, None)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE audit SET entry = replace(entry, 'n-2', 'n-9') WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
        "UPDATE audit SET chain_hash = x'00' WHERE seq = 3",
        "UPDATE audit SET seq = seq + 100 WHERE seq > 3",
    ],
)
async def test_every_change_of_the_chain_is_found(database: Database, damage: str) -> None:
    """Editing, deleting, replacing and renumbering break the chain where they happen."""

    def write(connection: Connection) -> None:
        for number in range(6):
            audit.append(connection, at=NOW, kind="test", actor="u1", what=f"n-{number}")

    await database.write(write)
    whole = await database.read(verify_chain)
    assert (whole.entries, whole.broken_at) == (6, None)
    await database.write(lambda connection: connection.execute(text(damage)))
    broken = await database.read(verify_chain)
    assert broken.broken_at in (3, 4)
    assert broken.why


async def test_swapped_entries_are_found(database: Database) -> None:
    """Two entries that change places do not fit any more."""

    def write(connection: Connection) -> None:
        for number in range(4):
            audit.append(connection, at=NOW, kind="test", actor="u1", what=number)
        first, second = records.audit_rows(connection)[1:3]
        for row, other in itertools.permutations([first, second]):
            connection.execute(
                text("UPDATE audit SET entry = :entry, chain_hash = :hash WHERE seq = :seq"),
                {"entry": other.entry, "hash": other.chain_hash, "seq": row.seq},
            )

    await database.write(write)
    assert (await database.read(verify_chain)).broken_at == 2


def _kind(entry: str) -> str:
    import json

    kind: str = json.loads(entry)["kind"]
    return kind
