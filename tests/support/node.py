"""What the tests take from npm: installed once, exactly as tests/node/package-lock.json says."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / "node"
INSTALL_TIMEOUT_S = 300.0


class NodeError(Exception):
    """Node or npm is missing, or npm could not install; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class NodePackages:
    """Installed packages and the program that runs them.

    Args:
        node: the node program.
        home: where scripts lie that import packages by name.
    """

    node: Path
    home: Path

    def file(self, name: str) -> Path:
        """Return a file of a package, such as "axe-core/axe.min.js"."""
        path = self.home / "node_modules" / name
        if not path.is_file():
            raise NodeError(f"{name} is not in tests/node")
        return path


def node_packages() -> NodePackages:
    """Return the packages, installing them unless that was done for this very lock file.

    Scripts of packages are not run; npm checks every archive against the hash in the lock file.

    Raises:
        NodeError: they cannot be had.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NodeError("node and npm are needed: .ci/bootstrap.py dev --system installs them")
    stamp = HOME / "node_modules" / ".installed"
    wanted = hashlib.sha256((HOME / "package-lock.json").read_bytes()).hexdigest()
    # Test runs side by side install it once.
    with (HOME / "package.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            _install(npm)
            stamp.write_text(wanted)
    return NodePackages(Path(node), HOME)


def axe_script() -> Path:
    """Return axe-core as one script, for pages under test."""
    return node_packages().file("axe-core/axe.min.js")


def _install(npm: str) -> None:
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=HOME,
        env={**os.environ, "NO_UPDATE_NOTIFIER": "1"},
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise NodeError(f"npm ci failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
