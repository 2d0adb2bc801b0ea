"""Printers with their live status."""

from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.model.access import Action, may


async def list_printers(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show every printer: ready or not, and why not; to staff also the way to the sheet beside it."""
    printers = await portal.desk.printers(visitor.known)
    sheets = portal.marks is not None and may(visitor.known, Action.MARK_PRINTERS)
    return page(portal, visitor, "printers.html", printers=printers, sheets=sheets)
