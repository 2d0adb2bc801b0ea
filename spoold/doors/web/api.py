"""The HTTP API: jobs and printers for programs, as JSON; refusals as problem documents."""

from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.api_bodies import json_answer, wanted
from spoold.doors.web.guard import job_id_of
from spoold.doors.web.portal import Portal, Visitor
from spoold.identity.pins import Pin
from spoold.model.errors import NotAuthenticated
from spoold.release.pins import Wanted
from spoold.release.views import JobView, PrinterView, job_fields, printer_fields


async def list_jobs(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return the caller's jobs, oldest first; to staff everybody's, without titles."""
    views = await portal.desk.jobs(visitor.known)
    return json_answer({"jobs": [job_json(view) for view in views]})


async def show_job(_request: Request, _portal: Portal, visitor: Visitor) -> Response:
    """Return one job."""
    return json_answer(job_json(visitor.about))


async def release_job(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Let a job go; 202 because the printer has yet to print it."""
    printer = (await wanted(request, "printer"))["printer"]
    view = await portal.desk.release(visitor.known, visitor.about.job.id, printer)
    return json_answer(job_json(view), 202)


async def release_by_pin(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Let a job go for somebody who knows its id and its PIN and is nobody else; as little is told of it."""
    asked = await wanted(request, "printer", "pin")
    if not asked["pin"]:
        raise NotAuthenticated("Sign in first, or send the job's PIN.")
    (job,) = await portal.desk.pins.release(
        Wanted(job_id_of(request)), Pin.typed(asked["pin"]), asked["printer"], peer=visitor.peer
    )
    content = {"id": str(job.id), "number": job.number, "state": job.state.value, "printer": job.printer}
    return json_answer(content, 202)


async def delete_job(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Cancel a job and destroy its documents; returns the job as it ended."""
    view = await portal.desk.cancel(visitor.known, visitor.about.job.id)
    return json_answer(job_json(view))


async def list_printers(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return the printers the caller may use, with their live status; to staff all of them."""
    views = await portal.desk.printers(visitor.known)
    return json_answer({"printers": [printer_json(view) for view in views]})


def job_json(view: JobView) -> dict[str, object]:
    """Return a job as programs see it; `title` is null unless the caller owns the job."""
    job = view.job
    return job_fields(view) | {
        "title": view.title if view.own else None,
        "documents": job.documents,
        "formats": list(job.formats),
        "impressions_completed": job.impressions,
        "changed_at": job.changed_at.isoformat(),
        "finished_at": None if job.finished_at is None else job.finished_at.isoformat(),
    }


def printer_json(view: PrinterView) -> dict[str, object]:
    """Return a printer as programs see it."""
    return printer_fields(view) | {"make_and_model": view.description.make_and_model}
