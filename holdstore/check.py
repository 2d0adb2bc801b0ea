"""Looking for trouble before somebody wants to print: every container's head, and all bytes of a sample."""

import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from holdstore.container import SealedDocument, blob_name, parse_blob_name
from holdstore.errors import Damage, DamagedContainer, StoreFailed
from holdstore.store import HoldStore


class Trouble(StrEnum):
    """The kinds of finding."""

    DAMAGED = "damaged"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        trouble: damaged, missing or unreadable containers of a row; unknown ones without a row;
            foreign files, which the hold store never made.
        message: what was found, for an operator.
        job_id: the job, where there is one.
        number: the document's number in the job.
        damage: the check a damaged container failed.
    """

    trouble: Trouble
    message: str
    job_id: UUID | None = None
    number: int | None = None
    damage: Damage | None = None


async def check(
    store: HoldStore,
    documents: Iterable[SealedDocument],
    *,
    read_data: float = 0.0,
    seed: bytes | None = None,
    archived: Iterable[SealedDocument] = (),
) -> AsyncIterator[Finding]:
    """Compare rows and containers; yields findings as they are made, none when all is well.

    Every container's size, key, header and commitment are checked. On a running daemon an unknown
    container may be a document that is being accepted just now: look again before alarm is given.

    Args:
        store: the hold store.
        documents: every row of the database, in any order.
        read_data: the fraction of documents, 0 to 1, whose every byte is read and authenticated.
        seed: decides which ones; a fresh choice every time unless given.
        archived: copies of which nobody here has the key: that they are there, whole and the right ones.

    Raises:
        StoreFailed: the store itself cannot be listed.
    """
    if not 0 <= read_data <= 1:
        raise ValueError(f"read_data is a fraction from 0 to 1, not {read_data}")
    seed = os.urandom(16) if seed is None else seed
    unclaimed = set(await store.blobs.names())
    for document in documents:
        unclaimed.discard(blob_name(document.job_id, document.number))
        read_all = _chosen(document, read_data, seed)
        finding = await _look(document, _check_one(store, document, read_all=read_all))
        if finding is not None:
            yield finding
    for copy in archived:
        unclaimed.discard(blob_name(copy.job_id, copy.number))
        finding = await _look(copy, store.look_at_archived(copy))
        if finding is not None:
            yield finding
    for name in sorted(unclaimed):
        yield _stranger(name)


async def _check_one(store: HoldStore, document: SealedDocument, *, read_all: bool) -> None:
    async with store.open(document) as reader:
        if read_all:
            await reader.verify()
        else:
            await reader.verify_head()


async def _look(document: SealedDocument, looking: Awaitable[None]) -> Finding | None:
    try:
        await looking
    except DamagedContainer as error:
        trouble = Trouble.MISSING if error.damage is Damage.MISSING else Trouble.DAMAGED
        return Finding(trouble, str(error), document.job_id, document.number, error.damage)
    except StoreFailed as error:
        return Finding(Trouble.UNREADABLE, str(error), document.job_id, document.number)
    return None


def _chosen(document: SealedDocument, fraction: float, seed: bytes) -> bool:
    """Whether a document belongs to the sample: a hash, so that the same seed chooses the same ones."""
    name = blob_name(document.job_id, document.number).encode("ascii")
    draw = int.from_bytes(hashlib.sha256(seed + name).digest()[:8], "big")
    return draw < fraction * 2**64


def _stranger(name: str) -> Finding:
    place = parse_blob_name(name)
    if place is None:
        # Its name came from elsewhere; repr keeps control characters out of a terminal.
        return Finding(Trouble.FOREIGN, f"{name!r} was not made by the hold store")
    return Finding(Trouble.UNKNOWN, "no row knows this container; no key can open it", *place)
