"""What a format alone tells is known at once; what must be read is left for later."""

from pathlib import Path

import pytest

from holdstore.keyring import Keyring
from holdstore.store import HoldStore
from spoold.database.engine import Database
from spoold.database.migrations import migrate
from spoold.documents.inspector import Inspector
from spoold.documents.pool import WorkerPool
from spoold.documents.worker.wire import MAX_DOCUMENT_BYTES
from spoold.intake.inspection import Inspections
from spoold.model.ids import new_job_id
from spoold.model.job import Document
from spoold.runtime.metrics import Metrics


@pytest.mark.parametrize(
    ("mime", "size_bytes", "inspected", "pages"),
    [
        ("application/pdf", MAX_DOCUMENT_BYTES, False, None),
        ("application/pdf", MAX_DOCUMENT_BYTES + 1, True, None),
        ("image/jpeg", 100, True, 1),
        ("image/urf", 100, True, None),
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
