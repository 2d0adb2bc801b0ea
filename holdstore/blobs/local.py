"""Containers as files below one directory of this machine, durable in the order of docs/formats.md 1.6."""

import errno
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from holdstore import durable
from holdstore.blobs.base import BlobReader, BlobWriter, Range
from holdstore.blobs.scan import Scan
from holdstore.blobs.threads import DiskThreads, Errand
from holdstore.container import Buffer
from holdstore.errors import StoreFailed, store_error

T = TypeVar("T")

# Disks gain nothing from more.
MAX_THREADS = 16
# Threads for scans, apart from the others: whoever sends a document must not wait for long ones. Two keep a
# disk busy while a third checks tags.
MAX_SCANNERS = 3
# A hung disk must not keep a cancelled task for ever; what is left is removed when it goes on, or at the next
# start.
ABORT_TIMEOUT_S = 30.0

_HEX = frozenset("0123456789abcdef")
_DIRECTORIES = tuple(f"{number:02x}" for number in range(256))


class LocalBlobStore:
    """Blobs in `root`/blobs/XX, unfinished ones in `root`/tmp. One process at a time writes to a root.

    Args:
        root: made, with all 256 directories synced, if it is not there. It must belong to the
            effective user and be writable by nobody else.

    Raises:
        StoreFailed: the directory cannot be made or used, or others may write to it.
    """

    def __init__(self, root: Path) -> None:
        self._fds: list[int] = []
        self._directories: dict[str, int] = {}
        self._threads = DiskThreads(MAX_THREADS)
        self.scanners = DiskThreads(MAX_SCANNERS)
        try:
            self._open(root)
        except OSError as error:
            self.close()
            raise store_error(error, f"open the store at {root}") from error
        except StoreFailed:
            self.close()
            raise

    def _open(self, root: Path) -> None:
        if not root.exists():
            root.mkdir(mode=0o700)
            durable.sync_directory(root.parent)
        self._root_fd = self._keep(durable.open_directory(root))
        status = os.fstat(self._root_fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise StoreFailed(f"the store at {root} must belong to uid {os.geteuid()} and to nobody else")
        durable.make_directory("tmp", dir_fd=self._root_fd)
        durable.make_directory("blobs", dir_fd=self._root_fd)
        self._tmp_fd = self._keep(durable.open_directory("tmp", dir_fd=self._root_fd))
        self._blobs_fd = self._keep(durable.open_directory("blobs", dir_fd=self._root_fd))
        for directory in _DIRECTORIES:
            durable.make_directory(directory, dir_fd=self._blobs_fd)
        # Synced at every start: a crash may have come between an earlier start's mkdir and its fsync.
        for fd in (self._blobs_fd, self._root_fd):
            os.fsync(fd)

    def _keep(self, fd: int) -> int:
        self._fds.append(fd)
        return fd

    def close(self) -> None:
        """Close the directories; the store cannot be used afterwards."""
        self._threads.close()
        self.scanners.close()
        while self._fds:
            os.close(self._fds.pop())
        while self._directories:
            os.close(self._directories.popitem()[1])

    def __del__(self) -> None:
        self.close()

    def create(self, name: str) -> BlobWriter:
        """A writer for a new blob."""
        return _LocalBlobWriter(self, _checked(name))

    async def open(self, name: str) -> BlobReader | None:
        """The blob, or None if there is none."""
        found = await self.run("open a container", self._open_blob, _checked(name))
        return None if found is None else _LocalBlobReader(self, *found)

    async def delete(self, names: Collection[str]) -> int:
        """Unlink the blobs in one go; a crash may bring them back, without a key, for recovery to delete."""
        checked = [_checked(name) for name in names]
        return await self.run("delete containers", self._delete, checked)

    async def names(self) -> list[str]:
        """The names of all files below blobs/, whoever put them there."""
        return await self.run("list the containers", self._names)

    async def remove_unfinished(self) -> int:
        """Empty tmp/."""
        return await self.run("remove unfinished containers", self._remove_unfinished)

    def free_bytes(self) -> int:
        """Bytes an unprivileged process may still write."""
        try:
            status = os.fstatvfs(self._root_fd)
        except OSError as error:
            raise store_error(error, "ask for the free space") from error
        return status.f_bavail * status.f_frsize

    async def run(self, action: str, function: Callable[..., T], *args: object) -> T:
        """Run a blocking function in a thread, to its end even when cancelled; OSError becomes ours."""
        await trio.lowlevel.checkpoint_if_cancelled()
        return await self.end(action, self.begin(partial(function, *args)))

    def begin(self, work: Callable[[], T], after: Errand[Any] | None = None) -> Errand[T]:
        """Begin to do blocking work in a thread, when `after` has ended."""
        return self._threads.begin(work, after)

    async def end(self, action: str, errand: Errand[T]) -> T:
        """Wait for what was begun, even when cancelled; OSError becomes ours."""
        try:
            return await errand.result()
        except OSError as error:
            raise store_error(error, action) from error

    def new_file(self) -> durable.DurableFile:
        """An unfinished file. Blocks."""
        return durable.DurableFile(self._tmp_fd)

    def publish(self, file: durable.DurableFile, name: str) -> None:
        """Make a file durable under its name. Blocks."""
        try:
            file.publish(name, dir_fd=self._kept_directory(name[-2:]))
        except OSError:
            file.discard()
            raise

    def _kept_directory(self, directory: str) -> int:
        """One of the 256, opened when something first goes there and kept: every call costs its turn."""
        fd = self._directories.get(directory)
        if fd is None:
            opened = durable.open_directory(directory, dir_fd=self._blobs_fd)
            fd = self._directories.setdefault(directory, opened)
            if fd != opened:
                # Another thread came first.
                os.close(opened)
        return fd

    def _directory_of(self, name: str) -> AbstractContextManager[int]:
        return durable.opened_directory(name[-2:], dir_fd=self._blobs_fd)

    def _open_blob(self, name: str) -> tuple[int, int] | None:
        with self._directory_of(name) as directory:
            try:
                return durable.open_regular(name, dir_fd=directory)
            except FileNotFoundError:
                return None

    def _delete(self, names: Sequence[str]) -> int:
        removed = 0
        for name in names:
            with self._directory_of(name) as directory:
                removed += durable.remove(name, dir_fd=directory)
        return removed

    def _names(self) -> list[str]:
        found: list[str] = []
        for directory in _DIRECTORIES:
            with self._directory_of(directory) as fd:
                found += durable.names_in(fd)
        return found

    def _remove_unfinished(self) -> int:
        return sum(durable.remove(name, dir_fd=self._tmp_fd) for name in durable.names_in(self._tmp_fd))


class _LocalBlobWriter:
    """A blob on its way into a local store; the file is made with the first bytes."""

    def __init__(self, store: LocalBlobStore, name: str) -> None:
        self._store = store
        self._name = name
        self._file: durable.DurableFile | None = None
        # One after the other, in this order; the disk need not wait for the loop to hand it the next.
        self._under_way: deque[Errand[Any]] = deque()
        self._finished = False

    async def write(self, pieces: Sequence[Buffer], *, behind: int = 0) -> None:
        """Append in a thread."""
        await trio.lowlevel.checkpoint_if_cancelled()
        after = self._under_way[-1] if self._under_way else None
        self._under_way.append(self._store.begin(partial(self._write, pieces), after))
        await self._settle(behind)

    async def commit(self, pieces: Sequence[Buffer] = ()) -> None:
        """Write the rest and publish, all in one hop to a thread."""
        await trio.lowlevel.checkpoint_if_cancelled()
        await self._settle()
        await self._store.run("commit a container", self._commit, pieces)

    async def abort(self, let_go: Callable[[], None]) -> None:
        """Unlink what was written, unless it is committed."""
        self._finished = True
        with trio.move_on_after(ABORT_TIMEOUT_S, shield=True):
            while self._under_way:
                await self._under_way[0].ended()
                self._under_way.popleft()
            if (discarding := self._discarding()) is not None:
                await discarding.ended()
        if self._under_way:
            self._under_way[-1].then(partial(self._end_late, let_go))
        else:
            let_go()

    def _end_late(self, let_go: Callable[[], None]) -> None:
        """The disk went on when nobody waited any more."""
        if (discarding := self._discarding()) is None:
            let_go()
        else:
            discarding.then(let_go)

    def _discarding(self) -> Errand[None] | None:
        file, self._file = self._file, None
        return None if file is None else self._store.begin(file.discard)

    async def _settle(self, behind: int = 0) -> None:
        while len(self._under_way) > behind:
            await self._store.end("write a container", self._under_way[0])
            self._under_way.popleft()

    def _write(self, pieces: Sequence[Buffer]) -> None:
        self._started().write(pieces)

    def _started(self) -> durable.DurableFile:
        if self._finished:
            raise OSError(errno.EBADF, "the container is already finished")
        if self._file is None:
            self._file = self._store.new_file()
        return self._file

    def _commit(self, pieces: Sequence[Buffer]) -> None:
        self._write(pieces)
        file, self._file = self._started(), None
        self._finished = True
        self._store.publish(file, self._name)


class _LocalBlobReader:
    """An open file of a local store."""

    def __init__(self, store: LocalBlobStore, fd: int, size_bytes: int) -> None:
        self._store = store
        self._fd: int | None = fd
        self.size_bytes = size_bytes

    async def read(self, offset: int, length: int) -> bytes:
        """Read in a thread."""
        return await self._store.run("read a container", self._read, offset, length)

    async def scan(self, ranges: Iterable[Range], look: Callable[[Range, memoryview], None]) -> None:
        """Read and look in several threads."""
        if self._fd is None:
            raise StoreFailed("the container is closed")
        scan = Scan(self._fd, tuple(ranges), look)
        try:
            await scan.run(self._store.scanners, MAX_SCANNERS)
        except OSError as error:
            raise store_error(error, "read a container") from error

    async def aclose(self) -> None:
        """Close the file."""
        self._close()

    def __del__(self) -> None:
        self._close()

    def _read(self, offset: int, length: int) -> bytes:
        if self._fd is None:
            raise OSError(errno.EBADF, "the container is closed")
        return durable.read_at(self._fd, offset, length)

    def _close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)


def _checked(name: str) -> str:
    """No path is ever made from anything but hex digits."""
    if not 4 <= len(name) <= 64 or not set(name) <= _HEX:
        raise ValueError("a blob's name is 4 to 64 lower-case hex digits")
    return name
