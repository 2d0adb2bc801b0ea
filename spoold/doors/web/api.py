"""The HTTP API: jobs and printers for programs, as JSON; refusals as problem documents."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.guard import BadRequest, read_body
from spoold.doors.web.portal import Portal, Visitor
from spoold.release.views import JobView, PrinterView

JSON_TYPE = "application/json"


async def list_jobs(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return the caller's jobs, oldest first; to staff everybody's, without titles."""
    views = await portal.desk.jobs(visitor.known)
    return _json({"jobs": [job_json(view) for view in views]})


async def show_job(_request: Request, _portal: Portal, visitor: Visitor) -> Response:
    """Return one job."""
    return _json(job_json(visitor.about))


async def release_job(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Let a job go; 202 because the printer has yet to print it."""
    printer = _wanted_printer(request.headers.get("content-type", ""), await read_body(request))
    view = await portal.desk.release(visitor.known, visitor.about.job.id, printer)
    return _json(job_json(view), 202)


async def delete_job(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Cancel a job and destroy its documents; returns the job as it ended."""
    view = await portal.desk.cancel(visitor.known, visitor.about.job.id)
    return _json(job_json(view))


async def list_printers(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Return every printer with its live status."""
    views = await portal.desk.printers(visitor.known)
    return _json({"printers": [printer_json(view) for view in views]})


def job_json(view: JobView) -> dict[str, object]:
    """Return a job as programs see it; `title` is null unless the caller owns the job."""
    job = view.job
    return {
        "id": str(job.id),
        "number": job.number,
        "queue": job.queue,
        "state": job.state.value,
        "reason": job.reason,
        "own": view.own,
        "title": view.title if view.own else None,
        "documents": job.documents,
        "formats": list(job.formats),
        "size_bytes": job.size_bytes,
        "pages": job.pages,
        "impressions_completed": job.impressions,
        "printer": job.printer,
        "printers": list(view.printers),
        "created_at": job.created_at.isoformat(),
        "changed_at": job.changed_at.isoformat(),
        "expires_at": job.expires_at.isoformat(),
        "seconds_left": view.seconds_left,
        "finished_at": None if job.finished_at is None else job.finished_at.isoformat(),
    }


def printer_json(view: PrinterView) -> dict[str, object]:
    """Return a printer as programs see it; where it is in the network is nobody's business."""
    status = view.status
    return {
        "name": view.printer.name,
        "location": view.printer.location,
        "make_and_model": view.description.make_and_model,
        "ready": status.ready,
        "state": status.state,
        "why": status.why,
        "reasons": [
            {"keyword": reason.keyword, "blocks": reason.blocks, "text": reason.text}
            for reason in status.reasons
        ],
        "read_at": status.read_at.isoformat(),
    }


def _wanted_printer(content_type: str, body: bytes) -> str | None:
    """Return the printer that the request names; None for an empty body: the queue's first."""
    if not body:
        return None
    if content_type.partition(";")[0].strip().lower() != JSON_TYPE:
        raise BadRequest(f"Send the printer as {JSON_TYPE}.")
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(content, dict) or not content.keys() <= {"printer"}:
        raise BadRequest('The body is {"printer": NAME} and nothing else.')
    printer = content.get("printer")
    if printer is not None and not isinstance(printer, str):
        raise BadRequest("A printer is named by a string.")
    return printer


def _json(content: object, status: int = 200) -> Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return Response(text, status_code=status, media_type=JSON_TYPE)
