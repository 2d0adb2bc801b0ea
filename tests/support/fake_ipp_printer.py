"""An IPP printer on loopback that keeps jobs, puts out paper, and fails where and how a test wants it to."""

import enum
import socket
import ssl
import struct
from dataclasses import dataclass, field
from typing import NoReturn

import trio

from protocols.ipp.decoder import Decoder
from protocols.ipp.encoder import encode
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import (
    Attribute,
    boolean,
    charset,
    integer,
    keyword,
    mime,
    name_,
    natural_language,
    no_value,
)
from protocols.ipp.values import (
    enum as ipp_enum,
)
from protocols.limits import IppLimits


class Step(enum.StrEnum):
    """Where a fault can strike."""

    CONNECT = "connect"
    TLS = "tls"
    STATUS = "status"
    CREATE = "create"
    FIRST_BYTE = "first-byte"
    HALF = "half"
    LAST_BYTE = "last-byte"
    RESPONSE = "response"
    POLL = "poll"


class Fault(enum.StrEnum):
    """How it strikes."""

    RESET = "reset"
    STALL = "stall"
    GARBAGE = "garbage"
    HTTP_500 = "http-500"
    BUSY = "busy"
    VANISH = "vanish"
    SLOW = "slow"


PENDING, HELD, PROCESSING, STOPPED, CANCELED, ABORTED, COMPLETED = range(3, 10)
SLOW_BYTES_PER_S = 1024
# A printer that lost its sender waits this long for more, then prints what it has, as ippeveprinter does.
GIVE_UP_S = 0.5


class GoneError(Exception):
    """This connection is over."""


@dataclass
class FakeJob:
    """A job as the printer has it."""

    id: int
    name: str
    user: str
    attributes: Group
    state: int = PENDING
    impressions: int | None = 0
    documents: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@dataclass
