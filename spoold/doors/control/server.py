"""Answers commands, one JSON line there and one back.

Whoever can open the socket is root or the daemon's own user, so it speaks for an administrator; what only
an owner may do still needs that owner's name and password in the request.
"""

import json
import os
import socket
import struct
from pathlib import Path
from typing import Any

import structlog
import trio

from spoold.doors.control.parts import LOCAL_PEER, Answer, Arguments, ControlParts
from spoold.doors.control.table import ABOUT_SPOOLER, COMMANDS
from spoold.model.access import may
from spoold.model.errors import NotAuthorized, NotFound, SpoolError
from spoold.model.ids import UserId
from spoold.model.principal import Method, Principal, Role
from spoold.runtime.socket_path import short_name

log = structlog.get_logger()

REQUEST_TIMEOUT_S = 30.0
ACCEPT_PAUSE_S = 0.1


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
            with short_name(self._path) as name:
                listening.bind(name)
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
        if command.action in ABOUT_SPOOLER and not may(principal, command.action):
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


def _failure(kind: str, public: str, exit_code: int) -> dict[str, Any]:
    return {"ok": False, "error": {"kind": kind, "public": public, "exit_code": exit_code}}


def _peer_uid(stream: trio.SocketStream) -> int:
    """Return the user id of the other end, as the kernel knows it (unix(7), SO_PEERCRED)."""
    packed = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", packed)
    return int(uid)
