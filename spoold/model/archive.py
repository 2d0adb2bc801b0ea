"""Archive: what is kept of a printed job that a rule asked to archive, and on which terms."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from spoold.model.ids import JobId, UserId


@dataclass(frozen=True, slots=True)
class ArchiveTerms:
    """For whom a copy is kept, and for how long; written down when the job is released.

    Args:
        key: the public half of the archive key, 32 bytes.
        keep: from when the job was printed.
    """

    key: bytes
    keep: timedelta


@dataclass(frozen=True, slots=True)
class ArchivedJob:
    """A printed job whose documents are kept.

    Args:
        number: "job-id", as it was.
        owner_id: account that owned it; None if it was never claimed.
        claimed_name: what the client called its user; never an identity.
        key_id: the archive key that opens it.
        wrapped_key: the key of the private words, wrapped for the archive key.
        private: the sealed title.
        documents: how many there are.
        size_bytes: of all of them together.
    """

    id: JobId
    number: int
    queue: str
    owner_id: UserId | None
    claimed_name: str
    printer: str
    printed_at: datetime
    expires_at: datetime
    key_id: bytes
    wrapped_key: bytes = field(repr=False)
    private: bytes = field(repr=False)
    documents: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Copy:
    """One archived document.

    Args:
        format: MIME type decided by magic bytes.
        size_bytes: plaintext length.
        wrapped_key: its key, wrapped for the archive key.
        inline: the whole container when it is small, else None and the container is a file.
    """

    job_id: UUID
    number: int
    format: str
    size_bytes: int
    segments: int
    wrapped_key: bytes = field(repr=False)
    inline: bytes | None = field(default=None, repr=False)
