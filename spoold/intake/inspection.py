"""Looks into sealed documents: at once when a rule asks, otherwise while the job waits for its owner."""

import math
from dataclasses import replace
from functools import partial
from uuid import UUID

import structlog
import trio
from sqlalchemy import Connection

from holdstore.errors import HoldStoreError
from holdstore.store import HoldStore, SealedDocument
from spoold.database import jobs
from spoold.database.engine import Database
from spoold.documents.inspection import Inspection
from spoold.documents.inspector import Inspector
from spoold.model.errors import SpoolError
from spoold.model.ids import JobId
from spoold.model.job import Document
from spoold.model.jobstate import LIVE
from spoold.runtime.metrics import Metrics

log = structlog.get_logger()

# Jobs that wait for a look; when more come than can be looked at, the rest is found again by the sweep.
MAX_WAITING = 1_000
SWEEP_EVERY_S = 60.0
# A burst of jobs is taken in before its documents are looked at: beside a busy worker, each of the daemon's
# threads that woke up waited out the worker's time slice, and a job took 10 ms instead of 1 (Linux 6.18).
QUIET_S = 0.25
PATIENCE_S = 30.0


class Inspections:
    """Opens documents for the inspector, inspects held jobs in the background, and stores what was found."""

    def __init__(
        self, *, database: Database, store: HoldStore, inspector: Inspector, metrics: Metrics
    ) -> None:
        self._database = database
        self._store = store
        self._inspector = inspector
        self._metrics = metrics
        self._send, self._receive = trio.open_memory_channel[JobId](MAX_WAITING)
        self._arrived_at_s = -math.inf
        self._quiet = trio.CancelScope()

    def later(self, job_id: JobId) -> None:
        """Have a job that just arrived looked at when there is time."""
        self._arrived_at_s = trio.current_time()
        self._quiet.deadline = self._arrived_at_s + QUIET_S
        try:
            self._send.send_nowait(job_id)
        except trio.WouldBlock:
            log.debug("inspection-postponed", job=str(job_id))

    async def inspect(self, document: Document) -> Document:
        """Return the document with what was found; *unknown* is an answer, never an error."""
        document = self.at_a_glance(document)
        if document.inspected:
            return document
        started = trio.current_time()
        found = await self._look(document)
        self._metrics.inspected("known" if found.known else "unknown", trio.current_time() - started)
        return _with(document, found)

    def at_a_glance(self, document: Document) -> Document:
        """Return the document with what its format and size alone tell; one that must be read stays as it is.

        It spares pictures and text the way through the background and a transaction of their own.
        """
        if document.inspected:
            return document
        found = self._inspector.at_a_glance(document.format, document.size_bytes)
        if found is None:
            return document
        self._metrics.inspected("known" if found.known else "unknown", 0.0)
        return _with(document, found)

    async def run(self) -> None:
        """Look at what waits, and from time to time at what was postponed or left by a crash."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._sweep)
            while True:
                job_id = await self._receive.receive()
                await self._wait_for_quiet()
                await self._inspect_job(job_id)

    async def _wait_for_quiet(self) -> None:
        self._quiet = trio.CancelScope(deadline=self._arrived_at_s + QUIET_S)
        with trio.move_on_after(PATIENCE_S), self._quiet:
            await trio.sleep_forever()

    async def _sweep(self) -> None:
        while True:
            try:
                waiting = await self._database.read(jobs.not_inspected)
            except SpoolError as error:
                log.warning("inspection-waits", **error.fields)
                waiting = []
            for job_id in dict.fromkeys(job_id for job_id, _number in waiting):
                await self._send.send(JobId(job_id))
            await trio.sleep(SWEEP_EVERY_S)

    async def _inspect_job(self, job_id: JobId) -> None:
        documents = await self._database.read(
            lambda connection: jobs.documents_of(connection, job_id), short=True
        )
        waiting = [one for one in documents if not one.inspected and one.wrapped_key is not None]
        for document in waiting:
            found = await self.inspect(document)
            await self._database.write(partial(_store, job_id=job_id, document=found), short=True)

    async def _look(self, document: Document) -> Inspection:
        if document.wrapped_key is None:
            return Inspection(document.format, reason="the document was deleted")
        try:
            async with self._store.open(sealed(document)) as reader:
                return await self._inspector.inspect(document.format, reader.chunks())
        except HoldStoreError as error:
            # Damage is dealt with where it matters, at release: nothing is printed from this container.
            log.error("inspection-failed", job=str(document.job_id), error=type(error).__name__)
            return Inspection(document.format, reason="the stored document is damaged")


def _with(document: Document, found: Inspection) -> Document:
    return replace(
        document,
        inspected=True,
        pages=found.pages if found.known else None,
        encrypted=found.encrypted,
        broken=found.broken,
        why_unknown=found.reason or "",
        page_sizes=found.page_sizes,
    )


def sealed(document: Document) -> SealedDocument:
    """Return what the hold store needs to open a document."""
    return SealedDocument(
        job_id=UUID(int=document.job_id.int),
        number=document.number,
        size_bytes=document.size_bytes,
        segments=document.segments,
        wrapped_key=document.wrapped_key or b"",
        inline=document.inline,
    )


def _store(connection: Connection, *, job_id: JobId, document: Document) -> None:
    jobs.set_inspection(connection, document)
    rows = jobs.documents_of(connection, job_id)
    pages = [row.pages for row in rows]
    total = None if None in pages else math.fsum(page for page in pages if page is not None)
    jobs.update_job(connection, job_id, LIVE, pages=None if total is None else int(total))
