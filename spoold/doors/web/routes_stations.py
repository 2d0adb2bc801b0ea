"""Addresses of release stations, of badges, and of what a code beside a printer opens."""

from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.views import badges, printer_page, station
from spoold.model.access import Action
from spoold.model.scopes import Scope

_OPEN, _PORTAL, _STATION = Surface.OPEN, Surface.PORTAL, Surface.STATION
_USE, _BADGES = Action.USE_STATION, Action.CHANGE_BADGES

STATION_ROUTES = (
    RouteDeclaration("GET", "/station/enrol", Action.ENROL_STATION, _OPEN, station.show_enrol),
    RouteDeclaration("POST", "/station/enrol", Action.ENROL_STATION, _OPEN, station.enrol),
    RouteDeclaration("GET", "/station", _USE, _STATION, station.show_station),
    RouteDeclaration("POST", "/station/badge", _USE, _STATION, station.read_badge),
    RouteDeclaration("POST", "/station/pin", _USE, _STATION, station.enter_pin),
    RouteDeclaration("POST", "/station/by-password", _USE, _STATION, station.ask_for_password),
    RouteDeclaration("POST", "/station/password", _USE, _STATION, station.enter_password),
    RouteDeclaration("POST", "/station/again", _USE, _STATION, station.read_again),
    RouteDeclaration("POST", "/station/new-pin", _USE, _STATION, station.choose_pin),
    RouteDeclaration("POST", "/station/release", _USE, _STATION, station.release),
    RouteDeclaration("POST", "/station/leave", _USE, _STATION, station.leave),
    RouteDeclaration("GET", "/me/badges", _BADGES, _PORTAL, badges.show_badges),
    RouteDeclaration("POST", "/me/badges", _BADGES, _PORTAL, badges.add_badge),
    RouteDeclaration("POST", "/me/badges/remove", _BADGES, _PORTAL, badges.remove_badge),
    RouteDeclaration("POST", "/me/badges/pin", _BADGES, _PORTAL, badges.set_pin),
    RouteDeclaration("GET", "/p/{printer}/{mark}", Action.READ_PRINTERS, _PORTAL, printer_page.show_printer),
    RouteDeclaration(
        "POST", "/p/{printer}/{mark}", Action.READ_PRINTERS, _PORTAL, printer_page.release_at_printer
    ),
    RouteDeclaration(
        "GET", "/printers/{printer}/sheet", Action.MARK_PRINTERS, _PORTAL, printer_page.show_sheet
    ),
    RouteDeclaration(
        "POST",
        "/api/v1/badge-reads",
        Action.READ_BADGES,
        Surface.API,
        badges.present_badge,
        fresh=True,
        scope=Scope.BADGES_READ,
    ),
)
