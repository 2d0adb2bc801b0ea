"""Opening a sealed document: everything is authenticated before the first byte is handed on."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from holdstore.blobs.base import BlobReader, Range
from holdstore.container import (
    PREAMBLE_BYTES,
    SEALED_SEGMENT_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    SealedDocument,
    blob_name,
    check_row,
    container_size,
    padded_size,
    segment_offset,
)
from holdstore.errors import Damage, DamagedContainer, HoldStoreError
from holdstore.sealing import SegmentCipher, check_header, open_preamble

# 1 MiB of document: one hop to a thread for each, and the bound on what chunks() hands on at a time.
BATCH_SEGMENTS = 16
# What a thread reads and checks at a time when a whole container is verified.
SCAN_SEGMENTS = 32


class OpensBlobs(Protocol):
    """Where containers lie, as far as a reader needs it; see holdstore.blobs.base.BlobStore."""

    async def open(self, name: str) -> BlobReader | None:
        """The blob, or None if there is none. Raises StoreFailed."""


class Unwraps(Protocol):
    """The store key, or the private half of an archive key."""

    def unwrap(self, wrapped: bytes, job_id: UUID, number: int) -> bytes:
        """The document's key. Raises DamagedContainer: KEY."""


class SealedReader:
    """Opens one document; made by HoldStore.open. Use as an async context manager, from one task at a time.

    Memory is bounded by one batch (1 MiB) of ciphertext and of plaintext, whatever the document's size.
    """

    def __init__(self, blobs: OpensBlobs, keyring: Unwraps, document: SealedDocument) -> None:
        self._blobs = blobs
        self._keyring = keyring
        self._document = document
        self._blob: BlobReader | None = None
        self._cipher: SegmentCipher | None = None
        self._scratch = bytearray()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the container and forget the key."""
        self._closed = True
        self._cipher = None
        self._scratch = bytearray()
        blob, self._blob = self._blob, None
        if blob is not None:
            await blob.aclose()

    async def verify_head(self) -> None:
        """Check size, wrapped key, header and commitment (steps 1 to 6), but no segment.

        Raises:
            DamagedContainer, StoreFailed: as verify.
        """
        await self._open(await self._find())

    async def verify_outside(self) -> None:
        """Check what shows without the document's key: size and header (of steps 1, 2, 4 and 5).

        Raises:
            DamagedContainer, StoreFailed: as verify.
        """
        blob = await self._find()
        check_header(await blob.read(0, PREAMBLE_BYTES), self._document.job_id, self._document.number)

    async def begin(self) -> None:
        """Check size, wrapped key, header and commitment; chunks() then checks each tag as it comes to it.

        For documents so long that `verify` takes a while: what is handed on is what was sealed, in its
        order, but whether all of it is there shows only at the end.

        Raises:
            DamagedContainer, StoreFailed: as verify.
        """
        self._cipher = await self._open(await self._find())

    async def verify(self) -> None:
        """Authenticate the whole container (docs/formats.md 1.5); nothing of the document comes out.

        Raises:
            DamagedContainer: with the check that failed.
            StoreFailed: the medium refused to be read.
        """
        await self._authenticate()

    def chunks(self) -> AsyncIterator[bytes]:
        """The document in pieces of 1 byte to 1 MiB. Verifies everything first, unless verify or begin did.

        Every tag is checked again on the way, because the medium may have changed since. The iterator
        may be left at any point; it holds nothing that must be cleaned up.

        Raises:
            DamagedContainer, StoreFailed: as verify; after the first piece only if the medium changed.
        """
        return _Chunks(self)

    async def piece(self, first: int) -> bytes:
        """The document's bytes from segment `first` on, at most a batch; empty at the end. For chunks()."""
        cipher = self._cipher or await self._authenticate()
        if first >= self._document.segments:
            return b""
        sealed = await self._read_batch(await self._find(), first)
        return bytes(self._open_batch(cipher, first, sealed))

    async def _authenticate(self) -> SegmentCipher:
        # What fails now must not be read because it was good once.
        self._cipher = None
        blob = await self._find()
        cipher = await self._open(blob)
        await blob.scan(self._ranges(), partial(self._check, cipher))
        self._cipher = cipher
        return cipher

    @property
    def _end_bytes(self) -> int:
        """How much there is to read: the container and, in a file, what follows it on its last page."""
        return 0 if self._blob is None else self._blob.size_bytes

    def _without_padding(self, sealed: memoryview, offset: int) -> memoryview:
        """The last part of a container without what follows it; step 8."""
        end = container_size(self._document.size_bytes)
        if len(sealed) != self._end_bytes - offset:
            raise DamagedContainer(Damage.SIZE, "the container changed its size while it was read")
        if any(sealed[end - offset :]):
            raise DamagedContainer(Damage.SIZE, "something follows the last segment")
        return sealed[: end - offset]

    def _ranges(self) -> Iterator[Range]:
        """The container behind its preamble, and one byte more than there may be: step 8."""
        for first in range(0, self._document.segments, SCAN_SEGMENTS):
            start, behind = segment_offset(first), first + SCAN_SEGMENTS
            last = behind >= self._document.segments
            end = self._end_bytes + 1 if last else segment_offset(behind)
            yield Range(start, end - start)

    def _check(self, cipher: SegmentCipher, part: Range, sealed: memoryview) -> None:
        """Check the tags of one range; in any thread."""
        first = (part.offset - PREAMBLE_BYTES) // SEALED_SEGMENT_BYTES
        if first + SCAN_SEGMENTS >= self._document.segments:
            sealed = self._without_padding(sealed, part.offset)
        elif len(sealed) != part.length:
            raise DamagedContainer(Damage.SIZE, "the container changed its size while it was read")
        scratch = memoryview(bytearray(min(SEGMENT_BYTES, len(sealed))))
        for index, segment in enumerate(_segments(sealed), start=first):
            final = index == self._document.segments - 1
            target = scratch[: len(segment) - TAG_BYTES]
            cipher.open_into(segment, index, final=final, target=target)

    async def _find(self) -> BlobReader:
        """The open container; steps 1 and 2 of docs/formats.md 1.5, its size and the row's."""
        if self._closed:
            raise HoldStoreError("this reader is closed")
        document = self._document
        check_row(document)
        if self._blob is None:
            if document.inline is not None:
                self._blob = _Row(document.inline)
            else:
                self._blob = await self._blobs.open(blob_name(document.job_id, document.number))
        if self._blob is None:
            raise DamagedContainer(Damage.MISSING, "there is no container for this document")
        expected = container_size(document.size_bytes)
        # In a file it may be followed by zeros up to the next page; that they are zeros, step 8 finds out.
        longest = expected if document.inline is not None else padded_size(expected)
        if self._blob.size_bytes not in {expected, longest}:
            raise DamagedContainer(
                Damage.SIZE, f"the container has {self._blob.size_bytes} bytes, not {expected}"
            )
        return self._blob

    async def _open(self, blob: BlobReader) -> SegmentCipher:
        """Steps 3 to 6: wrapped key, header, identity, commitment."""
        document = self._document
        dek = self._keyring.unwrap(document.wrapped_key, document.job_id, document.number)
        return open_preamble(dek, await blob.read(0, PREAMBLE_BYTES), document.job_id, document.number)

    async def _read_batch(self, blob: BlobReader, first: int) -> memoryview:
        """The sealed segments from `first` on, at most a batch; step 8 with the last of them."""
        end = first + BATCH_SEGMENTS
        start = segment_offset(first)
        if end >= self._document.segments:
            # One byte more than there may be, so that what follows is noticed.
            rest = await blob.read(start, self._end_bytes + 1 - start)
            return self._without_padding(memoryview(rest), start)
        expected = segment_offset(end) - start
        sealed = await blob.read(start, expected)
        if len(sealed) != expected:
            raise DamagedContainer(Damage.SIZE, "the container changed its size while it was read")
        return memoryview(sealed)

    def _open_batch(self, cipher: SegmentCipher, first: int, sealed: memoryview) -> memoryview:
        """Open a batch; the result is overwritten by the next one."""
        if not self._scratch:
            self._scratch = bytearray(min(self._document.size_bytes, BATCH_SEGMENTS * SEGMENT_BYTES))
        target = memoryview(self._scratch)
        end = 0
        for index, segment in enumerate(_segments(sealed), start=first):
            start, end = end, end + len(segment) - TAG_BYTES
            final = index == self._document.segments - 1
            cipher.open_into(segment, index, final=final, target=target[start:end])
        return target[:end]


def _segments(sealed: memoryview) -> Iterator[memoryview]:
    for position in range(0, len(sealed), SEALED_SEGMENT_BYTES):
        yield sealed[position : position + SEALED_SEGMENT_BYTES]


class _Chunks:
    """The pieces of a document, in order. No generator: one that is left half-way would need closing."""

    def __init__(self, reader: SealedReader) -> None:
        self._reader = reader
        self._next = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._reader.piece(self._next)
        if not piece:
            raise StopAsyncIteration
        self._next += BATCH_SEGMENTS
        return piece


class _Row:
    """A container that lies in its database row."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size_bytes = len(content)

    async def read(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]

    async def scan(self, ranges: Iterable[Range], look: Callable[[Range, memoryview], None]) -> None:
        for part in ranges:
            look(part, memoryview(self._content)[part.offset : part.offset + part.length])

    async def aclose(self) -> None:
        self._content = b""
