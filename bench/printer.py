"""A printer on loopback that takes IPP jobs, throws them away, and remembers when each first byte came."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from protocols.ipp.decoder import Decoder
from protocols.ipp.encoder import encode
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import (
    Attribute,
    boolean,
    charset,
    enum,
    integer,
    keyword,
    mime,
    name_,
    natural_language,
    text,
    uri,
)
from protocols.limits import IppLimits

RECEIVE_BYTES = 256 * 1024
_IDLE, _COMPLETED = 3, 9
_OPERATIONS = (
    Operation.PRINT_JOB,
    Operation.VALIDATE_JOB,
    Operation.CREATE_JOB,
    Operation.SEND_DOCUMENT,
    Operation.CANCEL_JOB,
    Operation.GET_JOB_ATTRIBUTES,
    Operation.GET_JOBS,
    Operation.GET_PRINTER_ATTRIBUTES,
)


class Printer:
    """Listens from the beginning; one thread for each connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._names: dict[int, str] = {}
        self._lock = threading.Lock()
        self._first_byte_at = 0.0
        self._ended = threading.Event()
        self.document_bytes = 0

    @property
    def uri(self) -> str:
        """Its address."""
        return f"ipp://127.0.0.1:{self.port}/ipp/print"

    def expect_job(self) -> None:
        """Forget the last job."""
        self._ended.clear()
        self._first_byte_at, self.document_bytes = 0.0, 0

    def wait_for_first_byte(self, timeout_s: float) -> float:
        """Wait for the whole document; return when its first byte came (`time.perf_counter`).

        Raises:
            TimeoutError: it did not come.
        """
        if not self._ended.wait(timeout_s):
            raise TimeoutError(f"no document within {timeout_s:g} s")
        return self._first_byte_at

    def serve(self) -> None:
        """Accept connections until `close`."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _connection(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, suppress(OSError, EOFError):
            wire = _Wire(connection)
            while True:
                self._request(wire)

    def _request(self, wire: "_Wire") -> None:
        body = wire.begin_request()
        decoder = Decoder(IppLimits())
        while decoder.message is None:
            piece = body()
            if not piece:
                raise EOFError
            decoder.receive_data(piece)
        request = decoder.message
        if request.code in {Operation.SEND_DOCUMENT, Operation.PRINT_JOB}:
            self._take(decoder.take_remainder(), body)
        while body():
            pass
        wire.answer(self._answer(request))
        if request.code in {Operation.SEND_DOCUMENT, Operation.PRINT_JOB}:
            self._ended.set()

    def _take(self, first: bytes, body: Callable[[], bytes]) -> None:
        piece = first or body()
        self._first_byte_at = time.perf_counter()
        while piece:
            self.document_bytes += len(piece)
            piece = body()

    def _answer(self, request: Message) -> Message:
        head = (charset("attributes-charset", "utf-8"), natural_language("attributes-natural-language", "en"))
        groups = [Group(GroupTag.OPERATION, head)]
        if request.code == Operation.GET_PRINTER_ATTRIBUTES:
            groups.append(Group(GroupTag.PRINTER, self._attributes()))
        elif request.code in {Operation.CREATE_JOB, Operation.PRINT_JOB}:
            with self._lock:
                number = len(self._names) + 1
                self._names[number] = request.operation_group.string("job-name") or ""
            groups.append(Group(GroupTag.JOB, self._job(number)))
        elif request.code in {Operation.SEND_DOCUMENT, Operation.GET_JOB_ATTRIBUTES}:
            groups.append(Group(GroupTag.JOB, self._job(request.operation_group.integer("job-id") or 0)))
        return Message(request.version, 0, request.request_id, tuple(groups))

    def _job(self, number: int) -> tuple[Attribute, ...]:
        return (
            integer("job-id", number),
            uri("job-uri", f"{self.uri}/{number}"),
            name_("job-name", self._names.get(number, "")),
            enum("job-state", _COMPLETED),
            keyword("job-state-reasons", "job-completed-successfully"),
            integer("job-impressions-completed", 1),
        )

    def _attributes(self) -> tuple[Attribute, ...]:
        return (
            uri("printer-uri-supported", self.uri),
            keyword("uri-authentication-supported", "none"),
            keyword("uri-security-supported", "none"),
            keyword("ipp-versions-supported", "1.1", "2.0"),
            enum("operations-supported", *_OPERATIONS),
            name_("printer-name", "sink"),
            text("printer-make-and-model", "Sink of the bench"),
            enum("printer-state", _IDLE),
            keyword("printer-state-reasons", "none"),
            boolean("printer-is-accepting-jobs", True),
            integer("queued-job-count", 0),
            mime("document-format-supported", "application/octet-stream", "application/pdf"),
            mime("document-format-default", "application/pdf"),
            keyword("compression-supported", "none"),
            keyword("job-creation-attributes-supported", "copies"),
        )


class _Wire:
    """HTTP/1.1 of honest clients, request after request."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._close = False

    def begin_request(self) -> Callable[[], bytes]:
        """Read a head; return what gives the body piece by piece, b"" at its end."""
        if self._close:
            raise EOFError
        while b"\r\n\r\n" not in self._received:
            self._received += self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
        fields = {name.strip().lower(): value.strip() for name, _, value in lines}
        self._close = fields.get(b"connection", b"").lower() == b"close"
        if fields.get(b"expect", b"").lower() == b"100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            pieces = self._chunked()
        else:
            pieces = self._exactly(int(fields.get(b"content-length", b"0")))
        return lambda: next(pieces, b"")

    def answer(self, message: Message) -> None:
        """Send an answer."""
        body = encode(message)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/ipp\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._connection.sendall(head + body)

    def _receive(self) -> bytes:
        data = self._connection.recv(RECEIVE_BYTES)
        if not data:
            raise EOFError
        return data

    def _exactly(self, left: int) -> Iterator[bytes]:
        while left:
            data = self._received or self._receive()
            piece, self._received = data[:left], data[left:]
            left -= len(piece)
            yield piece

    def _line(self) -> bytes:
        while b"\r\n" not in self._received:
            self._received += self._receive()
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    def _chunked(self) -> Iterator[bytes]:
        while size := int(self._line(), 16):
            yield from self._exactly(size)
            self._line()
        self._line()


@contextmanager
def printer() -> Iterator[Printer]:
    """Run a printer."""
    made = Printer()
    threading.Thread(target=made.serve, daemon=True).start()
    try:
        yield made
    finally:
        made.close()
