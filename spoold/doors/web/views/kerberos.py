"""Signing in to the portal with a Kerberos ticket."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from protocols.errors import RemoteProtocolError
from spoold.doors.web.guard import BadRequest, CrossSite, safe_next
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.security import cross_site_reason
from spoold.doors.web.tickets import (
    principal_by_ticket,
    shows_ticket,
    takes_tickets,
    with_offer,
    with_reply,
)
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.sign_in import begin_session
from spoold.identity.kerberos import Endpoint
from spoold.model.errors import NotFound, SpoolError

log = structlog.get_logger()

NO_TICKET = (
    "Your browser showed no Kerberos ticket. Sign in to your computer with your organisation's account, "
    "or sign in here with your user name and password."
)


async def sign_in_by_ticket(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Ask the browser for a ticket; with a good one a session begins."""
    if not takes_tickets(portal, Endpoint.PORTAL):
        raise NotFound("There is nothing here.")
    if (reason := cross_site_reason(request.headers, form=False)) is not None:
        # Another site's page must not sign people in, not even as themselves.
        raise CrossSite("This request did not come from this site.", reason=reason)
    following = safe_next(request.query_params.get("next", "/"))
    if not shows_ticket(request):
        asking = page(
            portal, visitor, "sign_in_failed.html", status=401, following=following, error=NO_TICKET
        )
        return with_offer(portal, Endpoint.PORTAL, asking)
    try:
        principal = await principal_by_ticket(request, portal, Endpoint.PORTAL, visitor.peer)
    except RemoteProtocolError:
        raise BadRequest("The Authorization field cannot be read.") from None
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("ticket-refused", kind=error.kind, **error.fields)
        return page(portal, visitor, "sign_in_failed.html", refusal=error, following=following)
    response = RedirectResponse(following, 303)
    await begin_session(request, portal, principal, response)
    return with_reply(request, response)
