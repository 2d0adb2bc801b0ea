"""What the daemon looks at again and again: its own health, and how many jobs each queue has."""

from collections.abc import Callable
from typing import Any

import structlog
import trio
from sqlalchemy import Connection

from holdstore.check import check
from holdstore.container import SealedDocument
from holdstore.errors import HoldStoreError
from spoold.app.certificates import renew_if_ended
from spoold.app.conversion import ConversionHealth
from spoold.app.parts import Parts
from spoold.database import archive, jobs
from spoold.database.engine import Database
from spoold.intake.inspection import sealed
from spoold.model.archive import Copy
from spoold.model.errors import ConfigurationError, SpoolError
from spoold.model.jobstate import AT_PRINTER, LIVE
from spoold.runtime.clock import ClockStepDetector

log = structlog.get_logger()

HEALTH_EVERY_S = 10.0
# Clients ask for "queued-job-count" far more often than it changes visibly.
COUNT_EVERY_S = 1.0
# What changes rarely is looked at every so many rounds: a probe of the sandbox costs a process.
PROBE_EVERY = 30


class QueueCounts:
    """Live jobs of each queue, a second old at most."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._live: dict[str, int] = {}
        self._at_printer: dict[str, int] = {}
        self._tell = _nobody

    def live(self, queue: str) -> int:
        """Return "queued-job-count"."""
        return self._live.get(queue, 0)

    def at_printer(self, queue: str) -> bool:
        """Tell whether a job of the queue is going out."""
        return self._at_printer.get(queue, 0) > 0

    def tell(self, counted: Callable[[], None]) -> None:
        """Call `counted` after every count from now on."""
        self._tell = counted

    async def run(self) -> None:
        """Count for ever."""
        while True:
            try:
                self._live, self._at_printer = await self._database.read(_counts)
            except SpoolError as error:
                log.warning("not-counted", **error.fields)
            else:
                self._tell()
            await trio.sleep(COUNT_EVERY_S)


def _nobody() -> None:
    """Nobody wants to be told."""


def _counts(connection: Connection) -> tuple[dict[str, int], dict[str, int]]:
    return jobs.count_by_queue(connection, LIVE), jobs.count_by_queue(connection, AT_PRINTER)


async def keep_health(parts: Parts) -> None:
    """Look at store, database, sandbox, certificate, conversion and clock, for ever."""
    steps = ClockStepDetector(parts.clock)
    conversion = ConversionHealth(parts)
    round_number = 0
    while True:
        _look_at_disk(parts)
        _look_at_database(parts)
        if round_number % PROBE_EVERY == 0:
            await _look_at_sandbox(parts)
            _look_at_certificate(parts)
        await conversion.look(again=round_number % PROBE_EVERY == 0)
        step_s = steps.observe()
        if step_s:
            parts.metrics.clock_stepped()
            log.warning("clock-stepped", seconds=round(step_s, 3))
        round_number += 1
        await trio.sleep(HEALTH_EVERY_S)


def _look_at_disk(parts: Parts) -> None:
    try:
        free = parts.store.free_bytes()
    except HoldStoreError as error:
        parts.health.failed("store", f"the documents cannot be looked at: {error}")
        return
    if free is None:
        return
    parts.metrics.set_store_free(free)
    if free >= parts.limits.required_free_bytes(parts.state.total_bytes()):
        parts.health.ok("store")
        return
    parts.health.degraded("store", "the disk is nearly full; no new jobs are accepted")
    if free < parts.limits.reserve_bytes and parts.state.free_reserve():
        log.warning("reserve-freed", free=free)


def _look_at_database(parts: Parts) -> None:
    if parts.database.failed:
        parts.health.failed("database", f"a write failed ({parts.database.failed}); restart the daemon")
    else:
        parts.health.ok("database")


async def _look_at_sandbox(parts: Parts) -> None:
    found = await parts.inspector.probe()
    parts.metrics.set_sandbox_ok(found.ok)
    if found.ok:
        parts.health.ok("sandbox")
    else:
        parts.health.degraded("sandbox", f"documents are not inspected: {found.reason}")


def _look_at_certificate(parts: Parts) -> None:
    try:
        renew_if_ended(parts.tls, parts.config, parts.clock)
    except (ConfigurationError, OSError) as error:
        # The one in use goes on being used: clients that know it still print.
        parts.health.degraded("certificate", f"it cannot be renewed: {error}")
    else:
        parts.health.ok("certificate")


async def check_store(parts: Parts, read_fraction: float) -> dict[str, Any]:
    """Compare rows and containers; what is being accepted right now is looked at twice before it counts."""
    documents = [sealed(one) for one in await parts.database.read(jobs.documents_with_keys)]
    copies = [_archived(one) for one in await parts.database.read(archive.copies_in_files)]
    looks = check(parts.store, documents, read_data=read_fraction, archived=copies)
    findings = [str(one) async for one in looks]
    if findings:
        documents = [sealed(one) for one in await parts.database.read(jobs.documents_with_keys)]
        copies = [_archived(one) for one in await parts.database.read(archive.copies_in_files)]
        again = {str(one) async for one in check(parts.store, documents, archived=copies)}
        findings = [finding for finding in findings if finding in again or read_fraction > 0]
    checked = len(documents) + len(copies)
    return {"checked": checked, "read": round(len(documents) * read_fraction), "findings": findings}


def _archived(copy: Copy) -> SealedDocument:
    return SealedDocument(
        copy.job_id, copy.number, copy.size_bytes, copy.segments, copy.wrapped_key, copy.inline
    )
