"""How long a person waits at the printer: from the release to the document's first byte there."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from bench.load import Client
from bench.printer import Printer
from bench.requests import about_job, print_job
from bench.servers import PASSWORD, USER, Cupsd, Spoold
from protocols.ipp.decoder import decode
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.limits import IppLimits

TIMEOUT_S = 60.0
BLOCK = memoryview(bytes(256 * 1024))


def at_cupsd(server: Cupsd, printer: Printer, document: bytes, *, further_bytes: int = 0) -> float:
    """Print a held job and release it by Release-Job; return seconds until the first byte.

    Args:
        further_bytes: zeros that follow the document and belong to it.
    """
    host = f"localhost:{server.port}"
    client = Client("127.0.0.1", server.port)
    with closing(client.socket):
        request = print_job(host, server.path, document, further_bytes=further_bytes)
        number = _print(client, request, further_bytes)
        printer.expect_job()
        request = about_job(host, server.path, Operation.RELEASE_JOB, number)
        began = time.perf_counter()
        client.ask(request)
        return printer.wait_for_first_byte(TIMEOUT_S) - began


class Portal:
    """A person who has signed in at spoold's portal and keeps the connection open."""

    def __init__(self, server: Spoold) -> None:
        # The certificate is the daemon's own and a minute old; who it is does not matter to a stop-watch.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        host = f"localhost:{server.daemon.ports['web']}"
        self._connection = http.client.HTTPSConnection(host, context=context, timeout=TIMEOUT_S)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        form = urlencode({"name": USER, "password": PASSWORD})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"https://{host}"}
        self._connection.request("POST", "/sign-in", form, headers)
        with self._connection.getresponse() as answer:
            answer.read()
            cookie = answer.headers["Set-Cookie"]
            if answer.status != 303 or cookie is None:
                raise RuntimeError(f"signing in was answered by {answer.status}")
        self._token = cookie.partition(";")[0].partition("=")[2]

    def release(self, job: str) -> None:
        """Release a job at its queue's first printer."""
        headers = {"Authorization": f"Bearer {self._token}"}
        self._connection.request("POST", f"/api/v1/jobs/{job}/release", b"", headers)
        with self._connection.getresponse() as answer:
            body = answer.read()
            if answer.status != 202:
                raise RuntimeError(f"the release was answered by {answer.status}: {body[:300]!r}")

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def at_spoold(
    server: Spoold, printer: Printer, portal: Portal, document: bytes, *, further_bytes: int = 0
) -> float:
    """Print a held job and release it as its owner, who has signed in; return seconds until the first byte.

    The password was checked at the sign-in, which takes a quarter of a second of its own by design (bcrypt),
    and the document was inspected while it waited.
    """
    client = Client("127.0.0.1", server.port)
    with closing(client.socket):
        host = f"localhost:{server.port}"
        request = print_job(host, server.path, document, further_bytes=further_bytes)
        number = _print(client, request, further_bytes)
    if not further_bytes:
        # Longer documents than are looked into have no page count.
        _wait_until(server, number, lambda job: job["pages"] is not None)
    job = str(_job_of(server, number)["id"])
    printer.expect_job()
    began = time.perf_counter()
    portal.release(job)
    seconds = printer.wait_for_first_byte(TIMEOUT_S) - began
    # The release's last transactions must not be measured as the next one's.
    _wait_until(server, number, lambda job: job["state"] == "completed")
    return seconds


def _job_of(server: Spoold, number: int) -> dict[str, Any]:
    return next(job for job in server.daemon.jobs() if job["number"] == number)


def _wait_until(server: Spoold, number: int, reached: Callable[[dict[str, Any]], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not reached(job := _job_of(server, number)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the job is {job['state']}: {job['reason']}")
        time.sleep(0.02)


def _print(client: Client, request: bytes, further_bytes: int) -> int:
    """Send a Print-Job; return its "job-id"."""
    client.send(request)
    while further_bytes:
        piece = BLOCK[: min(further_bytes, len(BLOCK))]
        client.socket.sendall(piece)
        further_bytes -= len(piece)
    while not client.receive():
        pass
    message, _ = decode(client.answer, IppLimits(), lenient=True)
    number = message.group(GroupTag.JOB).integer("job-id")
    if number is None:
        raise RuntimeError("the answer to Print-Job has no job-id")
    return number
