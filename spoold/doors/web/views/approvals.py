"""Approvals: what waits for the visitor's decision."""

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.decisions import decisions_of
from spoold.doors.web.guard import job_id_of
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.model.errors import NotFound, SpoolError
from spoold.model.ids import JobId
from spoold.model.job import Job
from spoold.release.approvals import MAX_REASON_CHARACTERS

log = structlog.get_logger()


async def show_approvals(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show what waits for this person."""
    return await _page(portal, visitor)


async def approve(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Approve a job; its owner releases it."""
    desk = decisions_of(portal).approvals
    return await _decided(request, portal, visitor, lambda job_id: desk.approve(visitor.known, job_id))


async def refuse(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Refuse a job, with a reason for its owner."""
    desk, reason = decisions_of(portal).approvals, visitor.form.get("reason", "")
    return await _decided(request, portal, visitor, lambda job_id: desk.refuse(visitor.known, job_id, reason))


async def _decided(
    request: Request, portal: Portal, visitor: Visitor, decide: Callable[[JobId], Awaitable[Job]]
) -> Response:
    job_id = job_id_of(request)
    try:
        await decide(job_id)
    except NotFound:
        raise
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("decision-refused", job=str(job_id), user=visitor.known.id, kind=error.kind)
        return await _page(portal, visitor, error=error, about=job_id)
    return RedirectResponse("/approvals", 303)


async def _page(
    portal: Portal, visitor: Visitor, *, error: SpoolError | None = None, about: JobId | None = None
) -> Response:
    decisions = decisions_of(portal)
    return page(
        portal,
        visitor,
        "approvals.html",
        refusal=error,
        waiting=await decisions.approvals.waiting(visitor.known),
        issues_codes=bool(decisions.codes.rules_for(visitor.known)),
        max_reason=MAX_REASON_CHARACTERS,
        about=about,
        typed=visitor.form.get("reason", "") if error is not None else "",
    )
