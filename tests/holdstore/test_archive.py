"""The archive: a second wrap of the same key, opened by the private half alone; copies come out whole."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from holdstore.archive import export_copy
from holdstore.archive_key import (
    ARCHIVE_WRAP_BYTES,
    ArchiveKey,
    ArchiveSecret,
    generate_archive_key_file,
)
from holdstore.archive_text import parse_public, parse_secret, write_public, write_secret
from holdstore.check import Trouble, check
from holdstore.container import SEGMENT_BYTES, SealedDocument, blob_name
from holdstore.errors import Damage, DamagedContainer, KeyUnavailable, StoreFailed
from holdstore.keyring import Keyring
from holdstore.sealing import new_key
from holdstore.store import HoldStore
from tests.holdstore import reference_container as reference

KEK = bytes(range(32))
SECRET = bytes(range(64, 96))
JOB = uuid4()
LONG = os.urandom(3 * SEGMENT_BYTES + 17)
SHORT = b"one page"


def secret_half(content: bytes = SECRET) -> ArchiveSecret:
    return ArchiveSecret(content)


def public_half(content: bytes = SECRET) -> ArchiveKey:
    return ArchiveKey(secret_half(content).public)


async def archived(root: Path, content: bytes) -> tuple[HoldStore, SealedDocument]:
    """A document whose key is only wrapped for the archive any more."""
    store = HoldStore(root, Keyring.from_bytes(KEK))
    async with store.create(JOB, 1) as writer:
        await writer.write(content)
        document = await writer.commit()
    return store, replace(document, wrapped_key=store.wrap_for_archive(document, public_half()))


def change_byte(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def place_of(root: Path) -> Path:
    name = blob_name(JOB, 1)
    return root / "blobs" / name[-2:] / name


def test_a_key_wrapped_for_the_archive_is_opened_by_the_private_half_alone() -> None:
    keyring, dek = Keyring.from_bytes(KEK), new_key()
    wrapped = keyring.wrap_for_archive(keyring.wrap(dek, JOB, 1), JOB, 1, public_half())
    assert len(wrapped) == ARCHIVE_WRAP_BYTES
    assert dek not in wrapped
    assert secret_half().unwrap(wrapped, JOB, 1) == dek
    with pytest.raises(DamagedContainer):
        keyring.unwrap(wrapped, JOB, 1)


def test_two_wraps_of_one_key_have_nothing_in_common() -> None:
    one, two = (public_half().wrap(KEK, JOB, 1) for _ in range(2))
    assert one[:32] != two[:32]
    assert one[32:] != two[32:]


def test_a_wrap_belongs_to_one_document_and_archive_key() -> None:
    wrapped = public_half().wrap(KEK, JOB, 1)
    changed = bytes([wrapped[0] ^ 1]) + wrapped[1:]
    cut = [(secret_half(), wrapped[:-1], JOB, 1), (secret_half(), b"", JOB, 1)]
    others = [(secret_half(), wrapped, uuid4(), 1), (secret_half(), wrapped, JOB, 2)]
    others += [(secret_half(), changed, JOB, 1), (ArchiveSecret(new_key()), wrapped, JOB, 1)]
    for secret, blob, job, number in [*cut, *others]:
        with pytest.raises(DamagedContainer) as caught:
            secret.unwrap(blob, job, number)
        assert caught.value.damage is Damage.KEY


def test_a_second_implementation_opens_what_was_wrapped() -> None:
    wrapped = public_half().wrap(KEK, JOB, 7)
    assert reference.archive_unwrap(SECRET, wrapped, JOB.bytes, 7) == KEK


def test_what_a_second_implementation_wraps_is_opened() -> None:
    wrapped = reference.archive_wrap(secret_half().public, new_key(), KEK, JOB.bytes, 7)
    assert secret_half().unwrap(wrapped, JOB, 7) == KEK


def test_texts_come_back_and_slips_are_noticed() -> None:
    public = secret_half().public
    assert parse_public(write_public(public)) == public
    assert parse_secret(write_secret(SECRET)) == SECRET
    text = write_public(public)
    digit = "0" if text[30] != "0" else "1"
    for wrong in (text[:-1], f"{text[:30]}{digit}{text[31:]}", f" {text}", "", "spoold-archive-1:x:y"):
        with pytest.raises(ValueError, match=r"copied|begin"):
            parse_public(wrong)
    with pytest.raises(ValueError, match="private half"):
        parse_public(write_secret(SECRET))
    with pytest.raises(ValueError, match="public half"):
        parse_secret(text)
    with pytest.raises(ValueError, match="hex"):
        parse_public(text.replace(text[20:22], "zz", 1))


def test_a_public_half_that_makes_no_secret_is_refused() -> None:
    with pytest.raises(KeyUnavailable, match="nothing can be wrapped"):
        ArchiveKey(bytes(32))


def test_a_new_key_is_a_file_of_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "archive.key"
    public = generate_archive_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ArchiveSecret.from_file(path).public == parse_public(public)
    before = path.read_bytes()
    with pytest.raises(KeyUnavailable, match="never overwritten"):
        generate_archive_key_file(path)
    assert path.read_bytes() == before
    with pytest.raises(KeyUnavailable, match="cannot write"):
        generate_archive_key_file(tmp_path / "nowhere" / "archive.key")


def test_a_file_that_is_no_archive_key_is_refused_without_being_repeated(tmp_path: Path) -> None:
    path = tmp_path / "archive.key"
    path.write_text(write_public(secret_half().public))
    with pytest.raises(KeyUnavailable, match="public half"):
        ArchiveSecret.from_file(path)
    path.write_text(KEK.hex())
    with pytest.raises(KeyUnavailable, match="begin with") as caught:
        ArchiveSecret.from_file(path)
    assert KEK.hex() not in str(caught.value)
    with pytest.raises(KeyUnavailable, match="cannot read"):
        ArchiveSecret.from_file(tmp_path / "nowhere")


def test_keys_do_not_show_themselves() -> None:
    assert SECRET.hex() not in repr(secret_half())
    assert repr(public_half()) == f"<ArchiveKey {public_half().id.hex()}>"


@pytest.mark.parametrize("content", [b"", SHORT, LONG], ids=["empty", "in its row", "a file"])
async def test_a_copy_comes_out_as_it_went_in(content: bytes, tmp_path: Path) -> None:
    _, document = await archived(tmp_path / "store", content)
    target = tmp_path / "copy"
    await export_copy(tmp_path / "store", secret_half(), document, target)
    assert target.read_bytes() == content
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_a_copy_is_never_written_over_something_else(tmp_path: Path) -> None:
    _, document = await archived(tmp_path / "store", LONG)
    target = tmp_path / "copy"
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        await export_copy(tmp_path / "store", secret_half(), document, target)
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("offset", "damage"), [(0, Damage.HEADER), (95, Damage.COMMITMENT), (70_000, Damage.SEGMENT)]
)
async def test_nothing_of_a_damaged_copy_is_written(offset: int, damage: Damage, tmp_path: Path) -> None:
    _, document = await archived(tmp_path / "store", LONG)
    change_byte(place_of(tmp_path / "store"), offset)
    with pytest.raises(DamagedContainer) as caught:
        await export_copy(tmp_path / "store", secret_half(), document, tmp_path / "copy")
    assert caught.value.damage is damage
    assert not (tmp_path / "copy").exists()


async def test_another_archive_key_opens_no_copy(tmp_path: Path) -> None:
    _, document = await archived(tmp_path / "store", SHORT)
    other = ArchiveSecret(X25519PrivateKey.generate().private_bytes_raw())
    with pytest.raises(DamagedContainer) as caught:
        await export_copy(tmp_path / "store", other, document, tmp_path / "copy")
    assert caught.value.damage is Damage.KEY
    assert not (tmp_path / "copy").exists()


async def test_a_copy_whose_container_is_gone_says_so(tmp_path: Path) -> None:
    _, document = await archived(tmp_path / "store", LONG)
    place_of(tmp_path / "store").unlink()
    with pytest.raises(DamagedContainer) as caught:
        await export_copy(tmp_path / "store", secret_half(), document, tmp_path / "copy")
    assert caught.value.damage is Damage.MISSING


async def test_a_place_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    _, document = await archived(tmp_path / "store", SHORT)
    with pytest.raises(StoreFailed, match="cannot write"):
        await export_copy(tmp_path / "store", secret_half(), document, tmp_path / "nowhere" / "copy")


async def test_the_store_check_looks_at_copies_from_outside(tmp_path: Path) -> None:
    store, document = await archived(tmp_path / "store", LONG)
    assert [found.trouble async for found in check(store, [])] == [Trouble.UNKNOWN]
    assert [found async for found in check(store, [], archived=[document])] == []
    change_byte(place_of(tmp_path / "store"), 20)
    [found] = [found async for found in check(store, [], archived=[document])]
    assert (found.trouble, found.damage) == (Trouble.DAMAGED, Damage.IDENTITY)
    place_of(tmp_path / "store").unlink()
    [found] = [found async for found in check(store, [], archived=[document])]
    assert found.trouble is Trouble.MISSING
