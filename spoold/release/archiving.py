"""Archiving: what is kept of a printed job that a rule asked to archive, and when it is destroyed."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog
import trio
from sqlalchemy import Connection

from holdstore.archive_key import ArchiveKey
from holdstore.errors import HoldStoreError
from spoold.database import archive
from spoold.keys.words import PrivateWords
from spoold.model.archive import ArchivedJob, ArchiveTerms, Copy
from spoold.model.errors import Unavailable
from spoold.model.job import Document, Job
from spoold.model.obligation import Obligation
from spoold.records import audit
from spoold.release.attempt import Attempt
from spoold.release.ledger import SPOOLER, Ledger
from spoold.release.verification import sealed

log = structlog.get_logger()

# Copies destroyed between two looks; the rest is due at the next.
MOST_AT_ONCE = 100
KEPT_WORDS = "The rules of this site keep a copy of it."


class Keeping(Protocol):
    """What becomes of the copy of a printed job."""

    @property
    def words(self) -> str:
        """A sentence for its owner, or none."""

    @property
    def keeps(self) -> bool:
        """Whether its containers stay."""

    def write(self, connection: Connection, job: Job) -> None:
        """Write it down with its audit record, in the transaction that ends the job."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A copy ready to be written down.

    Args:
        terms: for whom and how long.
        title: the key of the sealed title, wrapped, and the sealed title.
        copies: the documents, with keys that are wrapped for the archive.
        title_lost: the title could not be opened, and an empty one is kept.
    """

    now: datetime
    terms: ArchiveTerms
    key_id: bytes
    title: tuple[bytes, bytes]
    copies: tuple[Copy, ...]
    title_lost: bool = False
    words: str = KEPT_WORDS
    keeps: bool = True

    def write(self, connection: Connection, job: Job) -> None:
        """Write the copy and its audit record."""
        wrapped_key, private = self.title
        kept = ArchivedJob(
            id=job.id,
            number=job.number,
            queue=job.queue,
            owner_id=job.owner_id,
            claimed_name=job.claimed_name,
            printer=job.printer or "",
            printed_at=self.now,
            expires_at=self.now + self.terms.keep,
            key_id=self.key_id,
            wrapped_key=wrapped_key,
            private=private,
        )
        archive.insert_archived(connection, kept, self.copies)
        audit.append(
            connection,
            at=self.now,
            kind="job-archived",
            actor=SPOOLER,
            job=str(job.id),
            documents=len(self.copies),
            archive_key=self.key_id.hex(),
            expires_at=kept.expires_at.isoformat(),
            title_lost=self.title_lost or None,
        )


@dataclass(frozen=True, slots=True)
class NotKept:
    """No copy can be made: the paper is out, the job ends as ever, and the record says what is missing."""

    now: datetime
    words: str = ""
    keeps: bool = False

    def write(self, connection: Connection, job: Job) -> None:
        """Write the audit record."""
        audit.append(connection, at=self.now, kind="job-not-archived", actor=SPOOLER, job=str(job.id))


@dataclass(frozen=True, slots=True)
class Archivist:
    """Keeps copies, and destroys them when their time is over. It cannot open one."""

    ledger: Ledger
    words: PrivateWords

    async def keeping(self, attempt: Attempt) -> Keeping | None:
        """Return what is to be kept of a job that has been printed; None if no rule asked.

        Raises:
            Unavailable: the records cannot be read just now.
        """
        if Obligation.ARCHIVE not in attempt.asked:
            return None
        job, now = attempt.job, self.ledger.clock.now()
        terms = await self.ledger.database.read(partial(archive.terms_of, job_id=job.id), short=True)
        if terms is None:
            log.error("not-archived", job=str(job.id), error="it was released on no terms of an archive")
            return NotKept(now)
        try:
            key = ArchiveKey(terms.key)
            copies = tuple(self._copy(document, key) for document in attempt.documents)
            title, title_lost = self._title(job, key)
        except HoldStoreError as error:
            log.error("not-archived", job=str(job.id), error=str(error))
            return NotKept(now)
        return Kept(now, terms, key.id, title, copies, title_lost=title_lost)

    def _title(self, job: Job, key: ArchiveKey) -> tuple[tuple[bytes, bytes], bool]:
        """Return the title sealed for the archive, and whether it is lost: empty, as nobody can open it."""
        try:
            return self.words.for_archive(job, key), False
        except Unavailable as error:
            # The documents are what has to be kept.
            log.error("title-not-archived", job=str(job.id), error=str(error))
            return self.words.untitled_for_archive(job, key), True

    def _copy(self, document: Document, key: ArchiveKey) -> Copy:
        return Copy(
            job_id=document.job_id,
            number=document.number,
            format=document.format,
            size_bytes=document.size_bytes,
            segments=document.segments,
            wrapped_key=self.ledger.store.wrap_for_archive(sealed(document), key),
            inline=document.inline,
        )

    async def expire(self, now: datetime, settled: int) -> int:
        """Destroy the copies whose time has passed; returns how many jobs that were.

        Args:
            now: by a wall clock that is believed (`spoold.release.belief`).
            settled: only copies up to this place. A younger one may have come after the wall clock was set
                back a moment ago: its end then looks long past, measured by `now`.
        """
        read = partial(archive.ended, now=now, settled=settled, limit=MOST_AT_ONCE)
        due = await self.ledger.database.read(read)
        for job_id in due:
            await self._destroy(job_id)
        if due:
            self.ledger.database.shred_soon()
            log.info("archive-expired", jobs=len(due))
        return len(due)

    async def _destroy(self, job_id: UUID) -> None:
        now = self.ledger.clock.now()

        def work(connection: Connection) -> list[int]:
            numbers = archive.remove(connection, job_id)
            kind = "archive-expired"
            audit.append(
                connection, at=now, kind=kind, actor=SPOOLER, job=str(job_id), documents=len(numbers)
            )
            return numbers

        numbers = await self.ledger.database.write(work)
        try:
            with trio.CancelScope(shield=True):
                await self.ledger.store.shred(job_id, numbers)
        except HoldStoreError as error:
            # Nobody can open it any more, and recovery at start removes it too.
            log.warning("container-left", job=str(job_id), error=str(error))
