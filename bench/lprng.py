"""LPRng's lpd as it is packaged, with a queue that holds, in a directory and on a port of its own.

Its package cannot be installed beside CUPS's. So it is fetched from the distribution and unpacked, and its
configuration in /etc, which the program reads and no option moves, is laid over /etc for it alone (a mount
namespace of its own, which needs root).
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.servers import cpu_with_children_s

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
DOWNLOAD_TIMEOUT_S = 60.0
_INSTALLED = Path("/usr/share/doc/lprng")
# Debian's defaults but for places, ports and permissions.
_LPD_CONF = """\
printcap_path={root}/printcap
lpd_printcap_path={root}/printcap
perms_path={root}/lpd.perms
lpd_port={port}
lpd_listen_port=127.0.0.1%{port}
lockfile={root}/lpd.lock
unix_socket_path={root}/lpd.socket
user=daemon
group=daemon
"""
# ":ah": every job is held.
_PRINTCAP = "{queue}\n  :sd={root}/spool/{queue}\n  :lp=/dev/null\n  :ah\n  :sh\n"


class NotHereError(Exception):
    """LPRng cannot be run on this machine; the message says why."""


@dataclass
class Lprng:
    """A running lpd; `pid` is the one that answers connections, with a process of its own for each."""

    port: int
    pid: int
    spool: Path
    name: str = "LPRng lpd"
    path: str = ""

    def held(self) -> int:
        """Return how many jobs it holds."""
        return len(list(self.spool.glob("hf*")))

    def forget(self) -> None:
        """Delete what it holds: it looks at every job again for each new one."""
        for path in self.spool.iterdir():
            if path.name.startswith(("hf", "df", "cf")):
                path.unlink(missing_ok=True)

    def cpu_s(self) -> float:
        """Processor time of it and of its processes that have ended, in seconds."""
        return cpu_with_children_s(self)


@contextmanager
def lprng(root: Path, queue: str) -> Iterator[Lprng]:
    """Run lpd below `root` with one queue.

    Raises:
        NotHereError: it cannot be fetched or started.
    """
    program = _program(root)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    spool = root / "spool" / queue
    spool.mkdir(parents=True)
    etc = root / "etc" / "lprng"
    etc.mkdir(parents=True)
    (root / "log").touch()
    (root / "printcap").write_text(_PRINTCAP.format(root=root, queue=queue))
    (root / "lpd.perms").write_text("DEFAULT ACCEPT\n")
    (etc / "lpd.conf").write_text(_LPD_CONF.format(root=root, port=port))
    for path in (root, *root.rglob("*")):
        shutil.chown(path, "daemon", "daemon")
    overlay = f"mount -t overlay overlay -o lowerdir={root / 'etc'}:/etc /etc"
    process = subprocess.Popen(
        ["/usr/bin/unshare", "--mount", "sh", "-c", f"{overlay} && exec {program} -F -L {root / 'log'}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    server = None
    try:
        server = Lprng(port, _wait(process, port, root / "log"), spool)
        yield server
    finally:
        # The first process only waits for the second.
        os.kill(process.pid if server is None else server.pid, signal.SIGTERM)
        process.wait(STOP_TIMEOUT_S)


def _program(root: Path) -> Path:
    installed = Path("/usr/sbin/lpd")
    if installed.exists() and _INSTALLED.exists():
        return installed
    if os.geteuid() != 0:
        raise NotHereError("only root can lay its configuration over /etc")
    package = root / "package"
    package.mkdir(parents=True)
    try:
        _run("apt-get", "download", "lprng", directory=package)
        (archive,) = package.glob("lprng_*.deb")
        _run("dpkg", "-x", str(archive), str(package), directory=package)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise NotHereError(f"its package cannot be fetched: {error}") from error
    return package / "usr" / "sbin" / "lpd"


def _run(*command: str, directory: Path) -> None:
    subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=DOWNLOAD_TIMEOUT_S)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> int:
    """Wait until it listens; return the process that does."""
    deadline = time.monotonic() + START_TIMEOUT_S
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return int(children.read_text().split()[0])
        except (OSError, IndexError):
            time.sleep(0.05)
    raise NotHereError(f"it did not start: {log.read_text(errors='replace')[-1000:]}")
