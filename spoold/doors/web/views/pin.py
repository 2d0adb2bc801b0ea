"""Releasing by PIN: for somebody at a printer who has no account here, or does not want to sign in."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.identity.pins import Pin
from spoold.model.errors import NotPossible, SpoolError
from spoold.model.job import Job
from spoold.model.printer import Printer
from spoold.release.pins import Wanted

log = structlog.get_logger()


async def show_pin(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the form."""
    return _page(portal, visitor)


async def release_by_pin(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Let the jobs go that the person means; every no is shown where the yes was asked for."""
    who, typed, printer = (visitor.form.get(name, "") for name in ("who", "pin", "printer"))
    try:
        if not printer:
            raise NotPossible("Choose the printer you are standing at.")
        released = await portal.desk.pins.release(
            Wanted.typed(who), Pin.typed(typed), printer, peer=visitor.peer
        )
    except SpoolError as error:
        portal.metrics.refused(error)
        log.info("release-by-pin-refused", peer=visitor.peer, kind=error.kind)
        return _page(portal, visitor, who=who, chosen=printer, error=error)
    return _page(portal, visitor, chosen=printer, released=released)


def printers_of(portal: Portal) -> list[Printer]:
    """Return the printers of queues that accept PINs; their state is for people with an account."""
    site = portal.site()
    names = dict.fromkeys(name for queue in site.queues.values() if queue.pins for name in queue.printers)
    return [site.printers[name] for name in names if name in site.printers]


def _page(
    portal: Portal,
    visitor: Visitor,
    *,
    who: str = "",
    chosen: str = "",
    released: list[Job] | None = None,
    error: SpoolError | None = None,
) -> Response:
    printers = printers_of(portal)
    places = {printer.name: printer.location or printer.name for printer in printers}
    return page(
        portal,
        visitor,
        "pin.html",
        refusal=error,
        printers=printers,
        place=places.get(chosen, chosen),
        chosen=chosen or (printers[0].name if len(printers) == 1 else ""),
        who=who,
        released=released or [],
    )
