"""The servers that are measured, each started in a directory of its own on a loopback port of its own."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from protocols.tls import create_self_signed
from tests.integration.daemon import Daemon
from tests.integration.eve import Bus, EvePrinter

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 30.0
# A server that uses less of a processor than this share is at rest.
IDLE_SHARE = 0.05
SETTLE_S = 0.5
SETTLE_TIMEOUT_S = 60.0
QUEUE = "secure"
USER = "bench"
PASSWORD = "bench password"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Everything that is not a bound of the bench itself is as config.example.toml has it.
_SPOOLD = """\
[printers.sink]
uri = "{printer}"

[queues.{queue}]
printers = ["sink"]
authentication = "at-release"

[limits]
max_held_jobs_per_user = 1000000
max_unclaimed_jobs_per_address = 1000000
"""
# How cupsd keeps what it accepts. As shipped: written up to 30 s later, and never synced. With SyncOnClose:
# the job's control file is synced, then. The last: written and synced before the client is answered, which is
# the nearest it comes to a durable yes (the document's own file is not synced by any setting).
CUPSD_KINDS = {
    "cupsd": ("No", ""),
    "cupsd SyncOnClose": ("Yes", ""),
    "cupsd at once": ("Yes", "DirtyCleanInterval 0"),
}
# Debian's cupsd.conf without the web interface and browsing; everybody may do everything, so that no
# password is checked (spoold's queue is "at-release"); no bound on the number of jobs.
_CUPSD = """\
LogLevel warn
ServerName localhost
{dirty}
PageLogFormat
MaxLogSize 0
Listen 127.0.0.1:{port}
Browsing No
WebInterface No
DefaultAuthType None
MaxJobs 0
<Location />
  Order allow,deny
  Allow from 127.0.0.1
</Location>
<Policy default>
  JobPrivateAccess all
  JobPrivateValues none
  SubscriptionPrivateAccess all
  SubscriptionPrivateValues none
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""
_CUPS_FILES = """\
SyncOnClose {sync}
FileDevice Yes
ServerKeychain {root}/ssl
ServerRoot {root}
RequestRoot {root}/spool
CacheDir {root}/cache
StateDir {root}/run
TempDir {root}/spool/tmp
AccessLog {root}/access_log
ErrorLog {root}/error_log
PageLog {root}/page_log
"""


class Server(Protocol):
    """One server under test."""

    name: str

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""

    @property
    def path(self) -> str:
        """The HTTP path of its queue."""

    @property
    def pid(self) -> int:
        """Its main process."""


@dataclass
class Spoold:
    """spoold with encryption and fsync, as it always is."""

    daemon: Daemon
    name: str = "spoold"

    @property
    def port(self) -> int:
        """See `Server`."""
        return self.daemon.ports["ipp"]

    @property
    def path(self) -> str:
        """See `Server`."""
        return f"/ipp/print/{QUEUE}"

    @property
    def pid(self) -> int:
        """See `Server`."""
        if self.daemon.process is None:
            raise RuntimeError("spoold is not running")
        return self.daemon.process.pid


@dataclass
class Cupsd:
    """A cupsd of our own with one raw queue whose jobs are held."""

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    path: str = f"/printers/{QUEUE}"

    @property
    def pid(self) -> int:
        """See `Server`."""
        return self.process.pid


@contextmanager
def spoold(directory: Path, printer: str) -> Iterator[Spoold]:
    """Run spoold with one queue that goes to `printer`."""
    daemon = Daemon(directory, _SPOOLD.format(printer=printer, queue=QUEUE))
    daemon.start()
    try:
        daemon.command("user-add", name=USER, new_password=PASSWORD)
        yield Spoold(daemon)
    finally:
        daemon.stop()


