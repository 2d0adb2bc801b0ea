"""Asks a daemon over IPP as a client would, without a client's own habits: one request, one connection."""

import http.client
import socket
import ssl
from uuid import UUID

from protocols.ipp.decoder import decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import Attribute, charset, mime, name_, natural_language, uri
from protocols.limits import IppLimits
from tests.integration.daemon import CANARY_TITLE, Daemon
from tests.integration.recorder import wait_until

TIMEOUT_S = 60.0


def tls_context(daemon: Daemon) -> ssl.SSLContext:
    """Trust the certificate that the daemon made for itself, and nothing else."""
    return ssl.create_default_context(cafile=str(daemon.state / "tls" / "certificate.pem"))


def message(
    operation: Operation,
    queue: str,
    *attributes: Attribute,
    user: str = "alice",
    template: Group | None = None,
) -> Message:
    """Return a request to a queue."""
    first = Group(
        GroupTag.OPERATION,
        (
            charset("attributes-charset", "utf-8"),
            natural_language("attributes-natural-language", "en"),
            uri("printer-uri", f"ipp://localhost/ipp/print/{queue}"),
            name_("requesting-user-name", user),
            *attributes,
        ),
    )
    groups = (first,) if template is None else (first, template)
    return Message(version=(2, 0), code=operation, request_id=1, groups=groups)


def print_job(queue: str = "open", *, format: str = "application/pdf", user: str = "alice") -> bytes:  # noqa: A002
    """Return the octets of a Print-Job with the canary as its title, up to where the document begins."""
    named = (name_("job-name", CANARY_TITLE), mime("document-format", format))
    return encode(message(Operation.PRINT_JOB, queue, *named, user=user))


def ask(port: int, octets: bytes, *, queue: str = "open", tls: ssl.SSLContext | None = None) -> Message:
    """POST a request and return the answer, whatever its status."""
    if tls is None:
        connection = http.client.HTTPConnection("localhost", port, timeout=TIMEOUT_S)
    else:
        connection = http.client.HTTPSConnection("localhost", port, timeout=TIMEOUT_S, context=tls)
    try:
        connection.request("POST", f"/ipp/print/{queue}", octets, {"Content-Type": "application/ipp"})
        return answer_of(connection.getresponse())
    finally:
        connection.close()


def answer_of(response: http.client.HTTPResponse) -> Message:
    """Read an IPP answer."""
    body = response.read()
    assert response.status == 200, (response.status, body[:500])
    return decode(body, IppLimits())[0]


def printer_name(port: int, queue: str = "open", *, tls: ssl.SSLContext | None = None) -> str | None:
    """Ask a queue for its attributes; returns its name, or None when there is no such queue."""
    answer = ask(port, encode(message(Operation.GET_PRINTER_ATTRIBUTES, queue)), queue=queue, tls=tls)
    if answer.code == Status.CLIENT_ERROR_NOT_FOUND:
        return None
    assert answer.code == Status.SUCCESSFUL_OK, Status(answer.code)
    return answer.group(GroupTag.PRINTER).string("printer-name")


def hold(
    daemon: Daemon,
    content: bytes,
    *,
    queue: str = "open",
    format: str = "application/pdf",  # noqa: A002
) -> UUID:
    """Print a document as Alice; returns the id of the held job."""
    answer = ask(daemon.ports["ipp"], print_job(queue, format=format) + content, queue=queue)
    assert answer.code == Status.SUCCESSFUL_OK, Status(answer.code)
    number = answer.group(GroupTag.JOB).integer("job-id")
    id_of: str = daemon.command("job", job=str(number))["id"]
    wait_until(lambda: daemon.command("job", job=id_of)["state"] == "held", "holding the job")
    return UUID(id_of)


class Upload:
    """A Print-Job whose document comes in pieces, when the test says so."""

    def __init__(self, port: int, size_bytes: int, *, queue: str = "open") -> None:
        octets = print_job(queue)
        self._socket = socket.create_connection(("localhost", port), timeout=TIMEOUT_S)
        head = (
            f"POST /ipp/print/{queue} HTTP/1.1\r\nHost: localhost:{port}\r\n"
            f"Content-Type: application/ipp\r\nContent-Length: {len(octets) + size_bytes}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + octets)

    def send(self, piece: bytes) -> None:
        """Send a piece of the document."""
        self._socket.sendall(piece)

    def answer(self) -> Message:
        """Read the answer and close the connection."""
        response = http.client.HTTPResponse(self._socket, method="POST")
        response.begin()
        try:
            return answer_of(response)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
