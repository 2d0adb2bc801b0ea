"""The hold store as the daemon uses it: limits, shredding, recovery after a crash."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from holdstore.batches import BATCH_BYTES
from holdstore.container import MAX_DOCUMENT_BYTES, SealedDocument, blob_name
from holdstore.errors import Damage, DamagedContainer, StoreFailed
from holdstore.keyring import Keyring
from holdstore.store import HoldStore, RecoveryReport
from tests.support.memory_blobs import FaultyBlobStore, MemoryBlobStore

KEYRING = Keyring.from_bytes(bytes(range(32)))
LARGE = 100_000


async def seal(
    store: HoldStore, size_bytes: int = LARGE, job_id: UUID | None = None, number: int = 1
) -> SealedDocument:
    async with store.create(job_id or uuid4(), number) as writer:
        await writer.write(bytes(size_bytes))
        return await writer.commit()


async def opens(store: HoldStore, document: SealedDocument) -> bool:
    async with store.open(document) as reader:
        try:
            await reader.verify()
        except DamagedContainer as error:
            if error.damage is Damage.MISSING:
                return False
            raise
    return True


@pytest.mark.parametrize("inline_max_bytes", [-1, BATCH_BYTES, 10 * BATCH_BYTES])
def test_the_inline_limit_has_limits(inline_max_bytes: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inline_max_bytes"):
        HoldStore(tmp_path / "store", KEYRING, inline_max_bytes=inline_max_bytes)


@pytest.mark.parametrize("max_document_bytes", [-1, MAX_DOCUMENT_BYTES + 1])
def test_the_document_limit_has_limits(max_document_bytes: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_document_bytes"):
        HoldStore(tmp_path / "store", KEYRING, max_document_bytes=max_document_bytes)


async def test_a_store_is_made_where_there_is_none_and_found_again(tmp_path: Path) -> None:
    document = await seal(HoldStore(tmp_path / "store", KEYRING))
    again = HoldStore(tmp_path / "store", KEYRING)
    assert await opens(again, document)
    assert again.free_bytes() is not None


async def test_free_space_is_what_the_place_says() -> None:
    assert HoldStore.over(MemoryBlobStore(free_bytes=7), KEYRING).free_bytes() == 7
    assert HoldStore.over(MemoryBlobStore(), KEYRING).free_bytes() is None


async def test_shredding_deletes_and_may_be_repeated(tmp_path: Path) -> None:
    store, job_id = HoldStore(tmp_path / "store", KEYRING), uuid4()
    documents = [await seal(store, job_id=job_id, number=number) for number in (1, 2, 3)]
    other = await seal(store)
    assert await store.shred(job_id, [1, 2]) == 2
    assert await store.shred(job_id, [1, 2]) == 0
    assert [await opens(store, document) for document in documents] == [False, False, True]
    assert await store.shred(job_id, range(1, 10)) == 1
    assert await opens(store, other)


async def test_shredding_while_somebody_reads_lets_the_reader_end(tmp_path: Path) -> None:
    store = HoldStore(tmp_path / "store", KEYRING)
    document = await seal(store, 3_000_000)
    async with store.open(document) as reader:
        await reader.verify()
        await store.shred(document.job_id, [1])
        assert sum([len(piece) async for piece in reader.chunks()]) == 3_000_000


async def test_recovery_brings_store_and_rows_together(tmp_path: Path) -> None:
    root = tmp_path / "store"
    before = HoldStore(root, KEYRING)
    kept, without_row, lost = [await seal(before) for _ in range(3)]
    small = await seal(before, 10)
    await before.shred(lost.job_id, [1])
    unfinished = before.create(uuid4(), 1)
    await unfinished.write(bytes(3_000_000))
    (root / "blobs" / "00" / "lost+found").write_bytes(b"an administrator's")

    store = HoldStore(root, KEYRING)
    report = await store.recover({(kept.job_id, 1), (lost.job_id, 1)})
    assert report == RecoveryReport(
        unfinished=1, unknown=1, missing=((lost.job_id, 1),), foreign=("lost+found",)
    )
    assert [await opens(store, document) for document in (kept, without_row, lost, small)] == [
        True,
        False,
        False,
        True,
    ]
    again = await store.recover([(kept.job_id, 1)])
    assert again == RecoveryReport(unfinished=0, unknown=0, missing=(), foreign=("lost+found",))
    assert (root / "blobs" / "00" / "lost+found").exists()
    assert list((root / "tmp").iterdir()) == []
    await unfinished.abort()


async def test_recovery_tells_apart_documents_of_one_job(tmp_path: Path) -> None:
    store, job_id = HoldStore(tmp_path / "store", KEYRING), uuid4()
    for number in (1, 2, 65535):
        await seal(store, job_id=job_id, number=number)
    report = await store.recover([(job_id, 2), (job_id, 3)])
    assert (report.unknown, report.missing) == (2, ((job_id, 3),))
    assert await store.blobs.names() == [blob_name(job_id, 2)]


async def test_recovery_that_fails_says_so() -> None:
    for place in range(3):
        memory = MemoryBlobStore()
        await seal(HoldStore.over(memory, KEYRING))
        faulty = FaultyBlobStore(memory, fail_at=place, error=lambda: StoreFailed("injected"))
        with pytest.raises(StoreFailed, match="injected"):
            await HoldStore.over(faulty, KEYRING).recover([])


async def test_a_number_is_stored_once(tmp_path: Path) -> None:
    """A second document under the same number is refused, and the first one stays good."""
    store = HoldStore(tmp_path / "store", KEYRING)
    first = await seal(store)
    with pytest.raises(StoreFailed, match="EEXIST"):
        await seal(store, job_id=first.job_id)
    assert await opens(store, first)
    assert await store.blobs.remove_unfinished() == 0


async def test_keys_are_replaced_without_touching_containers(tmp_path: Path) -> None:
    document = await seal(HoldStore(tmp_path / "store", KEYRING))
    new_kek = bytes(range(1, 33))
    both = Keyring.from_bytes(new_kek, older=[bytes(range(32))])
    assert await opens(HoldStore(tmp_path / "store", both), document)
    rewrapped = replace(document, wrapped_key=both.rewrap(document.wrapped_key, document.job_id, 1))
    assert await opens(HoldStore(tmp_path / "store", Keyring.from_bytes(new_kek)), rewrapped)
