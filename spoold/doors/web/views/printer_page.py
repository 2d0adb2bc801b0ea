"""One printer's page, which the code beside it opens on a phone; and the sheet with that code."""

import structlog
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.proof import asking, fresh_principal
from spoold.model.errors import NotFound, NotPossible, PrinterNotReady, ProofTooOld, SpoolError
from spoold.model.printer import Printer
from spoold.release.stations import StationDesk
from spoold.release.views import JobView
from spoold.runtime.qr_code import as_svg

log = structlog.get_logger()

# As at a station: a form has 16 fields at most.
MAX_SHOWN = 10
_CHOSEN = "job-"
_NOT_GOOD = "This code is not one of this print server's printers. Ask whoever looks after the printers."


async def show_printer(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show what waits for this person at this printer."""
    return await _page(request, portal, visitor)


async def release_at_printer(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Let out what was chosen, or all of it, at this printer."""
    printer = _printer(request, portal)
    principal = visitor.known
    went: list[int] = []
    refused: list[tuple[int, str]] = []
    try:
        principal = await fresh_principal(portal, visitor)
        for view in await _chosen(portal, visitor, printer):
            try:
                await portal.desk.release(principal, view.job.id, printer.name)
                went.append(view.job.number)
            except SpoolError as error:
                log.info("release-refused", job=str(view.job.id), user=principal.id, kind=error.kind)
                refused.append((view.job.number, error.public))
                if isinstance(error, PrinterNotReady | ProofTooOld):
                    # The next one would hear the same.
                    break
    except SpoolError as error:
        portal.metrics.refused(error)
        return await _page(request, portal, visitor, error=error)
    return await _page(request, portal, visitor, went=went, refused=refused)


async def show_sheet(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show the sheet that is hung up beside a printer."""
    name = request.path_params["printer"]
    printer = portal.site().printers.get(name)
    if printer is None or portal.marks is None:
        raise NotFound("There is no such printer.")
    address = f"https://{request.headers['host']}{portal.marks.path_of(name)}"
    # segno draws numbers and letters of its own making: nothing in it comes from outside.
    code = Markup(as_svg(address))  # noqa: S704
    return page(portal, visitor, "sheet.html", printer=printer, code=code, address=address)


async def _chosen(portal: Portal, visitor: Visitor, printer: Printer) -> list[JobView]:
    here = (await _stations(portal).waiting(printer.name, visitor.known)).here
    if visitor.form.get("all"):
        return list(here)
    found = [view for view in here if f"{_CHOSEN}{view.job.id}" in visitor.form]
    if not found:
        raise NotPossible("Choose at least one document.")
    return found


async def _page(
    request: Request,
    portal: Portal,
    visitor: Visitor,
    *,
    error: SpoolError | None = None,
    went: list[int] | None = None,
    refused: list[tuple[int, str]] | None = None,
) -> Response:
    printer, desk = _printer(request, portal), _stations(portal)
    waiting = await desk.waiting(printer.name, visitor.known)
    found = {each.printer.name: each for each in await portal.desk.printers(visitor.known)}
    view = found.get(printer.name)
    places = [portal.site().printers[name] for name in waiting.places if name in portal.site().printers]
    return page(
        portal,
        visitor,
        "printer.html",
        refusal=error,
        printer=printer,
        path=request.url.path,
        printer_view=view,
        waiting=waiting,
        shown=waiting.here[:MAX_SHOWN],
        elsewhere=[place.location or place.name for place in places],
        went=went or [],
        refused=refused or [],
        **asking(portal, visitor, request.url.path, error=error),
    )


def _printer(request: Request, portal: Portal) -> Printer:
    """Return the printer of a code; one that was not made here is nobody's."""
    name, mark = request.path_params["printer"], request.path_params["mark"]
    printer = portal.site().printers.get(name)
    if portal.marks is None or not portal.marks.is_right(name, mark) or printer is None:
        raise NotFound(_NOT_GOOD)
    return printer


def _stations(portal: Portal) -> StationDesk:
    if portal.stations is None:
        raise NotFound(_NOT_GOOD)
    return portal.stations
