"""Real printers on loopback: ippeveprinter, with an engine of ours behind it that keeps what comes out."""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.ports import free_port

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
SAMPLE = Path(__file__).resolve().parent.parent / "spoold/documents/samples/chromium-3-pages-a4.pdf"
FORMATS = "application/pdf,image/pwg-raster,image/urf,image/jpeg,image/png,text/plain"
# What ippeveprinter calls a job that nobody named.
_OWN_PAGE = "Untitled"

# ippeveprinter 2.4.2 needs a system bus, whether it announces itself or not.
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow own="*"/>
<allow user="*"/><allow receive_sender="*" eavesdrop="true"/></policy></busconfig>
"""

# What ippeveprinter runs for each document: the engine. It feeds paper only while nothing is jammed and its
# job was not canceled, which ippeveprinter says by "processing-to-stop-point" but does not act on itself.
_ENGINE = """#!/bin/sh
cd "$ENGINE" || exit 1
page="$IPP_JOB_ID-$$"
env -0 > "$page.settings"
cp "$1" "$page.document"
echo "$page" >> arrived
[ -e says ] && cat says >&2
canceled() {
  ipptool -tv -d id="$IPP_JOB_ID" "$OWN_URI" ask.test | grep -q processing-to-stop-point
}
while [ -e jammed ]; do
  canceled && { echo "STATE: -media-jam" >&2; exit 0; }
  sleep 0.05
