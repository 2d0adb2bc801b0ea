"""Decision: what the policy says about one job, and the rules that made it say so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Stage = Literal["accept", "release"]
Verdict = Literal["allow", "deny", "hold-for-approval"]
OutcomeKind = Literal[
    "allow",  # the rule ends it: what stands after it is not asked
    "deny",  # the rule refused the job
    "no-access",  # the queue, the printer or the paper is for groups that the person is not in
    "hold-for-approval",  # the rule wants somebody's approval
    "approved",  # it would, but the approval was given
    "set",  # the rule changed attributes
    "limit",  # the rule bounds the number of copies
    "redirect",  # the rule sends the job to another printer
    "shorten",  # the rule shortened the hold
    "mask",  # the rule hides the document's name
    "watermark",  # the rule wants words on every page
    "archive",  # the rule has a copy kept of what was printed
    "failed",  # the rule could not be decided, which refuses the job
    "no-match",  # its condition is false
    "other-stage",  # it is not asked at this stage
    "other-queue",  # it is not asked for this queue
]
AttributeValue = str | int
NOTHING_SET: Mapping[str, AttributeValue] = MappingProxyType({})
# Outcomes that say nothing about the job; kept out of records, shown by an explanation.
SILENT: frozenset[OutcomeKind] = frozenset({"no-match", "other-stage", "other-queue"})
REFUSALS: frozenset[OutcomeKind] = frozenset({"deny", "no-access", "failed"})
# What nobody is asked after.
LAST: frozenset[OutcomeKind] = REFUSALS | {"allow"}
# How a single person is named among approvers; everything else there names a group.
PERSON_PREFIX = "user:"


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one rule did.

    Args:
        rule: its name; for access, the key of the configuration that names the groups.
        message: the rule's own words for the person (deny, hold), or why it failed.
        set_attributes: what it set.
        hold_s: the longest hold it leaves, in seconds.
        detail: the technical cause of a failure, for the administrator.
        copies_limit: the most copies it leaves.
        approvers: who may approve, as written in the rule.
        printers: where it sends the job, in the order of preference.
        cheapest: the cheapest of them is preferred; their order only where they cost the same.
        watermark: the words it wants on every page, with placeholders.
    """

    rule: str
    kind: OutcomeKind
    message: str = ""
    set_attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NOTHING_SET)
    hold_s: int | None = None
    detail: str = ""
    copies_limit: int | None = None
    approvers: tuple[str, ...] = ()
    printers: tuple[str, ...] = ()
    watermark: str = ""
    cheapest: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The policy's answer.

    Args:
        message: for the person, in words; empty when nothing stands in the way.
        rule: the rule that denied or held the job.
        set_attributes: Job Template attributes to set, by IPP name; later rules win, and a limit of copies
            is applied to what was asked for or set.
        hold_s: the longest time the job may be held, in seconds from when it came in; None leaves the
            queue's own.
        because: what each rule that applied did, in file order.
        redirect: printers where the job goes instead, the preferred one first; empty leaves it where it is.
        cheapest: of those the cheapest is preferred, also to the one that was chosen.
        mask: the printer is not told the document's name, whatever the queue says.
        watermark: the words that stand on every page, a line for each rule, in file order.
        archive: a copy of it is kept once it was printed.
    """

    verdict: Verdict
    message: str = ""
    rule: str | None = None
    set_attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: NOTHING_SET)
    hold_s: int | None = None
    because: tuple[RuleOutcome, ...] = ()
    redirect: tuple[str, ...] = ()
    cheapest: bool = False
    mask: bool = False
    watermark: tuple[str, ...] = ()
    archive: bool = False

    @property
    def failed(self) -> bool:
        """Whether a rule that could not be decided is why the job is refused."""
        return any(outcome.kind == "failed" for outcome in self.because)

    @property
    def holding(self) -> tuple[str, ...]:
        """The names of the rules that hold the job for approval."""
        return tuple(outcome.rule for outcome in self.because if outcome.kind == "hold-for-approval")

    @property
    def approvers(self) -> tuple[tuple[str, ...], ...]:
        """Who may approve: one entry for each rule that holds the job, and whoever approves is in each.

        Names are of groups, and of people where they begin with "user:"; an empty entry names nobody.
        """
        return tuple(outcome.approvers for outcome in self.because if outcome.kind == "hold-for-approval")
