"""Approvals: what waits for somebody's decision, and the decision. It never prints: owners still release."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from spoold.database import approvals, delegations, jobs
from spoold.keys.words import PrivateWords
from spoold.model.access import Action, Standing, may
from spoold.model.approval import Approval, Verdict, standing_of_approver
from spoold.model.errors import NotAuthorized, NotFound, NotPossible
from spoold.model.holding import awaits_pin
from spoold.model.ids import JobId
from spoold.model.job import Job
from spoold.model.jobstate import IllegalTransition, JobEvent, JobState
from spoold.model.principal import Method, Principal
from spoold.model.site import CurrentSite
from spoold.records import approvals as decisions
from spoold.release.service import ReleaseService
from spoold.release.views import JobView, job_view

log = structlog.get_logger()

# A sentence or two; it has to fit a line of a time line and "job-state-message".
MAX_REASON_CHARACTERS = 300
# More than a person can decide on; the oldest come first.
MAX_WAITING = 500
NOT_YOURS = "There is no such job waiting for you."
_NOBODYS = (
    "Nobody has signed in for this job and it goes by a PIN, so nobody knows whose it is. Refuse it, and have"
    " it sent again by somebody who signs in."
)
_DECIDED = "Somebody has decided about this job already: {reason}"


@dataclass(frozen=True, slots=True)
class WaitingView:
    """One job that waits for somebody, as that person may see it.

    Args:
        view: the job; its title is "Job 12" unless the queue shows names to approvers.
        owner: the account's name, or the name that the job was sent under.
        verified: whether the owner was proven.
        why: what the rule says.
    """

    view: JobView
    owner: str
    verified: bool
    why: str
    rules: tuple[str, ...]
    wanted_at: datetime


@dataclass(frozen=True, slots=True)
class _Case:
    """A job with what it waits for, and what somebody is to it."""

    job: Job
    approval: Approval
    also: frozenset[Standing]


@dataclass(frozen=True, slots=True)
class ApprovalDesk:
    """What doors ask about approval. Every method takes the proven person and refuses in words."""

    service: ReleaseService
    site: CurrentSite
    words: PrivateWords

    async def waiting(self, principal: Principal) -> list[WaitingView]:
        """Return what waits for this person's decision, the oldest first."""
        cases = await self.service.ledger.database.read(
            lambda connection: [
                case
                for approval in approvals.open_approvals(connection)
                if (case := self._case(connection, principal, approval)) is not None
            ][:MAX_WAITING]
        )
        return [self._view(case, principal) for case in cases]

    async def approve(self, principal: Principal, job_id: JobId) -> Job:
        """Approve a job: it is held from now on, and its owner releases it.

        Raises:
            NotFound: it does not wait for this person.
            NotAuthorized: it is this person's own.
            NotPossible: somebody has decided already; or nobody has signed in for the job and whoever knows
                its PIN could have it, the approver too.
        """
        case = await self._mine(principal, job_id)
        if case.job.owner_id is None and awaits_pin(case.job.template):
            raise NotPossible(_NOBODYS, job=str(job_id))
        return await self.settle(case.job, case.approval, principal)

    async def refuse(self, principal: Principal, job_id: JobId, reason: str) -> Job:
        """Refuse a job: it ends, its documents are destroyed, and its owner reads the reason.

        Raises:
            NotPossible: there is no reason; else as `approve`.
        """
        said = one_line(reason)
        if not said:
            raise NotPossible("Say why: the owner of the job will read it.", job=str(job_id))
        if len(said) > MAX_REASON_CHARACTERS:
            raise NotPossible(f"The reason is longer than {MAX_REASON_CHARACTERS} characters.")
        case = await self._mine(principal, job_id)
        words = f"Refused by {name_of(principal)}: {said}"
        moved = await self._move(
            case.job, case.approval, JobEvent.REFUSED, principal, words=words, said=said, code_id=None
        )
        log.info("job-refused", job=str(job_id), user=principal.id)
        return moved

    async def settle(
        self, job: Job, approval: Approval, approver: Principal, *, code_id: str | None = None
    ) -> Job:
        """Write an approval down that was found to be right.

        Args:
            code_id: the code by which the approver gave it; one use of it is taken in the same transaction.
        """
        by = f"with a code of {name_of(approver)}" if code_id else f"by {name_of(approver)}"
        words = f"Approved {by}. Waiting for its owner to release it."
        moved = await self._move(
            job, approval, JobEvent.APPROVED, approver, words=words, said="", code_id=code_id
        )
        log.info("job-approved", job=str(job.id), user=approver.id, code=code_id)
        return moved

    def standing(self, principal: Principal, job: Job, approval: Approval) -> frozenset[Standing]:
        """Return what an approval makes of a person, by the names in it alone."""
        queue = self.site().queues.get(job.queue)
        shows = queue is not None and queue.show_names_to_approvers
        return standing_of_approver(principal, approval, shows_names=shows)

    # -- inside

    async def _mine(self, principal: Principal, job_id: JobId) -> _Case:
        """Return a case that is this person's to decide, with the person's groups of this moment."""
        if principal.method is Method.CONTROL_SOCKET:
            raise NotAuthorized("Say who you are: approving needs a name and a password.", job=str(job_id))
        principal = await self.service.gate.confirm(principal)
        database = self.service.ledger.database
        job, wanted = await database.read(
            lambda connection: (jobs.job_by_id(connection, job_id), decisions.open_of(connection, job_id))
        )
        if job is None:
            raise NotFound(NOT_YOURS, job=str(job_id))
        if wanted is None or job.state is not JobState.WAITING_APPROVAL:
            await self._refuse_decided(principal, job)
        else:
            case = await database.read(lambda connection: self._case(connection, principal, wanted))
            if case is not None:
                return case
            if job.owned_by(principal):
                raise NotAuthorized("Nobody approves a job of their own.", job=str(job_id))
        raise NotFound(NOT_YOURS, job=str(job_id), user=principal.id)

    async def _refuse_decided(self, principal: Principal, job: Job) -> None:
        """Tell somebody who was asked as well that somebody else was faster."""
        every = await self.service.ledger.database.read(
            lambda connection: approvals.approvals_of(connection, job.id)
        )
        if every and Standing.APPROVER in self.standing(principal, job, every[-1]):
            raise NotPossible(_DECIDED.format(reason=job.reason), job=str(job.id))

    def _case(self, connection: Connection, principal: Principal, approval: Approval) -> _Case | None:
        job = jobs.job_by_id(connection, approval.job_id)
        if job is None or job.state is not JobState.WAITING_APPROVAL:
            return None
        also = self.standing(principal, job, approval)
        if Standing.APPROVER not in also:
            return None
        if job.owner_id is not None:
            now = self.service.ledger.clock.now()
            given = delegations.delegation_for(connection, job.owner_id, job.id, principal.id, now)
            also |= frozenset() if given is None else given.standing
        return _Case(job, approval, also) if may(principal, Action.APPROVE, job, also=also) else None

    async def _move(
        self,
        job: Job,
        approval: Approval,
        event: JobEvent,
        approver: Principal,
        *,
        words: str,
        said: str,
        code_id: str | None,
    ) -> Job:
        ledger = self.service.ledger
        verdict = Verdict.APPROVED if event is JobEvent.APPROVED else Verdict.REFUSED

        def same(current: Job) -> None:
            if current.claim != job.claim:
                raise NotPossible("The job has just changed; look again.", job=str(job.id))

        def decide(connection: Connection, moved: Job) -> None:
            now = ledger.clock.now()
            if code_id is not None and not approvals.use_code(connection, code_id, now):
                raise NotPossible("This code has been used up or has ended.", job=str(job.id))
            decisions.decide(
                connection, moved, approval, verdict, by=approver.id, now=now, words=said, code_id=code_id
            )

        try:
            # An approved job waits for its owner, also where others of its queue go by themselves.
            return await ledger.move(
                job.id, event, words=words, actor=approver.id, check=same, then=decide, on_arrival=False
            )
        except IllegalTransition:
            now = await ledger.job(job.id)
            raise NotPossible(_DECIDED.format(reason=now.reason), job=str(job.id)) from None

    def _view(self, case: _Case, viewer: Principal) -> WaitingView:
        job, now = case.job, self.service.ledger.clock.now()
        view = job_view(job, viewer, site=self.site(), words=self.words, now=now, also=case.also)
        return WaitingView(
            view=view,
            owner=job.claimed_name,
            verified=job.owner_id is not None,
            why=job.reason,
            rules=case.approval.rules,
            wanted_at=case.approval.wanted_at,
        )


def waiting_fields(one: WaitingView) -> dict[str, object]:
    """Return what waits for a decision as programs see it; each door adds whose it is and its end."""
    job = one.view.job
    return {
        "id": str(job.id),
        "number": job.number,
        "queue": job.queue,
        "title": one.view.title,
        "pages": job.pages,
        "why": one.why,
        "rules": list(one.rules),
    }


def decided_fields(job: Job) -> dict[str, object]:
    """Return what a decision has made of a job, as programs see it."""
    return {"number": job.number, "state": job.state.value, "reason": job.reason}


def name_of(principal: Principal) -> str:
    """Return what people call somebody."""
    return principal.display_name or principal.name


def one_line(words: str) -> str:
    """Return what somebody typed as one line without control characters."""
    kept = "".join(
        " " if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} else character
        for character in words
    )
    return " ".join(kept.encode("utf-8", "ignore").decode().split())
