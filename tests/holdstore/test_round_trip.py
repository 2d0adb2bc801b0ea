"""What goes in comes out: every length around a segment's edge, in every step size, inline and as a blob."""

import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import TracebackType
from uuid import UUID, uuid4

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdstore.batches import BATCH_BYTES, MAX_FURTHER
from holdstore.blobs.threads import DiskThreads, Errand
from holdstore.container import (
    MAX_DOCUMENT_NUMBER,
    PREAMBLE_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    SealedDocument,
    container_size,
    padded_size,
    segment_count,
)
from holdstore.errors import (
    Damage,
    DamagedContainer,
    DocumentTooLarge,
    HoldStoreError,
    KeyUnavailable,
    StoreFailed,
)
from holdstore.keyring import MAX_WRAPS, Keyring
from holdstore.store import HoldStore
from tests.support.memory_blobs import FaultyBlobStore, HangingBlobStore, MemoryBlobStore
from tests.support.os_probe import OsProbe

MIB = 1024 * 1024
KEYRING = Keyring.from_bytes(bytes(range(32)))
EDGES = [
    0,
    1,
    500,
    65399,
    65400,
    65401,
    65535,
    65536,
    65537,
    2 * 65536,
    2 * 65536 + 500,
    MIB,
    MIB + 1,
    BATCH_BYTES - PREAMBLE_BYTES - 32 * TAG_BYTES,
    2 * MIB + 65535,
    3 * BATCH_BYTES + 12345,
]
STEPS = [1000, 65535, 65536, 65537, 256 * 1024, 3 * MIB]
JOB = uuid4()


def steps(content: bytes, step: int) -> Iterator[bytes]:
    return (content[start : start + step] for start in range(0, len(content), step))


async def seal(store: HoldStore, content: bytes, step: int = MIB) -> SealedDocument:
    async with store.create(JOB, 1) as writer:
        for piece in steps(content, step):
            await writer.write(piece)
        assert writer.size_bytes == len(content)
        return await writer.commit()


async def opened(store: HoldStore, document: SealedDocument) -> bytes:
    async with store.open(document) as reader:
        pieces = [piece async for piece in reader.chunks()]
    assert all(0 < len(piece) <= MIB for piece in pieces)
    return b"".join(pieces)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("size_bytes", EDGES)
async def test_every_length_in_every_step(size_bytes: int, step: int) -> None:
    blobs = MemoryBlobStore()
    store = HoldStore.over(blobs, KEYRING)
    content = os.urandom(size_bytes)
    document = await seal(store, content, step)
    assert (document.size_bytes, document.segments) == (size_bytes, segment_count(size_bytes))
    stored = document.inline if document.inline is not None else next(iter(blobs.contents.values()))
    end = container_size(size_bytes)
    assert len(stored) == (end if document.inline is not None else padded_size(end))
    assert not any(stored[end:])
    assert await opened(store, document) == content


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_any_pieces_make_the_same_document(data: st.DataObject) -> None:
    near_an_edge = st.builds(
        lambda segments, offset: max(0, segments * SEGMENT_BYTES + offset),
        st.integers(0, 20),
        st.integers(-3, 3),
    )
    lengths = data.draw(st.lists(st.one_of(near_an_edge, st.integers(0, 5000)), max_size=6))
    inline_max_bytes = data.draw(st.sampled_from([0, 200, 65536, BATCH_BYTES - 1]))
    store = HoldStore.over(MemoryBlobStore(), KEYRING, inline_max_bytes=inline_max_bytes)
    content = os.urandom(sum(lengths))
    async with store.create(JOB, 1) as writer:
        start = 0
        for length in lengths:
            await writer.write(memoryview(content)[start : start + length])
            start += length
        document = await writer.commit()
    assert (document.inline is not None) == (container_size(len(content)) <= inline_max_bytes)
    assert await opened(store, document) == content