done
[ -e says ] || echo "STATE: -media-jam" >&2
canceled && exit 0
echo "$page" >> printed
"""
_ASK = """{
  OPERATION Get-Job-Attributes
  GROUP operation-attributes-tag
  ATTR charset attributes-charset utf-8
  ATTR language attributes-natural-language en
  ATTR uri printer-uri $uri
  ATTR integer job-id $id
  ATTR keyword requested-attributes job-state-reasons
}
"""


@dataclass(frozen=True)
class Printed:
    """One document that came out: what was in it, and what the printer was told about it."""

    content: bytes
    settings: dict[str, str]


@dataclass
class Bus:
    """A private D-Bus daemon."""

    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="spoold-bus-")))
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"unix:path={self.root / 'bus'}"

    def start(self) -> None:
        """Start the bus and wait for its socket."""
        config = self.root / "bus.conf"
        config.write_text(_BUS.format(path=self.root / "bus"))
        with (self.root / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--nosyslog"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        # The socket is there a moment before anybody listens on it.
        while not self._answers():
            assert time.monotonic() < deadline, (self.root / "log").read_text()
            time.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(self.root / "bus"))
            return True
        return False

    def stop(self) -> None:
        """Stop the bus and remove its files."""
        _end(self.process)
        shutil.rmtree(self.root, ignore_errors=True)


@dataclass
class EvePrinter:
    """One ippeveprinter. Killed and started again it keeps its port, its certificate and its record."""

    name: str
    bus: Bus
    formats: str = FORMATS
    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="spoold-eve-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def engine(self) -> Path:
        return self.root / "engine"

    @property
    def log(self) -> str:
        return (self.root / "log").read_text(errors="replace")

    def uri(self, scheme: str = "ipp", *, port: int | None = None) -> str:
        """Return the printer's URI, or that of a proxy in front of it."""
        return f"{scheme}://localhost:{port or self.port}/ipp/print"

    def start(self) -> None:
        """Start the printer and wait until it answers."""
        for name in ("engine", "spool", "keys", "home"):
            (self.root / name).mkdir(exist_ok=True)
        script = self.root / "engine.sh"
        script.write_text(_ENGINE)
        script.chmod(0o755)
        (self.engine / "ask.test").write_text(_ASK)
        here = {
            "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address,
            "ENGINE": str(self.engine),
            "OWN_URI": self.uri(),
            "HOME": str(self.root / "home"),
        }
        with (self.root / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *("ippeveprinter", "-p", str(self.port), "-n", "localhost", "-r", "off", "-2", "-vv"),
                    *("-s", "20,10", "-d", str(self.root / "spool"), "-K", str(self.root / "keys")),
                    *("-f", self.formats, "-c", str(script), self.name),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Few variables: it has room for 400, and every attribute of a job is one.
                env={"PATH": f"{os.environ['PATH']}:/usr/sbin", "LC_ALL": "C.UTF-8", **here},
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            with contextlib.suppress(OSError):
                self._get("/")
                return
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the printer and remove its files."""
        self.resume()
        _end(self.process)
        shutil.rmtree(self.root, ignore_errors=True)

    def kill(self) -> None:
        """Take the printer away, as pulling its plug would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Let the printer's controller hang: connections are taken, nothing answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End `freeze`."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)

    # -- what stands in the way of paper --

    def load_paper(self, sheets: int) -> None:
        """Put this many sheets into the main tray."""
        self._get(
            f"/media?size1=na_letter_8.5x11in&type1=stationery&level1={sheets}"
            "&size2=na_index-4x6_4x6in&type2=photographic-glossy&level2=25"
        )

    def jam(self, *, reason: str = "media-jam") -> None:
        """Let paper jam on its next way through; a page has to be fed for the engine to notice."""
        (self.engine / "says").write_text(f"STATE: +{reason}\n")
        if reason == "media-jam":
            (self.engine / "jammed").touch()

    def clear(self) -> None:
        """Take the jammed paper out; whatever waits in the engine goes on."""
        for name in ("says", "jammed"):
            (self.engine / name).unlink(missing_ok=True)

    def report(self, words: str) -> None:
        """Make the idle printer report something, by a page of the printer's own that the engine remarks on.

        Args:
            words: what the engine says, such as "+media-jam" or "-media-jam".
        """
        (self.engine / "says").write_text(f"STATE: {words}\n")
        before = self._lines("printed")
        subprocess.run(
            [
                "ipptool",
                "-q",
                "-f",
                str(SAMPLE),
                "-d",
                "filetype=application/pdf",
                self.uri(),
                "print-job.test",
            ],
            check=True,
            timeout=60,
            env={**os.environ, "HOME": str(self.root / "home")},
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        # It has heard all that the engine said once the engine has ended and it is idle again, not before.
        while self._lines("printed") == before or not self._is_idle():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        (self.engine / "says").unlink()

    def _is_idle(self) -> bool:
        asked = subprocess.run(
            ["ipptool", "-tv", self.uri(), "get-printer-attributes.test"],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "HOME": str(self.root / "home")},
        )
        return "printer-state (enum) = idle" in asked.stdout

    # -- what came out --

    def printed(self) -> list[Printed]:
        """Return what came out, in order, without the printer's own pages."""
        pages = [self._read(page) for page in self._lines("printed")]
        return [page for page in pages if page.settings["IPP_JOB_NAME"] != _OWN_PAGE]

    def arrived(self) -> list[Printed]:
        """Return what the engine was given, printed or not."""
        return [self._read(page) for page in self._lines("arrived")]

    def spki_sha256(self) -> str:
        """Return the pin of the printer's public key (RFC 7469 2.4, in hexadecimal)."""
        pem = ssl.get_server_certificate(("localhost", self.port))
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"sha256:{hashlib.sha256(spki).hexdigest()}"

    def _lines(self, name: str) -> list[str]:
        path = self.engine / name
        return path.read_text().split() if path.exists() else []

    def _read(self, page: str) -> Printed:
        settings = (self.engine / f"{page}.settings").read_text().split("\0")
        return Printed(
            (self.engine / f"{page}.document").read_bytes(),
            dict(line.split("=", 1) for line in settings if "=" in line),
        )

    def _get(self, path: str) -> None:
        with urllib.request.urlopen(f"http://localhost:{self.port}{path}", timeout=60) as answer:
            answer.read()


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
