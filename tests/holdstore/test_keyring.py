"""The store key: where it may come from, what it wraps, how it is replaced."""

import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdstore import keyring as keyring_module
from holdstore.errors import Damage, DamagedContainer, KeyUnavailable
from holdstore.keyring import (
    MAX_WRAPS,
    WRAPPED_KEY_BYTES,
    Keyring,
    generate_key_file,
    read_key_file,
)
from holdstore.sealing import new_key
from tests.support.os_probe import OsProbe

KEK = bytes(range(32))
JOB = uuid4()


def key_file(directory: Path, content: bytes = KEK, mode: int = 0o600) -> Path:
    path = directory / "store.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_wrapped_key_comes_back() -> None:
    keyring, dek = Keyring.from_bytes(KEK), new_key()
    wrapped = keyring.wrap(dek, JOB, 0)
    assert len(wrapped) == WRAPPED_KEY_BYTES
    assert dek not in wrapped
    assert wrapped != keyring.wrap(dek, JOB, 0)
    assert Keyring.from_bytes(KEK).unwrap(wrapped, JOB, 0) == dek


def test_a_wrapped_key_belongs_to_one_document_and_store_key() -> None:
    keyring = Keyring.from_bytes(KEK)
    wrapped = keyring.wrap(new_key(), JOB, 1)
    attempts = [(keyring, wrapped, uuid4(), 1), (keyring, wrapped, JOB, 2), (keyring, wrapped[:-1], JOB, 1)]
    attempts += [(keyring, wrapped + b"\x00", JOB, 1), (keyring, b"", JOB, 1)]
    attempts += [(Keyring.from_bytes(new_key()), wrapped, JOB, 1)]
    for ring, blob, job, number in attempts:
        with pytest.raises(DamagedContainer) as caught:
            ring.unwrap(blob, job, number)
        assert caught.value.damage is Damage.KEY


def test_keys_for_other_purposes_follow_from_the_store_key() -> None:
    # Worked out with another implementation of RFC 5869.
    expected = HKDF(hashes.SHA256(), 32, b"spoold/derive/v1", b"spoold/badge/v1").derive(KEK)
    older = bytes(reversed(KEK))
    ring = Keyring.from_bytes(KEK, older=[older])
    assert ring.derive(b"spoold/badge/v1") == (
        expected,
        *Keyring.from_bytes(older).derive(b"spoold/badge/v1"),
    )
    keys = {*ring.derive(b"spoold/badge/v1"), *ring.derive(b"spoold/qr/v1")}
    assert len(keys) == 4
    assert not keys & {KEK, older}


def test_every_changed_byte_of_a_wrapped_key_is_noticed() -> None:
    keyring = Keyring.from_bytes(KEK)
    wrapped = keyring.wrap(new_key(), JOB, 1)
    for place in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[place] ^= 0x10
        with pytest.raises(DamagedContainer):
            keyring.unwrap(bytes(changed), JOB, 1)


def test_rotation_leaves_nothing_for_the_old_key() -> None:
    old, dek = Keyring.from_bytes(KEK), new_key()
    wrapped = old.wrap(dek, JOB, 1)
    both = Keyring.from_bytes(bytes(range(1, 33)), older=[KEK])
    assert both.unwrap(wrapped, JOB, 1) == dek
    assert both.kek_ids == (both.kek_id, old.kek_id)
    anew = both.rewrap(wrapped, JOB, 1)
    assert Keyring.from_bytes(bytes(range(1, 33))).unwrap(anew, JOB, 1) == dek
    with pytest.raises(DamagedContainer):
        old.unwrap(anew, JOB, 1)


def test_wraps_are_counted_and_bounded() -> None:
    keyring = Keyring.from_bytes(KEK, wraps=MAX_WRAPS - 1)
    keyring.wrap(new_key(), JOB, 1)
    assert keyring.wraps == MAX_WRAPS
    with pytest.raises(KeyUnavailable, match="rotate"):
        keyring.wrap(new_key(), JOB, 2)
    assert keyring.wraps == MAX_WRAPS


