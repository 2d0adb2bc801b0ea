"""The control socket: who may open it, what it takes for a request, and whom a command speaks for."""

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import trio

from spoold.doors.control import server
from spoold.doors.control.jobs import job_answer
from spoold.doors.control.parts import ControlParts
from spoold.doors.control.server import ControlServer
from spoold.doors.control.table import COMMANDS
from spoold.identity.authenticator import Identity
from spoold.identity.local import User
from spoold.identity.pins import Pin
from spoold.model.ids import JobId, UserId
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal, Role
from spoold.records.verify import ChainReport
from spoold.runtime.limits import DaemonLimits
from tests.support.clock import START
from tests.support.ipp_door import PASSWORD, PEOPLE, KnownPeople
from tests.support.memory_blobs import MemoryBlobStore
from tests.support.parts import need_root
from tests.support.release_house import TITLE_MARKER, House, open_house

# What a process of another user sends, and what it gets.
STRANGER = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(sys.argv[2].encode() + b"\\n")
print(connection.makefile().readline(), end="")
"""
NOBODY_UID = 65534


class ManagedPeople(KnownPeople):
    """Also remembers which accounts were changed, by whom."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self.changes: list[tuple[str, ...]] = []

    async def add_user(self, name: str, password: str, **fields: Any) -> User:
        self.changes.append(("add", name, fields["role"], *fields["groups"], fields["actor"]))
        return user("new", name, Role(fields["role"]), disabled=False)

    async def set_password(self, name: str, password: str, *, actor: str = "spoold") -> None:
        self.changes.append(("password", name, actor))

    async def disable_user(self, name: str, *, actor: str = "spoold") -> None:
        self.changes.append(("disable", name, actor))

    async def enable_user(self, name: str, *, actor: str = "spoold") -> None:
        self.changes.append(("enable", name, actor))

    async def list_users(self) -> list[User]:
        return [user("u", "ana", Role.USER, disabled=True)]


def user(user_id: str, name: str, role: Role, *, disabled: bool) -> User:
    return User(UserId(user_id), name, frozenset({"b", "a"}), role, disabled, START)


