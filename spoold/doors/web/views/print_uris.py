"""Personal print URIs: addresses that say who prints, for computers and phones that cannot sign in."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.proof import asking, fresh_principal
from spoold.identity.print_uris import MAX_LABEL_CHARACTERS, PrintUris
from spoold.model.errors import NotFound, SpoolError

log = structlog.get_logger()

ADDRESS = "/me/print-uris"


async def show_print_uris(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the visitor's print URIs and the form for another."""
    return await _page(portal, visitor)


async def add_print_uri(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Make a print URI; this answer is the only one that ever shows it."""
    queue, label = visitor.form.get("queue", ""), visitor.form.get("label", "")
    try:
        principal = await fresh_principal(portal, visitor)
        uris = print_uris_of(portal)
        row, token = await uris.add(principal, queue, label, peer=visitor.peer)
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("print-uri-not-made", user=visitor.known.id, kind=error.kind)
        return await _page(portal, visitor, error=error)
    made = {"label": row.label, "ipps": uris.address(row.queue, token)}
    made["https"] = uris.address(row.queue, token, scheme="https")
    return await _page(portal, visitor, made=made)


async def revoke_print_uri(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """End one of the visitor's print URIs."""
    await print_uris_of(portal).revoke(visitor.known, visitor.form.get("id", ""), peer=visitor.peer)
    return RedirectResponse(ADDRESS, 303)


def print_uris_of(portal: Portal) -> PrintUris:
    """Return the part that keeps them.

    Raises:
        NotFound: this portal has none.
    """
    if portal.print_uris is None:
        raise NotFound("Print addresses are not used here.")
    return portal.print_uris


async def _page(
    portal: Portal, visitor: Visitor, *, made: dict[str, str] | None = None, error: SpoolError | None = None
) -> Response:
    queues = portal.site().queues
    return page(
        portal,
        visitor,
        "print_uris.html",
        refusal=error,
        uris=await print_uris_of(portal).of(visitor.known.id),
        queues={name: queue.description for name, queue in queues.items()},
        made=made,
        form=visitor.form if error is not None else {},
        max_label=MAX_LABEL_CHARACTERS,
        **asking(portal, visitor, "/me/print-uris", error=error),
    )
