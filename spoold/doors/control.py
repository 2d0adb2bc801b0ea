"""The control socket: how the command line reaches the running daemon, one JSON line there and one back.

Whoever can open the socket is root or the daemon's own user, so it speaks for an administrator; what only
an owner may do still needs that owner's name and password in the request.
"""

import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
import trio

from spoold.identity.authenticator import Identity
from spoold.identity.pins import Pin
from spoold.model.access import Action, may
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, SpoolError
from spoold.model.ids import JobId, UserId
from spoold.model.principal import Method, Principal, Role
from spoold.records.verify import ChainReport
from spoold.release.desk import Desk
from spoold.release.pins import Wanted
from spoold.release.views import JobView, PrinterView
from spoold.runtime.clock import Clock
from spoold.runtime.limits import DaemonLimits

log = structlog.get_logger()

REQUEST_TIMEOUT_S = 30.0
ACCEPT_PAUSE_S = 0.1
# A release is waited for as long as a grant lives and a long document prints.
MAX_WAIT_S = 900.0
# Where wrong passwords and PINs of this door are counted.
LOCAL_PEER = "local"
Arguments = Mapping[str, Any]
Answer = Any


@dataclass(frozen=True, slots=True)
class ControlParts:
    """What commands work with."""

    identity: Identity
    desk: Desk
    clock: Clock
    limits: DaemonLimits
    verify_audit: Callable[[], Awaitable[ChainReport]]
    check_store: Callable[[float], Awaitable[dict[str, Any]]]
    status: Callable[[], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, what one must be allowed to do, and who answers."""

    name: str
    action: Action
    run: Callable[[ControlParts, Principal, Arguments], Awaitable[Answer]]


class ControlServer:
    """Answers commands on a UNIX socket that only root and the daemon's user can open."""

    def __init__(self, parts: ControlParts, path: Path) -> None:
        self._parts = parts
        self._path = path
        self._slots = trio.CapacityLimiter(parts.limits.max_control_connections)

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled; removes the socket at the end."""
        listening = self._listen()
        try:
            async with trio.open_nursery() as connections:
                task_status.started()
                while True:
                    try:
                        accepted, _ = await listening.accept()
                    except OSError as error:
                        # Out of descriptors for a moment; whoever has some will give them back.
                        log.warning("control-accept-waits", error=error.strerror)
                        await trio.sleep(ACCEPT_PAUSE_S)
                        continue
                    connections.start_soon(self._serve_one, trio.SocketStream(accepted))
        finally:
            listening.close()
            self._path.unlink(missing_ok=True)

    def _listen(self) -> trio.socket.SocketType:
        # A socket that a killed daemon left behind is in the way; the state directory's lock says it is dead.
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listening.bind(str(self._path))
        finally:
            os.umask(before)
        listening.listen(16)
        return trio.socket.from_stdlib_socket(listening)

    async def _serve_one(self, stream: trio.SocketStream) -> None:
        async with stream, self._slots:
            try:
                with trio.fail_after(REQUEST_TIMEOUT_S):
                    line = await self._receive_line(stream)
                answer = await self._answer(line, _peer_uid(stream))
                await stream.send_all(json.dumps(answer).encode() + b"\n")
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
                log.info("control-connection-ended", error=type(error).__name__)

    async def _receive_line(self, stream: trio.SocketStream) -> bytes:
        received = b""
        while not received.endswith(b"\n"):
            piece = await stream.receive_some(65536)
            if not piece or len(received) + len(piece) > self._parts.limits.max_control_request_bytes:
                raise trio.BrokenResourceError("no complete request")
            received += piece
        return received

    async def _answer(self, line: bytes, uid: int) -> dict[str, Any]:
        try:
            return {"ok": True, "result": await self._run(line, uid)}
        except SpoolError as error:
            log.info("control-refused", kind=error.kind, **error.fields)
            return _failure(error.kind, error.public, error.exit_code)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return _failure("usage", f"The request is malformed: {type(error).__name__}.", 2)
        except Exception as error:  # the connection's edge: one command's bug must not end the others
            log.error("control-command-crashed", exc_info=error)
            return _failure("failed", "The daemon met an error; its log says which.", 1)

    async def _run(self, line: bytes, uid: int) -> Answer:
        request = json.loads(line)
        command = COMMANDS.get(request["command"])
        if command is None:
            raise NotFound(f"The daemon knows no command {request['command']!r}.")
        arguments: Arguments = dict(request.get("arguments", {}))
        principal = await self._principal(arguments, uid)
        if command.action in _ABOUT_SPOOLER and not may(principal, command.action):
            raise NotAuthorized("Only administrators may do that.", command=command.name)
        return await command.run(self._parts, principal, arguments)

    async def _principal(self, arguments: Arguments, uid: int) -> Principal:
        """Return who asks: the person named with a password, or the machine's administrator."""
        if "user" in arguments:
            return await self._parts.identity.authenticate(
                str(arguments["user"]), str(arguments["password"]), peer=LOCAL_PEER, fresh=True
            )
        if uid not in (0, os.geteuid()):
            raise NotAuthorized("Only root and the daemon's user may do that without signing in.", uid=uid)
        return Principal(
            id=UserId(f"uid:{uid}"),
            name=f"uid:{uid}",
            groups=frozenset(),
            role=Role.ADMINISTRATOR,
            method=Method.CONTROL_SOCKET,
            proven_at=self._parts.clock.now(),
        )


# -- commands --


async def _jobs(parts: ControlParts, principal: Principal, _arguments: Arguments) -> Answer:
    return [job_fields(view) for view in await parts.desk.jobs(principal)]


async def _job(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    job_id = await _job_id(parts, principal, arguments)
    events = await parts.desk.timeline(principal, job_id)
    timeline = [{"at": one.at.isoformat(), "event": one.event, "words": one.words} for one in events]
    return job_fields(await parts.desk.job(principal, job_id)) | {"timeline": timeline}


async def _release(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    job_id = await _job_id(parts, principal, arguments)
    wait_s = min(float(arguments.get("wait_s", 0)), MAX_WAIT_S)
    printer = arguments.get("printer")
    if "pin" in arguments:
        return await _release_by_pin(parts, principal, job_id, arguments, wait_s)
    if wait_s > 0:
        return job_fields(await parts.desk.release_and_wait(principal, job_id, printer, wait_s))
    return job_fields(await parts.desk.release(principal, job_id, printer))


async def _release_by_pin(
    parts: ControlParts, principal: Principal, job_id: JobId, arguments: Arguments, wait_s: float
) -> Answer:
    """Release a job for somebody who knows its PIN; root names the job, and needs the PIN all the same."""
    if "user" in arguments:
        raise NotPossible("Give the owner's password or the job's PIN, not both.")
    pin, printer = Pin.typed(str(arguments["pin"])), arguments.get("printer")
    await parts.desk.pins.release(Wanted(job_id), pin, printer, peer=LOCAL_PEER)
    with trio.move_on_after(wait_s):
        await parts.desk.service.ended(job_id)
    return job_fields(await parts.desk.job(principal, job_id))


async def _cancel(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    return job_fields(await parts.desk.cancel(principal, await _job_id(parts, principal, arguments)))


async def _take_back(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    return job_fields(await parts.desk.take_back(principal, await _job_id(parts, principal, arguments)))


async def _printers(parts: ControlParts, principal: Principal, _arguments: Arguments) -> Answer:
    return [printer_fields(view) for view in await parts.desk.printers(principal)]


async def _user_add(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    user = await parts.identity.add_user(
        str(arguments["name"]),
        str(arguments["new_password"]),
        groups=[str(group) for group in arguments.get("groups", [])],
        role=Role(arguments.get("role", Role.USER)),
        actor=principal.id,
    )
    return {"id": user.id, "name": user.name}


async def _user_password(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await parts.identity.set_password(
        str(arguments["name"]), str(arguments["new_password"]), actor=principal.id
    )
    return {}


async def _user_disable(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await parts.identity.disable_user(str(arguments["name"]), actor=principal.id)
    return {}


async def _user_enable(parts: ControlParts, principal: Principal, arguments: Arguments) -> Answer:
    await parts.identity.enable_user(str(arguments["name"]), actor=principal.id)
    return {}


async def _user_list(parts: ControlParts, _principal: Principal, _arguments: Arguments) -> Answer:
    return [
        {"name": user.name, "role": user.role, "groups": sorted(user.groups), "disabled": user.disabled}
        for user in await parts.identity.list_users()
    ]


async def _audit_verify(parts: ControlParts, _principal: Principal, _arguments: Arguments) -> Answer:
    report = await parts.verify_audit()
    return {
        "entries": report.entries,
        "head": report.head,
        "broken_at": report.broken_at,
        "why": report.why,
    }


async def _store_check(parts: ControlParts, _principal: Principal, arguments: Arguments) -> Answer:
    return await parts.check_store(float(arguments.get("read_fraction", 0.0)))


async def _status(parts: ControlParts, _principal: Principal, _arguments: Arguments) -> Answer:
    return parts.status()


COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        Command("jobs", Action.READ_JOB, _jobs),
        Command("job", Action.READ_JOB, _job),
        Command("release", Action.RELEASE, _release),
        Command("cancel", Action.CANCEL, _cancel),
        Command("take-back", Action.HOLD, _take_back),
        Command("printers", Action.READ_PRINTERS, _printers),
        Command("user-add", Action.CHANGE_USERS, _user_add),
        Command("user-password", Action.CHANGE_USERS, _user_password),
        Command("user-disable", Action.CHANGE_USERS, _user_disable),
        Command("user-enable", Action.CHANGE_USERS, _user_enable),
        Command("user-list", Action.CHANGE_USERS, _user_list),
        Command("audit-verify", Action.VERIFY_AUDIT, _audit_verify),
        Command("store-check", Action.CHECK_STORE, _store_check),
        Command("status", Action.READ_HEALTH, _status),
    )
}
# Decided here; what concerns a job is decided by the desk, which knows whose job it is.
_ABOUT_SPOOLER = frozenset(
    {Action.READ_PRINTERS, Action.CHANGE_USERS, Action.VERIFY_AUDIT, Action.CHECK_STORE, Action.READ_HEALTH}
)


# -- what commands show --


def job_fields(view: JobView) -> dict[str, Any]:
    """Return a job as JSON fields."""
    job = view.job
    return {
        "id": str(job.id),
        "number": job.number,
        "title": view.title,
        "own": view.own,
        "queue": job.queue,
        "state": job.state.value,
        "reason": job.reason,
        "user": job.claimed_name,
        "claimed": job.owner_id is not None,
        "pages": job.pages,
        "size_bytes": job.size_bytes,
        "created_at": _iso(job.created_at),
        "expires_at": _iso(job.expires_at),
        "seconds_left": view.seconds_left,
        "printer": job.printer,
        "printers": list(view.printers),
    }


def printer_fields(view: PrinterView) -> dict[str, Any]:
    """Return a printer with its live status as JSON fields."""
    status = view.status
    return {
        "name": view.printer.name,
        "location": view.printer.location,
        "ready": status.ready,
        "state": status.state,
        "why": status.why,
        "reasons": [
            {"keyword": reason.keyword, "blocks": reason.blocks, "text": reason.text}
            for reason in status.reasons
        ],
        "read_at": _iso(status.read_at),
    }


async def _job_id(parts: ControlParts, principal: Principal, arguments: Arguments) -> JobId:
    """Find a job by its UUID, the beginning of it, or its number."""
    wanted = str(arguments["job"]).strip().lower()
    try:
        return JobId(UUID(wanted))
    except ValueError:
        pass
    views = await parts.desk.jobs(principal)
    found = [view.job.id for view in views if _is_called(view, wanted)]
    if len(found) != 1:
        raise NotFound(
            f"There is no job {wanted!r} that you may see." if not found else f"{wanted!r} is not one job."
        )
    return found[0]


def _is_called(view: JobView, wanted: str) -> bool:
    if wanted.isdigit() and view.job.number == int(wanted):
        return True
    return len(wanted) >= 4 and view.job.id.hex.startswith(wanted.replace("-", ""))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _failure(kind: str, public: str, exit_code: int) -> dict[str, Any]:
    return {"ok": False, "error": {"kind": kind, "public": public, "exit_code": exit_code}}


def _peer_uid(stream: trio.SocketStream) -> int:
    """Return the user id of the other end, as the kernel knows it (unix(7), SO_PEERCRED)."""
    packed = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", packed)
    return int(uid)
