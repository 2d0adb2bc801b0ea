"""An IPP printer that answers as a test's script says, on our own HTTP server, in a thread."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from protocols.http.message import Request, Response
from protocols.http.server import HttpServer
from protocols.ipp.decoder import decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import (
    boolean,
    charset,
    enum,
    integer,
    keyword,
    mime,
    natural_language,
    uri,
)
from protocols.limits import HttpLimits, IppLimits

START_TIMEOUT_S = 120.0
HTTP_UNAUTHORIZED = 401
COMPLETED = 9


@dataclass(frozen=True)
class Script:
    """How one printer answers.

    Args:
        statuses: IPP status of an operation, or 401 for a challenge; success where nothing is said.
        pauses: how long an operation's answer takes.
        job_state: what Get-Job-Attributes tells.
        create: whether it knows Create-Job and Send-Document.
        accepting: "printer-is-accepting-jobs".
    """

    statuses: Mapping[Operation, int] = field(default_factory=dict)
    pauses: Mapping[Operation, float] = field(default_factory=dict)
    job_state: int = COMPLETED
    create: bool = True
    accepting: bool = True


class ScriptedPrinters:
    """Printers at /ipp/print/NAME, each with its script; counts what each was asked."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self._scripts = scripts
        self.asked: Counter[tuple[str, int]] = Counter()
        self.port = 0

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        name = request.path.rpartition("/")[2]
        # A job's address has its number behind the printer's.
        name = request.path.split("/")[3] if request.path.count("/") > 3 else name
        body = bytearray()
        while piece := await request.receive_body():
            body += piece
        message, _ = decode(bytes(body), IppLimits())
        script = self._scripts[name]
        self.asked[name, message.code] += 1
        await trio.sleep(script.pauses.get(Operation(message.code), 0.0))
        status = script.statuses.get(Operation(message.code), 0)
        if status == HTTP_UNAUTHORIZED:
            return Response(HTTP_UNAUTHORIZED, [("WWW-Authenticate", 'Basic realm="test"')])
        answer = Message(
            message.version, status, message.request_id, self._groups(name, message.code, script)
        )
        return Response(200, [("Content-Type", "application/ipp")], encode(answer))

    def _groups(self, name: str, code: int, script: Script) -> tuple[Group, ...]:
        spoken = charset("attributes-charset", "utf-8"), natural_language("attributes-natural-language", "en")
        operation = Group(GroupTag.OPERATION, spoken)
        own = f"ipp://localhost:{self.port}/ipp/print/{name}"
        if code == Operation.GET_PRINTER_ATTRIBUTES:
            known = [Operation.PRINT_JOB, Operation.VALIDATE_JOB, Operation.CANCEL_JOB]
            known += [Operation.GET_JOB_ATTRIBUTES, Operation.GET_JOBS, Operation.GET_PRINTER_ATTRIBUTES]
            if script.create:
                known += [Operation.CREATE_JOB, Operation.SEND_DOCUMENT]
            attributes = (
                uri("printer-uri-supported", own),
                enum("printer-state", 3),
                keyword("printer-state-reasons", "none"),
                boolean("printer-is-accepting-jobs", script.accepting),
                keyword("ipp-versions-supported", "1.1", "2.0"),
                enum("operations-supported", *known),
                mime("document-format-supported", "application/octet-stream", "text/plain"),
                keyword("compression-supported", "none"),
            )
            return operation, Group(GroupTag.PRINTER, attributes)
        if code == Operation.GET_JOBS:
            # None of the client's is here; CUPS asks when it cannot send a job in steps.
            return (operation,)
        job = (
            uri("job-uri", f"{own}/1"),
            integer("job-id", 1),
            enum("job-state", script.job_state),
            keyword("job-state-reasons", "none"),
        )
        return operation, Group(GroupTag.JOB, job)


@contextmanager
def scripted_printers(scripts: Mapping[str, Script]) -> Iterator[ScriptedPrinters]:
    """Serve them on a loopback port until the block ends."""
    printers = ScriptedPrinters(scripts)
    started = threading.Event()
    stop: list[Callable[[], None]] = []

    async def main() -> None:
        listener = trio.socket.socket()
        await listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        printers.port = listener.getsockname()[1]
        server = HttpServer(printers, limits=HttpLimits(), allowed_hosts=lambda _host: True)
        token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            stop.append(lambda: token.run_sync_soon(nursery.cancel_scope.cancel))
            await nursery.start(server.serve, [listener])
            started.set()

    thread = threading.Thread(target=trio.run, args=(main,), daemon=True)
    thread.start()
    assert started.wait(START_TIMEOUT_S)
    try:
        yield printers
    finally:
        stop[0]()
        thread.join(START_TIMEOUT_S)
