"""Holding for approval and deciding on it, inside the transactions that move the job."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from spoold.database import approvals
from spoold.model.approval import Approval, Verdict
from spoold.model.errors import NotPossible
from spoold.model.ids import JobId, UserId, new_token
from spoold.model.job import Job
from spoold.records import audit


def want(
    connection: Connection,
    job_id: JobId,
    rules: Sequence[str],
    approvers: Sequence[Sequence[str]],
    now: datetime,
) -> Approval:
    """Write down whose approval a job waits for.

    Args:
        rules: the rules that hold it; approvers: whom each of them names.
    """
    wanted = Approval(new_token(), job_id, tuple(rules), tuple(tuple(one) for one in approvers), now)
    approvals.insert_approval(connection, wanted)
    return wanted


def decide(
    connection: Connection,
    job: Job,
    approval: Approval,
    verdict: Verdict,
    *,
    by: UserId,
    now: datetime,
    words: str = "",
    code_id: str | None = None,
) -> None:
    """Write a decision and its evidence down.

    Args:
        by: who decided; for a code the account that issued it.
        words: the reason of a refusal; for the owner, not for the evidence.

    Raises:
        NotPossible: somebody has decided already.
    """
    if not approvals.decide_approval(
        connection, approval.id, verdict, by=by, at=now, words=words, code_id=code_id
    ):
        raise NotPossible("Somebody else has decided about this job already.", job=str(job.id))
    audit.append(
        connection,
        at=now,
        kind="approval-decided",
        actor=by,
        job=str(job.id),
        owner=job.owner_id,
        verdict=verdict.value,
        rules=list(approval.rules),
        code=code_id,
    )


def open_of(connection: Connection, job_id: JobId) -> Approval | None:
    """Return what a job waits for, None when it waits for nobody's approval."""
    return next((one for one in approvals.approvals_of(connection, job_id) if one.is_open), None)
