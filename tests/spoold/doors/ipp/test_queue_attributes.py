"""Get-Printer-Attributes as clients ask it: about a format, and while there is no room."""

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from protocols.ipp.values import mime
from spoold.doors.ipp.printer import Standing
from spoold.doors.ipp.queue_control import without_room
from tests.support.ipp_door import IppHouse


@pytest.mark.parametrize("kind", ["application/pdf", "Application/PDF", "application/octet-stream"])
async def test_a_format_that_is_taken(door: IppHouse, kind: str) -> None:
    reply = await door.ask(Operation.GET_PRINTER_ATTRIBUTES, mime("document-format", kind))
    assert reply.status == Status.SUCCESSFUL_OK
    assert "document-format-supported" in reply.printer


async def test_a_format_that_is_not_taken(door: IppHouse) -> None:
    asked = mime("document-format", "application/postscript")
    reply = await door.ask(Operation.GET_PRINTER_ATTRIBUTES, asked)
    assert reply.status == Status.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED
    assert reply.unsupported.attributes == (asked,)


def test_without_room_clients_keep_their_jobs() -> None:
    told = without_room(Standing(("hold-new-jobs",), message="New jobs wait."))
    assert told.reasons == ("hold-new-jobs", "spool-area-full")
    assert not told.accepting
    assert not told.stopped
    assert told.message.startswith("New jobs wait. The spooler's disk")
    assert without_room(Standing()).message.startswith("The spooler's disk")
