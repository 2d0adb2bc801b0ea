"""Applies the site's policy at acceptance: what it says becomes the job's state, attributes and time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from policy.decision import Decision
from policy.engine import PolicyEngine
from policy.facts import Facts
from spoold.intake.submission import Submission
from spoold.model.errors import RefusedByPolicy
from spoold.model.job import Document
from spoold.model.jobstate import JobEvent
from spoold.model.policy_facts import facts_for
from spoold.model.template import encoded, with_settings
from spoold.model.watermark import why_impossible

HELD_WORDS = "Waiting for its owner to release it."
CLAIM_WORDS = "Waiting for its owner to sign in and release it."
ON_ARRIVAL_WORDS = "Printed as soon as its printer is ready."
# What a policy without rules says.
_UNRULED = Decision("allow")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What becomes of a job whose documents are all sealed.

    Args:
        event: permitted, needs-approval or refused.
        words: why, for the owner.
        template: Job Template attributes with what the policy set, as an encoded job group.
        expires_at: when the job is shredded if nobody releases it.
        rule: the rule that decided, None when none stood in the way.
        holding: the rules that hold the job for approval.
        approvers: who may approve, for each of them; as `policy.decision.Decision.approvers`.
        mask: the printer is not told the document's name.
        watermark: what stands on every page, with placeholders; as `policy.decision.Decision.watermark`.
        archive: a copy of it is kept once it was printed.
    """

    event: JobEvent
    words: str
    template: bytes
    expires_at: datetime
    rule: str | None
    holding: tuple[str, ...] = ()
    approvers: tuple[tuple[str, ...], ...] = ()
    mask: bool = False
    watermark: tuple[str, ...] = ()
    archive: bool = False


def decide(
    engine: PolicyEngine,
    submission: Submission,
    documents: Sequence[Document],
    now: datetime,
    *,
    on_arrival: bool,
) -> Acceptance:
    """Ask the policy about a job at acceptance; never raises for a failing rule (it denies and says so)."""
    decision = _UNRULED
    if engine.asks("accept"):
        decision = engine.decide("accept", _facts(submission, documents), now)
    if decision.watermark and decision.verdict != "deny" and (why := why_impossible(documents)) is not None:
        rule = next(one.rule for one in decision.because if one.watermark)
        decision = replace(decision, verdict="deny", message=why, rule=rule)
    held = HELD_WORDS if submission.principal else CLAIM_WORDS
    if on_arrival:
        held = ON_ARRIVAL_WORDS
    return Acceptance(
        event=_EVENTS[decision.verdict],
        words=decision.message or held,
        template=encoded(with_settings(submission.template, decision.set_attributes)),
        expires_at=now + _hold(submission, decision),
        rule=decision.rule,
        holding=decision.holding,
        approvers=decision.approvers,
        mask=decision.mask,
        watermark=decision.watermark,
        archive=decision.archive,
    )


def refuse_early(engine: PolicyEngine, submission: Submission, now: datetime) -> None:
    """Refuse before the document arrives what no document could change.

    Raises:
        RefusedByPolicy: a rule that asks nothing of the document says no.
    """
    if not engine.asks("accept", early=True):
        return
    decision = engine.decide_early(_facts(submission, ()), now)
    if decision.verdict == "deny":
        raise RefusedByPolicy(decision.message, rule=decision.rule)


def _facts(submission: Submission, documents: Sequence[Document]) -> Facts:
    return facts_for(
        queue=submission.queue.name,
        principal=submission.principal,
        claimed_name=submission.claimed_name,
        template=submission.template,
        documents=documents,
        peer=submission.peer,
        protocol=submission.protocol,
    )


_EVENTS = {
    "allow": JobEvent.PERMITTED,
    "hold-for-approval": JobEvent.NEEDS_APPROVAL,
    "deny": JobEvent.REFUSED,
}


def _hold(submission: Submission, decision: Decision) -> timedelta:
    longest = submission.queue.expires_after
    return longest if decision.hold_s is None else min(longest, timedelta(seconds=decision.hold_s))
