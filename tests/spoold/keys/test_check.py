"""A daemon with the wrong store key does not start over jobs it could not open."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from holdstore.keyring import Keyring
from spoold.database import jobs
from spoold.database.engine import Database
from spoold.database.migrations import migrate
from spoold.keys.check import check_store_key
from spoold.model.errors import ConfigurationError
from spoold.model.ids import new_job_id
from spoold.model.job import Document, Job
from spoold.model.jobstate import JobState

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FIRST, SECOND = Keyring.from_bytes(bytes(range(32))), Keyring.from_bytes(bytes(range(1, 33)))


@pytest.fixture(name="database")
def _database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)
    yield database
    database.close()


def _hold_something(connection: Connection) -> None:
    job = Job(new_job_id(), 0, "q", JobState.HELD, "", None, "ana", "192.0.2.1", "ipp", NOW, NOW, NOW)
    jobs.insert_job(connection, job)
    jobs.insert_document(connection, Document(job.id, 1, "text/plain", 1, 1, b"wrapped", inline=b"x"))


async def test_the_same_key_is_fine(database: Database) -> None:
    """Start after start with one key."""
    await database.write(lambda connection: check_store_key(connection, FIRST))
    await database.write(_hold_something)
    await database.write(lambda connection: check_store_key(connection, FIRST))


async def test_another_key_over_held_jobs_is_refused(database: Database) -> None:
    """The refusal names both keys by their public ids and says what to do."""
    await database.write(lambda connection: check_store_key(connection, FIRST))
    await database.write(_hold_something)
    with pytest.raises(ConfigurationError) as caught:
        await database.write(lambda connection: check_store_key(connection, SECOND))
    assert FIRST.kek_id.hex()[:8] in caught.value.public
    assert SECOND.kek_id.hex()[:8] in caught.value.public


async def test_an_empty_store_takes_a_new_key(database: Database) -> None:
    """Nothing is lost by another key when nothing is held."""
    await database.write(lambda connection: check_store_key(connection, FIRST))
    await database.write(lambda connection: check_store_key(connection, SECOND))
    await database.write(_hold_something)
    with pytest.raises(ConfigurationError):
        await database.write(lambda connection: check_store_key(connection, FIRST))


async def test_an_older_key_in_the_ring_counts(database: Database) -> None:
    """During a rotation both keys are there."""
    await database.write(lambda connection: check_store_key(connection, FIRST))
    await database.write(_hold_something)
    both = Keyring.from_bytes(bytes(range(1, 33)), older=[bytes(range(32))])
    await database.write(lambda connection: check_store_key(connection, both))
