"""Files that survive a power cut: create, write, sync, rename, sync the directory (docs/formats.md 1.6).

All names are relative to an open directory and never followed through a link. Functions here block;
callers run them in a thread. They raise OSError.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from holdstore.container import PAGE_BYTES, Buffer

# IOV_MAX of Linux; a batch has far fewer pieces.
_MAX_PIECES = 1024
_SYNC_FILE_RANGE_WRITE = 2
# Large enough that the disk gets long runs, small enough that little is left for the fsync
# (measured on ext4, 512 MiB: 1.4 to 1.5 GiB/s against 1.0 to 1.1 without).
WRITEBACK_BYTES = 8 * 1024 * 1024


_libc = ctypes.CDLL(None, use_errno=True)
_sync_file_range = _libc.sync_file_range
_sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_sync_file_range.restype = ctypes.c_int


def open_directory(path: str | os.PathLike[str], *, dir_fd: int | None = None) -> int:
    """A descriptor of a directory; below `dir_fd` a symbolic link is refused."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    if dir_fd is not None:
        flags |= os.O_NOFOLLOW
    return os.open(path, flags, dir_fd=dir_fd)


@contextlib.contextmanager
def opened_directory(path: str | os.PathLike[str], *, dir_fd: int | None = None) -> Iterator[int]:
    """open_directory for the length of a `with`."""
    fd = open_directory(path, dir_fd=dir_fd)
    try:
        yield fd
    finally:
        # Nothing is written through a directory's descriptor, so its close has nothing to report.
        with contextlib.suppress(OSError):
            os.close(fd)


def make_directory(name: str, *, dir_fd: int) -> None:
    """Create a directory, mode 0700, if it is not there; the caller syncs its parent."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, mode=0o700, dir_fd=dir_fd)


def write_fully(fd: int, pieces: Sequence[Buffer]) -> int:
    """Write all pieces, however little the kernel takes at a time; returns the bytes written."""
    views = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
    total = 0
    while views:
        written = os.writev(fd, views[:_MAX_PIECES])
        total += written
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]
    return total


def start_writeback(fd: int, offset: int, length: int) -> None:
    """Ask the kernel to start writing a range, so that the fsync at the end is short.

    Only a hint: an error is of no consequence here because fsync reports it too.
    """
    _sync_file_range(fd, offset, length, _SYNC_FILE_RANGE_WRITE)


class DurableFile:
    """A file written under a random name, which then appears complete and synced under its own.

    After any error the file is gone, under both names: an fsync that failed is never tried again on
    the same pages, because the kernel may have dropped them and would then report success.

    Args:
        tmp_fd: the open directory of unfinished files; it stays open as long as this object lives.
    """

    def __init__(self, tmp_fd: int) -> None:
        self._tmp_fd = tmp_fd
        self._tmp_name = os.urandom(16).hex()
        # Every call costs a turn of the interpreter lock, so the flag is not set by one of its own.
        self._direct = True
        try:
            self._fd: int | None = self._create(os.O_DIRECT)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # This file system cannot. It may have made the file all the same.
            _remove_if_possible(self._tmp_name, dir_fd=tmp_fd)
            self._direct = False
            self._fd = self._create(0)
        self._written = 0
        self._writeback_from = 0

    def _create(self, further_flags: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | further_flags
        return os.open(self._tmp_name, flags, mode=0o600, dir_fd=self._tmp_fd)

    def write(self, pieces: Sequence[Buffer]) -> None:
        """Append all pieces.

        As long as they are whole pages in memory and length they go past the page cache (O_DIRECT): the
        disk takes them while the processor does something else. The rest goes through it.
        """
        fd = self._descriptor()
        try:
            views = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
            self._written += write_fully(fd, self._write_directly(fd, views))
        except OSError:
            self.discard()
            raise
        if not self._direct and self._written - self._writeback_from >= WRITEBACK_BYTES:
            start_writeback(fd, self._writeback_from, self._written - self._writeback_from)
            self._writeback_from = self._written

    def _write_directly(self, fd: int, views: list[memoryview]) -> list[memoryview]:
        """Write what can go past the page cache; returns the rest."""
        while views and self._direct:
            if len(views[0]) % PAGE_BYTES:
                self._end_direct(fd)
                break
            try:
                count = os.write(fd, views[0])
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                # This file system wants another alignment, or cannot do it after all.
                self._end_direct(fd)
                break
            self._written += count
            if count == len(views[0]):
                del views[0]
            else:
                views[0] = views[0][count:]
        return views

    def _end_direct(self, fd: int) -> None:
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_DIRECT)
        self._direct = False
        self._writeback_from = self._written

    def publish(self, name: str, *, dir_fd: int) -> None:
        """Make the file durable as `name` in the directory `dir_fd`; steps 3 to 5 of the commit order.

        Raises:
            FileExistsError: there is such a file; nothing is ever overwritten.
        """
        fd = self._descriptor()
        renamed = False
        try:
            os.fsync(fd)
            self._fd = None
            os.close(fd)
            if _exists(name, dir_fd=dir_fd):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            os.rename(self._tmp_name, name, src_dir_fd=self._tmp_fd, dst_dir_fd=dir_fd)
            renamed = True
            os.fsync(dir_fd)
        except OSError:
            self.discard()
            if renamed:
                _remove_if_possible(name, dir_fd=dir_fd)
            raise

    def discard(self) -> None:
        """Close and unlink what is unfinished; what cannot be unlinked now, recovery removes."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with contextlib.suppress(OSError):
                os.close(fd)
        _remove_if_possible(self._tmp_name, dir_fd=self._tmp_fd)

    def _descriptor(self) -> int:
        if self._fd is None:
            raise OSError(errno.EBADF, "the file is already finished")
        return self._fd


