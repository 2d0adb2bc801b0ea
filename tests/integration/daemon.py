"""The real daemon as a process, for tests: started with its own state directory, stopped by process id."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 120.0

# Marks that run through every integration test and must be found nowhere afterwards.
CANARY_TITLE = "canary-title-5f1d0c"
CANARY_PASSWORD = "canary-password-93ab7e"
CANARY_PIN = "canary-pin-70c1e4"
CANARY_DOCUMENT = b"canary-document-c2d94f"


class DaemonError(Exception):
    """The daemon did not do what the test needs; the message ends with its log."""


@dataclass
class Daemon:
    """One spoold process.

    Args:
        directory: everything of this daemon lies below it.
        config: the TOML text after the [server], [listen] and [store] tables.
    """

    directory: Path
    config: str
    listen: Mapping[str, str] = field(default_factory=lambda: {"ipp": "127.0.0.1:0", "web": "127.0.0.1:0"})
    environment: Mapping[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    mask_names: bool = False
    process: subprocess.Popen[bytes] | None = None
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def log_path(self) -> Path:
        return self.directory / "log.json"

    @property
    def config_path(self) -> Path:
        return self.directory / "spoold.toml"

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def processor_s(self) -> float:
        """Processor time that it has used so far, in all its threads."""
        if self.process is None:
            raise DaemonError("the daemon is not running")
        # clock_getcpuclockid(3): the clock of a process is its complemented id, and 2 for CPUCLOCK_SCHED.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def ipp_uri(self, queue: str = "secure", *, scheme: str = "ipp") -> str:
        return f"{scheme}://localhost:{self.ports['ipp']}/ipp/print/{queue}"

    def prepare(self) -> None:
        """Write configuration and key."""
        self.directory.mkdir(parents=True, exist_ok=True)
        key = self.directory / "store.key"
        if not key.exists():
            key.write_bytes(os.urandom(32))
            key.chmod(0o600)
        listen = "\n".join(
            f'{door} = ["{self.listen[door]}"]' if door in self.listen else f"{door} = []"
            for door in ("ipp", "web", "lpr")
        )
        self.config_path.write_text(
            f'[server]\nname = "localhost"\nstate_dir = "{self.state}"\n'
            f"mask_names = {str(self.mask_names).lower()}\n\n"
            f'[listen]\n{listen}\n\n[store]\nkey = "file:{key}"\n\n[log]\nformat = "json"\n\n{self.config}\n'
        )

    def start(self, *, wait: bool = True) -> None:
        """Start the process; with `wait`, until it answers."""
        self.prepare()
        log = self.log_path.open("ab")
        environment = {**os.environ, **self.environment, "PYTHONWARNINGS": "error"}
        self.process = subprocess.Popen(
            [*self.wrapper, sys.executable, "-m", "spoold", "serve", "--config", str(self.config_path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=ROOT,
            start_new_session=True,
        )
        log.close()
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the control socket answers and learn the ports."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise DaemonError(f"the daemon ended with {self.process.returncode}:\n{self.log[-4000:]}")
            try:
                status = self.command("status")
            except (OSError, ValueError):
                time.sleep(0.05)
                continue
            self.ports = {
                door: int(found[0].rpartition(":")[2]) for door, found in status["listening"].items() if found
            }
            return
        raise DaemonError(f"the daemon is not ready:\n{self.log[-4000:]}")

    def command(self, command: str, /, **arguments: Any) -> Any:
        """Run a control command; raises DaemonError when the daemon refuses."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(120)
            connection.connect(str(self.state / "control.sock"))
            connection.sendall(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
            with connection.makefile("rb") as answer:
                read = json.loads(answer.readline())
        if not read["ok"]:
            raise DaemonError(f"{command}: {read['error']['public']}")
        return read["result"]

    def cli(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the spoold command against this daemon."""
        return subprocess.run(
            [sys.executable, "-m", "spoold", *arguments, "--config", str(self.config_path)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
            check=False,
        )

    def add_user(self, name: str, password: str = CANARY_PASSWORD, **fields: Any) -> None:
        self.command("user-add", name=name, new_password=password, **fields)

    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.command("jobs")
        return found

    def wait_for_job(self, state: str, *, count: int = 1, timeout_s: float = 120.0) -> list[dict[str, Any]]:
        """Wait until at least `count` jobs are in the state; returns them in order of arrival."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = [job for job in self.jobs() if job["state"] == state]
            if len(found) >= count:
                return found
            if time.monotonic() > deadline:
                raise DaemonError(f"no {count} jobs are {state}: {self.jobs()}\n{self.log[-3000:]}")
            time.sleep(0.05)

    def release(
        self, job: str, user: str, printer: str | None = None, *, wait_s: float = 60.0
    ) -> dict[str, Any]:
        """Release as the owner; raises DaemonError with the refusal's words."""
        answer: dict[str, Any] = self.command(
            "release", job=job, printer=printer, user=user, password=CANARY_PASSWORD, wait_s=wait_s
        )
        return answer

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM and wait; returns the exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process is not None else 0
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise DaemonError(f"the daemon did not stop:\n{self.log[-4000:]}") from None

    def metrics(self) -> str:
        """Return what /metrics says; empty when the daemon is down, has no portal, or does not tell us."""
        if "web" not in self.ports or self.process is None or self.process.poll() is not None:
            return ""
        context = ssl.create_default_context(cafile=str(self.state / "tls" / "certificate.pem"))
        url = f"https://localhost:{self.ports['web']}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=60, context=context) as answer:
                said: str = answer.read().decode()
        except OSError:
            return ""
        return said

    def files_with(self, *markers: bytes) -> list[str]:
        """Return the files of this daemon (state, log) that hold one of the markers, in usual encodings."""
        wanted = {form for marker in markers for form in (marker, marker.decode().encode("utf-16-le"))}
        found = []
        for path in self.directory.rglob("*"):
            if path.is_file() and path.name not in ("store.key", "reserve"):
                try:
                    content = path.read_bytes()
                except FileNotFoundError:
                    # Between listing and reading, a running daemon may finish or shred a container.
                    continue
                found += [str(path) for form in wanted if form in content]
        return found
