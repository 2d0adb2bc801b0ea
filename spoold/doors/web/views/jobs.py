"""Jobs: the list, one job with its time line, releasing, deleting, taking back."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from policy.explain import sentence
from spoold.doors.web import words
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.ways import has_password, ways_to_confirm
from spoold.model.errors import ProofTooOld, SpoolError
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal
from spoold.release.gate import PROOF_S
from spoold.release.views import JobView, PrinterView

log = structlog.get_logger()

# Ended jobs on the list; the others are history for the records.
MAX_ENDED_SHOWN = 10
# Asked for a little before the gate does, so that choosing a printer does not outlast the proof.
CONFIRM_AFTER_S = PROOF_S - 15.0
_WAITING = frozenset({JobState.HELD, JobState.WAITING_APPROVAL})


async def list_jobs(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the visitor's jobs, the newest first; to staff also other people's, without names."""
    views = (await portal.desk.jobs(visitor.known))[::-1]
    own = [view for view in views if view.own]
    return page(
        portal,
        visitor,
        "jobs.html",
        live=[view for view in own if not words.is_over(view.job.state)],
        ended=[view for view in own if words.is_over(view.job.state)][:MAX_ENDED_SHOWN],
        entrusted=[view for view in views if view.also and not view.own],
        others=[view for view in views if not (view.own or view.also or words.is_over(view.job.state))],
    )


async def show_job(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show one job and what happened to it."""
    view = visitor.about
    events = await portal.desk.timeline(visitor.known, view.job.id)
    return page(
        portal,
        visitor,
        "job.html",
        view=view,
        events=events[::-1],
        decides=portal.decisions is not None,
        rules=await _said_by_rules(portal, visitor, view),
    )


async def _said_by_rules(portal: Portal, visitor: Visitor, view: JobView) -> list[str]:
    """Return what the rules say about a job that waits for its owner, a sentence for each that applies."""
    if not view.own or view.job.state not in _WAITING:
        return []
    try:
        found = await portal.desk.explain(visitor.known, view.job.id)
    except SpoolError as error:
        # The page is about the job; why the rules cannot be asked is told where it is released.
        log.info("not-explained", job=str(view.job.id), kind=error.kind)
        return []
    told = [sentence(outcome) for one in found for outcome in one.decision.because]
    return list(dict.fromkeys(told))


async def show_release(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the printers a job may go to, with their live status."""
    return await _release_page(portal, visitor, visitor.about)


async def release_job(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Let a job go; every no is shown where the yes was asked for."""
    view, principal = visitor.about, visitor.known
    printer, password = visitor.form.get("printer") or None, visitor.form.get("password", "")
    try:
        if password:
            principal = await portal.identity.confirm(visitor.token, password, peer=visitor.peer)
        await portal.desk.release(principal, view.job.id, printer)
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("release-refused", job=str(view.job.id), user=principal.id, kind=error.kind)
        return await _release_page(portal, visitor, view, error=error, chosen=printer, prover=principal)
    return RedirectResponse(f"/jobs/{view.job.id}", 303)


async def show_delete(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Ask before destroying."""
    return page(portal, visitor, "delete.html", view=visitor.about)


async def delete_job(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Cancel a job and destroy its documents."""
    view = visitor.about
    try:
        await portal.desk.cancel(visitor.known, view.job.id)
    except SpoolError as error:
        portal.metrics.refused(error)
        return page(portal, visitor, "delete.html", refusal=error, view=view)
    return RedirectResponse("/", 303)


async def take_back(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Hold a job again of which nobody knows whether it was printed."""
    await portal.desk.take_back(visitor.known, visitor.about.job.id)
    return RedirectResponse(f"/jobs/{visitor.about.job.id}", 303)


async def _release_page(
    portal: Portal,
    visitor: Visitor,
    view: JobView,
    *,
    error: SpoolError | None = None,
    chosen: str | None = None,
    prover: Principal | None = None,
) -> Response:
    principal = prover or visitor.known
    found = {each.printer.name: each for each in await portal.desk.printers(principal)}
    printers = [found[name] for name in view.printers if name in found]
    proof_age_s = (portal.clock.now() - principal.proven_at).total_seconds()
    return page(
        portal,
        visitor,
        "release.html",
        refusal=error,
        view=view,
        printers=printers,
        chosen=_preselected(printers, chosen),
        asks_password=isinstance(error, ProofTooOld) or not 0 <= proof_age_s <= CONFIRM_AFTER_S,
        has_password=has_password(principal),
        ways=ways_to_confirm(portal, f"/jobs/{view.job.id}/release"),
    )


def _preselected(printers: list[PrinterView], chosen: str | None) -> str:
    """Return the printer to mark: the person's choice, else the first that is ready, else the first."""
    names = [each.printer.name for each in printers]
    if chosen in names:
        return chosen
    ready = [each.printer.name for each in printers if each.status.ready]
    return next(iter(ready or names), "")
