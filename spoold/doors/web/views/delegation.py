"""Delegation: whom the visitor lets release, and for whom the visitor may."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.decisions import count_of, decisions_of, end_of_day, today
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.proof import asking, fresh_principal
from spoold.model.errors import NotFound, NotPossible, SpoolError
from spoold.model.ids import JobId
from spoold.model.jobstate import FINAL
from spoold.release.views import JobView

log = structlog.get_logger()

_ALL, _ONE = "all", "one"


async def show_delegation(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show both lists and the form."""
    return await _page(portal, visitor, number=request.query_params.get("job", ""))


async def give(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Let somebody release one job, or all until a day."""
    form = visitor.form
    try:
        principal = await fresh_principal(portal, visitor)
        job_id = await _job(portal, visitor) if form.get("which") == _ONE else None
        if form.get("which") not in {_ALL, _ONE}:
            raise NotPossible("Choose whether it is for one job or for all.")
        until = None if job_id is not None else end_of_day(form.get("until", ""), portal)
        await decisions_of(portal).delegations.give(
            principal, form.get("name", ""), until, job_id=job_id, titles="titles" in form
        )
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("delegation-refused", user=visitor.known.id, kind=error.kind)
        return await _page(portal, visitor, error=error)
    return RedirectResponse("/me/delegation", 303)


async def end(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take a delegation back."""
    await decisions_of(portal).delegations.take_back(visitor.known, visitor.form.get("delegation", ""))
    return RedirectResponse("/me/delegation", 303)


async def _job(portal: Portal, visitor: Visitor) -> JobId:
    number = count_of(visitor.form.get("job", ""), "Write the number of the job.")
    for view in await _own(portal, visitor):
        if view.job.number == number:
            return view.job.id
    raise NotFound("You have no job of this number.")


async def _own(portal: Portal, visitor: Visitor) -> list[JobView]:
    views = await portal.desk.jobs(visitor.known)
    return [view for view in views if view.own and view.job.state not in FINAL]


async def _page(
    portal: Portal, visitor: Visitor, *, error: SpoolError | None = None, number: str = ""
) -> Response:
    desk = decisions_of(portal).delegations
    form = visitor.form if error is not None else {"job": number, "which": _ONE if number else _ALL}
    return page(
        portal,
        visitor,
        "delegation.html",
        refusal=error,
        given=await desk.given(visitor.known),
        held=await desk.held(visitor.known),
        jobs=await _own(portal, visitor),
        today=today(portal).isoformat(),
        form=form,
        **asking(portal, visitor, "/me/delegation", error=error),
    )