@contextmanager
def cupsd(directory: Path, printer: str, kind: str) -> Iterator[Cupsd]:
    """Run cupsd with one raw queue that goes to `printer` and holds every job.

    Args:
        kind: one of CUPSD_KINDS.

    Raises:
        RuntimeError: it does not start; with its log.
    """
    for part in ("spool/tmp", "cache", "run/certs", "ssl"):
        (directory / part).mkdir(parents=True)
    _write_certificate(directory / "ssl")
    port = _free_port()
    sync, dirty = CUPSD_KINDS[kind]
    configuration, files = directory / "cupsd.conf", directory / "cups-files.conf"
    configuration.write_text(_CUPSD.format(port=port, dirty=dirty))
    files.write_text(_CUPS_FILES.format(root=directory, sync=sync))
    process = subprocess.Popen(
        ["/usr/sbin/cupsd", "-f", "-c", str(configuration), "-s", str(files)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for_port(process, port, directory / "error_log")
        held = ("-o", "job-hold-until-default=indefinite", "-o", "printer-error-policy=retry-job")
        subprocess.run(
            ["/usr/sbin/lpadmin", "-h", f"127.0.0.1:{port}", "-p", QUEUE, "-E", "-v", printer, *held],
            check=True,
            capture_output=True,
            timeout=START_TIMEOUT_S,
        )
        yield Cupsd(kind, port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_TIMEOUT_S)


@contextmanager
def only(server: Server, among: list[Server]) -> Iterator[None]:
    """Let the other servers stand still, so that their leftover work is not measured as this one's."""
    others = [other for other in among if other is not server]
    for other in others:
        os.kill(other.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for other in others:
            os.kill(other.pid, signal.SIGCONT)


def cpu_s(server: Server) -> float:
    """Processor time that the server's main process has used, in seconds."""
    return _used_s(server, 2)


def cpu_with_children_s(server: Server) -> float:
    """The same, with its processes that have ended: spoold's document workers, LPRng's all."""
    return _used_s(server, 4)


def _used_s(server: Server, numbers: int) -> float:
    """Add up what proc(5) says: user and system time, and the same of the children that were waited for."""
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11 : 11 + numbers]) / _TICKS_PER_S


def _write_certificate(keychain: Path) -> None:
    """Give cupsd the kind of certificate that spoold makes for itself (ECDSA P-256; its own would be RSA)."""
    key, certificate = create_self_signed(["localhost"])
    (keychain / "localhost.key").write_bytes(key)
    (keychain / "localhost.key").chmod(0o600)
    (keychain / "localhost.crt").write_bytes(certificate)


def settle(used_s: Callable[[], float]) -> None:
    """Let a server end what it does in the background: spoold counts the pages of earlier jobs.

    Args:
        used_s: tells how many seconds of processor time it has used, its workers included.
    """
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while time.monotonic() < deadline:
        before_s = used_s()
        time.sleep(SETTLE_S)
        if used_s() - before_s < SETTLE_S * IDLE_SHARE:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_port(process: "subprocess.Popen[bytes]", port: int, error_log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.05)
            continue
        return
    log = error_log.read_text(errors="replace")[-2000:] if error_log.exists() else ""
    raise RuntimeError(f"cupsd did not start: {log}")


@dataclass
class Eve:
    """CUPS's own printer simulator: answers for a single printer, by a server that does little else."""

    printer: EvePrinter
    name: str = "ippeveprinter"
    path: str = "/ipp/print"

    @property
    def port(self) -> int:
        """See `Server`."""
        return self.printer.port

    @property
    def pid(self) -> int:
        """See `Server`."""
        if self.printer.process is None:
            raise RuntimeError("ippeveprinter is not running")
        return self.printer.process.pid


@contextmanager
def ippeveprinter() -> Iterator[Eve]:
    """Run ippeveprinter on loopback."""
    with ExitStack() as stack:
        bus = Bus()
        stack.callback(bus.stop)
        bus.start()
        printer = EvePrinter("Bench", bus)
        stack.callback(printer.stop)
        printer.start()
        yield Eve(printer)
