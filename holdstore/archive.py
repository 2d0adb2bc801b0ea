"""Reading archived copies: containers of a store that another process owns, opened with an archive key."""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from holdstore import durable
from holdstore.archive_key import ArchiveSecret
from holdstore.blobs.base import BlobReader, Range
from holdstore.container import SealedDocument
from holdstore.errors import StoreFailed, store_error
from holdstore.reader import SealedReader


async def export_copy(root: Path, secret: ArchiveSecret, document: SealedDocument, target: Path) -> None:
    """Write an archived document to a new file, mode 0600; not a byte before all of it is verified.

    Args:
        root: the store's directory, for copies that do not lie in their row.
        document: with the key that was wrapped for the archive.
        target: must not be there.

    Raises:
        FileExistsError: `target` is there.
        DamagedContainer: with the check that failed; nothing was written.
        StoreFailed, StoreFull: the copy cannot be read or the file not be written; no file is left.
    """
    async with SealedReader(_Files(root), secret, document) as reader:
        await reader.verify()
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(target, flags, mode=0o600)
        except FileExistsError:
            raise
        except OSError as error:
            raise store_error(error, f"write {target}") from error
        try:
            async for chunk in reader.chunks():
                durable.write_fully(fd, [chunk])
            os.fsync(fd)
        except BaseException as error:
            with contextlib.suppress(OSError), durable.opened_directory(target.parent) as directory:
                durable.remove(target.name, dir_fd=directory)
            if isinstance(error, OSError):
                raise store_error(error, f"write {target}") from error
            raise
        finally:
            os.close(fd)


class _Files:
    """The containers below a store's directory, for reading only: it makes, locks and changes nothing."""

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs"

    async def open(self, name: str) -> BlobReader | None:
        """Open a container."""
        try:
            with durable.opened_directory(self._blobs / name[-2:]) as directory:
                fd, size_bytes = durable.open_regular(name, dir_fd=directory)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error(error, "open a container") from error
        return _File(fd, size_bytes)


class _File:
    """An open container, read by the thread that asks: a command has nothing else to do meanwhile."""

    def __init__(self, fd: int, size_bytes: int) -> None:
        self._fd: int | None = fd
        self.size_bytes = size_bytes

    async def read(self, offset: int, length: int) -> bytes:
        return self._read(offset, length)

    async def scan(self, ranges: Iterable[Range], look: Callable[[Range, memoryview], None]) -> None:
        for part in ranges:
            look(part, memoryview(self._read(part.offset, part.length)))

    async def aclose(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _read(self, offset: int, length: int) -> bytes:
        if self._fd is None:
            raise StoreFailed("the container is closed")
        try:
            return durable.read_at(self._fd, offset, length)
        except OSError as error:
            raise store_error(error, "read a container") from error
