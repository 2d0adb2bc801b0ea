"""Printers with their live status."""

from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.model.access import Action, may


async def list_printers(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the printers this person may use: ready or not, and why not; to staff all, with their sheets."""
    printers = await portal.desk.printers(visitor.known)
    sheets = portal.marks is not None and may(visitor.known, Action.MARK_PRINTERS)
    barred = not printers and bool(portal.site().printers)
    return page(portal, visitor, "printers.html", printers=printers, sheets=sheets, barred=barred)