def test_repr_shows_names_only() -> None:
    keyring = Keyring.from_bytes(KEK, older=[bytes(range(1, 33))])
    assert repr(keyring) == f"<Keyring {keyring.kek_id.hex()}, 1 older>"
    assert KEK.hex() not in repr(vars(keyring))


@pytest.mark.parametrize("kek", [b"", bytes(31), bytes(range(33)), bytes(32), b"\xff" * 32])
def test_what_is_plainly_no_key(kek: bytes) -> None:
    with pytest.raises(KeyUnavailable):
        Keyring.from_bytes(kek)


@pytest.mark.parametrize(
    "content", [KEK, KEK.hex().encode(), KEK.hex().upper().encode() + b"\n"], ids=["raw", "hex", "hex line"]
)
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_is_read(tmp_path: Path, content: bytes, mode: int) -> None:
    keyring = Keyring.from_file(key_file(tmp_path, content, mode), wraps=3)
    assert keyring.kek_id == Keyring.from_bytes(KEK).kek_id
    assert keyring.wraps == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        KEK[:31],
        KEK + b"\n",
        b"g" * 64,
        KEK.hex().encode() + b"\n\n",
        b" " * 64,
        "é".encode() * 32,
        bytes(32),
    ],
)
def test_a_file_that_holds_no_key(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(KeyUnavailable) as caught:
        Keyring.from_file(key_file(tmp_path, content))
    assert KEK.hex() not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o700 | 0o001])
def test_others_must_have_no_access(tmp_path: Path, mode: int) -> None:
    with pytest.raises(KeyUnavailable, match="0600"):
        Keyring.from_file(key_file(tmp_path, mode=mode))


@pytest.mark.parametrize(("mode", "accepted"), [(0o400, True), (0o440, True), (0o404, False), (0o460, False)])
def test_a_credential_may_have_an_access_list(tmp_path: Path, mode: int, accepted: bool) -> None:
    path = key_file(tmp_path, mode=mode)
    if accepted:
        assert read_key_file(path, credential=True) == KEK
    else:
        with pytest.raises(KeyUnavailable, match="mode"):
            read_key_file(path, credential=True)


class ForeignOwner(OsProbe):
    """Tells that files belong to somebody else."""

    def fstat(self, fd: int) -> os.stat_result:
        fields = list(os.fstat(fd))
        fields[stat.ST_UID] = os.geteuid() + 4242
        return os.stat_result(fields)


def test_a_key_of_another_user_is_refused_but_for_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = key_file(tmp_path)
    monkeypatch.setattr(keyring_module, "os", ForeignOwner())
    with pytest.raises(KeyUnavailable, match="belongs to uid"):
        read_key_file(path)
    assert read_key_file(path, credential=True) == KEK


def test_links_pipes_and_directories_are_no_key_files(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(key_file(tmp_path))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (link, pipe, tmp_path, tmp_path / "absent"):
        with pytest.raises(KeyUnavailable, match="store key"):
            read_key_file(path)


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = key_file(tmp_path)
    monkeypatch.setattr("holdstore.durable.os", OsProbe(fail_at=0, error=5))
    with pytest.raises(KeyUnavailable, match="cannot read"):
        read_key_file(path)


def test_a_generated_key_file_is_good(tmp_path: Path) -> None:
    path = tmp_path / "new.key"
    kek_id = generate_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Keyring.from_file(path).kek_id == kek_id
    assert len(path.read_bytes()) == 65


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = key_file(tmp_path)
    with pytest.raises(KeyUnavailable, match="never overwritten"):
        generate_key_file(path)
    assert path.read_bytes() == KEK


def test_a_key_file_that_cannot_be_written_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = OsProbe()
    monkeypatch.setattr("holdstore.durable.os", counter)
    generate_key_file(tmp_path / "first.key")
    for place, call in enumerate(counter.calls):
        if call == "close":
            continue
        monkeypatch.setattr("holdstore.durable.os", OsProbe(fail_at=place, error=28))
        with pytest.raises(KeyUnavailable, match="ENOSPC"):
            generate_key_file(tmp_path / "second.key")
        assert not (tmp_path / "second.key").exists()
