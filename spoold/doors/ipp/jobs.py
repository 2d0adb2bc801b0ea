"""Get-Job-Attributes, Get-Jobs, Cancel-Job, Cancel-My-Jobs, Hold-Job, Release-Job."""

from collections.abc import Iterable

import structlog
from sqlalchemy import Connection

from protocols.errors import RemoteProtocolError
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.selection import GET_JOBS_DEFAULT, job_selection
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from spoold.database import jobs
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import SIGN_IN_FIRST, Door
from spoold.doors.ipp.job_attributes import creation_answer, job_attributes
from spoold.model.access import Action, may
from spoold.model.errors import NotAuthenticated, NotPossible, Unavailable
from spoold.model.ids import canonical_name
from spoold.model.job import Job
from spoold.model.jobstate import FINAL, LIVE, JobState
from spoold.model.principal import Principal

log = structlog.get_logger()

# More is never answered at once: reading them would keep the records from everybody else.
MAX_JOBS = 1_000
# Interactive clients' words for what to list, and the states each means (PWG 5100.7).
WHICH_JOBS = {
    "completed": FINAL | {JobState.QUARANTINED},
    "not-completed": LIVE - {JobState.QUARANTINED},
    "all": frozenset(JobState),
    "pending-held": frozenset({JobState.HELD, JobState.WAITING_APPROVAL, JobState.UNKNOWN}),
}


async def get_job_attributes(door: Door, request: IppRequest) -> Message:
    """Answer Get-Job-Attributes (RFC 8011 4.3.4)."""
    job = _job(request)
    selection = job_selection(request.operation.strings("requested-attributes"))
    return answer(request.message, groups=[Group(GroupTag.JOB, selection.of(_shown(door, request, job)))])


async def get_jobs(door: Door, request: IppRequest) -> Message:
    """Answer Get-Jobs (RFC 8011 4.2.6): only jobs the sender may know of, names only to their owner."""
    which = request.operation.string("which-jobs") or "not-completed"
    if which not in WHICH_JOBS:
        attribute = request.operation.get("which-jobs")
        return answer(
            request.message,
            Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
            unsupported=[attribute] if attribute else [],
        )
    limit = request.operation.integer("limit") or MAX_JOBS
    found = await _visible(door, request, which, min(max(1, limit), MAX_JOBS))
    selection = job_selection(request.operation.strings("requested-attributes"), GET_JOBS_DEFAULT)
    groups = [Group(GroupTag.JOB, selection.of(_shown(door, request, job))) for job in found]
    return answer(request.message, groups=groups)


async def cancel_job(door: Door, request: IppRequest) -> Message:
    """Answer Cancel-Job (RFC 8011 4.3.3); cancelling what is being cancelled is fine."""
    job = _job(request)
    if job.state in FINAL:
        raise NotPossible("The job has ended already.", job=str(job.id), state=job.state)
    if job.state is JobState.RECEIVING and may(
        request.principal, Action.CANCEL_INCOMING, job, peer=request.http.peer_host
    ):
        ended = await door.intake.cancel_incoming(job.id, actor=_actor(request))
        if ended.state in FINAL:
            return answer(request.message)
        # Its last document has just come, so the job is held by now and needs somebody who may cancel it.
    await door.desk.cancel(_proven(request), job.id)
    return answer(request.message)


async def cancel_my_jobs(door: Door, request: IppRequest) -> Message:
    """Answer Cancel-My-Jobs (PWG 5100.7): all live jobs of the person in this queue, or those named."""
    principal = _proven(request)
    wanted = request.operation.get("job-ids")
    numbers = {value.data for value in wanted.values} if wanted is not None else None

    def read(connection: Connection) -> list[Job]:
        return jobs.list_jobs(
            connection,
            states=LIVE,
            owner_id=principal.id,
            claimed_name=principal.name,
            queue=request.queue.name,
        )

    mine = await door.database.read(read)
    if numbers is not None and not numbers <= {job.number for job in mine}:
        raise NotPossible("Some of these jobs are not yours or have ended; none was cancelled.")
    for job in mine:
        if numbers is None or job.number in numbers:
            await door.desk.cancel(principal, job.id)
    return answer(request.message)


async def hold_job(_door: Door, request: IppRequest) -> Message:
    """Answer Hold-Job (RFC 8011 4.3.5): every job is held already; one that has gone on cannot be."""
    job = _job(request)
    if job.state not in (JobState.HELD, JobState.WAITING_APPROVAL, JobState.RECEIVING, JobState.INSPECTING):
        raise NotPossible("The job is not waiting any more.", job=str(job.id), state=job.state)
    return answer(request.message)


async def release_job(door: Door, request: IppRequest) -> Message:
    """Answer Release-Job (RFC 8011 4.3.6): the owner, just proven, lets the job go.

    The printer is "output-device" (PWG 5100.7) or the queue's only one.
    """
    job = _job(request)
    view = await door.desk.release(_proven(request), job.id, request.operation.string("output-device"))
    return answer(
        request.message,
        groups=[Group(GroupTag.JOB, creation_answer(request, view.job))],
        words=view.job.reason,
    )


async def _visible(door: Door, request: IppRequest, which: str, limit: int) -> list[Job]:
    """Return the jobs the asker may know of; the database chooses, so other people's cost nothing."""
    principal, peer = request.principal, request.http.peer_host
    my_jobs = request.operation.boolean("my-jobs") is True
    everybody = may(principal, Action.READ_STATE) and not my_jobs

    def read(connection: Connection) -> list[Job]:
        return jobs.list_jobs(
            connection,
            states=WHICH_JOBS[which],
            queue=request.queue.name,
            owner_id=None if everybody or principal is None else principal.id,
            claimed_name=None if everybody or principal is None else principal.name,
            peer=None if everybody or (my_jobs and principal is not None) else peer,
            newest_first=which == "completed",
            limit=limit,
        )

    found = await door.database.read(read)
    seen = [job for job in found if may(principal, Action.READ_STATE, job, peer=peer)]
    return [job for job in seen if _is_mine(request, job)] if my_jobs else seen


def _shown(door: Door, request: IppRequest, job: Job) -> Iterable[Attribute]:
    now = door.clock.now()
    title: str | None = None
    if may(request.principal, Action.READ_TITLE, job):
        try:
            title = door.words.title(job)
        except Unavailable as error:
            # One unreadable name must not hide the whole list from its owner.
            log.warning("title-unreadable", **error.fields)
    return job_attributes(
        request,
        job,
        title=title,
        started_at=door.attributes.started_at,
        up_time_s=door.attributes.up_time_s(now),
        now=now,
    )


def _is_mine(request: IppRequest, job: Job) -> bool:
    if request.principal is not None:
        return job.owned_by(request.principal)
    return job.owner_id is None and job.claimed_name == canonical_name(request.requesting_user_name)


def _job(request: IppRequest) -> Job:
    if request.job is None:
        raise RemoteProtocolError("job-id is missing", status_hint=Status.CLIENT_ERROR_BAD_REQUEST)
    return request.job


def _proven(request: IppRequest) -> Principal:
    if request.principal is None:
        raise NotAuthenticated(SIGN_IN_FIRST)
    return request.principal


def _actor(request: IppRequest) -> str:
    return request.principal.id if request.principal else f"unclaimed:{request.http.peer_host}"