@dataclass
class Socket:
    """A served control socket and a client of it."""

    house: House
    people: ManagedPeople
    path: Path
    parts: ControlParts

    async def send(self, raw: bytes, *, close: bool = False) -> bytes:
        """Send bytes and return the line that is answered; nothing when the connection just ends."""
        stream = await trio.open_unix_socket(str(self.path))
        async with stream:
            try:
                await stream.send_all(raw)
                if close:
                    await stream.send_eof()
                answer = b""
                while piece := await stream.receive_some(65536):
                    answer += piece
            except trio.BrokenResourceError:
                return b""
        return answer

    async def ask(self, command: str, **arguments: Any) -> Any:
        """Run a command; returns its result."""
        answer = json.loads(await self.send(line(command, **arguments)))
        assert answer["ok"], answer
        return answer["result"]

    async def refused(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Run a command that is to be refused; returns the error."""
        answer = json.loads(await self.send(line(command, **arguments)))
        assert not answer["ok"], answer
        error: dict[str, Any] = answer["error"]
        return error


def line(command: object, **arguments: Any) -> bytes:
    return json.dumps({"command": command, "arguments": arguments}).encode() + b"\n"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Socket]:
    async with open_house(tmp_path, blobs=MemoryBlobStore()) as house, trio.open_nursery() as nursery:
        people = ManagedPeople(house)
        for name, role in PEOPLE.items():
            house.person(name, role=role)
        parts = parts_of(house, people)
        path = tmp_path / "control.sock"
        await nursery.start(ControlServer(parts, path).serve)
        yield Socket(house, people, path, parts)
        nursery.cancel_scope.cancel()


def parts_of(house: House, people: Identity) -> ControlParts:
    async def verify() -> ChainReport:
        return ChainReport(3, "ab" * 32, None, "")

    async def read(last: int, kind: str) -> list[dict[str, Any]]:
        return [{"kind": kind or "sign-in", "seq": number} for number in range(last)]

    async def check(read_fraction: float) -> dict[str, Any]:
        return {"checked": 1, "read": read_fraction, "findings": []}

    return ControlParts(
        identity=people,
        desk=house.desk,
        clock=house.clock,
        limits=DaemonLimits(max_control_request_bytes=4096),
        verify_audit=verify,
        read_audit=read,
        check_store=check,
        status=lambda: {"state": "ok"},
    )


def owner_of(house: House, name: str = "ana") -> Principal:
    return house.person(name, role=PEOPLE[name])


# -- requests that are none


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"not json\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b"5\n",
        b'"status"\n',
        b'{"command": ["status"]}\n',
        b'{"command": {"a": 1}}\n',
        b'{"command": "job"}\n',
        b'{"command": "job", "arguments": []}\n',
        b'{"command": "job", "arguments": 5}\n',
        b'{"command": "job", "arguments": "job"}\n',
        b'{"command": "status", "arguments": null}\n',
        b'{"command": "jobs", "arguments": {"user": "ana"}}\n',
        b'{"command": "user-add", "arguments": {"name": "x", "new_password": "y", "role": "king"}}\n',
        b'{"command": "release", "arguments": {"job": "1", "wait_s": "soon", "user": "ana", "password": "'
        + PASSWORD.encode()
        + b'"}}\n',
        b"[" * 4000 + b"\n",
        b'{"command": "status"}\n{"command": "status"}\n',
        b"\xff\xfe\n",
    ],
    ids=range(20),
)
async def test_malformed_requests_are_the_caller_s_fault(
    served: Socket, raw: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says so, with the exit status of a usage error; no traceback in the log, no word quoted."""
    await served.house.add_job(owner_of(served.house))
    answer = json.loads(await served.send(raw))
    assert (answer["ok"], answer["error"]["kind"], answer["error"]["exit_code"]) == (False, "usage", 2)
    assert "crashed" not in capsys.readouterr().out
    assert PASSWORD not in answer["error"]["public"]
    assert await served.ask("status") == {"state": "ok"}


async def test_an_unknown_command_is_not_found(served: Socket) -> None:
    error = await served.refused("reboot")
    assert error == {"kind": "not-found", "public": "The daemon knows no command 'reboot'.", "exit_code": 1}


async def test_a_request_has_a_largest_size(served: Socket) -> None:
    """Up to the bound it is read, beyond it the connection ends without an answer."""
    fits = line("status", padding="x" * 4000)
    assert len(fits) <= 4096
    assert json.loads(await served.send(fits))["ok"]
    assert await served.send(line("status", padding="x" * 4096)) == b""
    assert await served.ask("status") == {"state": "ok"}


async def test_a_request_that_never_ends_ends_the_connection(served: Socket) -> None:
    assert await served.send(b'{"command": "sta', close=True) == b""
    assert await served.send(b"", close=True) == b""


async def test_a_silent_client_is_not_waited_for(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """A connection without a request is given up, and its place with it."""
    house_parts = ControlParts(
        identity=None,  # type: ignore[arg-type]
        desk=None,  # type: ignore[arg-type]
        clock=None,  # type: ignore[arg-type]
        limits=DaemonLimits(max_control_connections=1),
        verify_audit=None,  # type: ignore[arg-type]
        read_audit=None,  # type: ignore[arg-type]
        check_store=None,  # type: ignore[arg-type]
        status=dict,
    )
    path = tmp_path / "control.sock"
    await nursery.start(ControlServer(house_parts, path).serve)
    silent = await trio.open_unix_socket(str(path))
    async with silent:
        with trio.fail_after(server.REQUEST_TIMEOUT_S + 1):
            assert await silent.receive_some() == b""
    nursery.cancel_scope.cancel()


async def test_a_command_that_crashes_ends_itself_alone(served: Socket) -> None:
    def crash() -> dict[str, Any]:
        raise ZeroDivisionError("secret")

    server = ControlServer(replace(served.parts, status=crash), served.path.with_name("other.sock"))
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        other = Socket(served.house, served.people, served.path.with_name("other.sock"), served.parts)
        error = await other.refused("status")
        assert (error["kind"], error["exit_code"]) == ("failed", 1)
        assert "secret" not in error["public"]
        assert await other.ask("audit-verify") is not None
        nursery.cancel_scope.cancel()


async def test_the_records_are_read_as_far_as_was_asked(served: Socket) -> None:
    assert len(await served.ask("audit-show")) == 20
    found = await served.ask("audit-show", last=2, kind="sign-in-failed")
    assert [one["kind"] for one in found] == ["sign-in-failed"] * 2


# -- the socket itself


async def test_the_socket_is_its_owner_s_alone_and_goes_with_the_server(
    tmp_path: Path, served: Socket
) -> None:
    mode = served.path.stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
    path = tmp_path / "passing.sock"
    async with trio.open_nursery() as nursery:
        await nursery.start(ControlServer(served.parts, path).serve)
        assert path.exists()
        nursery.cancel_scope.cancel()
    assert not path.exists()


async def test_what_a_killed_daemon_left_is_replaced(tmp_path: Path, served: Socket) -> None:
    path = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with trio.open_nursery() as nursery:
        await nursery.start(ControlServer(served.parts, path).serve)
        assert await Socket(served.house, served.people, path, served.parts).ask("status")
        nursery.cancel_scope.cancel()


async def test_another_user_s_process_is_refused_even_when_it_gets_in(served: Socket) -> None:
    """The kernel says who asks; somebody's name and password are as good from there as from anywhere."""
    need_root("to be another user")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "control.sock")
        async with trio.open_nursery() as nursery:
            await nursery.start(ControlServer(served.parts, path).serve)
            run = partial(_as_nobody, path)
            denied = await trio.to_thread.run_sync(run, line("jobs"))
            assert denied.returncode != 0
            assert "PermissionError" in denied.stderr
            path.chmod(0o666)
            for command in COMMANDS:
                answer = json.loads((await trio.to_thread.run_sync(run, line(command, job="1"))).stdout)
                assert answer["error"]["kind"] == "not-authorized", command
            proven = line("jobs", user="ana", password=PASSWORD)
            assert json.loads((await trio.to_thread.run_sync(run, proven)).stdout)["ok"]
            nursery.cancel_scope.cancel()


def _as_nobody(path: Path, request: bytes) -> subprocess.CompletedProcess[str]:
    # The system's Python: the one that runs the tests may lie where nobody else can read.
    python = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
    return subprocess.run(
        [python, "-c", STRANGER, str(path), request.decode().strip()],
        capture_output=True,
        text=True,
        user=NOBODY_UID,
        cwd="/",
        check=False,
    )


# -- whom a command speaks for


async def test_root_is_an_administrator_and_nobody_s_owner(served: Socket) -> None:
    job = await served.house.add_job(owner_of(served.house))
    (shown,) = await served.ask("jobs")
    assert (shown["id"], shown["own"], shown["title"]) == (str(job.id), False, f"Job {job.number}")
    error = await served.refused("release", job=str(job.id))
    assert error["kind"] == "not-authorized"
    assert (await served.ask("cancel", job=str(job.id)))["state"] == JobState.CANCELED


async def test_a_named_person_is_proven_anew_by_password(served: Socket) -> None:
    job = await served.house.add_job(owner_of(served.house))
    proof = {"user": "ana", "password": PASSWORD}
    shown = await served.ask("job", job=str(job.id), **proof)
    assert (shown["own"], shown["title"]) == (True, TITLE_MARKER)
    assert served.people.asked == [("ana", True)]
    released = await served.ask("release", job=str(job.id), wait_s=60, **proof)
    assert released["state"] == JobState.COMPLETED


async def test_a_pin_releases_its_job_and_no_other(served: Socket) -> None:
    served.house.accept_pins()
    job, other = [await served.house.add_job(owner_of(served.house)) for _ in range(2)]
    await served.house.add_pin(job, Pin.typed("4711-canary"))
    for arguments in ({"job": str(other.id)}, {"job": str(job.id), "printer": "lobby"}):
        wrong = "4711-canary" if "printer" not in arguments else "0000-canary"
        error = await served.refused("release", **arguments, pin=wrong)
        assert error["kind"] == "wrong-pin"
    both = {"user": "ana", "password": PASSWORD, "pin": "4711-canary"}
    assert (await served.refused("release", job=str(job.id), **both))["kind"] == "not-possible"
    released = await served.ask(
        "release", job=str(job.number), printer="floor-2", pin="4711-canary", wait_s=60
    )
    assert (released["state"], released["printer"]) == (JobState.COMPLETED, "floor-2")
    assert (await served.house.job(other)).state is JobState.HELD


async def test_a_wrong_password_is_not_root(served: Socket) -> None:
    """Who names somebody is that person or nobody, whatever process it is."""
    job = await served.house.add_job(owner_of(served.house))
    for command in COMMANDS:
        error = await served.refused(command, job=str(job.id), user="ana", password="wrong")
        assert error["kind"] == "not-authenticated"
    assert (await served.house.job(job)).state is JobState.HELD
    assert served.people.changes == []


@pytest.mark.parametrize("user", ["ana", "oskar"])
async def test_what_is_about_the_spooler_is_for_administrators(served: Socket, user: str) -> None:
    for name in ("user-add", "user-password", "user-disable", "user-enable", "user-list"):
        error = await served.refused(name, name="x", new_password="y", user=user, password=PASSWORD)
        assert error["kind"] == "not-authorized"
    for name in ("audit-verify", "store-check"):
        assert (await served.refused(name, user=user, password=PASSWORD))["kind"] == "not-authorized"
    assert served.people.changes == []


# -- finding a job


async def test_a_job_is_called_by_number_id_or_the_beginning_of_it(served: Socket) -> None:
    job = await served.house.add_job(owner_of(served.house))
    for called in (str(job.id), str(job.id).upper(), f" {job.number} ", str(job.id)[:9], job.id.hex[:4]):
        assert (await served.ask("job", job=called))["id"] == str(job.id), called


@pytest.mark.parametrize("called", ["", "abc", "99", "zzzz", "0", "-1", "00000000"])
async def test_what_is_no_job_is_not_found(served: Socket, called: str) -> None:
    await served.house.add_job(owner_of(served.house))
    assert (await served.refused("job", job=called))["kind"] == "not-found"


async def test_a_beginning_that_two_jobs_have_is_neither(served: Socket) -> None:
    jobs = [
        await served.house.add_job(owner_of(served.house), documents=(), id=JobId(UUID(f"abcd{end:028}")))
        for end in (1, 2)
    ]
    error = await served.refused("cancel", job="abcd")
    assert "not one job" in error["public"]
    assert [(await served.house.job(job)).state for job in jobs] == [JobState.HELD] * 2


async def test_somebody_else_s_job_is_no_job(served: Socket) -> None:
    job = await served.house.add_job(owner_of(served.house))
    for called in (str(job.id), str(job.number), job.id.hex[:8]):
        for command in ("job", "release", "cancel", "take-back"):
            error = await served.refused(command, job=called, user="ben", password=PASSWORD)
            assert error["kind"] == "not-found"


# -- what commands do


async def test_accounts_are_changed_in_the_administrator_s_name(served: Socket) -> None:
    made = await served.ask("user-add", name="eve", new_password="long enough", groups=["a"], role="operator")
    assert made == {"id": "new", "name": "eve"}
    for command in ("user-password", "user-disable", "user-enable"):
        proof = {"user": "ada", "password": PASSWORD}
        assert await served.ask(command, name="eve", new_password="also long", **proof) == {}
    actor = f"uid:{os.geteuid()}"
    assert served.people.changes == [
        ("add", "eve", "operator", "a", actor),
        ("password", "eve", "id-ada"),
        ("disable", "eve", "id-ada"),
        ("enable", "eve", "id-ada"),
    ]
    assert await served.ask("user-list") == [
        {"name": "ana", "role": "user", "provider": "local", "groups": ["a", "b"], "disabled": True}
    ]


async def test_reports(served: Socket) -> None:
    report = {"entries": 3, "head": "ab" * 32, "broken_at": None, "why": ""}
    assert await served.ask("audit-verify") == report
    assert await served.ask("store-check", read_fraction=0.5) == {"checked": 1, "read": 0.5, "findings": []}
    printers = await served.ask("printers")
    assert [(one["name"], one["ready"]) for one in printers] == [("lobby", True), ("floor-2", True)]


async def test_a_time_line_is_told_in_words(served: Socket) -> None:
    job = await served.house.add_job(owner_of(served.house))
    await served.ask("cancel", job=str(job.id))
    timeline = (await served.ask("job", job=str(job.id)))["timeline"]
    assert [(one["event"], one["words"]) for one in timeline] == [("canceled", "Canceled by an operator.")]


async def test_a_refused_release_says_why(served: Socket) -> None:
    job = await served.house.add_job(owner_of(served.house))
    served.house.memory("lobby").reasons = ("media-empty-error",)
    error = await served.refused("release", job=str(job.id), user="ana", password=PASSWORD)
    assert (error["kind"], error["exit_code"]) == ("printer-not-ready", 1)
    assert "floor-2" in error["public"]


async def test_the_fields_of_a_job_hold_nothing_sealed(served: Socket) -> None:
    """Whoever reads them sees no key, token or address of a client."""
    owner = owner_of(served.house)
    job = await served.house.add_job(owner)
    fields = job_answer(await served.house.desk.job(owner, job.id))
    assert {"private", "wrapped_key", "token", "template", "peer"}.isdisjoint(fields)
    assert json.loads(json.dumps(fields)) == fields
