"""My account: what a person can look after alone, by sections."""

from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.sections import sections_of
from spoold.doors.web.views.pages import page


async def show_account(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the sections."""
    return page(portal, visitor, "me.html", sections=sections_of(portal))