def _exists(name: str, *, dir_fd: int) -> bool:
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _remove_if_possible(name: str, *, dir_fd: int) -> None:
    """For the way out of an error, which must not be hidden by a second one."""
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=dir_fd)


def names_in(dir_fd: int) -> list[str]:
    """The names of a directory's entries."""
    with os.scandir(dir_fd) as entries:
        return [entry.name for entry in entries]


def remove(name: str, *, dir_fd: int) -> bool:
    """Unlink; False if it was not there."""
    try:
        os.unlink(name, dir_fd=dir_fd)
    except FileNotFoundError:
        return False
    return True


def open_regular(name: str, *, dir_fd: int) -> tuple[int, int]:
    """Open a regular file for reading; returns its descriptor and size in bytes."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file")
    return fd, status.st_size


def read_at(fd: int, offset: int, length: int) -> bytes:
    """Up to `length` bytes from `offset`; fewer only at the end of the file."""
    pieces: list[bytes] = []
    while length:
        piece = os.pread(fd, length, offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def read_into(fd: int, target: memoryview, offset: int) -> int:
    """Fill `target` from `offset`; returns how many bytes there were, fewer only at the end of the file."""
    filled = 0
    while filled < len(target):
        count = os.preadv(fd, [target[filled:]], offset + filled)
        if not count:
            break
        filled += count
    return filled


def sync_directory(path: str | os.PathLike[str]) -> None:
    """Make a directory's entries durable."""
    with opened_directory(path) as fd:
        os.fsync(fd)


def write_new_file(path: Path, content: bytes) -> None:
    """Write a small new file, mode 0600, durable under its name; after an error it is gone.

    Raises:
        FileExistsError: there is one already.
    """
    with opened_directory(path.parent) as directory:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path.name, flags, mode=0o600, dir_fd=directory)
        try:
            try:
                write_fully(fd, [content])
                os.fsync(fd)
            finally:
                os.close(fd)
            os.fsync(directory)
        except OSError:
            _remove_if_possible(path.name, dir_fd=directory)
            raise