@pytest.mark.parametrize(("size_bytes", "in_row"), [(65536 - 136, True), (65536 - 135, False)])
async def test_small_containers_touch_no_file(size_bytes: int, in_row: bool, tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    document = await seal(store, bytes(size_bytes))
    assert (document.inline is not None) == in_row
    assert len(await store.blobs.names()) == (0 if in_row else 1)
    assert await opened(store, document) == bytes(size_bytes)


async def test_small_documents_cost_no_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)

    def no_thread(*_: object, **__: object) -> None:
        raise AssertionError("a thread was used")

    monkeypatch.setattr(DiskThreads, "begin", no_thread)
    document = await seal(store, b"small")
    assert await opened(store, document) == b"small"


async def test_threads_are_used_once_a_batch_not_once_a_segment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    hops = 0
    begin = DiskThreads.begin

    def counted(
        threads: DiskThreads, work: Callable[[], object], after: Errand[object] | None = None
    ) -> Errand[object]:
        nonlocal hops
        hops += 1
        return begin(threads, work, after)

    monkeypatch.setattr(DiskThreads, "begin", counted)
    document = await seal(store, bytes(8 * MIB), step=10_000)
    assert hops == 8 * MIB // BATCH_BYTES
    assert await opened(store, document) == bytes(8 * MIB)


async def test_many_large_documents_share_few_further_batches() -> None:
    """Those that get no further batch wait for the disk instead; none is mixed up with another."""
    blobs = MemoryBlobStore()
    store = HoldStore.over(blobs, KEYRING)
    contents = {uuid4(): os.urandom(4 * BATCH_BYTES + number) for number in range(MAX_FURTHER + 4)}
    documents: list[SealedDocument] = []

    async def one(job_id: UUID, content: bytes) -> None:
        async with store.create(job_id, 1) as writer:
            for start in range(0, len(content), 256 * 1024):
                await writer.write(content[start : start + 256 * 1024])
                await trio.lowlevel.checkpoint()
            documents.append(await writer.commit())

    for _ in range(2):
        async with trio.open_nursery() as nursery:
            for job_id, content in contents.items():
                nursery.start_soon(one, job_id, content)
        for document in documents:
            assert await opened(store, document) == contents[document.job_id]
        documents.clear()
        blobs.contents.clear()


