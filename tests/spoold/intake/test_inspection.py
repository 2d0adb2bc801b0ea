"""What a format alone tells is known at once; what must be read is left for later."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from sqlalchemy import Connection

from holdstore.keyring import Keyring
from holdstore.store import HoldStore
from spoold.database import jobs
from spoold.database.engine import Database
from spoold.database.migrations import migrate
from spoold.documents.inspection import Inspection, unknown
from spoold.documents.inspector import Inspector
from spoold.documents.pool import WorkerPool
from spoold.documents.worker.wire import MAX_DOCUMENT_BYTES, MAX_RASTER_BYTES
from spoold.intake.inspection import PATIENCE_S, QUIET_S, Inspections
from spoold.model.ids import JobId, new_job_id
from spoold.model.job import Document, Job
from spoold.model.jobstate import JobState
from spoold.runtime.metrics import Metrics
from tests.support.inline_database import InlineDatabase


@pytest.mark.parametrize(
    ("mime", "size_bytes", "inspected", "pages"),
    [
        ("application/pdf", MAX_DOCUMENT_BYTES, False, None),
        ("application/pdf", MAX_DOCUMENT_BYTES + 1, True, None),
        ("image/jpeg", 100, True, 1),
        ("image/urf", MAX_DOCUMENT_BYTES + 1, False, None),
        ("image/urf", MAX_RASTER_BYTES + 1, True, None),
        ("text/plain", 100, True, None),
    ],
)
async def test_at_a_glance(
    tmp_path: Path, mime: str, size_bytes: int, inspected: bool, pages: int | None
) -> None:
    database = Database(tmp_path / "spoold.db")
    database.open(migrate)
    store = HoldStore(tmp_path / "documents", Keyring.from_bytes(bytes(range(32))))
    inspections = Inspections(
        database=database, store=store, inspector=Inspector(WorkerPool()), metrics=Metrics()
    )
    document = Document(new_job_id(), 1, mime, size_bytes, 1, b"key", b"container")
    try:
        found = inspections.at_a_glance(document)
    finally:
        database.close()

    assert (found.inspected, found.pages) == (inspected, pages)
    assert bool(found.why_unknown) == (inspected and pages is None)
    assert inspections.at_a_glance(found) == found


NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Watch(Inspector):
    """Reads nothing and writes down when it was asked to."""

    def __init__(self) -> None:
        super().__init__(WorkerPool())
        self.asked_at_s: list[float] = []

    async def inspect(self, mime: str, chunks: AsyncIterator[bytes]) -> Inspection:
        self.asked_at_s.append(trio.current_time())
        return unknown(mime, "nobody looked")


@dataclass
class Burst:
    """Jobs with one PDF each that arrive one after the other."""

    directory: Path
    watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        self.database = InlineDatabase()
        self.inspections = Inspections(
            database=self.database,
            store=HoldStore(self.directory / "documents", Keyring.from_bytes(bytes(range(32)))),
            inspector=self.watch,
            metrics=Metrics(),
        )

    async def arrive(self, count: int, *, every_s: float) -> None:
        for number in range(count):
            if number:
                await trio.sleep(every_s)
            job_id = new_job_id()
            await self.database.write(partial(_insert, job_id=job_id))
            self.inspections.later(job_id)


def _insert(connection: Connection, job_id: JobId) -> None:
    jobs.insert_job(
        connection,
        Job(
            id=job_id,
            number=0,
            queue="secure",
            state=JobState.HELD,
            reason="Held.",
            owner_id=None,
            claimed_name="ada",
            peer="192.0.2.1",
            protocol="ipp",
            created_at=NOW,
            changed_at=NOW,
            expires_at=NOW,
        ),
    )
    jobs.insert_document(
        connection, Document(job_id, 1, "application/pdf", 100, 1, b"key", inline=b"container")
    )


async def test_a_burst_is_taken_in_before_it_is_looked_at(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    burst = Burst(tmp_path)
    nursery.start_soon(burst.inspections.run)
    await burst.arrive(20, every_s=QUIET_S / 2)
    ended_s = trio.current_time()
    assert burst.watch.asked_at_s == []

    await trio.sleep(QUIET_S * 2)
    assert len(burst.watch.asked_at_s) == 20
    assert min(burst.watch.asked_at_s) == pytest.approx(ended_s + QUIET_S)


async def test_a_single_job_is_looked_at_soon(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    burst = Burst(tmp_path)
    nursery.start_soon(burst.inspections.run)
    await trio.sleep(10)
    await burst.arrive(1, every_s=0)
    arrived_s = trio.current_time()

    await trio.sleep(1)
    assert burst.watch.asked_at_s == [pytest.approx(arrived_s + QUIET_S)]


async def test_a_burst_without_end_does_not_stop_inspections(
    tmp_path: Path, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    burst = Burst(tmp_path)
    nursery.start_soon(burst.inspections.run)
    await burst.arrive(int(4.5 * PATIENCE_S / 0.1), every_s=0.1)

    assert burst.watch.asked_at_s[0] == pytest.approx(PATIENCE_S)
    assert len(burst.watch.asked_at_s) >= 3
