"""The state directory: the daemon's alone, locked while it runs, with a reserve for a full disk."""

import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from spoold.model.errors import ConfigurationError

RESERVE_NAME = "reserve"


@dataclass(frozen=True, slots=True)
class StateDirectory:
    """Where things lie below [server] state_dir."""

    root: Path

    @property
    def database(self) -> Path:
        """The database."""
        return self.root / "spoold.db"

    @property
    def documents(self) -> Path:
        """The hold store's directory."""
        return self.root / "documents"

    @property
    def control_socket(self) -> Path:
        """Where commands reach the daemon."""
        return self.root / "control.sock"

    @property
    def tls(self) -> Path:
        """The certificate the daemon made for itself."""
        return self.root / "tls"

    @property
    def replay_cache(self) -> Path:
        """Kerberos tokens that were seen."""
        return self.root / "kerberos.rcache"

    @property
    def capabilities(self) -> Path:
        """What printers said last that they can do."""
        return self.root / "capabilities"

    @classmethod
    def prepare(cls, root: Path, *, reserve_bytes: int) -> Self:
        """Create the directory if need be and check that nobody else can look into it.

        Raises:
            ConfigurationError: it belongs to somebody else, is open to others, or cannot be made.
        """
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = root.stat()
        except OSError as error:
            raise ConfigurationError(
                f"{root}: {error.strerror}. Create it, or set [server] state_dir."
            ) from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise ConfigurationError(f"{root} must be a directory that belongs to the daemon's user.")
        if status.st_mode & 0o077:
            raise ConfigurationError(f"{root} is open to others; close it: chmod 0700 {root}")
        state = cls(root)
        state._reserve(reserve_bytes)
        return state

    def lock(self) -> "StateLock":
        """Take the directory for this process.

        Raises:
            ConfigurationError: another daemon runs on it.
        """
        return StateLock(self.root / "lock")

    def free_reserve(self) -> bool:
        """Give the reserve back to a full disk, so that releases can still be recorded."""
        try:
            (self.root / RESERVE_NAME).unlink()
        except FileNotFoundError:
            return False
        return True

    def total_bytes(self) -> int:
        """Return the size of the file system."""
        found = os.statvfs(self.root)
        return found.f_frsize * found.f_blocks

    def _reserve(self, size_bytes: int) -> None:
        path = self.root / RESERVE_NAME
        if path.exists() and path.stat().st_size >= size_bytes:
            return
        try:
            with path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size_bytes)
        except OSError:
            # A disk that is full already: start all the same, releasing is what frees it.
            path.unlink(missing_ok=True)


class StateLock:
    """Held as long as the daemon runs; the kernel drops it with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ConfigurationError(f"Another spoold is running on {path.parent}; stop it first.") from None

    def release(self) -> None:
        """Let go of the directory."""
        self._file.close()
