"""Claims over the desk in memory: whatever job a test says may be claimed, by anybody, once."""

import trio

from spoold.model.errors import NotFound, NotPossible
from spoold.model.ids import JobId
from spoold.model.job import Job
from spoold.model.principal import Principal
from spoold.model.queue import ClaimRule
from spoold.release.claims import NO_SUCH_JOB, TAKEN, Claimable
from tests.support.fake_desk import FakeDesk


class FakeClaims:
    """Does what `spoold.release.claims.ClaimDesk` does, without a database."""

    def __init__(self, desk: FakeDesk) -> None:
        self._desk = desk
        self.open: dict[JobId, ClaimRule] = {}
        self.asked_from: list[str] = []

    def add_job(
        self, title: str = "Salaries 2026", name: str = "pixel 8", rule: ClaimRule = ClaimRule.OPEN
    ) -> Job:
        """Hold a job that is nobody's."""
        job = self._desk.add_job(title, None, claimed=name)
        self.open[job.id] = rule
        return job

    def offers(self) -> bool:
        """Tell whether there was ever something to claim."""
        return bool(self.open)

    async def claimable(self, principal: Principal, *, peer: str) -> list[Claimable]:
        """Return what nobody has claimed yet, the newest first."""
        await trio.lowlevel.checkpoint()
        self.asked_from.append(peer)
        jobs = [self._desk.job_of(job_id) for job_id in self.open]
        return [self._shown(job) for job in reversed(jobs) if job.owner_id is None]

    async def one(self, principal: Principal, job_id: JobId, *, peer: str) -> Claimable:
        """Return one of them."""
        await trio.lowlevel.checkpoint()
        if job_id not in self.open:
            raise NotFound(NO_SUCH_JOB)
        job = self._desk.job_of(job_id)
        if job.owner_id is not None:
            raise NotPossible(TAKEN)
        return self._shown(job)

    async def claim(self, principal: Principal, job_id: JobId, *, peer: str) -> Job:
        """Make it this person's."""
        await self.one(principal, job_id, peer=peer)
        words = "Claimed; it belongs to one person from now on."
        return self._desk.give(job_id, principal.id, words)

    def _shown(self, job: Job) -> Claimable:
        left_s = int((job.expires_at - job.created_at).total_seconds())
        return Claimable(
            job.id, job.number, job.queue, job.size_bytes, job.peer, job.created_at, left_s, self.open[job.id]
        )
