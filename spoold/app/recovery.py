"""Brings rows and containers together after whatever ended the last run."""

from uuid import UUID

import structlog
from sqlalchemy import Connection

from spoold.app.parts import Parts
from spoold.database import archive, jobs
from spoold.model.ids import JobId
from spoold.model.jobstate import JobEvent, JobState, states_before
from spoold.records import transitions

log = structlog.get_logger()

SPOOLER = "spoold"
MISSING = "The stored document is gone; print it again."


async def recover(parts: Parts) -> None:
    """Sweep containers that no row names, quarantine jobs whose container is gone, decide on sealed jobs.

    Containers without a row cannot be opened by anybody (their key was only in the row), and their sender
    never heard yes. Jobs at a printer are resolved by the release service.
    """
    known = await parts.database.read(_known)
    report = await parts.store.recover(known)
    for job_id, number in report.missing:
        log.error("container-missing", job=str(job_id), number=number)
        await _quarantine(parts, JobId(job_id))
    log.info(
        "recovered",
        unfinished=report.unfinished,
        unknown=report.unknown,
        missing=len(report.missing),
        foreign=len(report.foreign),
    )
    await parts.open_jobs.recover()


def _known(connection: Connection) -> list[tuple[UUID, int]]:
    return jobs.containers_in_files(connection) + archive.containers_in_files(connection)


async def _quarantine(parts: Parts, job_id: JobId) -> None:
    now = parts.clock.now()

    def write(connection: Connection) -> bool:
        job = jobs.job_by_id(connection, job_id)
        if job is None or job.state not in states_before(JobEvent.DAMAGED):
            return False
        transitions.move(connection, job_id, JobEvent.DAMAGED, words=MISSING, actor=SPOOLER, now=now)
        return True

    if await parts.database.write(write):
        parts.metrics.job_moved(JobState.HELD, JobState.QUARANTINED)
