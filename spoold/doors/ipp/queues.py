"""Get-Printer-Attributes and Identify-Printer."""

import structlog

from protocols.ipp.message import Group, Message
from protocols.ipp.selection import printer_selection
from protocols.ipp.tags import GroupTag
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door

log = structlog.get_logger()


async def get_printer_attributes(door: Door, request: IppRequest) -> Message:
    """Answer Get-Printer-Attributes; open to everybody, because clients ask before they can sign in."""
    selection = printer_selection(request.operation.strings("requested-attributes"))
    chosen = selection.of(door.attributes.of(request, door.clock.now()))
    return answer(request.message, groups=[Group(GroupTag.PRINTER, chosen)])


async def identify_printer(_door: Door, request: IppRequest) -> Message:
    """Answer Identify-Printer (PWG 5100.13): a queue has no lamp, so it shows itself in the journal."""
    log.warning("identify-printer", queue=request.queue.name, peer=request.http.peer_host)
    return answer(request.message)
