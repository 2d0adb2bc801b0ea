"""Job and document: what is known of them without opening anything sealed."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from spoold.model.ids import JobId, UserId, canonical_name
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal


@dataclass(frozen=True, slots=True)
class Document:
    """One sealed document of a job.

    Args:
        number: from 1, in printing order ("document-number").
        format: MIME type decided by magic bytes.
        size_bytes: plaintext length.
        segments: sealed segments in the container.
        wrapped_key: the document key under the store key; None once shredded.
        inline: the whole container when it is small, else None and the container is a file.
        pages: page count as inspected, None while or if unknown.
        why_unknown: why the pages are unknown, in words.
        page_sizes: distinct (width, height) in points.
    """

    job_id: JobId
    number: int
    format: str
    size_bytes: int
    segments: int
    wrapped_key: bytes | None
    inline: bytes | None = None
    pages: int | None = None
    encrypted: bool | None = None
    broken: bool | None = None
    inspected: bool = False
    why_unknown: str = ""
    page_sizes: tuple[tuple[float, float], ...] = ()


class Claim(NamedTuple):
    """What decides whose a job is, without the rest of it: lists are long.

    Args:
        owner_id, claimed_name, peer: as in `Job`.
    """

    owner_id: str | None
    claimed_name: str
    peer: str

    def owned_by(self, principal: Principal) -> bool:
        """Tell whether the principal owns such a job.

        An unclaimed job belongs to whoever signs in under the name it was sent with; once a person
        has claimed it, only the account id counts.
        """
        if self.owner_id is not None:
            return self.owner_id == principal.id
        return bool(self.claimed_name) and canonical_name(self.claimed_name) == principal.name


@dataclass(frozen=True, slots=True)
class Job:
    """One print job; the row of the same name in the database.

    Args:
        number: "job-id" of RFC 8011, unique in this spooler.
        reason: why the job is in its state, in words for its owner.
        owner_id: account that was proven to own the job; None while it is unclaimed.
        claimed_name: what the client said ("requesting-user-name"), canonical; never an identity.
        peer: address of the client that submitted the job.
        template: Job Template attributes as one encoded IPP job group, as the client asked and policy set.
        private: sealed title and document names; None once shredded.
        wrapped_key: the job's own key (number 0) under the store key; None once shredded.
        printer: where it was last released to.
        attempt: how many grants were used so far.
        token: random word under which the printer knows the job in this attempt.
        remote_job_id: the printer's own "job-id" in this attempt.
        impressions: sides the printer says it completed ("job-impressions-completed").
    """

    id: JobId
    number: int
    queue: str
    state: JobState
    reason: str
    owner_id: UserId | None
    claimed_name: str
    peer: str
    protocol: str
    created_at: datetime
    changed_at: datetime
    expires_at: datetime
    template: bytes = b""
    private: bytes | None = None
    wrapped_key: bytes | None = None
    size_bytes: int = 0
    documents: int = 0
    formats: tuple[str, ...] = ()
    pages: int | None = None
    released_by: UserId | None = None
    printer: str | None = None
    attempt: int = 0
    token: str = ""
    remote_job_id: int | None = None
    processing_at: datetime | None = None
    finished_at: datetime | None = None
    first_byte_at: datetime | None = None
    all_bytes_at: datetime | None = None
    impressions: int | None = None
    on_arrival: bool = False

    @property
    def claim(self) -> Claim:
        """What decides whose the job is."""
        return Claim(self.owner_id, self.claimed_name, self.peer)

    def owned_by(self, principal: Principal) -> bool:
        """Tell whether the principal owns this job; `Claim.owned_by` says how."""
        return self.claim.owned_by(principal)
