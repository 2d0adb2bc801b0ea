"""The container format SPJ1: its layout and arithmetic (docs/formats.md 1), without keys or files."""

import struct
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from holdstore.errors import Damage, DamagedContainer

Buffer: TypeAlias = bytes | bytearray | memoryview

MAGIC = b"SPOOLD\x00\x01"
SUITE_AES_256_GCM = 1
SEGMENT_BYTES = 65536
TAG_BYTES = 16
SEALED_SEGMENT_BYTES = SEGMENT_BYTES + TAG_BYTES
HEADER_BYTES = 88
COMMITMENT_BYTES = 32
PREAMBLE_BYTES = HEADER_BYTES + COMMITMENT_BYTES
SALT_BYTES = 32
# What follows a container in its file: zeros up to a multiple of this, or nothing.
PAGE_BYTES = 4096
KEK_ID_BYTES = 16
# Keeps one AES-GCM key far inside its bounds: 2^-57 at 1 TiB (C2SP chunked-encryption).
MAX_DOCUMENT_BYTES = 1 << 40
# Number 0 is the job's own key (its title); documents are numbered from 1, in a u16.
JOB_KEY_NUMBER = 0
MAX_DOCUMENT_NUMBER = 0xFFFF

_HEADER = struct.Struct(">8sHBBI16sH6s16s32s")
_SEGMENT_AAD = struct.Struct(">4s16sHQB")
_RESERVED = bytes(6)


@dataclass(frozen=True, slots=True)
class SealedDocument:
    """All that a database row keeps of one sealed document; what is not here lies in the container.

    Attributes:
        job_id: the job the document belongs to.
        number: its number in the job, from 1.
        size_bytes: length of the document, unsealed.
        segments: number of sealed segments.
        wrapped_key: the document key under the store key; destroying it destroys the document.
        inline: the whole container when it is small enough to lie in the row, else None.
    """

    job_id: UUID
    number: int
    size_bytes: int
    segments: int
    wrapped_key: bytes = field(repr=False)
    inline: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Header:
    """The first 88 bytes of a container."""

    job_id: UUID
    number: int
    kek_id: bytes
    salt: bytes

    def encode(self) -> bytes:
        """The header's bytes."""
        return _HEADER.pack(
            MAGIC,
            HEADER_BYTES,
            SUITE_AES_256_GCM,
            0,
            SEGMENT_BYTES,
            self.job_id.bytes,
            self.number,
            _RESERVED,
            self.kek_id,
            self.salt,
        )


def decode_header(data: bytes) -> Header:
    """Read a header; every field that has a fixed value must have it.

    Raises:
        DamagedContainer: HEADER, naming the field.
    """
    if len(data) != HEADER_BYTES:
        raise DamagedContainer(Damage.HEADER, f"the header has {len(data)} of {HEADER_BYTES} bytes")
    magic, length, suite, flags, segment, job, number, reserved, kek_id, salt = _HEADER.unpack(data)
    fixed = (
        ("magic and version", magic, MAGIC),
        ("header length", length, HEADER_BYTES),
        ("suite", suite, SUITE_AES_256_GCM),
        ("flags", flags, 0),
        ("segment size", segment, SEGMENT_BYTES),
        ("reserved", reserved, _RESERVED),
    )
    for name, found, expected in fixed:
        if found != expected:
            raise DamagedContainer(Damage.HEADER, f"the header's {name} is {found!r}, not {expected!r}")
    return Header(job_id=UUID(bytes=job), number=number, kek_id=kek_id, salt=salt)


def segment_count(size_bytes: int) -> int:
    """Segments of a document of that size: there is always a last one, empty only in an empty document."""
    if not 0 <= size_bytes <= MAX_DOCUMENT_BYTES:
        raise ValueError(f"no document has {size_bytes} bytes")
    return max(1, -(-size_bytes // SEGMENT_BYTES))


def container_size(size_bytes: int) -> int:
    """Bytes of the container of a document of that size."""
    return PREAMBLE_BYTES + size_bytes + TAG_BYTES * segment_count(size_bytes)


def padded_size(container_bytes: int) -> int:
    """Bytes of the file of a container: whole pages, so that it can be written past the page cache."""
    return -(-container_bytes // PAGE_BYTES) * PAGE_BYTES


def segment_offset(index: int) -> int:
    """Where sealed segment `index` (from 0) starts in the container."""
    return PREAMBLE_BYTES + index * SEALED_SEGMENT_BYTES


def segment_nonce(index: int, *, final: bool) -> bytes:
    """The nonce of a segment; unique because a payload key seals one document once (STREAM)."""
    return index.to_bytes(11, "big") + (b"\x01" if final else b"\x00")


def segment_aad(job_id: UUID, number: int, index: int, *, final: bool) -> bytes:
    """What a segment's tag covers beside its bytes; repeats what key and nonce bind, on purpose."""
    return _SEGMENT_AAD.pack(b"SPJ1", job_id.bytes, number, index, final)


def check_row(document: SealedDocument) -> None:
    """Refuse a row whose size and segment count cannot belong to one document.

    Raises:
        DamagedContainer: SIZE.
    """
    try:
        expected = segment_count(document.size_bytes)
    except ValueError as error:
        raise DamagedContainer(Damage.SIZE, str(error)) from None
    if document.segments != expected:
        message = f"{document.size_bytes} bytes make {expected} segments, the row says {document.segments}"
        raise DamagedContainer(Damage.SIZE, message)


def blob_name(job_id: UUID, number: int) -> str:
    """The name a container is stored under: hex digits only, the random ones of the UUID last."""
    return f"{number:04x}{job_id.hex}"


def parse_blob_name(name: str) -> tuple[UUID, int] | None:
    """The job and number a blob's name stands for, or None if the hold store never makes such a name."""
    if len(name) != 36 or not set(name) <= set("0123456789abcdef"):
        return None
    return UUID(hex=name[4:]), int(name[:4], 16)
