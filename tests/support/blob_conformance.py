"""What every BlobStore must do; run each check of CHECKS against a fresh, empty store."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest
import trio

from holdstore.blobs.base import BlobStore, BlobWriter, Range
from holdstore.errors import StoreFailed

Check = Callable[[BlobStore], Awaitable[None]]

NAME = "0001" + "5a" * 16
OTHER = "0002" + "5a" * 16
ELSEWHERE = "0001" + "c3" * 16


async def abort(writer: BlobWriter) -> None:
    """Leave nothing behind; nothing hangs, so that nothing is written from any more."""
    let_go: list[bool] = []
    await writer.abort(lambda: let_go.append(True))
    assert let_go


async def put(store: BlobStore, name: str, content: bytes) -> None:
    await store.create(name).commit([content])


async def content_of(store: BlobStore, name: str) -> bytes | None:
    blob = await store.open(name)
    if blob is None:
        return None
    async with aclosing(blob):
        return await blob.read(0, blob.size_bytes + 1)


async def check_what_is_written_comes_back(store: BlobStore) -> None:
    writer = store.create(NAME)
    batch = bytearray(b"first ")
    await writer.write([batch, memoryview(b"second ")])
    batch[:] = b"______"
    await writer.write([])
    await writer.write([b"", b"third "])
    await writer.commit([b"last"])
    assert await content_of(store, NAME) == b"first second third last"
    blob = await store.open(NAME)
    assert blob is not None
    assert blob.size_bytes == 23
    await blob.aclose()


async def check_writing_behind(store: BlobStore) -> None:
    writer = store.create(NAME)
    pieces = [bytearray(8192) for _ in range(3)]
    written = b""
    # Each is filled again when two further calls have returned; between them, one that waits for all.
    for number, behind in enumerate((1, 2, 2, 2, 2, 0, 2, 2)):
        piece = pieces[number % 3]
        piece[:] = bytes([number]) * len(piece)
        written += piece
        await writer.write([piece], behind=behind)
    await writer.commit([b"the end"])
    assert await content_of(store, NAME) == written + b"the end"


async def check_leaving_while_writing_behind(store: BlobStore) -> None:
    writer = store.create(NAME)
    await writer.write([bytes(1 << 20)], behind=2)
    await writer.write([bytes(1 << 20)], behind=2)
    await abort(writer)
    assert await store.names() == []
    assert await store.remove_unfinished() == 0


async def check_an_empty_blob_is_a_blob(store: BlobStore) -> None:
    await store.create(NAME).commit()
    assert await content_of(store, NAME) == b""
    assert await store.names() == [NAME]


async def check_ranges(store: BlobStore) -> None:
    await put(store, NAME, bytes(range(100)))
    blob = await store.open(NAME)
    assert blob is not None
    async with aclosing(blob):
        assert await blob.read(0, 10) == bytes(range(10))
        assert await blob.read(90, 20) == bytes(range(90, 100))
        assert await blob.read(100, 1) == b""
        assert await blob.read(1000, 1) == b""
        assert await blob.read(5, 0) == b""


async def check_scanning(store: BlobStore) -> None:
    content = bytes(number % 251 for number in range(300_000))
    await put(store, NAME, content)
    seen: dict[int, bytes] = {}

    def look(part: Range, found: memoryview) -> None:
        seen[part.offset] = bytes(found)

    def stumble(part: Range, _found: memoryview) -> None:
        if part.offset == 70_000:
            raise LookupError("this one")

    ranges = [Range(offset, 10_000) for offset in range(0, 290_000, 10_000)] + [Range(290_000, 10_001)]
    blob = await store.open(NAME)
    assert blob is not None
    async with aclosing(blob):
        await blob.scan(ranges, look)
        assert b"".join(seen[part.offset] for part in ranges) == content
        with pytest.raises(LookupError, match="this one"):
            await blob.scan(ranges, stumble)
        await blob.scan([], stumble)
        with trio.CancelScope() as scope:
            scope.cancel()
            await blob.scan(ranges, look)
        assert await blob.read(0, 5) == content[:5]
    with pytest.raises(StoreFailed):
        await blob.scan(ranges, look)


async def check_nothing_is_visible_before_commit(store: BlobStore) -> None:
    writer = store.create(NAME)
    await writer.write([b"half"])
    assert await content_of(store, NAME) is None
    assert await store.names() == []
    await abort(writer)
    assert await content_of(store, NAME) is None
    assert await store.remove_unfinished() == 0


async def check_a_finished_writer_takes_no_more(store: BlobStore) -> None:
    committed, aborted = store.create(NAME), store.create(OTHER)
    await committed.commit([b"all"])
    await aborted.write([b"part"])
    await abort(aborted)
    for writer in (committed, aborted):
        with pytest.raises(StoreFailed):
            await writer.write([b"more"])
        with pytest.raises(StoreFailed):
            await writer.commit()
        await abort(writer)
        await abort(writer)
    assert await content_of(store, NAME) == b"all"
    assert await content_of(store, OTHER) is None


async def check_nothing_is_overwritten(store: BlobStore) -> None:
    await put(store, NAME, b"the first")
    with pytest.raises(StoreFailed):
        await put(store, NAME, b"the second")
    assert await content_of(store, NAME) == b"the first"
    assert await store.remove_unfinished() == 0


async def check_deleting(store: BlobStore) -> None:
    for name in (NAME, OTHER, ELSEWHERE):
        await put(store, name, name.encode())
    assert await store.delete([NAME, ELSEWHERE]) == 2
    assert await store.delete([NAME, ELSEWHERE]) == 0
    assert await store.delete([]) == 0
    assert await store.names() == [OTHER]
    assert await content_of(store, NAME) is None
    await put(store, NAME, b"again")
    assert await content_of(store, NAME) == b"again"


async def check_an_open_blob_outlives_its_deletion(store: BlobStore) -> None:
    await put(store, NAME, b"still here")
    blob = await store.open(NAME)
    assert blob is not None
    async with aclosing(blob):
        await store.delete([NAME])
        assert await blob.read(0, 100) == b"still here"
    with pytest.raises(StoreFailed):
        await blob.read(0, 1)
    await blob.aclose()


async def check_names(store: BlobStore) -> None:
    for name in (NAME, OTHER, ELSEWHERE):
        await put(store, name, b"")
    assert sorted(await store.names()) == sorted([NAME, OTHER, ELSEWHERE])


async def check_only_hex_names_are_taken(store: BlobStore) -> None:
    for name in ("", "abc", "../../etc/passwd", "ABCD", "0001/5a5a", "ab\x00cd", "g" * 8, "a" * 65, "." * 8):
        with pytest.raises(ValueError, match="name"):
            store.create(name)
        with pytest.raises(ValueError, match="name"):
            await store.open(name)
        with pytest.raises(ValueError, match="name"):
            await store.delete([name])


async def check_unfinished_blobs_are_removed(store: BlobStore) -> None:
    for name in (NAME, OTHER):
        await store.create(name).write([b"never committed"])
    await put(store, ELSEWHERE, b"kept")
    assert await store.remove_unfinished() == 2
    assert await store.remove_unfinished() == 0
    assert await store.names() == [ELSEWHERE]


async def check_writers_do_not_disturb_each_other(store: BlobStore) -> None:
    async def write(name: str) -> None:
        writer = store.create(name)
        for _ in range(10):
            await writer.write([name.encode()])
        await writer.commit()

    names = [f"{number:04x}" + "7b" * 16 for number in range(1, 30)]
    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(write, name)
    for name in names:
        assert await content_of(store, name) == name.encode() * 10


async def check_abort_works_while_cancelled(store: BlobStore) -> None:
    writer = store.create(NAME)
    await writer.write([b"half"])
    with trio.CancelScope() as scope:
        scope.cancel()
        await abort(writer)
    assert await store.remove_unfinished() == 0


async def check_free_space_is_a_number_or_unbounded(store: BlobStore) -> None:
    free = store.free_bytes()
    assert free is None or free > 0


CHECKS: list[Check] = [
    check_what_is_written_comes_back,
    check_writing_behind,
    check_leaving_while_writing_behind,
    check_an_empty_blob_is_a_blob,
    check_ranges,
    check_scanning,
    check_nothing_is_visible_before_commit,
    check_a_finished_writer_takes_no_more,
    check_nothing_is_overwritten,
    check_deleting,
    check_an_open_blob_outlives_its_deletion,
    check_names,
    check_only_hex_names_are_taken,
    check_unfinished_blobs_are_removed,
    check_writers_do_not_disturb_each_other,
    check_abort_works_while_cancelled,
    check_free_space_is_a_number_or_unbounded,
]