class FakeIppPrinter:
    """The printer.

    Attributes:
        page_s: how long a job takes to come out once its last document is in.
        fault: where and how it fails; `fault_times` is how often, None for always.
        paper: what came out, as (job name, bytes); a truncated document counts.
        application_bytes: octets that arrived inside TLS (or in clear), whatever they were.
    """

    tls: ssl.SSLContext | None = None
    page_s: float = 2.0
    fault: tuple[Step, Fault] | None = None
    fault_times: int | None = 1
    fault_operation: int | None = None
    reasons: tuple[str, ...] = ("none",)
    state: int = 3
    accepting: bool = True
    counts: bool = True
    forgets: bool = False
    one_step: bool = False
    versions: tuple[tuple[int, int], ...] = ((1, 1), (2, 0))
    formats: tuple[str, ...] = ("application/pdf", "image/jpeg", "application/octet-stream")
    extra: tuple[Attribute, ...] = ()
    port: int = 0
    vanished: bool = False
    connections: int = 0
    application_bytes: int = 0
    jobs: list[FakeJob] = field(default_factory=list)
    paper: list[tuple[str, bytes]] = field(default_factory=list)
    requests: list[Message] = field(default_factory=list)
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _nursery: trio.Nursery | None = None

    @property
    def uri(self) -> str:
        """The printer's URI."""
        return f"{'ipps' if self.tls else 'ipp'}://127.0.0.1:{self.port}/ipp/print"

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled, or until it vanishes from the network; what it has it still prints."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            with self._scope:
                listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
                self.port = listeners[0].socket.getsockname()[1]
                task_status.started()
                await trio.serve_listeners(self._connection, listeners)
            await trio.sleep_forever()

    def vanish(self) -> None:
        """Pull the network plug."""
        self.vanished = True
        self._scope.cancel()

    def job_named(self, name: str) -> FakeJob | None:
        """The job of this name."""
        return next((job for job in self.jobs if job.name == name), None)

    # -- connections --

    async def _connection(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        wire = _Wire(self, stream)
        try:
            async with stream:
                await wire.open()
                while True:
                    await self._request(wire)
        except (GoneError, trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def _request(self, wire: "_Wire") -> None:
        body = await wire.begin_request()
        decoder = Decoder(IppLimits())
        while decoder.message is None:
            piece = await body.receive()
            if not piece:
                raise GoneError
            decoder.receive_data(piece)
        request = decoder.message
        self.requests.append(request)
        if request.version not in self.versions:
            await wire.answer(request, code=Status.SERVER_ERROR_VERSION_NOT_SUPPORTED)
            return
        first = decoder.take_remainder()
        if request.code in {Operation.SEND_DOCUMENT, Operation.PRINT_JOB}:
            await self._take_document(wire, request, first, body)
            return
        while await body.receive():
            pass
        handler = {
            Operation.GET_PRINTER_ATTRIBUTES: self._get_printer_attributes,
            Operation.CREATE_JOB: self._create_job,
            Operation.GET_JOB_ATTRIBUTES: self._get_job_attributes,
            Operation.GET_JOBS: self._get_jobs,
            Operation.CANCEL_JOB: self._cancel_job,
        }.get(Operation(request.code))
        if handler is None or (self.one_step and request.code == Operation.CREATE_JOB):
            await wire.answer(request, code=Status.SERVER_ERROR_OPERATION_NOT_SUPPORTED)
            return
        await handler(wire, request)

    async def strike(self, step: Step, wire: "_Wire", request: Message | None = None) -> None:
        """Fail, if it is time to."""
        if self.fault is None or self.fault[0] is not step or self.fault_times == 0:
            return
        if self.fault_times is not None:
            self.fault_times -= 1
        await wire.suffer(self.fault[1], request)

    # -- operations --

    async def _get_printer_attributes(self, wire: "_Wire", request: Message) -> None:
        await self.strike(Step.STATUS, wire, request)
        operations = [Operation.PRINT_JOB, Operation.GET_JOBS, Operation.CANCEL_JOB]
        if not self.one_step:
            operations += [Operation.CREATE_JOB, Operation.SEND_DOCUMENT]
        attributes = (
            ipp_enum("printer-state", self.state),
            keyword("printer-state-reasons", *self.reasons),
            boolean("printer-is-accepting-jobs", self.accepting),
            ipp_enum("operations-supported", *operations),
            mime("document-format-supported", *self.formats),
            *self.extra,
        )
        await wire.answer(request, Group(GroupTag.PRINTER, attributes))

    async def _create_job(self, wire: "_Wire", request: Message) -> None:
        fault = self.fault
        if fault is not None and fault[1] in {Fault.BUSY, Fault.HTTP_500}:
            await self.strike(Step.CREATE, wire, request)
        job = self._open(request)
        # The worst moment: the job is there, but its sender never hears so.
        await self.strike(Step.CREATE, wire, request)
        await wire.answer(request, self._job_group(job))

    def _open(self, request: Message) -> FakeJob:
        operation = request.operation_group
        job = FakeJob(
            id=len(self.jobs) + 1,
            name=operation.string("job-name") or "",
            user=operation.string("requesting-user-name") or "",
            attributes=request.group(GroupTag.JOB),
            impressions=0 if self.counts else None,
        )
        self.jobs.append(job)
        return job

    async def _take_document(self, wire: "_Wire", request: Message, first: bytes, body: "_Body") -> None:
        operation = request.operation_group
        if request.code == Operation.PRINT_JOB:
            job, last = self._open(request), True
        else:
            found = self._job_of(request)
            if found is None:
                await wire.answer(request, code=Status.CLIENT_ERROR_NOT_FOUND)
                return
            job, last = found, bool(operation.boolean("last-document"))
        job.names.append(operation.string("document-name") or "")
        document = bytearray()
        try:
            await self._receive_document(wire, request, first, body, document)
        except (GoneError, trio.BrokenResourceError):
            self._start(self._print_truncated, job, bytes(document))
            raise
        if job.state in {CANCELED, ABORTED}:
            await wire.answer(request, code=Status.SERVER_ERROR_JOB_CANCELED)
            return
        job.documents.append(bytes(document))
        if last:
            job.state = PROCESSING
            self._start(self._process, job)
        await self.strike(Step.RESPONSE, wire, request)
        await wire.answer(request, self._job_group(job))

    async def _receive_document(
        self, wire: "_Wire", request: Message, first: bytes, body: "_Body", document: bytearray
    ) -> None:
        total = body.length - body.received + len(first)
        struck_first = struck_half = False
        piece = first or await body.receive()
        while piece:
            document += piece
            if not struck_first:
                struck_first = True
                await self.strike(Step.FIRST_BYTE, wire, request)
            if not struck_half and len(document) * 2 >= total:
                struck_half = True
                await self.strike(Step.HALF, wire, request)
            piece = await body.receive()
        await self.strike(Step.LAST_BYTE, wire, request)

    async def _get_job_attributes(self, wire: "_Wire", request: Message) -> None:
        await self.strike(Step.POLL, wire, request)
        job = self._job_of(request)
        if job is None or self.forgets:
            await wire.answer(request, code=Status.CLIENT_ERROR_NOT_FOUND)
            return
        await wire.answer(request, self._job_group(job))

    async def _get_jobs(self, wire: "_Wire", request: Message) -> None:
        completed = request.operation_group.string("which-jobs") == "completed"
        groups = [self._job_group(job) for job in self.jobs if (job.state >= CANCELED) == completed]
        await wire.answer(request, *([] if self.forgets else groups))

    async def _cancel_job(self, wire: "_Wire", request: Message) -> None:
        job = self._job_of(request)
        if job is None or self.forgets:
            await wire.answer(request, code=Status.CLIENT_ERROR_NOT_FOUND)
        elif job.state >= CANCELED:
            await wire.answer(request, code=Status.CLIENT_ERROR_NOT_POSSIBLE)
        else:
            job.state = CANCELED
            await wire.answer(request)

    def _job_of(self, request: Message) -> FakeJob | None:
        number = request.operation_group.integer("job-id")
        return next((job for job in self.jobs if job.id == number), None)

    def _job_group(self, job: FakeJob) -> Group:
        counted = (
            no_value("job-impressions-completed")
            if job.impressions is None
            else integer("job-impressions-completed", job.impressions)
        )
        return Group(
            GroupTag.JOB,
            (
                integer("job-id", job.id),
                name_("job-name", job.name),
                ipp_enum("job-state", job.state),
                counted,
            ),
        )

    # -- the engine --

    def _start(self, work: object, *arguments: object) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(work, *arguments)  # type: ignore[arg-type]

    async def _process(self, job: FakeJob) -> None:
        await trio.sleep(self.page_s)
        if job.state == PROCESSING:
            self._put_out(job)

    async def _print_truncated(self, job: FakeJob, document: bytes) -> None:
        await trio.sleep(GIVE_UP_S)
        if job.state < CANCELED and document:
            job.documents.append(document)
            self._put_out(job)

    def _put_out(self, job: FakeJob) -> None:
        self.paper.extend((job.name, document) for document in job.documents)
        job.impressions = len(job.documents) if self.counts else None
        job.state = COMPLETED


class _Wire:
    """The printer's end of one connection."""

    def __init__(self, printer: FakeIppPrinter, plain: trio.SocketStream) -> None:
        self._printer = printer
        self._plain = plain
        self._stream: trio.abc.Stream = plain
        self._buffer = bytearray()
        self._slow = False

    async def open(self) -> None:
        await self._printer.strike(Step.CONNECT, self)
        if self._printer.tls is None:
            return
        await self._printer.strike(Step.TLS, self)
        secure = trio.SSLStream(self._plain, self._printer.tls, server_side=True, https_compatible=True)
        await secure.do_handshake()
        self._stream = secure

    async def begin_request(self) -> "_Body":
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += await self.receive()
        head, _, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        self._buffer = bytearray()
        fields = dict(line.lower().split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
        return _Body(self, int(fields["content-length"]), rest)

    async def receive(self) -> bytes:
        data = await self._stream.receive_some(SLOW_BYTES_PER_S if self._slow else 65536)
        if not data:
            raise GoneError
        self._printer.application_bytes += len(data)
        if self._slow:
            await trio.sleep(len(data) / SLOW_BYTES_PER_S)
        return bytes(data)

    async def answer(self, request: Message, *groups: Group, code: int = 0) -> None:
        head = (charset("attributes-charset", "utf-8"), natural_language("attributes-natural-language", "en"))
        operation = Group(GroupTag.OPERATION, head)
        message = Message(request.version, code, request.request_id, (operation, *groups))
        await self._reply("200 OK", encode(message))

    async def _reply(self, status: str, body: bytes) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/ipp\r\nContent-Length: {len(body)}\r\n\r\n"
        octets = head.encode() + body
        if not self._slow:
            await self._stream.send_all(octets)
            return
        for start in range(0, len(octets), SLOW_BYTES_PER_S):
            await self._stream.send_all(octets[start : start + SLOW_BYTES_PER_S])
            await trio.sleep(1)

    async def suffer(self, fault: Fault, request: Message | None) -> None:
        """Fail in one of the ways there are."""
        if fault is Fault.SLOW:
            self._slow = True
        elif fault is Fault.STALL:
            await trio.sleep_forever()
        elif fault is Fault.VANISH:
            self._printer.vanish()
            await trio.sleep_forever()
        elif fault is Fault.BUSY and request is not None:
            await self.answer(request, code=Status.SERVER_ERROR_BUSY)
            raise GoneError
        elif fault is Fault.HTTP_500:
            await self._reply("500 Oops", b"")
            raise GoneError
        elif fault is Fault.GARBAGE:
            await self._stream.send_all(b"\x00\xffHTTP/9 what?" * 50)
            raise GoneError
        else:
            self._reset()

    def _reset(self) -> NoReturn:
        self._plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._plain.socket.close()
        raise GoneError


class _Body:
    """A request's body of known length."""

    def __init__(self, wire: _Wire, length: int, begun: bytes) -> None:
        self._wire = wire
        self._begun = begun
        self.length = length
        self.received = 0

    async def receive(self) -> bytes:
        if self.received >= self.length:
            return b""
        piece = self._begun or await self._wire.receive()
        self._begun = b""
        self.received += len(piece)
        return piece
