"""The screen of a release station. Every answer leads to one address, so there is nothing to go back to."""

import hmac
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from spoold.doors.web.guard import STATION_COOKIE
from spoold.doors.web.portal import Portal, Visitor
from spoold.doors.web.views.pages import page
from spoold.model.errors import NotAuthorized, SpoolError
from spoold.model.station import SignInBy, Station
from spoold.release.station_places import Step, Waiting
from spoold.release.stations import StationDesk

# Boxes on one screen; a form has 16 fields at most. Whoever has more prints all, or the newest first.
MAX_SHOWN = 10
# As long as browsers keep any cookie; the device is dismissed here, not there.
_COOKIE_AGE_S = 400 * 24 * 3600
_NO_STATIONS = "Release stations are not used here."
_CHOSEN = "job-"


async def show_enrol(request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Ask before a device becomes a station: a link that was only looked at must stay good."""
    return page(portal, visitor, "station_enrol.html", invitation=request.query_params.get("key", ""))


async def enrol(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Make this device the screen of a station."""
    station, token = await _desk(portal).devices.enrol(visitor.form.get("key", ""), peer=visitor.peer)
    _desk(portal).start_over(station)
    response = RedirectResponse("/station", 303)
    response.headers["Set-Cookie"] = (
        f"{STATION_COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={_COOKIE_AGE_S}"
    )
    return response


async def show_station(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Show what the station is at; what is over by itself takes the screen back to its beginning."""
    desk, station = _desk(portal), visitor.at
    place = desk.place(station)
    waiting = Waiting((), 0, ())
    if place.step is Step.JOBS and place.principal is not None:
        waiting = await desk.waiting(station.printer, place.principal)
    # Asked after what may take long: the screen must not outlast the place.
    left_s = int(desk.left_s(place)) if place.turn else 0
    headers = {"Refresh": f"{left_s + 1}; url=/station"} if place.turn else {}
    principal = place.principal
    return page(
        portal,
        visitor,
        "station.html",
        headers=headers,
        station=station,
        place=place,
        step=place.step,
        by_badge=SignInBy.BADGE in station.sign_in,
        by_password=SignInBy.PASSWORD in station.sign_in,
        pin_digits=_pin_digits(portal),
        printer=portal.site().printers.get(station.printer),
        printer_name=_called(portal, station.printer),
        live=await desk.status(station),
        holder="" if principal is None else principal.display_name or principal.name,
        left_s=left_s,
        waiting=waiting,
        shown=waiting.here[:MAX_SHOWN],
        elsewhere=[_called(portal, name) for name in waiting.places],
    )


async def read_badge(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take the badge that was read; whoever was there before is signed out by it."""

    async def act(desk: StationDesk, station: Station) -> None:
        desk.start_over(station)
        desk.read_badge(station, visitor.form.get("badge", ""))

    return await _answer(portal, visitor, act, of_this_turn=False)


async def enter_pin(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take the PIN that goes with the badge."""
    return await _answer(
        portal,
        visitor,
        lambda desk, station: desk.enter_pin(station, visitor.form.get("pin", ""), peer=visitor.peer),
    )


async def ask_for_password(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Sign in by name and password instead, or to link the badge that was read."""

    async def act(desk: StationDesk, station: Station) -> None:
        linking = bool(visitor.form.get("link"))
        if linking and not _is_this_turn(desk, visitor):
            raise NotAuthorized("You have been signed out. Start again.")
        if not linking:
            desk.start_over(station)
        desk.ask_for_password(station, linking=linking)

    return await _answer(portal, visitor, act, of_this_turn=False)


async def enter_password(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take name and password."""
    name, password = visitor.form.get("name", ""), visitor.form.get("password", "")
    return await _answer(
        portal,
        visitor,
        lambda desk, station: desk.enter_password(station, name, password, peer=visitor.peer),
    )


async def read_again(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take the second read of a badge that is to be linked."""
    return await _answer(
        portal, visitor, lambda desk, station: desk.read_again(station, visitor.form.get("badge", ""))
    )


async def choose_pin(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Take the new PIN of somebody who has just linked a first badge."""
    pin, again = visitor.form.get("pin", ""), visitor.form.get("again", "")
    return await _answer(portal, visitor, lambda desk, station: desk.choose_pin(station, pin, again))


async def release(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Let out what was chosen, or all of it."""

    async def act(desk: StationDesk, station: Station) -> None:
        place = desk.place(station)
        if visitor.form.get("all") or place.principal is None:
            await desk.release(station, None)
            return
        marked = {name.removeprefix(_CHOSEN) for name in visitor.form if name.startswith(_CHOSEN)}
        here = (await desk.waiting(station.printer, place.principal)).here
        chosen = {view.job.id for view in here if str(view.job.id) in marked}
        await desk.release(station, chosen)

    return await _answer(portal, visitor, act)


async def leave(_request: Request, portal: Portal, visitor: Visitor) -> Response:
    """Sign out."""

    async def act(desk: StationDesk, station: Station) -> None:
        desk.start_over(station)

    return await _answer(portal, visitor, act, of_this_turn=False)


async def _answer(
    portal: Portal,
    visitor: Visitor,
    act: Callable[[StationDesk, Station], Awaitable[None]],
    *,
    of_this_turn: bool = True,
) -> Response:
    """Let an answer move the station, and go back to its one address.

    Args:
        of_this_turn: the answer must come from the page that is there now; one of somebody who has left is
            passed over.
    """
    desk, station = _desk(portal), visitor.at
    async with desk.lock(station):
        if not of_this_turn or _is_this_turn(desk, visitor):
            try:
                await act(desk, station)
            except SpoolError as error:
                portal.metrics.refused(error)
                desk.complain(station, error.public)
    return RedirectResponse("/station", 303)


def _is_this_turn(desk: StationDesk, visitor: Visitor) -> bool:
    turn, presented = desk.place(visitor.at).turn, visitor.form.get("turn", "")
    return bool(turn) and hmac.compare_digest(turn.encode(), presented.encode("utf-8", "replace"))


def _desk(portal: Portal) -> StationDesk:
    if portal.stations is None:
        raise NotAuthorized(_NO_STATIONS)
    return portal.stations


def _pin_digits(portal: Portal) -> int:
    rules = portal.site().badges
    return 0 if rules is None else rules.pin_digits


def _called(portal: Portal, name: str) -> str:
    """Return what people call a printer."""
    printer = portal.site().printers.get(name)
    return name if printer is None else printer.location or name