async def test_further_batches_that_a_disk_hung_on_are_given_back_when_it_goes_on() -> None:
    """Until then nobody gets them: it may still write from them."""
    blobs = HangingBlobStore()
    store = HoldStore.over(blobs, KEYRING)

    async def most_behind() -> int:
        async with store.create(uuid4(), 1) as writer:
            await writer.write(bytes(4 * BATCH_BYTES))
        return blobs.behind

    found = [await most_behind() for _ in range(MAX_FURTHER // 2 + 1)]
    assert found == [2] * (MAX_FURTHER // 2) + [0]
    blobs.go_on()
    assert await most_behind() == 2


async def test_no_plaintext_reaches_the_disk_at_any_time(tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    marker = b"the-marker-of-this-test-"
    async with store.create(JOB, 1) as writer:
        for _ in range(40):
            await writer.write(marker * 4096)
            assert not [
                path for path in tmp_path.rglob("*") if path.is_file() and marker in path.read_bytes()
            ]
        document = await writer.commit()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert marker not in files[0].read_bytes()
    assert marker not in document.wrapped_key
    assert await opened(store, document) == marker * 4096 * 40


async def test_the_same_document_is_never_sealed_the_same_way() -> None:
    store = HoldStore.over(MemoryBlobStore(), KEYRING)
    first, second = await seal(store, b"same"), await seal(store, b"same")
    assert first.inline is not None
    assert second.inline is not None
    assert first.inline[56:] != second.inline[56:]
    assert first.wrapped_key != second.wrapped_key


@pytest.mark.parametrize("step", [10, 70_000])
async def test_the_size_limit(step: int) -> None:
    blobs = MemoryBlobStore()
    store = HoldStore.over(blobs, KEYRING, max_document_bytes=140_000, inline_max_bytes=0)
    assert (await seal(store, bytes(140_000), step)).size_bytes == 140_000
    blobs.contents.clear()
    with pytest.raises(DocumentTooLarge, match="140000"):
        await seal(store, bytes(140_001), step)
    assert (blobs.contents, blobs.unfinished) == ({}, set())


@pytest.mark.parametrize("number", [-1, 0, MAX_DOCUMENT_NUMBER + 1])
def test_documents_are_numbered_from_one(number: int) -> None:
    store = HoldStore.over(MemoryBlobStore(), KEYRING)
    with pytest.raises(ValueError, match="numbered"):
        store.create(JOB, number)


def test_a_worn_out_store_key_seals_nothing() -> None:
    store = HoldStore.over(MemoryBlobStore(), Keyring.from_bytes(bytes(range(32)), wraps=MAX_WRAPS))
    with pytest.raises(KeyUnavailable):
        store.create(JOB, 1)


async def test_a_finished_writer_takes_no_more() -> None:
    blobs = MemoryBlobStore()
    store = HoldStore.over(blobs, KEYRING, inline_max_bytes=0)
    committed = store.create(JOB, 1)
    await committed.write(b"all")
    document = await committed.commit()
    aborted = store.create(JOB, 2)
    await aborted.write(bytes(2 * MIB))
    await aborted.abort()
    for writer in (committed, aborted):
        with pytest.raises(HoldStoreError, match="already"):
            await writer.write(b"more")
        with pytest.raises(HoldStoreError, match="already"):
            await writer.commit()
        await writer.abort()
    assert await opened(store, document) == b"all"
    assert blobs.unfinished == set()


async def test_leaving_without_commit_leaves_nothing(tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)

    async def break_off() -> None:
        async with store.create(JOB, 1) as writer:
            # More than may be on its way to the disk when this returns: the file is there.
            await writer.write(bytes(8 * BATCH_BYTES))
            assert len(list((tmp_path / "store" / "tmp").iterdir())) == 1
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await break_off()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_cancelled_between_writes_leaves_nothing(tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    with trio.CancelScope() as scope:
        async with store.create(JOB, 1) as writer:
            await writer.write(bytes(3 * MIB))
            scope.cancel()
            await writer.write(bytes(3 * MIB))
    assert scope.cancelled_caught
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class CancelInThread:
    """Cancels a scope from the thread that is just doing a named call, and waits until that is done."""

    def __init__(self, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scope = trio.CancelScope()
        self._call = call
        self._done = threading.Event()
        monkeypatch.setattr("holdstore.durable.os", OsProbe(before=self._before))

    def _before(self, call: str) -> None:
        if call == self._call and not self._done.is_set():
            trio.from_thread.run_sync(self.scope.cancel, trio_token=self._token)
            self._done.set()

    def __enter__(self) -> trio.CancelScope:
        self._token = trio.lowlevel.current_trio_token()
        return self.scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return bool(self.scope.__exit__(kind, error, trace))


async def test_cancelled_during_a_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    with CancelInThread("write", monkeypatch) as scope:
        async with store.create(JOB, 1) as writer:
            while True:
                await writer.write(bytes(MIB))
    assert scope.cancelled_caught
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_commit_that_began_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    documents: list[SealedDocument] = []
    with CancelInThread("fsync", monkeypatch):
        async with store.create(JOB, 1) as writer:
            await writer.write(bytes(3 * MIB))
            documents.append(await writer.commit())
    assert await opened(store, documents[0]) == bytes(3 * MIB)


async def test_a_write_that_was_cancelled_cannot_be_continued(tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    async with store.create(JOB, 1) as writer:
        with trio.CancelScope() as scope:
            scope.cancel()
            await writer.write(bytes(3 * MIB))
        assert scope.cancelled_caught
        with pytest.raises(HoldStoreError, match="already"):
            await writer.write(b"the hole would be before this")


@pytest.mark.parametrize("size_bytes", [0, 10, 70_000, 3 * MIB])
async def test_every_failing_call_refuses_the_document(size_bytes: int) -> None:
    """Whatever the place for containers fails at, sealing or opening says so and leaves no part behind."""

    async def there_and_back(store: HoldStore) -> None:
        document = await seal(store, bytes(size_bytes))
        assert await opened(store, document) == bytes(size_bytes)
        await store.shred(JOB, [1])

    def no() -> StoreFailed:
        return StoreFailed("injected")

    counter = FaultyBlobStore(MemoryBlobStore(), fail_at=None, error=no)
    await there_and_back(HoldStore.over(counter, KEYRING, inline_max_bytes=0))
    assert {"commit", "open", "read", "delete"} <= set(counter.calls)
    for place, call in enumerate(counter.calls):
        memory = MemoryBlobStore()
        faulty = FaultyBlobStore(memory, fail_at=place, error=no)
        with pytest.raises(StoreFailed, match="injected"):
            await there_and_back(HoldStore.over(faulty, KEYRING, inline_max_bytes=0))
        assert memory.unfinished == set()
        assert bool(memory.contents) == (call not in {"write", "commit"})


async def test_nothing_comes_out_of_a_closed_reader(tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    for size_bytes in (10, 3 * MIB):
        async with store.create(uuid4(), 1) as writer:
            await writer.write(bytes(size_bytes))
            document = await writer.commit()
        reader = store.open(document)
        await reader.verify()
        pieces: AsyncIterator[bytes] = reader.chunks()
        await pieces.__anext__()
        await reader.aclose()
        for action in (reader.verify, pieces.__anext__, reader.verify_head, reader.chunks().__anext__):
            with pytest.raises((HoldStoreError, StopAsyncIteration)):
                await action()
        await reader.aclose()


async def test_a_document_may_be_verified_and_read_again(tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    document = await seal(store, bytes(3 * MIB))
    async with store.open(document) as reader:
        await reader.verify_head()
        await reader.verify()
        await reader.verify()
        for _ in range(2):
            assert sum([len(piece) async for piece in reader.chunks()]) == 3 * MIB


async def test_a_change_after_verification_is_still_noticed(tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    document = await seal(store, bytes(5 * MIB))
    path = next(path for path in tmp_path.rglob("*") if path.is_file())
    async with store.open(document) as reader:
        await reader.verify()
        with path.open("r+b") as file:
            file.seek(3 * MIB + 70_000)
            # Flipped: what is sealed is random, and may be any two bytes already.
            changed = bytes(octet ^ 1 for octet in file.read(2))
            file.seek(-2, os.SEEK_CUR)
            file.write(changed)
        pieces = reader.chunks()
        received = [await pieces.__anext__() for _ in range(3)]
        with pytest.raises(DamagedContainer) as caught:
            received.append(await pieces.__anext__())
        assert caught.value.damage is Damage.SEGMENT
        assert b"".join(received) == bytes(3 * MIB)
        # Nor does the good result of before count any more, once a second look has failed.
        for again in (reader.verify, reader.chunks().__anext__):
            with pytest.raises(DamagedContainer):
                await again()


async def test_growth_while_open_is_noticed(tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    document = await seal(store, bytes(5 * MIB))
    path = next(path for path in tmp_path.rglob("*") if path.is_file())
    async with store.open(document) as reader:
        await reader.verify_head()
        with path.open("ab") as file:
            file.write(b"\x00")
        with pytest.raises(DamagedContainer) as caught:
            await reader.verify()
        assert caught.value.damage is Damage.SIZE


def test_a_document_of_any_size_needs_the_same_memory(tmp_path: Path) -> None:
    program = [
        sys.executable,
        "-m",
        "tests.holdstore.measure_memory",
        str(tmp_path / "store"),
        str(256 * MIB),
    ]
    done = subprocess.run(program, capture_output=True, timeout=300, check=True)
    growth_bytes = int(done.stdout)
    assert growth_bytes <= 32 * MIB
