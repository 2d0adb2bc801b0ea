"""Printers with their live status."""

from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page


async def list_printers(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show every printer: ready or not, and why not."""
    return page(portal, visitor, "printers.html", printers=await portal.desk.printers(visitor.known))
