"""What all pages of the portal show around their own words."""

from collections.abc import Mapping

from starlette.responses import Response

from spoold.doors.web.guard import page_status
from spoold.doors.web.navigation import entries_for
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.problem import retry_header
from spoold.model.errors import SpoolError


def page(
    portal: Portal,
    visitor: Visitor,
    template: str,
    *,
    refusal: SpoolError | None = None,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> Response:
    """Return a page with the visitor's name, the site's name and what the template needs.

    Args:
        refusal: why there is not what the visitor wanted: the page's `error`, its status and Retry-After.
        status: in place of that of what was refused.
    """
    if status is None:
        status = 200 if refusal is None else page_status(refusal)
    if refusal is not None:
        headers = {**(headers or {}), **retry_header(refusal)}
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
            "error": "" if refusal is None else refusal.public,
            **context,
        },
        status=status,
        headers=headers,
    )
