"""Hosts on a network of their own: namespaces joined by a cable, each with its own bus and avahi-daemon.

A host has its own name, addresses, /run and /etc/hosts. Bus and Avahi run under the system's own policy, as
Debian ships it. Needs root.
"""

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
DEVICE = "cable"

_SET_UP = """
set -e
hostname {name}
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/dbus
printf '127.0.0.1 localhost\\n{lines}' > /run/hosts
mount --bind /run/hosts /etc/hosts
ip link set lo up
touch {ready}
exec sleep infinity
"""
# Other people's networks are none of our business, and nobody but us looks.
_AVAHI = """[server]
host-name={name}
use-ipv4=yes
use-ipv6=no
allow-interfaces={device}
enable-dbus=yes
[wide-area]
enable-wide-area=no
[publish]
publish-workstation=no
"""


@dataclass
class Host:
    """One machine, as far as a network can tell.

    Args:
        known: other hosts' names under .local and their addresses, in place of a resolver that asks Avahi.
    """

    name: str
    address: str
    known: dict[str, str] = field(default_factory=dict)
    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="spoold-host-")))
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        """The process that keeps the namespaces open."""
        return self._processes["host"].pid

    @property
    def inside(self) -> tuple[str, ...]:
        """What makes a command run on this host, in the directory it is started in."""
        return ("nsenter", f"--target={self.pid}", "--net", "--mount", "--uts", "--wd=.")

    @property
    def log(self) -> str:
        """What bus and Avahi have said."""
        return "".join(f"== {path.name}\n{path.read_text()}" for path in sorted(self.root.glob("*.log")))

    def start(self) -> None:
        """Switch it on, without bus and Avahi."""
        ready = self.root / "ready"
        lines = "".join(f"{address} {name}\\n" for name, address in self.known.items())
        script = _SET_UP.format(name=self.name, lines=lines, ready=ready)
        self._spawn(
            "host", "unshare", "--net", "--mount", "--uts", "--propagation=private", "sh", "-c", script
        )
        self._wait("host", ready.exists)

    def start_bus(self) -> None:
        """Start the system bus."""
        self._spawn("bus", *self.inside, "dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog")
        self._wait("bus", self._bus_answers)

    def start_avahi(self) -> None:
        """Start avahi-daemon and wait until it is sure of its name."""
        config = self.root / "avahi.conf"
        config.write_text(_AVAHI.format(name=self.name, device=DEVICE))
        # Root, because the sandboxes of tests seldom let a process change its groups and its root.
        command = ("avahi-daemon", f"--file={config}", "--no-drop-root", "--no-chroot", "--no-rlimits")
        self._spawn("avahi", *self.inside, *command)
        self._wait("avahi", lambda: "Server startup complete" in (self.root / "avahi.log").read_text())

    def stop_avahi(self) -> None:
        """Stop avahi-daemon."""
        self._end("avahi")

    def stop_bus(self) -> None:
        """Stop the system bus; Avahi ends with it."""
        self._end("bus")
        self._end("avahi")

    def stop(self) -> None:
        """Switch it off."""
        for name in ("avahi", "bus", "host"):
            self._end(name)
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, *command: str, timeout_s: float = 60.0) -> str:
        """Run a command here; returns its output, fails with everything that was said."""
        done = subprocess.run(
            [*self.inside, *command], capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}\n{self.log}"
        return done.stdout

    def said(self, *command: str, timeout_s: float = 60.0) -> str:
        """Run a command here; returns its output, whatever its exit status says."""
        return subprocess.run(
            [*self.inside, *command], capture_output=True, text=True, timeout=timeout_s, check=False
        ).stdout

    def failure(self, *command: str, timeout_s: float = 60.0) -> str | None:
        """Run a command in the host's own directory; returns None, or what it said when it failed."""
        done = subprocess.run(
            [*self.inside, *command],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            cwd=self.root,
        )
        return None if done.returncode == 0 else f"{done.returncode}: {done.stdout}{done.stderr}"

    def browse(self, kind: str) -> dict[str, "Found"]:
        """Return what avahi-browse finds and resolves of a kind, by instance name."""
        found = {}
        for line in self.run("avahi-browse", "-rtp", "--no-db-lookup", kind).splitlines():
            fields = line.split(";", 9)
            if fields[0] == "=":
                name = re.sub(rb"\\(\d{3})", lambda code: bytes([int(code[1])]), fields[3].encode()).decode()
                pairs = [pair.split("=", 1) for pair in re.findall(r'"([^"]*)"', fields[9])]
                txt = {pair[0]: pair[1] for pair in pairs}
                found[name] = Found(fields[6], fields[7], int(fields[8]), txt)
        return found

    def _spawn(self, name: str, *command: str) -> None:
        with (self.root / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _bus_answers(self) -> bool:
        # The host's own /run, seen from here; the socket is there a moment before anybody listens on it.
        path = f"/proc/{self.pid}/root/run/dbus/system_bus_socket"
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(path)
            return True
        return False

    def _wait(self, name: str, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not condition():
            assert self._processes[name].poll() is None, f"{name} ended\n{self.log}"
            assert time.monotonic() < deadline, f"{name} does not start\n{self.log}"
            time.sleep(0.05)


@dataclass(frozen=True)
class Found:
    """A service as avahi-browse resolves it."""

    host: str
    address: str
    port: int
    txt: dict[str, str]


def connect(one: Host, other: Host) -> None:
    """Join two hosts by a cable."""
    subprocess.run(
        [
            *("ip", "link", "add", DEVICE, "netns", str(one.pid), "type", "veth"),
            *("peer", "name", DEVICE, "netns", str(other.pid)),
        ],
        check=True,
        timeout=30,
    )
    for host in (one, other):
        host.run("ip", "address", "add", f"{host.address}/24", "dev", DEVICE)
        host.run("ip", "link", "set", DEVICE, "up")
