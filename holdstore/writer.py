"""Sealing a document as its bytes arrive: no plaintext is kept but the segment that is being filled."""

from collections import deque
from types import TracebackType
from typing import Self
from uuid import UUID

from holdstore.batches import BATCH_BYTES, MAX_BATCHES, Batches
from holdstore.blobs.base import BlobStore, BlobWriter
from holdstore.container import (
    JOB_KEY_NUMBER,
    MAX_DOCUMENT_NUMBER,
    PREAMBLE_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    Buffer,
    Header,
    SealedDocument,
    blob_name,
    container_size,
    padded_size,
)
from holdstore.errors import DocumentTooLarge, HoldStoreError
from holdstore.keyring import Keyring
from holdstore.sealing import SegmentCipher, new_key, new_salt


class SealingWriter:
    """Seals one document; made by HoldStore.create.

    Use as an async context manager: whatever was not committed is removed on the way out. Memory is
    bounded by one segment of plaintext and three batches (2 MiB each) of ciphertext, whatever the document's
    size: while one batch is written and another waits for it, the next is filled.
    """

    def __init__(
        self,
        blobs: BlobStore,
        batches: Batches,
        keyring: Keyring,
        job_id: UUID,
        number: int,
        *,
        inline_max_bytes: int,
        max_document_bytes: int,
    ) -> None:
        if not JOB_KEY_NUMBER < number <= MAX_DOCUMENT_NUMBER:
            raise ValueError(f"documents are numbered from 1 to {MAX_DOCUMENT_NUMBER}, not {number}")
        self._blobs = blobs
        self._batches = batches
        self._job_id = job_id
        self._number = number
        self._inline_max_bytes = inline_max_bytes
        self._max_document_bytes = max_document_bytes
        dek = new_key()
        self._wrapped_key = keyring.wrap(dek, job_id, number)
        self._cipher = SegmentCipher(dek, Header(job_id, number, keyring.kek_id, new_salt()))
        self._blob: BlobWriter | None = None
        self._plaintext = bytearray()
        # None until there is a segment to seal: many small documents at once must not cost a batch each.
        self._batch: memoryview | None = None
        self._filled = 0
        # The others of this document, the one that was given away first before the others.
        self._further: deque[memoryview] = deque()
        self._size_bytes = 0
        self._segments = 0
        self._finished = False

    @property
    def size_bytes(self) -> int:
        """Bytes of the document received so far."""
        return self._size_bytes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.abort()

    async def write(self, data: Buffer) -> None:
        """Take the next bytes of the document, sealing every segment that cannot be the last.

        Raises:
            DocumentTooLarge, StoreFull, StoreFailed: nothing is kept; only abort makes sense now.
        """
        self._check_unfinished()
        if self._size_bytes + len(data) > self._max_document_bytes:
            await self.abort()
            raise DocumentTooLarge(f"the document has more than {self._max_document_bytes} bytes")
        self._size_bytes += len(data)
        try:
            await self._seal(memoryview(data))
        except BaseException:
            # Also when cancelled: part of `data` was taken, so going on would leave a hole.
            self._finished = True
            raise

    async def commit(self) -> SealedDocument:
        """Seal the last segment and make the container durable; what is returned belongs into the row.

        A container of at most inline_max_bytes is returned in the row itself and touches no file.

        Raises:
            StoreFull, StoreFailed: the document is not stored and nothing of it is left.
        """
        self._check_unfinished()
        self._finished = True
        batch = self._started_batch()
        self._seal_segment(self._plaintext, final=True)
        self._plaintext = bytearray()
        inline: bytes | None = None
        if container_size(self._size_bytes) <= self._inline_max_bytes:
            inline = bytes(batch[: self._filled])
        else:
            # Whole pages, so that all of it goes straight to the disk.
            end = padded_size(self._filled)
            batch[self._filled : end] = bytes(end - self._filled)
            await self._started_blob().commit((batch[:end],))
        self._give_back_batches()
        return SealedDocument(
            job_id=self._job_id,
            number=self._number,
            size_bytes=self._size_bytes,
            segments=self._segments,
            wrapped_key=self._wrapped_key,
            inline=inline,
        )

    async def abort(self) -> None:
        """Leave nothing behind; does nothing after commit. Safe while cancelled."""
        self._finished = True
        self._plaintext = bytearray()
        if self._blob is None:
            self._give_back_batches()
        else:
            await self._blob.abort(self._give_back_batches)

    async def _seal(self, view: memoryview) -> None:
        """Seal all full segments but the last; a full one waits, because only commit may seal the last."""
        if self._plaintext:
            room = SEGMENT_BYTES - len(self._plaintext)
            self._plaintext += view[:room]
            view = view[room:]
            if view:
                await self._seal_next(self._plaintext)
                self._plaintext = bytearray()
        while len(view) > SEGMENT_BYTES:
            await self._seal_next(view[:SEGMENT_BYTES])
            view = view[SEGMENT_BYTES:]
        self._plaintext += view

    async def _seal_next(self, plaintext: Buffer) -> None:
        self._seal_segment(plaintext, final=False)
        if self._filled >= BATCH_BYTES:
            await self._write_batch()

    def _seal_segment(self, plaintext: Buffer, *, final: bool) -> None:
        batch = self._started_batch()
        end = self._filled + len(plaintext) + TAG_BYTES
        self._cipher.seal_into(plaintext, self._segments, final=final, target=batch[self._filled : end])
        self._segments += 1
        self._filled = end

    async def _write_batch(self) -> None:
        """Begin to write a full batch, and go on with another one; or wait, if there is none."""
        batch = self._started_batch()
        if len(self._further) < MAX_BATCHES - 1 and (another := self._batches.take_further()) is not None:
            self._further.appendleft(another)
        rest = batch[BATCH_BYTES : self._filled]
        await self._started_blob().write((batch[:BATCH_BYTES],), behind=len(self._further))
        if self._further:
            self._further.append(batch)
            self._batch = self._further.popleft()
        self._filled = len(rest)
        self._started_batch()[: self._filled] = rest

    def _started_batch(self) -> memoryview:
        if self._batch is None:
            self._batch = self._batches.take()
            self._batch[:PREAMBLE_BYTES] = self._cipher.preamble
            self._filled = PREAMBLE_BYTES
        return self._batch

    def _give_back_batches(self) -> None:
        """For the next document; only when nothing is written from them any more."""
        batch, self._batch = self._batch, None
        if batch is not None:
            self._batches.give_back(batch)
        while self._further:
            self._batches.give_back_further(self._further.popleft())

    def _started_blob(self) -> BlobWriter:
        if self._blob is None:
            self._blob = self._blobs.create(blob_name(self._job_id, self._number))
        return self._blob

    def _check_unfinished(self) -> None:
        if self._finished:
            raise HoldStoreError("this document was committed, aborted or refused already")
