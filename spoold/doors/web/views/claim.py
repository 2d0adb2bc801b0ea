"""Claiming: finding one's own among the jobs that came without proof, and taking it."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.guard import job_id_of
from spoold.doors.web.language import gettext as _
from spoold.doors.web.portal import ClaimDesk, Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.model.errors import NotFound, SpoolError
from spoold.model.ids import JobId

log = structlog.get_logger()

ADDRESS = "/claim"
_KIB, _MIB = 1024, 1024 * 1024


async def list_claimable(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the jobs that the visitor may claim: when each came, how large it is, from where."""
    found = await claims_of(portal).claimable(visitor.known, peer=visitor.peer)
    return page(portal, visitor, "claim.html", jobs=found, size=size_words, peer=visitor.peer)


async def show_claim(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Ask before a job is somebody's for good."""
    job = await claims_of(portal).one(visitor.known, waiting_job(request), peer=visitor.peer)
    return page(portal, visitor, "claim_one.html", job=job, size=size_words)


async def claim(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Make the job the visitor's and show it to them."""
    job_id = waiting_job(request)
    try:
        await claims_of(portal).claim(visitor.known, job_id, peer=visitor.peer)
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("claim-refused", job=str(job_id), user=visitor.known.id, kind=error.kind)
        return page(
            portal,
            visitor,
            "claim_one.html",
            refusal=error,
            job=None,
            size=size_words,
        )
    return RedirectResponse(f"/jobs/{job_id}", 303)


def claims_of(portal: Portal) -> ClaimDesk:
    """Return the part that decides on claims.

    Raises:
        NotFound: this portal has none.
    """
    if portal.claims is None:
        raise NotFound("Jobs cannot be claimed here.")
    return portal.claims


def waiting_job(request: Request) -> JobId:
    """Return the job in the path; raises NotFound for what is no job's id."""
    return job_id_of(request, "waiting_id")


def size_words(octets: int) -> str:
    """Return a size as people compare it with a file's: "12 KB", "3.4 MB"."""
    if octets < _MIB:
        return _("%(size)s KB", size=max(1, round(octets / _KIB)))
    return _("%(size)s MB", size=f"{octets / _MIB:.1f}")
