"""Commands about jobs and printers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import trio

from spoold.doors.control.parts import LOCAL_PEER, Answer, Arguments, Command, ControlParts
from spoold.identity.pins import Pin
from spoold.model.access import Action
from spoold.model.errors import NotFound, NotPossible
from spoold.model.ids import JobId
from spoold.model.principal import Principal
from spoold.release.pins import Wanted
from spoold.release.views import JobView, job_fields, printer_fields

# A release is waited for as long as a grant lives and a long document prints.
MAX_WAIT_S = 900.0


async def _jobs(parts: ControlParts, principal: Principal, _arguments: Arguments) -> Answer:
    return [job_answer(view) for view in await parts.desk.jobs(principal)]


async def _job(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    job_id = await find_job(parts, principal, arguments)
    events = await parts.desk.timeline(principal, job_id)
    timeline = [{"at": one.at.isoformat(), "event": one.event, "words": one.words} for one in events]
    return job_answer(await parts.desk.job(principal, job_id)) | {"timeline": timeline}


async def _release(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    job_id = await find_job(parts, principal, arguments)
    wait_s = min(float(arguments.get("wait_s", 0)), MAX_WAIT_S)
    printer = arguments.get("printer")
    if "pin" in arguments:
        return await _release_by_pin(parts, principal, job_id, arguments, wait_s)
    if wait_s > 0:
        return job_answer(await parts.desk.release_and_wait(principal, job_id, printer, wait_s))
    return job_answer(await parts.desk.release(principal, job_id, printer))


async def _release_by_pin(
    parts: ControlParts, principal: Principal, job_id: JobId, arguments: Arguments, wait_s: float
) -> Answer:
    """Release a job for somebody who knows its PIN; root names the job, and needs the PIN all the same."""
    if "user" in arguments:
        raise NotPossible("Give the owner's password or the job's PIN, not both.")
    pin, printer = Pin.typed(str(arguments["pin"])), arguments.get("printer")
    await parts.desk.pins.release(Wanted(job_id), pin, printer, peer=LOCAL_PEER)
    with trio.move_on_after(wait_s):
        await parts.desk.service.ended(job_id)
    return job_answer(await parts.desk.job(principal, job_id))


async def _cancel(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    return job_answer(await parts.desk.cancel(principal, await find_job(parts, principal, arguments)))


async def _take_back(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    return job_answer(await parts.desk.take_back(principal, await find_job(parts, principal, arguments)))


async def _printers(parts: ControlParts, principal: Principal, _arguments: Arguments) -> Answer:
    return [printer_fields(view) for view in await parts.desk.printers(principal)]


COMMANDS = (
    Command("jobs", Action.READ_JOB, _jobs),
    Command("job", Action.READ_JOB, _job),
    Command("release", Action.RELEASE, _release),
    Command("cancel", Action.CANCEL, _cancel),
    Command("take-back", Action.HOLD, _take_back),
    Command("printers", Action.READ_PRINTERS, _printers),
)


# -- what commands show --


def job_answer(view: JobView) -> dict[str, Any]:
    """Return a job as commands show it; its title is "Job 12" to whoever may not read it."""
    job = view.job
    owner = {"user": job.claimed_name, "claimed": job.owner_id is not None}
    return job_fields(view) | owner | {"title": view.title}


async def find_job(parts: ControlParts, principal: Principal, arguments: Arguments) -> JobId:
    """Find a job by its UUID, the beginning of it, or its number."""
    wanted = str(arguments["job"]).strip().lower()
    try:
        return JobId(UUID(wanted))
    except ValueError:
        pass
    views = await parts.desk.jobs(principal)
    found = [view.job.id for view in views if _is_called(view, wanted)]
    return only_one(found, wanted, f"There is no job {wanted!r} that you may see.")


def only_one(found: Sequence[JobId], wanted: str, none: str) -> JobId:
    """Return the job that was found.

    Raises:
        NotFound: with the words `none`, or because `wanted` begins the ids of several.
    """
    if len(found) > 1:
        raise NotFound(f"{wanted!r} is not one job but the beginning of {len(found)}; give its number.")
    if not found:
        raise NotFound(none)
    return found[0]


def _is_called(view: JobView, wanted: str) -> bool:
    if wanted.isdigit() and view.job.number == int(wanted):
        return True
    return len(wanted) >= 4 and view.job.id.hex.startswith(wanted.replace("-", ""))
