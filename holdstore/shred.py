"""Destroying containers. The database row with the wrapped key goes first: that is what ends a document."""

from collections.abc import Iterable
from uuid import UUID

from holdstore.blobs.base import BlobStore
from holdstore.container import blob_name


async def shred(blobs: BlobStore, job_id: UUID, numbers: Iterable[int]) -> int:
    """Delete the containers of a job's documents; absent ones are fine, so it may be repeated.

    Call it after the transaction that deleted the wrapped keys has committed. Without its key a
    container is noise, so a crash in between loses nothing: recovery deletes what is left.

    Returns:
        how many containers were there.

    Raises:
        StoreFailed: some may be left; repeat, or leave it to recovery.
    """
    return await blobs.delete([blob_name(job_id, number) for number in numbers])
