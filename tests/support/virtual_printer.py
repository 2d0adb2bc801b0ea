"""A real ippeveprinter on loopback, with an engine that a test can jam, slow down and break at run time."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trio

from protocols.errors import RemoteProtocolError
from protocols.ipp.client import IppClient
from protocols.ipp.client_errors import IppClientError
from protocols.ipp.message import Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import Attribute, charset, integer, keyword, mime, name_, natural_language, uri
from protocols.tls_streams import fetch_leaf
from tests.support.ports import free_port
from tests.support.virtual_engine import PANEL

ROOT = Path(__file__).resolve().parents[2]
ENGINE = Path(__file__).with_name("virtual_engine.py")
FORMATS = "application/pdf,image/jpeg,image/pwg-raster,text/plain"
START_TIMEOUT_S = 120.0
LOOK_S = 0.05

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""


@dataclass
class Sheet:
    """A document that came out: its bytes, and the attributes ippeveprinter printed it with."""

    document: bytes
    attributes: Mapping[str, str]


@dataclass
class VirtualPrinter:
    """A running ippeveprinter.

    Attributes:
        control: the engine's steering files; see tests/support/virtual_engine.py.
    """

    port: int
    control: Path
    secure: bool
    process: subprocess.Popen[bytes]

    @property
    def uri(self) -> str:
        """The printer's URI."""
        return f"{'ipps' if self.secure else 'ipp'}://localhost:{self.port}/ipp/print"

    def paper(self) -> list[Sheet]:
        """Everything that came out, in order."""
        sheets = sorted((self.control / "paper").glob("*.json"))
        return [Sheet(path.with_suffix(".out").read_bytes(), json.loads(path.read_text())) for path in sheets]

    def jam(self) -> None:
        """Jam the paper of the next job before it comes out."""
        (self.control / "jam").touch()

    def clear(self) -> None:
        """Clear the jam."""
        (self.control / "jam").unlink(missing_ok=True)

    def slow(self, seconds: float) -> None:
        """Let paper take so long to come out."""
        (self.control / "slow").write_text(str(seconds))

    def fail(self, message: str) -> None:
        """Let jobs fail."""
        (self.control / "fail").write_text(message)

    def take_paper(self) -> None:
        """Empty all trays, as on the printer's own web page."""
        with urllib.request.urlopen(
            f"http://localhost:{self.port}/media?level0=0&level1=0&level2=0", timeout=10
        ) as response:
            response.read()

    async def panel(self, words: str) -> None:
        """Change what the printer reports, as "+media-jam" or "-media-jam"."""

        async def document() -> AsyncIterator[bytes]:
            yield b"%PDF-1.4"

        async with IppClient(f"ipp://localhost:{self.port}/ipp/print") as client:
            request = _request(
                Operation.PRINT_JOB,
                client.uri,
                name_("requesting-user-name", "technician"),
                name_("job-name", PANEL + words),
                mime("document-format", "application/pdf"),
            )
            answer = await client.request(request, document())
            number = answer.group(GroupTag.JOB).integer("job-id")
            with trio.fail_after(START_TIMEOUT_S):
                while await self._job_state(client, number or 0) < 7:
                    await trio.sleep(LOOK_S)

    async def reasons(self) -> tuple[str, ...]:
        """What the printer reports."""
        async with IppClient(f"ipp://localhost:{self.port}/ipp/print") as client:
            wanted = keyword("requested-attributes", "printer-state-reasons")
            answer = await client.request(_request(Operation.GET_PRINTER_ATTRIBUTES, client.uri, wanted))
            return answer.group(GroupTag.PRINTER).strings("printer-state-reasons")

    def vanish(self) -> None:
        """Kill the printer."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Stop the printer in its tracks: connections are taken, nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    async def leaf(self) -> bytes:
        """The certificate it shows."""
        return await fetch_leaf("localhost", self.port)

    async def _job_state(self, client: IppClient, number: int) -> int:
        wanted = (integer("job-id", number), keyword("requested-attributes", "job-state"))
        request = _request(Operation.GET_JOB_ATTRIBUTES, client.uri, *wanted)
        answer = await client.request(request)
        return answer.group(GroupTag.JOB).integer("job-state") or 0


def _request(operation: Operation, printer_uri: str, *attributes: Attribute) -> Message:
    head = (
        charset("attributes-charset", "utf-8"),
        natural_language("attributes-natural-language", "en"),
        uri("printer-uri", printer_uri),
    )
    return Message((2, 0), operation, 1, (Group(GroupTag.OPERATION, (*head, *attributes)),))


@asynccontextmanager
async def virtual_printer(folder: Path, *, secure: bool = False) -> AsyncIterator[VirtualPrinter]:
    """Run a printer below `folder` until the block ends.

    ippeveprinter wants a D-Bus system bus even without DNS-SD; it gets one of its own.
    """
    control, spool = folder / "control", folder / "spool"
    for needed in (control / "paper", spool, folder / "keys"):
        needed.mkdir(parents=True)
    port = free_port()
    bus_path = folder / "bus"
    (folder / "bus.conf").write_text(_BUS.format(path=bus_path))
    bus = subprocess.Popen(
        [_needed("dbus-daemon"), f"--config-file={folder / 'bus.conf'}", "--nofork", "--nopidfile"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        # The socket is there a moment before anybody listens on it.
        await _until(lambda: _listens(bus_path))
        process = _start(folder, control, spool, port, bus_path, secure=secure)
        printer = VirtualPrinter(port, control, secure, process)
        try:
            await _until_answering(printer)
            yield printer
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
    finally:
        bus.kill()
        bus.wait()


def _start(
    folder: Path, control: Path, spool: Path, port: int, bus: Path, *, secure: bool
) -> subprocess.Popen[bytes]:
    command = folder / "engine"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ENGINE}" "{control}" "$1"\n')
    command.chmod(0o755)
    keys = ["-K", str(folder / "keys")] if secure else []
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [
                *(_needed("ippeveprinter"), "-p", str(port), "-n", "localhost", "-r", "off", "-2", "-v"),
                *("-d", str(spool), "-k", "-f", FORMATS, "-c", str(command), "-s", "20,10"),
                *(*keys, "Virtual"),
            ],
            env=os.environ
            | {
                "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}",
                "PYTHONPATH": str(ROOT),
                "VIRTUAL_PRINTER_PORT": str(port),
                "TMPDIR": str(spool),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(str(path))
        return True
    return False


async def _until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(START_TIMEOUT_S):
        while not condition():
            await trio.sleep(LOOK_S)


async def _until_answering(printer: VirtualPrinter) -> None:
    with trio.fail_after(START_TIMEOUT_S):
        while True:
            if printer.process.poll() is not None:
                log = (printer.control.parent / "log").read_text()
                raise RuntimeError(f"ippeveprinter ended: {log}")
            try:
                if printer.secure:
                    await printer.leaf()
                else:
                    await printer.reasons()
            except (IppClientError, RemoteProtocolError):
                await trio.sleep(LOOK_S)
            else:
                return


def _tool(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _needed(name: str) -> str:
    found = _tool(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed (packages cups-ipp-utils and dbus)")
    return found
