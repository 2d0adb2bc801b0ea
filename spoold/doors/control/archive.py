"""Commands about the archive: what is kept, and one copy, still sealed: the daemon has no key to open it."""

from base64 import b64encode
from typing import Any

from spoold.doors.control.parts import Answer, Arguments, Command, ControlParts
from spoold.model.access import Action
from spoold.model.errors import NotPossible
from spoold.model.principal import Principal
from spoold.release.archive_desk import ArchiveDesk, Shelved


async def _list(parts: ControlParts, _principal: Principal, _arguments: Arguments) -> Answer:
    return [_fields(one) for one in await _desk(parts).shelved()]


async def _open(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    wanted, number = str(arguments["job"]), int(arguments.get("document", 1))
    one, copy = await _desk(parts).hand_over(principal, wanted, number)
    return _fields(one) | {
        "title_key": b64encode(one.job.wrapped_key).decode("ascii"),
        "private": b64encode(one.job.private).decode("ascii"),
        "document": {
            "number": copy.number,
            "format": copy.format,
            "size_bytes": copy.size_bytes,
            "segments": copy.segments,
            "wrapped_key": b64encode(copy.wrapped_key).decode("ascii"),
            "container": None if copy.inline is None else b64encode(copy.inline).decode("ascii"),
        },
    }


def _desk(parts: ControlParts) -> ArchiveDesk:
    if parts.archive is None:
        raise NotPossible("There is no archive here.")
    return parts.archive


def _fields(one: Shelved) -> dict[str, Any]:
    job = one.job
    return {
        "id": str(job.id),
        "number": job.number,
        "user": one.user,
        "queue": job.queue,
        "printer": job.printer,
        "printed_at": job.printed_at.isoformat(),
        "expires_at": job.expires_at.isoformat(),
        "documents": job.documents,
        "size_bytes": job.size_bytes,
        "key_id": job.key_id.hex(),
    }


COMMANDS = (
    Command("archive-list", Action.READ_ARCHIVE, _list),
    Command("archive-open", Action.READ_ARCHIVE, _open),
)
