"""What all pages of the portal show around their own words."""

from collections.abc import Mapping

from starlette.responses import Response

from spoold.doors.web.navigation import entries_for
from spoold.doors.web.portal import Portal, Visitor


def page(
    portal: Portal,
    visitor: Visitor,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> Response:
    """Return a page with the visitor's name, the site's name and what the template needs."""
    principal = visitor.principal
    shown = "" if principal is None else principal.display_name or principal.name
    return portal.renderer.page(
        template,
        {
            "site_name": portal.site().name,
            "person": shown,
            "account": "" if principal is None else principal.name,
            "csrf": visitor.csrf,
            "now": portal.clock.now(),
            "navigation": entries_for(principal, portal),
            **context,
        },
        status=status,
        headers=headers,
    )
