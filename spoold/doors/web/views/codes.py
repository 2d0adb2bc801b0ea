"""Approval codes: issuing them, and using one for a job of one's own."""

from datetime import timedelta

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.decisions import LIVES_HOURS, count_of, decisions_of, scope_of
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.proof import asking, fresh_principal
from spoold.model.errors import NotPossible, SpoolError
from spoold.release.codes import MAX_LABEL_CHARACTERS, MAX_USES, shown

log = structlog.get_logger()


async def show_codes(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the visitor's codes and the form for another."""
    return await _page(portal, visitor)


async def issue_code(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Issue a code; this answer is the only one that ever shows it."""
    form = visitor.form
    try:
        principal = await fresh_principal(portal, visitor)
        scope = scope_of(
            form.get("queue", ""), form.get("rule", ""), form.get("people", ""), form.get("pages", "")
        )
        uses = count_of(form.get("uses", ""), "Write for how many jobs as a number.")
        _, code = await decisions_of(portal).codes.issue(
            principal,
            form.get("label", ""),
            scope,
            uses,
            portal.clock.now() + _life(form.get("hours", "")),
        )
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("code-not-issued", user=visitor.known.id, kind=error.kind)
        return await _page(portal, visitor, error=error)
    return await _page(portal, visitor, code=shown(code))


async def revoke_code(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """End one of the visitor's codes."""
    await decisions_of(portal).codes.revoke(visitor.known, visitor.form.get("code", ""))
    return RedirectResponse("/approvals/codes", 303)


async def show_use(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Ask for the code that approves the visitor's own job."""
    return page(portal, visitor, "code.html", view=visitor.about)


async def use_code(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Approve the visitor's own job with a code that somebody else answers for."""
    view = visitor.about
    try:
        await decisions_of(portal).codes.use(
            visitor.known, view.job.id, visitor.form.get("code", ""), peer=visitor.peer
        )
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("code-refused", job=str(view.job.id), user=visitor.known.id, kind=error.kind)
        return page(
            portal,
            visitor,
            "code.html",
            refusal=error,
            view=view,
        )
    return RedirectResponse(f"/jobs/{view.job.id}", 303)


def _life(typed: str) -> timedelta:
    if typed not in map(str, LIVES_HOURS):
        raise NotPossible("Choose how long the code is good for.")
    return timedelta(hours=int(typed))


async def _page(
    portal: Portal, visitor: Visitor, *, code: str = "", error: SpoolError | None = None
) -> Response:
    desk, now = decisions_of(portal).codes, portal.clock.now()
    return page(
        portal,
        visitor,
        "codes.html",
        refusal=error,
        code=code,
        codes=[one for one in await desk.issued(visitor.known) if one.is_on(now)],
        rules=desk.rules_for(visitor.known),
        queues=list(portal.site().queues),
        lives=LIVES_HOURS,
        max_uses=MAX_USES,
        max_label=MAX_LABEL_CHARACTERS,
        form=visitor.form if error is not None else {},
        **asking(portal, visitor, "/approvals/codes", error=error),
    )
