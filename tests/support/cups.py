"""A real cupsd as the client's own spooler: its files in a directory of its own, on a loopback port."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ports import free_port

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
# Filters and a backend per job, on a machine that does other things too.
LOST_CONNECTION = ("lpadmin: lpadmin: Success", "lpadmin: lpadmin: Unable to connect to server: Bad file")
JOB_TIMEOUT_S = 120.0

_FILES = """
ServerRoot {root}/etc
RequestRoot {root}/spool
TempDir {root}/spool/tmp
CacheDir {root}/cache
StateDir {root}/run
AccessLog {root}/log/access_log
ErrorLog {root}/log/error_log
PageLog {root}/log/page_log
ServerKeychain {root}/etc/ssl
SystemGroup root
User lp
Group lp
"""
_SERVER = """
Listen 127.0.0.1:{port}
LogLevel debug
MaxLogSize 0
Browsing Off
DefaultShared No
WebInterface No
DefaultAuthType None
PreserveJobHistory Yes
<Location />
  Order allow,deny
  Allow 127.0.0.1
</Location>
<Policy default>
  JobPrivateAccess all
  JobPrivateValues none
  SubscriptionPrivateAccess all
  SubscriptionPrivateValues none
  <Limit All>
    Order allow,deny
    Allow 127.0.0.1
  </Limit>
</Policy>
"""


class CupsError(Exception):
    """CUPS did not do what the test needs; the message ends with its log."""


def _changed_ns(path: Path) -> int:
    """Return when a file was written last, 0 while there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@dataclass(frozen=True)
class LocalJob:
    """A job in the client's own queue: "job-state" in IPP's word, and why."""

    number: int
    state: str
    reasons: tuple[str, ...]


@dataclass
class Cups:
    """One cupsd, started at the beginning and stopped by its process id.

    Args:
        wrapper: what makes a command run on the machine that this cupsd is on.
    """

    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="spoold-cups-")))
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    wrapper: tuple[str, ...] = ()
    _queues: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> str:
        path = self.root / "log/error_log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        """What points CUPS' commands at this cupsd, and keeps them out of the machine's own files."""
        here = {"CUPS_SERVER": f"127.0.0.1:{self.port}", "CUPS_SERVERROOT": str(self.root / "etc")}
        # lpadmin and cupsd are where only root's login shells look.
        here |= {"PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(self.root / "home")}
        return {**os.environ, **here, "LC_ALL": "C.UTF-8"}

    def start(self) -> None:
        """Start cupsd and wait until it answers."""
        # cupsd runs filters as the user lp, who must get through to the spool directory.
        self.root.chmod(0o755)
        for name in ("etc/ppd", "etc/ssl", "spool/tmp", "cache", "log", "run/certs", "home"):
            (self.root / name).mkdir(parents=True)
        (self.root / "spool/tmp").chmod(0o1777)
        (self.root / "etc/cups-files.conf").write_text(_FILES.format(root=self.root))
        (self.root / "etc/cupsd.conf").write_text(_SERVER.format(port=self.port))
        with (self.root / "log/output").open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(*self.wrapper, "cupsd", "-f"),
                    *("-c", str(self.root / "etc/cupsd.conf"), "-s", str(self.root / "etc/cups-files.conf")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        asking = [*self.wrapper, "lpstat", "-r"]
        while subprocess.run(asking, env=self.environment, capture_output=True).returncode != 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise CupsError(f"cupsd does not answer:\n{self.log[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop cupsd and remove its files."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, *command: str) -> str:
        """Run one of CUPS' commands; returns its output, raises CupsError when it fails."""
        done = subprocess.run(
            [*self.wrapper, *command], env=self.environment, capture_output=True, text=True, timeout=60
        )
        if done.returncode != 0:
            raise CupsError(f"{command[0]}: {done.stderr}\n{self.log[-3000:]}")
        return done.stdout

    def add_queue(self, name: str, uri: str) -> None:
        """Make a driverless queue, as people do.

        lpadmin returns before cupsd has fetched everything that the printer names (words in three languages):
        what is printed until then goes as to a raw queue.
        """
        if self._queues.get(name) == uri:
            return
        description, read = self.root / "etc/ppd" / f"{name}.ppd", self.root / "cache" / f"{name}.data"
        before = _changed_ns(description)
        self._lpadmin("-p", name, "-E", "-m", "everywhere", "-v", uri)
        deadline = time.monotonic() + START_TIMEOUT_S
        # It is copied into its place piece by piece; once it is all there, cupsd keeps what it read of it.
        while _changed_ns(description) == before or not read.exists():
            if time.monotonic() > deadline:
                raise CupsError(f"the queue {name} was not described:\n{self.log[-3000:]}")
            time.sleep(0.02)
        self._queues[name] = uri

    def add_raw_queue(self, name: str, uri: str) -> None:
        """Make a queue that sends documents as they are."""
        self._lpadmin("-p", name, "-E", "-m", "raw", "-v", uri)

    def _lpadmin(self, *arguments: str) -> None:
        """Run lpadmin, once more if it loses its own connection to cupsd; what it does can be done twice.

        CUPS 2.4.2 does so now and then on a busy machine, with words that are no error: "lpadmin: Success",
        "Unable to connect to server: Bad file descriptor". Whatever else it says counts at once.
        """
        for left in (2, 1, 0):
            try:
                self.run("lpadmin", *arguments)
            except CupsError as error:
                if left and str(error).startswith(LOST_CONNECTION):
                    continue
                raise
            return

    def lp(self, queue: str, path: Path, *, user: str, copies: int = 1, **options: str) -> int:
        """Print a file; returns the number of the local job. Options have "_" for "-"."""
        chosen = [f"-o{name.replace('_', '-')}={value}" for name, value in options.items()]
        said = self.run("lp", "-d", queue, "-U", user, "-n", str(copies), *chosen, "--", str(path))
        found = re.search(r"request id is \S+-(\d+) ", said)
        if found is None:
            raise CupsError(f"lp said: {said}")
        return int(found[1])

    def job(self, number: int) -> LocalJob:
        """Return a local job as cupsd tells it."""
        told = self._ask("get-job-attributes.test", f"ipp://127.0.0.1:{self.port}/jobs/{number}")
        return LocalJob(number, told["job-state"], tuple(told.get("job-state-reasons", "").split(",")))

    def printer(self, queue: str) -> Mapping[str, str]:
        """Return the attributes of a local queue."""
        return self._ask("get-printer-attributes.test", f"ipp://127.0.0.1:{self.port}/printers/{queue}")

    def wait_for(self, state: str, *numbers: int) -> None:
        """Wait until local jobs are in the state."""
        deadline = time.monotonic() + JOB_TIMEOUT_S
        for number in numbers:
            while (job := self.job(number)).state != state:
                if time.monotonic() > deadline:
                    raise CupsError(f"{job} is not {state}:\n{self.log[-4000:]}")
                time.sleep(0.05)

    def _ask(self, test: str, uri: str) -> dict[str, str]:
        done = subprocess.run(
            [*self.wrapper, "ipptool", "-tv", uri, test],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        _, _, answer = done.stdout.partition("status-code = ")
        # A collection's value may have line ends in it; nothing here asks for one.
        return dict(re.findall(r"^ +([a-z0-9-]+) \([^)]*\) = (.*)$", answer, re.MULTILINE))
