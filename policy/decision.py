"""Decision: what the policy says about one job, and the rules that made it say so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Stage = Literal["accept", "release"]
Verdict = Literal["allow", "deny", "hold-for-approval"]
OutcomeKind = Literal[
    "deny",  # the rule refused the job
    "hold-for-approval",  # the rule wants somebody's approval
    "approved",  # it would, but the approval was given
    "set",  # the rule changed attributes
    "shorten",  # the rule shortened the hold
    "failed",  # the rule could not be decided, which refuses the job
    "no-match",  # its condition is false
    "other-stage",  # it is not asked at this stage
    "other-queue",  # it is not asked for this queue
]
AttributeValue = str | int
NOTHING_SET: Mapping[str, AttributeValue] = MappingProxyType({})
# Outcomes that say nothing about the job; kept out of records, shown by an explanation.
SILENT: frozenset[OutcomeKind] = frozenset({"no-match", "other-stage", "other-queue"})


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one rule did.

    Args:
        message: the rule's own words for the person (deny, hold), or why it failed.
        set_attributes: what it set.
        hold_s: the longest hold it leaves, in seconds.
        detail: the technical cause of a failure, for the administrator.
    """

    rule: str
    kind: OutcomeKind
    message: str = ""
    set_attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NOTHING_SET)
    hold_s: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The policy's answer.

    Args:
        message: for the person, in words; empty when nothing stands in the way.
        rule: the rule that denied or held the job.
        set_attributes: Job Template attributes to set, by IPP name; later rules win.
        hold_s: the longest time the job may be held, in seconds from when it came in; None leaves the
            queue's own.
        because: what each rule that applied did, in file order.
    """

    verdict: Verdict
    message: str = ""
    rule: str | None = None
    set_attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NOTHING_SET)
    hold_s: int | None = None
    because: tuple[RuleOutcome, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a rule that could not be decided is why the job is refused."""
        return any(outcome.kind == "failed" for outcome in self.because)
