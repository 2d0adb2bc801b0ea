"""Cancel-Job, Cancel-Jobs, Cancel-My-Jobs, Hold-Job, Release-Job."""

import functools

import structlog

from protocols.ipp.message import Group, Message
from protocols.ipp.tags import GroupTag
from spoold.database import jobs
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door, asked_job, proven
from spoold.doors.ipp.job_attributes import creation_answer
from spoold.model.access import Action, may
from spoold.model.errors import NotPossible
from spoold.model.job import Job
from spoold.model.jobstate import FINAL, LIVE, JobState
from spoold.model.principal import Principal

log = structlog.get_logger()


async def cancel_job(door: Door, request: IppRequest) -> Message:
    """Answer Cancel-Job (RFC 8011 4.3.3); cancelling what is being cancelled is fine."""
    job = asked_job(request)
    if job.state in FINAL:
        raise NotPossible("The job has ended already.", job=str(job.id), state=job.state)
    if job.state is JobState.RECEIVING and may(
        request.principal, Action.CANCEL_INCOMING, job, peer=request.http.peer_host
    ):
        ended = await door.intake.cancel_incoming(job.id, actor=_actor(request))
        if ended.state in FINAL:
            return answer(request.message)
        # Its last document has just come, so the job is held by now and needs somebody who may cancel it.
    await door.desk.cancel(proven(request), job.id)
    return answer(request.message)


async def cancel_my_jobs(door: Door, request: IppRequest) -> Message:
    """Answer Cancel-My-Jobs (PWG 5100.7): all live jobs of the person in this queue, or those named."""
    principal = proven(request)
    mine = functools.partial(
        jobs.list_jobs,
        states=LIVE,
        owner_id=principal.id,
        claimed_name=principal.name,
        queue=request.queue.name,
    )
    return await _cancel_all(door, request, principal, await door.database.read(mine))


async def cancel_jobs(door: Door, request: IppRequest) -> Message:
    """Answer Cancel-Jobs (PWG 5100.7): an operator cancels all live jobs of a queue, or those named."""
    live = functools.partial(jobs.list_jobs, states=LIVE, queue=request.queue.name)
    return await _cancel_all(door, request, proven(request), await door.database.read(live))


async def hold_job(door: Door, request: IppRequest) -> Message:
    """Answer Hold-Job (RFC 8011 4.3.5): one that would go by itself waits for its owner from now on.

    All others are held already; one that has gone on cannot be.
    """
    job = asked_job(request)
    if job.state not in (JobState.HELD, JobState.WAITING_APPROVAL, JobState.RECEIVING, JobState.INSPECTING):
        raise NotPossible("The job is not waiting any more.", job=str(job.id), state=job.state)
    if job.on_arrival and job.state is JobState.HELD:
        await door.desk.hold(proven(request), job.id)
    return answer(request.message)


async def release_job(door: Door, request: IppRequest) -> Message:
    """Answer Release-Job (RFC 8011 4.3.6): the owner, just proven, lets the job go.

    The printer is "output-device" (PWG 5100.7) or the queue's only one.
    """
    job = asked_job(request)
    view = await door.desk.release(proven(request), job.id, request.operation.string("output-device"))
    return answer(
        request.message,
        groups=[Group(GroupTag.JOB, creation_answer(request, view.job))],
        words=view.job.reason,
    )


def _actor(request: IppRequest) -> str:
    return request.principal.id if request.principal else f"unclaimed:{request.http.peer_host}"


async def _cancel_all(door: Door, request: IppRequest, principal: Principal, live: list[Job]) -> Message:
    """Cancel these jobs, or those of them that the request names: all of the named ones or none."""
    wanted = request.operation.get("job-ids")
    if wanted is not None:
        numbers = {value.data for value in wanted.values}
        live = [job for job in live if job.number in numbers]
        if len(live) < len(numbers):
            raise NotPossible("Some of these jobs have ended or are not yours to cancel; none was cancelled.")
    for job in live:
        try:
            await door.desk.cancel(principal, job.id)
        except NotPossible:
            # It ended by itself while the others were being cancelled.
            continue
    return answer(request.message)
