"""Stands in for the `os` of a module under test: records system calls, fails or stops at one of them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# The calls that touch the store; everything else of os passes through unseen.
WATCHED = frozenset(
    {"open", "write", "writev", "fsync", "close", "rename", "unlink", "mkdir", "stat", "fstat", "pread"}
)


class PowerCut(BaseException):
    """The machine stopped: nothing that runs afterwards reaches the disk."""


class OsProbe:
    """An `os` that counts, and may fail, the watched calls.

    Args:
        fail_at: the call, counted from 0, that raises OSError instead of being done.
        error: the errno it raises with.
        persistent: later calls that change something fail as well.
        stop_at: from this call on everything raises PowerCut.
        before: called with the name of every watched call before it is done, in the caller's thread.
    """

    def __init__(
        self,
        *,
        fail_at: int | None = None,
        error: int = 0,
        persistent: bool = False,
        stop_at: int | None = None,
        before: Callable[[str], None] | None = None,
    ) -> None:
        self.calls: list[str] = []
        self.log: list[tuple[str, str]] = []
        self.failed: str | None = None
        self._fail_at = fail_at
        self._error = error
        self._persistent = persistent
        self._stop_at = stop_at
        self._before = before

    def __getattr__(self, name: str) -> Any:
        function = getattr(os, name)
        if name not in WATCHED:
            return function

        def watched(*args: Any, **keywords: Any) -> Any:
            self._count(name, args[0])
            return function(*args, **keywords)

        return watched

    def _count(self, name: str, subject: object) -> None:
        place = len(self.calls)
        self.calls.append(name)
        self.log.append((name, describe(subject)))
        if self._before is not None:
            self._before(name)
        # Closing does not reach the disk, and objects that die after the stop must be able to do it.
        if self._stop_at is not None and place >= self._stop_at and name != "close":
            raise PowerCut
        if self._fail_at is None:
            return
        later = self._persistent and place > self._fail_at and name not in {"close", "stat", "fstat", "open"}
        if place == self._fail_at or later:
            self.failed = self.failed or name
            raise OSError(self._error, os.strerror(self._error))


def describe(subject: object) -> str:
    """A path, or the path behind a descriptor."""
    if isinstance(subject, int):
        return str(Path(f"/proc/self/fd/{subject}").readlink())
    return str(subject)
