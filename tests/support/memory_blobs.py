"""Blob stores without a disk: one that keeps blobs in memory, and one that fails when told to."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence

from holdstore.blobs.base import BlobReader, BlobStore, BlobWriter, Range
from holdstore.container import Buffer
from holdstore.errors import HoldStoreError, StoreFailed


class MemoryBlobStore:
    """Keeps blobs in a dictionary that a test may look at and change."""

    def __init__(self, *, free_bytes: int | None = None) -> None:
        self.contents: dict[str, bytes] = {}
        self.unfinished: set[object] = set()
        self._free_bytes = free_bytes

    def create(self, name: str) -> BlobWriter:
        return _MemoryBlobWriter(self, check_name(name))

    async def open(self, name: str) -> BlobReader | None:
        found = self.contents.get(check_name(name))
        return None if found is None else _MemoryBlobReader(found)

    async def delete(self, names: Collection[str]) -> int:
        checked = [check_name(name) for name in names]
        return sum(self.contents.pop(name, None) is not None for name in checked)

    async def names(self) -> list[str]:
        return list(self.contents)

    async def remove_unfinished(self) -> int:
        count = len(self.unfinished)
        self.unfinished.clear()
        return count

    def free_bytes(self) -> int | None:
        return self._free_bytes


def check_name(name: str) -> str:
    if not 4 <= len(name) <= 64 or not set(name) <= set("0123456789abcdef"):
        raise ValueError(f"{name!r} is no blob's name")
    return name


class _MemoryBlobWriter:
    def __init__(self, store: MemoryBlobStore, name: str) -> None:
        self._store = store
        self._name = name
        self._content = b""
        self._behind: deque[Sequence[Buffer]] = deque()
        self._finished = False

    async def write(self, pieces: Sequence[Buffer], *, behind: int = 0) -> None:
        if self._finished:
            raise StoreFailed("the blob is finished")
        self._store.unfinished.add(self)
        # What is written behind is read as late as is allowed: whoever changes it too early is found out.
        self._behind.append(pieces)
        while len(self._behind) > behind:
            self._content += b"".join(self._behind.popleft())

    async def commit(self, pieces: Sequence[Buffer] = ()) -> None:
        await self.write(pieces)
        self._finish()
        if self._name in self._store.contents:
            raise StoreFailed("the blob exists")
        self._store.contents[self._name] = self._content

    async def abort(self, let_go: Callable[[], None]) -> None:
        self._finish()
        let_go()

    def _finish(self) -> None:
        self._finished = True
        self._store.unfinished.discard(self)


class _MemoryBlobReader:
    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content
        self.size_bytes = len(content)

    async def read(self, offset: int, length: int) -> bytes:
        if self._content is None:
            raise StoreFailed("the blob is closed")
        return self._content[offset : offset + length]

    async def scan(self, ranges: Iterable[Range], look: Callable[[Range, memoryview], None]) -> None:
        # Backwards, because any order must do.
        for part in reversed(list(ranges)):
            look(part, memoryview(await self.read(*part)))

    async def aclose(self) -> None:
        self._content = None


class FaultyBlobStore:
    """Passes everything on to another store, and raises `error()` instead of the n-th call that matters.

    Args:
        inner: the store that does the work.
        fail_at: which call fails, counted from 0 over all of write, commit, open, read, scan, delete, names
            and remove_unfinished; None lets all pass and only counts.
        error: makes the error.
    """

    def __init__(self, inner: BlobStore, *, fail_at: int | None, error: Callable[[], HoldStoreError]) -> None:
        self.inner = inner
        self.calls: list[str] = []
        self._fail_at = fail_at
        self._error = error

    def count(self, call: str) -> None:
        """Note a call, and fail if it is the one."""
        self.calls.append(call)
        if self._fail_at == len(self.calls) - 1:
            raise self._error()

    def create(self, name: str) -> BlobWriter:
        return _FaultyBlobWriter(self, self.inner.create(name))

    async def open(self, name: str) -> BlobReader | None:
        self.count("open")
        found = await self.inner.open(name)
        return None if found is None else _FaultyBlobReader(self, found)

    async def delete(self, names: Collection[str]) -> int:
        self.count("delete")
        return await self.inner.delete(names)

    async def names(self) -> list[str]:
        self.count("names")
        return await self.inner.names()

    async def remove_unfinished(self) -> int:
        self.count("remove_unfinished")
        return await self.inner.remove_unfinished()

    def free_bytes(self) -> int | None:
        return self.inner.free_bytes()


class _FaultyBlobWriter:
    def __init__(self, store: FaultyBlobStore, inner: BlobWriter) -> None:
        self._store = store
        self._inner = inner

    async def write(self, pieces: Sequence[Buffer], *, behind: int = 0) -> None:
        await self._fallible("write")
        await self._inner.write(pieces, behind=behind)

    async def commit(self, pieces: Sequence[Buffer] = ()) -> None:
        await self._fallible("commit")
        await self._inner.commit(pieces)

    async def abort(self, let_go: Callable[[], None]) -> None:
        await self._inner.abort(let_go)

    async def _fallible(self, call: str) -> None:
        try:
            self._store.count(call)
        except HoldStoreError:
            # A writer that failed has left nothing behind: BlobWriter's contract.
            await self._inner.abort(lambda: None)
            raise


class HangingBlobStore(MemoryBlobStore):
    """Writes nothing until it goes on: whoever leaves before has to do without what they gave it."""

    def __init__(self) -> None:
        super().__init__()
        self.behind = 0
        """How many pieces the last write left to be written."""
        self.kept: list[Callable[[], None]] = []

    def create(self, name: str) -> BlobWriter:
        return _HangingBlobWriter(self, check_name(name))

    def go_on(self) -> None:
        while self.kept:
            self.kept.pop()()


class _HangingBlobWriter(_MemoryBlobWriter):
    def __init__(self, store: HangingBlobStore, name: str) -> None:
        super().__init__(store, name)
        self._hanging = store

    async def write(self, pieces: Sequence[Buffer], *, behind: int = 0) -> None:
        self._hanging.behind = behind
        await super().write(pieces, behind=behind)

    async def abort(self, let_go: Callable[[], None]) -> None:
        self._hanging.kept.append(let_go)


class _FaultyBlobReader:
    def __init__(self, store: FaultyBlobStore, inner: BlobReader) -> None:
        self._store = store
        self._inner = inner
        self.size_bytes = inner.size_bytes

    async def read(self, offset: int, length: int) -> bytes:
        self._store.count("read")
        return await self._inner.read(offset, length)

    async def scan(self, ranges: Iterable[Range], look: Callable[[Range, memoryview], None]) -> None:
        self._store.count("scan")
        await self._inner.scan(ranges, look)

    async def aclose(self) -> None:
        await self._inner.aclose()
