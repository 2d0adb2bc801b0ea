"""Approval: what rules want approved of a job, who may do that, and whom it holds good for."""

import enum
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from policy.folding import fold
from spoold.model.access import Standing
from spoold.model.ids import JobId, UserId, canonical_name
from spoold.model.job import Job
from spoold.model.principal import Method, Principal, Role

# How a rule names one person among its approvers; every other entry is a group.
PERSON = "user:"
_STAFF = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})


class Verdict(enum.StrEnum):
    """How an approval ended."""

    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Approval:
    """One time that a job was held for somebody's approval.

    Args:
        rules: names of the rules that hold it.
        approvers: whom each of these rules names, in the same order; nobody means operators and
            administrators. Whoever decides must be named by all of them.
        decided_by: the account that decided; for a code the account that issued it.
        words: the reason of a refusal.
        code_id: the code by which it was approved.
    """

    id: str
    job_id: JobId
    rules: tuple[str, ...]
    approvers: tuple[tuple[str, ...], ...]
    wanted_at: datetime
    verdict: Verdict | None = None
    decided_by: UserId | None = None
    decided_at: datetime | None = None
    words: str = ""
    code_id: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided yet."""
        return self.verdict is None


def names(approvers: Collection[str], principal: Principal) -> bool:
    """Tell whether a rule's approvers include this person; without any they are the staff."""
    if not approvers:
        return principal.role in _STAFF
    people = {canonical_name(one[len(PERSON) :]) for one in approvers if one.startswith(PERSON)}
    groups = {fold(one) for one in approvers if not one.startswith(PERSON)}
    return principal.name in people or not groups.isdisjoint(map(fold, principal.groups))


def standing_of_approver(
    principal: Principal, approval: Approval, *, shows_names: bool
) -> frozenset[Standing]:
    """Return what the approval makes of the person with respect to its job; the owner is none the less owner.

    Args:
        shows_names: whether approvers see what documents are called.
    """
    # Root at the machine is nobody in particular, and could be the owner.
    if principal.method is Method.CONTROL_SOCKET:
        return frozenset()
    if not all(names(one, principal) for one in approval.approvers):
        return frozenset()
    return frozenset({Standing.APPROVER, Standing.READER} if shows_names else {Standing.APPROVER})


def approved_rules(approvals: Iterable[Approval], job: Job, releaser: Principal | None) -> frozenset[str]:
    """Return the rules that hold a job no longer; nobody's approval counts for a job of their own.

    Args:
        releaser: who lets the job go, and becomes its owner where it has none.
    """
    own = {job.owner_id, None if releaser is None else releaser.id} - {None}
    return frozenset(
        rule
        for one in approvals
        if one.verdict is Verdict.APPROVED and one.decided_by not in own
        for rule in one.rules
    )
