"""The layout and its arithmetic, at and around every edge."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdstore.container import (
    HEADER_BYTES,
    MAX_DOCUMENT_BYTES,
    PREAMBLE_BYTES,
    SEALED_SEGMENT_BYTES,
    Header,
    SealedDocument,
    blob_name,
    check_row,
    container_size,
    decode_header,
    parse_blob_name,
    segment_aad,
    segment_count,
    segment_nonce,
    segment_offset,
)
from holdstore.errors import Damage, DamagedContainer

HEADER = Header(job_id=uuid4(), number=7, kek_id=bytes(range(16)), salt=bytes(range(32)))


@given(job=st.uuids(), number=st.integers(0, 0xFFFF), kek_id=st.binary(min_size=16, max_size=16))
def test_a_header_comes_back_as_it_was(job: UUID, number: int, kek_id: bytes) -> None:
    header = Header(job_id=job, number=number, kek_id=kek_id, salt=bytes(32))
    assert len(header.encode()) == HEADER_BYTES
    assert decode_header(header.encode()) == header


@pytest.mark.parametrize("offset", [*range(16), *range(34, 40)])
def test_every_fixed_byte_of_a_header_is_checked(offset: int) -> None:
    data = bytearray(HEADER.encode())
    data[offset] ^= 0x80
    with pytest.raises(DamagedContainer) as caught:
        decode_header(bytes(data))
    assert caught.value.damage is Damage.HEADER


@pytest.mark.parametrize("length", [0, HEADER_BYTES - 1, HEADER_BYTES + 1])
def test_a_header_has_one_length(length: int) -> None:
    with pytest.raises(DamagedContainer, match=f"{length} of 88"):
        decode_header(bytes(length))


@pytest.mark.parametrize(
    ("size_bytes", "segments"),
    [(0, 1), (1, 1), (65535, 1), (65536, 1), (65537, 2), (131072, 2), (131073, 3), (1 << 40, 1 << 24)],
)
def test_segments_of_a_document(size_bytes: int, segments: int) -> None:
    assert segment_count(size_bytes) == segments
    assert container_size(size_bytes) == 120 + size_bytes + 16 * segments


@pytest.mark.parametrize("size_bytes", [-1, MAX_DOCUMENT_BYTES + 1])
def test_no_document_is_longer_than_the_bound(size_bytes: int) -> None:
    with pytest.raises(ValueError, match="no document has"):
        segment_count(size_bytes)


def test_segments_lie_end_to_end() -> None:
    assert segment_offset(0) == PREAMBLE_BYTES
    assert segment_offset(3) - segment_offset(2) == SEALED_SEGMENT_BYTES


def test_nonce_and_associated_data_say_index_and_end() -> None:
    job = UUID(int=1)
    assert segment_nonce(258, final=False) == bytes(9) + b"\x01\x02\x00"
    assert segment_nonce(258, final=True) == bytes(9) + b"\x01\x02\x01"
    assert (
        segment_aad(job, 2, 258, final=True) == b"SPJ1" + job.bytes + b"\x00\x02" + bytes(6) + b"\x01\x02\x01"
    )


def test_a_row_must_be_possible() -> None:
    row = SealedDocument(uuid4(), 1, size_bytes=65537, segments=2, wrapped_key=b"", inline=None)
    check_row(row)
    for impossible in (replace(row, segments=1), replace(row, segments=3), replace(row, size_bytes=-1)):
        with pytest.raises(DamagedContainer) as caught:
            check_row(impossible)
        assert caught.value.damage is Damage.SIZE


def test_a_row_shows_no_key_and_no_container() -> None:
    row = SealedDocument(uuid4(), 1, 3, 1, wrapped_key=b"wrapped", inline=b"container")
    assert "wrapped" not in repr(row)
    assert "inline" not in repr(row)


@given(job=st.uuids(), number=st.integers(0, 0xFFFF))
def test_a_name_is_hex_and_comes_back(job: UUID, number: int) -> None:
    name = blob_name(job, number)
    assert set(name) <= set("0123456789abcdef")
    assert parse_blob_name(name) == (job, number)


@given(st.text())
def test_no_other_name_is_taken_for_one_of_ours(name: str) -> None:
    place = parse_blob_name(name)
    assert place is None or blob_name(*place) == name


@pytest.mark.parametrize("name", ["", "0" * 35, "0" * 37, "0" * 35 + "A", "0" * 35 + "/", "٣" * 36])
def test_foreign_names(name: str) -> None:
    assert parse_blob_name(name) is None
