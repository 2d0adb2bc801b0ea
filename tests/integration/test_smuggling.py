"""The smuggling table against the running daemon: each case refused, and the job behind it never printed."""

import socket

import pytest

from protocols.ipp.decoder import decode
from protocols.limits import IppLimits
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import Daemon
from tests.integration.ipp_asking import print_job, printer_name
from tests.support.smuggling import CASES

SITE = """
[printers.sink]
uri = "folder:{folder}"
[queues.open]
printers = ["sink"]
authentication = "at-release"
"""
TIMEOUT_S = 60.0


@pytest.fixture
def daemon(make_daemon: MakeDaemon, tmp_path_factory: pytest.TempPathFactory) -> Daemon:
    folder = tmp_path_factory.mktemp("sink")
    return make_daemon(SITE.format(folder=folder), listen={"ipp": "127.0.0.1:0"})


def said_to(daemon: Daemon, octets: bytes) -> bytes:
    """Send on a new connection; return everything that comes back until the daemon closes."""
    said = b""
    with socket.create_connection(("127.0.0.1", daemon.ports["ipp"]), timeout=TIMEOUT_S) as connection:
        connection.sendall(octets)
        try:
            while piece := connection.recv(65536):
                said += piece
        except ConnectionResetError:
            # It closed while something of ours was still on its way.
            pass
    return said


def job_behind() -> bytes:
    """Return a whole request that would make a job."""
    body = print_job(format="text/plain") + b"A page of text.\n"
    return (
        b"POST /ipp/print/open HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/ipp\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


def test_every_case_is_refused_and_the_job_behind_it_is_not_made(daemon: Daemon) -> None:
    wrong = {}
    for name, (raw, status) in CASES.items():
        # Without its content type a request would be refused for that, before its body is looked at.
        typed = raw.replace(
            b"Host: localhost\r\n", b"Host: localhost\r\nContent-Type: application/ipp\r\n", 1
        )
        said = said_to(daemon, typed + 3 * job_behind())
        if name == "TLS":
            # TLS is spoken here: what follows is no handshake, and is answered by an alert (21), if at all.
            good = said[:1] in (b"", b"\x15")
        else:
            good = said.startswith(b"HTTP/1.1 %d " % status) and b"\r\nConnection: close\r\n" in said
            good = good and said.count(b"HTTP/1.1 ") == 1
        if not good:
            wrong[name] = said[:200]
    assert wrong == {}
    assert daemon.jobs() == []
    # The request behind is a good one, and the daemon is well.
    assert printer_name(daemon.ports["ipp"]) == "open"
    answer = said_to(
        daemon, job_behind().replace(b"Host: localhost", b"Host: localhost\r\nConnection: close")
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert decode(body, IppLimits())[0].code == 0
    assert len(daemon.wait_for_job("held")) == 1
