"""Delegation: somebody whom an owner lets release one job, or all jobs until some moment."""

from dataclasses import dataclass
from datetime import datetime

from spoold.model.access import Standing
from spoold.model.ids import JobId, UserId


@dataclass(frozen=True, slots=True)
class Delegation:
    """An owner's word that somebody else may release for them.

    Args:
        job_id: the only job it is about; None for every job of the owner's.
        titles: whether the delegate is shown what the documents are called.
    """

    id: str
    owner_id: UserId
    delegate_id: UserId
    job_id: JobId | None
    created_at: datetime
    expires_at: datetime
    titles: bool = False
    revoked_at: datetime | None = None

    def is_on(self, now: datetime) -> bool:
        """Tell whether it holds good at this moment."""
        return self.revoked_at is None and self.created_at <= now < self.expires_at

    @property
    def standing(self) -> frozenset[Standing]:
        """What the delegate is with respect to the jobs it is about."""
        return frozenset({Standing.DELEGATE, Standing.READER} if self.titles else {Standing.DELEGATE})
