"""Segments and private words: what goes in comes out, and only under the same key, place and job."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdstore.container import TAG_BYTES, Header
from holdstore.errors import Damage, DamagedContainer
from holdstore.sealing import (
    MAX_PRIVATE_BYTES,
    SegmentCipher,
    new_key,
    new_salt,
    open_preamble,
    open_private,
    seal_private,
)

JOB = uuid4()


def cipher_of(dek: bytes, number: int = 1) -> SegmentCipher:
    return SegmentCipher(dek, Header(JOB, number, bytes(16), bytes(32)))


def seal(cipher: SegmentCipher, plaintext: bytes, index: int, *, final: bool) -> bytearray:
    target = bytearray(len(plaintext) + TAG_BYTES)
    cipher.seal_into(plaintext, index, final=final, target=target)
    return target


def test_keys_and_salts_are_fresh() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    assert {len(new_key()), len(new_salt())} == {32}
    assert new_salt() != new_salt()


@pytest.mark.parametrize(
    ("index", "final", "same_key", "opens"),
    [(5, True, True, True), (4, True, True, False), (5, False, True, False), (5, True, False, False)],
)
def test_a_segment_opens_only_in_its_own_place(index: int, final: bool, same_key: bool, opens: bool) -> None:
    dek = new_key()
    sealed = seal(cipher_of(dek), b"a segment", 5, final=True)
    target = bytearray(9)
    opener = cipher_of(dek if same_key else new_key())
    if opens:
        opener.open_into(sealed, index, final=final, target=target)
        assert target == b"a segment"
    else:
        with pytest.raises(DamagedContainer) as caught:
            opener.open_into(sealed, index, final=final, target=target)
        assert caught.value.damage is Damage.SEGMENT
        assert target != b"a segment"


def test_another_header_makes_another_key() -> None:
    dek = new_key()
    sealed = seal(cipher_of(dek, number=1), b"x", 0, final=True)
    assert sealed != seal(cipher_of(dek, number=2), b"x", 0, final=True)


def test_a_preamble_opens_only_whole() -> None:
    dek = new_key()
    preamble = cipher_of(dek).preamble
    assert open_preamble(dek, preamble, JOB, 1).preamble == preamble
    for cut in (preamble[:-1], preamble + b"\x00", b""):
        with pytest.raises(DamagedContainer) as caught:
            open_preamble(dek, cut, JOB, 1)
        assert caught.value.damage is Damage.HEADER


def test_a_preamble_opens_only_with_its_own_key() -> None:
    with pytest.raises(DamagedContainer) as caught:
        open_preamble(new_key(), cipher_of(new_key()).preamble, JOB, 1)
    assert caught.value.damage is Damage.COMMITMENT


def test_keys_are_in_no_repr() -> None:
    dek = new_key()
    assert dek.hex() not in repr(cipher_of(dek))
    assert not hasattr(cipher_of(dek), "__dict__")


# Surrogates too: a title comes from the wire and may hold anything.
@given(st.dictionaries(st.text(), st.text(st.characters(codec=None))))
def test_private_words_come_back(fields: dict[str, str]) -> None:
    key = new_key()
    assert open_private(key, seal_private(key, fields, JOB), JOB) == fields


def test_private_words_belong_to_one_job_and_key() -> None:
    key = new_key()
    sealed = seal_private(key, {"title": "Salaries"}, JOB)
    assert b"Salaries" not in sealed
    for other_key, other_job in ((new_key(), JOB), (key, uuid4())):
        with pytest.raises(DamagedContainer) as caught:
            open_private(other_key, sealed, other_job)
        assert caught.value.damage is Damage.PRIVATE


def test_every_changed_byte_of_private_words_is_noticed() -> None:
    key = new_key()
    sealed = seal_private(key, {"title": "x"}, JOB)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(DamagedContainer):
            open_private(key, bytes(changed), JOB)


def test_the_sealed_length_hides_the_length_of_a_title() -> None:
    lengths = {len(seal_private(new_key(), {"title": "x" * length}, JOB)) for length in range(50)}
    assert lengths == {1 + 12 + 64 + 16}


def test_private_words_are_bounded() -> None:
    key = new_key()
    room = MAX_PRIVATE_BYTES - len('{"t":""}')
    largest = seal_private(key, {"t": "x" * room}, JOB)
    assert open_private(key, largest, JOB) == {"t": "x" * room}
    with pytest.raises(ValueError, match="at most"):
        seal_private(key, {"t": "x" * (room + 1)}, JOB)
    for wrong in (largest + b"\x00", b"", b"\x01", largest[: 1 + 12 + 15]):
        with pytest.raises(DamagedContainer) as caught:
            open_private(key, wrong, JOB)
        assert caught.value.damage is Damage.PRIVATE
