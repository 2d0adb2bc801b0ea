"""Opens the containers of a job that has a grant, and authenticates them before its printer hears of it."""

from contextlib import AsyncExitStack

import structlog
import trio

from holdstore.container import SealedDocument
from holdstore.errors import DamagedContainer, HoldStoreError
from holdstore.reader import SealedReader
from holdstore.store import HoldStore
from spoold.model.job import Document
from spoold.release.attempt import Attempt, Cause, Trouble

log = structlog.get_logger()

# Readers kept open between the check of the whole job and its sending; a job with more documents is
# opened again one by one.
MAX_OPEN_READERS = 8
# Up to this length a document is verified whole before anything is said to the printer: a fifth of a second
# for a disk of 1.2 GB/s, two for one of 120 MB/s. Longer ones get a head start (docs/design.md, two passes).
WHOLE_FIRST_BYTES = 256 * 1024 * 1024
# With it half a second from the release to the first byte is kept, whatever the length.
HEAD_START_S = 0.25

DAMAGED_WORDS = "What was stored of this job is damaged. It was set aside; print the document again."
STORE_WORDS = "The document cannot be read at the moment."


def open_document(store: HoldStore, document: Document) -> SealedReader:
    """Return a reader of a document.

    Raises:
        HoldStoreError: it was destroyed.
    """
    return store.open(sealed(document))


def sealed(document: Document) -> SealedDocument:
    """Return what the hold store needs to open a document.

    Raises:
        HoldStoreError: it was destroyed.
    """
    if document.wrapped_key is None:
        raise HoldStoreError("the key of this document was destroyed")
    return SealedDocument(
        job_id=document.job_id,
        number=document.number,
        size_bytes=document.size_bytes,
        segments=document.segments,
        wrapped_key=document.wrapped_key,
        inline=document.inline,
    )


async def verify(
    attempt: Attempt, store: HoldStore, stack: AsyncExitStack, beside: trio.Nursery
) -> dict[int, SealedReader]:
    """Authenticate every container of the job; returns readers of those that stay open.

    A very long document whose job is tried for the first time is authenticated for a moment, and then
    beside its sending: every piece that goes out was sealed here and stands in its place, and the attempt
    is stopped when damage is found further on.

    Raises:
        DamagedContainer, StoreFailed: before anything was said to the printer.
    """
    kept: dict[int, SealedReader] = {}
    for document in attempt.documents:
        reader = open_document(store, document)
        if len(attempt.documents) > MAX_OPEN_READERS:
            async with reader:
                await reader.verify()
            continue
        kept[document.number] = await stack.enter_async_context(reader)
        if document.size_bytes <= WHOLE_FIRST_BYTES or attempt.job.attempt > 1:
            await reader.verify()
        else:
            await reader.begin()
            verified = trio.Event()
            beside.start_soon(_verify_beside, attempt, store, document, verified)
            with trio.move_on_after(HEAD_START_S):
                await verified.wait()
            if attempt.halted:
                # It is damaged, or somebody wants it back: whoever stopped the attempt ends this as well.
                await trio.sleep_forever()
    return kept


async def _verify_beside(
    attempt: Attempt, store: HoldStore, document: Document, verified: trio.Event
) -> None:
    try:
        async with open_document(store, document) as reader:
            await reader.verify()
    except HoldStoreError as error:
        attempt.control.stop(store_trouble(attempt, error))
    verified.set()


def store_trouble(attempt: Attempt, error: HoldStoreError) -> Trouble:
    """Return why an attempt stops whose document cannot be read, and put it into the log."""
    if isinstance(error, DamagedContainer):
        log.error("container-damaged", job=str(attempt.job.id), damage=error.damage.value)
        return Trouble(Cause.DAMAGED, DAMAGED_WORDS)
    log.error("store-failed", job=str(attempt.job.id), error=str(error))
    return Trouble(Cause.STORE, STORE_WORDS)
