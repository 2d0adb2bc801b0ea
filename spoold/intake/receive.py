"""Takes one document in: sealed from its first byte, its format decided by what it is."""

from collections.abc import AsyncGenerator
from uuid import UUID

from holdstore.errors import HoldStoreError, StoreFull
from holdstore.store import HoldStore, SealedDocument
from holdstore.writer import SealingWriter
from spoold.documents.sniff import agree, sniff
from spoold.documents.unwrap import Unwrapper
from spoold.intake.submission import Incoming
from spoold.model.errors import EmptyDocument, SpoolError, TooLarge, Unavailable, UnsupportedDocument
from spoold.model.ids import JobId
from spoold.model.job import Document

# Enough for every magic number and for telling text from binary.
HEAD_BYTES = 4096


class Received:
    """A sealed document and what its first bytes say it is."""

    def __init__(self, sealed: SealedDocument, found: str) -> None:
        self.sealed = sealed
        self.format = found

    def document(self) -> Document:
        """Return the document's row."""
        sealed = self.sealed
        return Document(
            job_id=JobId(sealed.job_id),
            number=sealed.number,
            format=self.format,
            size_bytes=sealed.size_bytes,
            segments=sealed.segments,
            wrapped_key=sealed.wrapped_key,
            inline=sealed.inline,
        )


async def receive(
    store: HoldStore,
    job_id: UUID,
    number: int,
    incoming: Incoming,
    *,
    max_bytes: int,
    formats: frozenset[str],
) -> Received:
    """Seal one document as it arrives; durable when this returns.

    Args:
        max_bytes: plaintext bound.
        formats: MIME types that may be printed here.

    Raises:
        TooLarge, UnsupportedDocument: nothing is left in the store.
        Unavailable: the store is full or failing; nothing is left in the store.
    """
    try:
        async with store.create(job_id, number) as writer:
            unwrapper = Unwrapper()
            head = await _fill(writer, incoming, unwrapper, max_bytes)
            found = check_format(head, incoming.declared, formats, unwrapper)
            unwrapper.fill(incoming.ticket)
            return Received(await writer.commit(), found)
    except StoreFull as error:
        raise Unavailable("The spooler's disk is full; your job waits on your computer.") from error
    except HoldStoreError as error:
        raise _unavailable(error) from error
    finally:
        # A refusal leaves the rest of the document unread, and the generator that reads it unfinished.
        if isinstance(incoming.chunks, AsyncGenerator):
            await incoming.chunks.aclose()


def check_format(
    head: bytes, declared: str | None, formats: frozenset[str], unwrapper: Unwrapper | None = None
) -> str:
    """Return the format that the first bytes show.

    Raises:
        EmptyDocument, UnsupportedDocument: empty, not what the client says it is, or not printed here.
    """
    if not head:
        raise EmptyDocument("The document is empty; print it again.")
    found = sniff(head)
    if unwrapper is not None:
        found = unwrapper.format(found)
    if not agree(declared, found):
        raise UnsupportedDocument(
            f"The document was sent as {declared} but is {found}; print it again from its program.",
            declared=declared,
            found=found,
        )
    if found not in formats:
        raise UnsupportedDocument(
            f"Documents of the format {found} are not printed here; print it as PDF.", found=found
        )
    return found


async def _fill(writer: SealingWriter, incoming: Incoming, unwrapper: Unwrapper, max_bytes: int) -> bytes:
    head = b""
    async for chunk in incoming.chunks:
        head = await _write(writer, unwrapper.receive_data(chunk), head, max_bytes)
    return await _write(writer, unwrapper.finish(), head, max_bytes)


async def _write(writer: SealingWriter, piece: bytes, head: bytes, max_bytes: int) -> bytes:
    """Seal a piece; return the document's first bytes as far as they are known."""
    if writer.size_bytes + len(piece) > max_bytes:
        raise TooLarge(f"The document is larger than {max_bytes >> 20} MiB, the most this spooler takes.")
    if piece:
        await writer.write(piece)
    return head if len(head) >= HEAD_BYTES else head + bytes(piece[: HEAD_BYTES - len(head)])


def _unavailable(error: HoldStoreError) -> SpoolError:
    return Unavailable("The spooler cannot keep documents at the moment; your job waits.", cause=str(error))
