"""The public vectors: our reader agrees with every one, our writer with every success."""

import hashlib
from typing import Any
from uuid import UUID

import pytest

from holdstore.container import Header, SealedDocument, blob_name, segment_count
from holdstore.errors import Damage, DamagedContainer
from holdstore.keyring import Keyring
from holdstore.sealing import SegmentCipher, open_private
from holdstore.store import HoldStore
from tests.holdstore import reference_container as reference
from tests.support.memory_blobs import MemoryBlobStore

VECTORS = reference.load()
CONTAINERS = [name for name in VECTORS if "wrapped_key" in VECTORS[name]]
EMBEDDED = [name for name in CONTAINERS if VECTORS[name]["container"] is not None]
SUCCESSES = [name for name in CONTAINERS if VECTORS[name]["expect"] == "success"]
PRIVATE = [name for name in VECTORS if "sealed" in VECTORS[name]]


def row_of(vector: dict[str, Any], inline: bytes | None) -> SealedDocument:
    return SealedDocument(
        job_id=UUID(vector["job"]),
        number=vector["number"],
        size_bytes=vector["size"],
        segments=vector["segments"],
        wrapped_key=bytes.fromhex(vector["wrapped_key"]),
        inline=inline,
    )


async def read(vector: dict[str, Any], container: bytes, *, in_row: bool) -> bytes:
    """Verify and open a container that lies in its row or in a blob store."""
    blobs = MemoryBlobStore()
    blobs.contents[blob_name(UUID(vector["job"]), vector["number"])] = container
    store = HoldStore.over(blobs, Keyring.from_bytes(bytes.fromhex(vector["kek"])))
    async with store.open(row_of(vector, container if in_row else None)) as reader:
        await reader.verify()
        return b"".join([piece async for piece in reader.chunks()])


def test_the_files_are_what_the_script_writes() -> None:
    written = {name: reference.text_of(vector) for name, vector in reference.make_all().items()}
    on_disk = {path.stem: path.read_text("ascii") for path in reference.VECTORS.glob("*.json")}
    assert on_disk == written


def test_there_is_a_vector_for_every_class() -> None:
    expected = {damage.value for damage in Damage} - {"missing"} | {"success"}
    assert {vector["expect"] for vector in VECTORS.values()} == expected


@pytest.mark.parametrize("in_row", [True, False], ids=["inline", "blob"])
@pytest.mark.parametrize("name", EMBEDDED)
async def test_the_reader_agrees(name: str, in_row: bool) -> None:
    vector = VECTORS[name]
    container = reference.container_of(VECTORS, name)
    assert hashlib.sha256(container).hexdigest() == vector["container_sha256"]
    if vector["expect"] == "success":
        assert await read(vector, container, in_row=in_row) == reference.plaintext_of(vector)
    else:
        with pytest.raises(DamagedContainer) as caught:
            await read(vector, container, in_row=in_row)
        assert caught.value.damage == vector["expect"]


@pytest.mark.parametrize("name", SUCCESSES)
def test_our_sealing_makes_the_same_bytes(name: str) -> None:
    vector = VECTORS[name]
    keyring = Keyring.from_bytes(bytes.fromhex(vector["kek"]))
    job_id, number = UUID(vector["job"]), vector["number"]
    dek = keyring.unwrap(bytes.fromhex(vector["wrapped_key"]), job_id, number)
    assert dek == bytes.fromhex(vector["dek"])
    cipher = SegmentCipher(dek, Header(job_id, number, keyring.kek_id, bytes.fromhex(vector["salt"])))
    sealed = cipher.preamble
    pieces = reference.cut(reference.plaintext_of(vector))
    assert len(pieces) == segment_count(vector["size"]) == vector["segments"]
    for index, piece in enumerate(pieces):
        target = bytearray(len(piece) + 16)
        cipher.seal_into(piece, index, final=index == len(pieces) - 1, target=target)
        sealed += target
    assert hashlib.sha256(sealed).hexdigest() == vector["container_sha256"]


@pytest.mark.parametrize("name", PRIVATE)
def test_private_words_agree(name: str) -> None:
    vector = VECTORS[name]
    key, sealed, job_id = bytes.fromhex(vector["key"]), bytes.fromhex(vector["sealed"]), UUID(vector["job"])
    if vector["expect"] == "success":
        assert open_private(key, sealed, job_id) == vector["fields"]
    else:
        with pytest.raises(DamagedContainer) as caught:
            open_private(key, sealed, job_id)
        assert caught.value.damage == vector["expect"]
