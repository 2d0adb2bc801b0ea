"""Checking finds what is damaged, missing, unreadable, unknown or foreign, and nothing else."""

from pathlib import Path
from uuid import uuid4

import pytest

from holdstore.check import Finding, Trouble, check
from holdstore.container import SealedDocument, blob_name
from holdstore.errors import Damage, StoreFailed
from holdstore.keyring import Keyring
from holdstore.store import HoldStore
from tests.support.memory_blobs import FaultyBlobStore, MemoryBlobStore

KEYRING = Keyring.from_bytes(bytes(range(32)))
SEED = b"the same choice every time"


class Scene:
    """A store in memory with ten large documents and one small."""

    def __init__(self) -> None:
        self.blobs = MemoryBlobStore()
        self.store = HoldStore.over(self.blobs, KEYRING)
        self.documents: list[SealedDocument] = []

    async def fill(self) -> "Scene":
        for size_bytes in [100_000] * 10 + [10]:
            async with self.store.create(uuid4(), 1) as writer:
                await writer.write(bytes(size_bytes))
                self.documents.append(await writer.commit())
        return self

    def name(self, index: int) -> str:
        return blob_name(self.documents[index].job_id, 1)

    def flip(self, index: int, place: int) -> None:
        content = bytearray(self.blobs.contents[self.name(index)])
        content[place] ^= 1
        self.blobs.contents[self.name(index)] = bytes(content)

    async def findings(self, read_data: float = 0.0, seed: bytes | None = SEED) -> list[Finding]:
        return [
            finding async for finding in check(self.store, self.documents, read_data=read_data, seed=seed)
        ]


async def test_all_is_well() -> None:
    scene = await Scene().fill()
    assert await scene.findings() == []
    assert await scene.findings(read_data=1.0, seed=None) == []


async def test_heads_are_always_checked() -> None:
    scene = await Scene().fill()
    scene.flip(0, 60)
    scene.flip(1, 0)
    scene.blobs.contents[scene.name(2)] += b"\x00"
    del scene.blobs.contents[scene.name(3)]
    found = await scene.findings()
    assert [(finding.trouble, finding.damage) for finding in found] == [
        (Trouble.DAMAGED, Damage.COMMITMENT),
        (Trouble.DAMAGED, Damage.HEADER),
        (Trouble.DAMAGED, Damage.SIZE),
        (Trouble.MISSING, Damage.MISSING),
    ]
    assert [finding.job_id for finding in found] == [document.job_id for document in scene.documents[:4]]
    assert {finding.number for finding in found} == {1}


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.7, 1.0])
async def test_a_fraction_is_read_whole(fraction: float) -> None:
    scene = await Scene().fill()
    for index in range(10):
        scene.flip(index, 5000)
    found = await scene.findings(fraction)
    assert {finding.damage for finding in found} <= {Damage.SEGMENT}
    assert found == await scene.findings(fraction)
    if fraction in {0.0, 1.0}:
        assert len(found) == 10 * fraction
    totals = [len(await scene.findings(fraction, seed=bytes([seed]))) for seed in range(40)]
    assert abs(sum(totals) - 400 * fraction) <= 60


@pytest.mark.parametrize("fraction", [-0.01, 1.01])
async def test_a_fraction_is_a_fraction(fraction: float) -> None:
    scene = await Scene().fill()
    with pytest.raises(ValueError, match="fraction"):
        await scene.findings(fraction)


async def test_strangers_are_named() -> None:
    scene = await Scene().fill()
    unknown = scene.documents.pop(0)
    scene.blobs.contents["lost\x1b[2J+found"] = b""
    found = await scene.findings()
    assert [(finding.trouble, finding.job_id) for finding in found] == [
        (Trouble.UNKNOWN, unknown.job_id),
        (Trouble.FOREIGN, None),
    ]
    assert not [finding for finding in found if "\x1b" in finding.message]


async def test_an_unreadable_container_does_not_end_the_check() -> None:
    scene = await Scene().fill()
    # The list of names, then the first document.
    faulty = FaultyBlobStore(scene.blobs, fail_at=1, error=lambda: StoreFailed("input/output error"))
    found = [finding async for finding in check(HoldStore.over(faulty, KEYRING), scene.documents)]
    assert [(finding.trouble, finding.message) for finding in found] == [
        (Trouble.UNREADABLE, "input/output error")
    ]
    assert faulty.calls.count("open") == 10


async def test_a_store_that_cannot_be_listed_is_an_error() -> None:
    faulty = FaultyBlobStore(MemoryBlobStore(), fail_at=0, error=lambda: StoreFailed("no list"))
    with pytest.raises(StoreFailed, match="no list"):
        [finding async for finding in check(HoldStore.over(faulty, KEYRING), [])]


async def test_the_wrong_store_key_is_damage_of_every_document(tmp_path: Path) -> None:
    scene = await Scene().fill()
    stranger = HoldStore.over(scene.blobs, Keyring.from_bytes(bytes(range(1, 33))))
    found = [finding async for finding in check(stranger, scene.documents)]
    assert [finding.damage for finding in found] == [Damage.KEY] * 11
