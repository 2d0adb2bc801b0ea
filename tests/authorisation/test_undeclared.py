"""What nobody declared is refused at every door, whoever asks, and changes nothing."""

import json

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.values import integer
from spoold.doors.ipp.declarations import SUPPORTED
from spoold.doors.web.routes import ROUTES
from tests.authorisation.spooler import Kind, Spooler, Who
from tests.support.addresses import filled

NO_SUCH_OPERATION = 0x0501


def test_operations_that_nobody_declared_are_refused(spooler: Spooler) -> None:
    """All registered operations, some of vendors', and codes that mean nothing; asked by an administrator."""
    target = spooler.job(Kind.OWNED)
    others = ({*Operation} | {0, 0x006B, 0x3FFF, 0x4000, 0x4001, 0x4028, 0x7FFF}) - {*SUPPORTED}
    assert len(others) > 70
    with spooler.watched() as changes:
        for code in sorted(others):
            answer = spooler.ipp(Who.ADMINISTRATOR, code, integer("job-id", target.job.number))
            assert (answer.status, answer.ipp_status) == (200, NO_SUCH_OPERATION), hex(code)
            assert not answer.holds(target.title)
    assert changes.none
    spooler.clear(target)


UNDECLARED = (
    "/admin",
    "/api",
    "/api/v1",
    "/api/v1/users",
    "/api/v1/audit",
    "/api/v1/jobs/{id}/document",
    "/api/v1/jobs/{id}/hold",
    "/api/v1/jobs/{id}/timeline",
    "/api/v1/jobs/{id}/release/",
    "/api/v2/jobs",
    "/docs",
    "/openapi.json",
    "/jobs",
    "/jobs/{id}/document",
    "/jobs/{id}/hold",
    "/static",
    "/static/portal.css",
    "/metrics/",
    "/server-status",
)


@pytest.mark.parametrize("path", UNDECLARED)
def test_addresses_that_nobody_declared_do_not_exist(spooler: Spooler, path: str) -> None:
    target = spooler.job(Kind.OWNED)
    headers = spooler.basic(Who.ADMINISTRATOR)
    with spooler.watched() as changes:
        for method in ("GET", "POST", "DELETE"):
            answer = spooler.web(Who.ADMINISTRATOR, method, path.format(id=target.id), headers=headers)
            # 400: an address of a shape that none of ours has.
            assert answer.status in ({400, 404} if path.endswith("/") else {404})
            assert not answer.holds(target.title)
    assert changes.none
    spooler.clear(target)


def test_methods_that_nobody_declared_are_refused(spooler: Spooler) -> None:
    target = spooler.job(Kind.OWNED)
    declared = {(declaration.method, declaration.path) for declaration in ROUTES}
    with spooler.watched() as changes:
        for path in sorted({path for _, path in declared}):
            for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                if (method, path) not in declared:
                    headers = spooler.basic(Who.OWNER)
                    answer = spooler.web(Who.OWNER, method, filled(path, target.id), headers=headers)
                    assert answer.status == 405, (method, path)
                    assert not answer.holds(target.title)
    assert changes.none
    spooler.clear(target)


@pytest.mark.parametrize("name", ["", "shutdown", "Jobs", "jobs ", "database", "__init__"])
def test_commands_that_nobody_declared_are_refused(spooler: Spooler, name: str) -> None:
    with spooler.watched() as changes:
        answer = spooler.control(name, {})
    assert json.loads(answer.body)["error"]["kind"] == "not-found"
    assert changes.none


def test_the_control_socket_is_for_root_and_the_daemon_alone(spooler: Spooler) -> None:
    """Before any command is decided on, the kernel keeps everybody else away."""
    assert (spooler.daemon.state / "control.sock").stat().st_mode & 0o777 == 0o600
    assert spooler.daemon.state.stat().st_mode & 0o777 == 0o700
