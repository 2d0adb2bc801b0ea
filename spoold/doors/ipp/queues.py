"""Get-Printer-Attributes and Identify-Printer."""

import structlog

from protocols.ipp.encoder import encode
from protocols.ipp.message import Message
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door

log = structlog.get_logger()


async def get_printer_attributes(door: Door, request: IppRequest) -> bytes:
    """Answer Get-Printer-Attributes; open to everybody, because clients ask before they can sign in."""
    return encode(answer(request.message), door.attributes.encoded(request, door.clock.now()))


async def identify_printer(_door: Door, request: IppRequest) -> Message:
    """Answer Identify-Printer (PWG 5100.13): a queue has no lamp, so it shows itself in the journal."""
    log.warning("identify-printer", queue=request.queue.name, peer=request.http.peer_host)
    return answer(request.message)
