"""Commands about release stations, and about the codes that hang beside printers."""

from spoold.doors.control.parts import Answer, Arguments, Command, ControlParts
from spoold.identity.stations import Stations
from spoold.model.access import Action
from spoold.model.errors import NotFound
from spoold.model.principal import Principal


async def _station_add(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    name = str(arguments["name"])
    invitation = await _devices(parts).invite(name, actor=principal.id)
    station = parts.desk.site().stations[name]
    return {
        "name": name,
        "printer": station.printer,
        "networks": [str(network) for network in station.networks],
        "link": f"{parts.portal_address()}/station/enrol?key={invitation}",
    }


async def _station_list(parts: ControlParts, _principal: Principal, _arguments: Arguments) -> Answer:
    return [
        {
            "name": station.name,
            "printer": station.printer,
            "networks": [str(network) for network in station.networks],
            "device": "none"
            if row is None or row.revoked_at is not None
            else ("invited" if row.enrolled_at is None else "enrolled"),
            "since": None if row is None else (row.enrolled_at or row.created_at).isoformat(),
        }
        for station, row in await _devices(parts).all()
    ]


async def _station_remove(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await _devices(parts).dismiss(str(arguments["name"]), actor=principal.id)
    return {}


async def _printer_code(parts: ControlParts, _principal: Principal, arguments: Arguments) -> Answer:
    name = str(arguments["name"])
    printer = parts.desk.site().printers.get(name)
    if printer is None or parts.marks is None:
        raise NotFound(f'There is no printer "{name}".')
    return {
        "printer": name,
        "location": printer.location,
        "address": f"{parts.portal_address()}{parts.marks.path_of(name)}",
    }


def _devices(parts: ControlParts) -> Stations:
    if parts.stations is None:
        raise NotFound("Release stations are not used here.")
    return parts.stations.devices


COMMANDS = (
    Command("station-add", Action.CHANGE_STATIONS, _station_add),
    Command("station-list", Action.CHANGE_STATIONS, _station_list),
    Command("station-remove", Action.CHANGE_STATIONS, _station_remove),
    Command("printer-code", Action.MARK_PRINTERS, _printer_code),
)
