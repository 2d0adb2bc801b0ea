"""Badges and the PIN beside them: what people look after themselves, and what agents beside printers ask."""

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from spoold.doors.web.api_bodies import parsed
from spoold.doors.web.guard import BadRequest, read_body
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.doors.web.views.proof import asking, fresh_principal
from spoold.identity.badges import MAX_BADGES_EACH, Badges
from spoold.model.errors import NotAuthorized, NotPossible, SpoolError
from spoold.model.principal import Method
from spoold.release.stations import StationDesk

_NOT_USED = "Badges are not used here."
_DONE = {
    "linked": "The badge is linked. Use it with your PIN at any release station.",
    "removed": "The badge is removed. It opens nothing any more.",
    "pin": "Your PIN is set.",
}
_FIELDS = frozenset({"badge", "pin", "station"})


async def show_badges(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show somebody's badges, and whether there is a PIN."""
    return await _page(portal, visitor, done=_DONE.get(request.query_params.get("done", ""), ""))


async def add_badge(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Link a badge that was read twice."""
    try:
        badges, form = _badges(portal), visitor.form
        principal = await fresh_principal(portal, visitor)
        number, again = badges.typed(form.get("badge", "").strip()), form.get("again", "").strip()
        if not await badges.has_pin(principal.id):
            raise NotPossible("Set a PIN first; a badge opens nothing without one.")
        await badges.enrol(principal, number, badges.typed(again), form.get("label", ""))
    except SpoolError as error:
        return await _refused(portal, visitor, error, "add")
    return RedirectResponse("/me/badges?done=linked", 303)


async def remove_badge(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Remove a badge; nobody need prove anything again to make something safer."""
    try:
        await _badges(portal).revoke(visitor.known, visitor.form.get("badge", ""))
    except SpoolError as error:
        return await _refused(portal, visitor, error, "")
    return RedirectResponse("/me/badges?done=removed", 303)


async def set_pin(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Set the PIN, the first one or another."""
    try:
        principal = await fresh_principal(portal, visitor)
        pin = visitor.form.get("pin", "")
        if pin != visitor.form.get("again", ""):
            raise NotPossible("The two PINs are not alike. Type the same one twice.")
        await _badges(portal).set_pin(principal, pin)
    except SpoolError as error:
        return await _refused(portal, visitor, error, "pin")
    return RedirectResponse("/me/badges?done=pin", 303)


async def present_badge(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take a badge that an agent beside a printer has read; answers what the agent may show."""
    if visitor.known.method is not Method.TOKEN:
        raise NotAuthorized('Badges are read with a token of the scope "badges:read" only.')
    wanted = await _wanted(request)
    answer = await _stations(portal).present(
        wanted["badge"] or "", wanted["pin"], peer=visitor.peer, station_name=wanted["station"]
    )
    content = {
        "outcome": answer.outcome,
        "message": answer.message,
        "jobs": answer.jobs,
        "released": answer.released,
    }
    return JSONResponse(content)


async def _wanted(request: Request) -> dict[str, str | None]:
    content = parsed(await read_body(request))
    if not isinstance(content, dict) or not content.keys() <= _FIELDS or "badge" not in content:
        raise BadRequest('The body is {"badge": READ, "pin": PIN, "station": NAME} and nothing else.')
    if not all(value is None or isinstance(value, str) for value in content.values()):
        raise BadRequest("A badge, a PIN and a station are strings.")
    return {name: content.get(name) for name in _FIELDS}


async def _refused(portal: Portal, visitor: Visitor, error: SpoolError, form: str) -> Response:
    portal.metrics.refused(error)
    return await _page(portal, visitor, error=error, form=form)


async def _page(
    portal: Portal, visitor: Visitor, *, error: SpoolError | None = None, form: str = "", done: str = ""
) -> Response:
    badges, person = _badges(portal), visitor.known
    rules = badges.rules
    return page(
        portal,
        visitor,
        "badges.html",
        refusal=error,
        badges=await badges.of(person.id),
        has_pin=await badges.has_pin(person.id),
        most=MAX_BADGES_EACH,
        pin_digits=rules.pin_digits,
        label=visitor.form.get("label", "") if form == "add" else "",
        **asking(portal, visitor, "/me/badges", error=error),
        done=done,
    )


def _badges(portal: Portal) -> Badges:
    if portal.stations is None or portal.site().badges is None:
        raise NotPossible(_NOT_USED)
    return portal.stations.badges


def _stations(portal: Portal) -> StationDesk:
    if portal.stations is None:
        raise NotPossible(_NOT_USED)
    return portal.stations
