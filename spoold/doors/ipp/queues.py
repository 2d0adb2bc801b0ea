"""Get-Printer-Attributes and Identify-Printer."""

import structlog

from protocols.ipp.encoder import encode
from protocols.ipp.message import Message
from protocols.ipp.status import Status
from protocols.ipp.values import mime
from spoold.doors.ipp.context import IppRequest, answer
from spoold.doors.ipp.door import Door

log = structlog.get_logger()


async def get_printer_attributes(door: Door, request: IppRequest) -> Message | bytes:
    """Answer Get-Printer-Attributes; open to everybody, because clients ask before they can sign in."""
    kind = request.operation.string("document-format")
    if kind is not None and not door.attributes.takes(request.queue, kind):
        # RFC 8011 4.2.5.1: a client that asks about a format wants to know that it is not taken.
        return answer(
            request.message,
            Status.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED,
            unsupported=[mime("document-format", kind)],
        )
    return encode(answer(request.message), door.attributes.encoded(request, door.clock.now()))


async def identify_printer(_door: Door, request: IppRequest) -> Message:
    """Answer Identify-Printer (PWG 5100.13): a queue has no lamp, so it shows itself in the journal."""
    log.warning("identify-printer", queue=request.queue.name, peer=request.http.peer_host)
    return answer(request.message)
