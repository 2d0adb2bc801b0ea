"""Asking: which rules are asked at a stage for a queue, in batches, and what a rule does when it applies."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from policy.cel_library import Program, compile_expression
from policy.decision import OutcomeKind, RuleOutcome, Stage
from policy.facts import FACTS, Facts
from policy.rules import CompiledRule, RuleSource

# So many rules are asked whether any of them applies at all: most apply to few jobs, and calling the
# library costs as much as evaluating a rule. Measured: bench/policy.py.
BATCH = 6

FAILED = 'The rule "{rule}" could not be decided{why}, so the job is refused. Please tell the administrator.'


@dataclass(frozen=True, slots=True)
class Batch:
    """Rules that follow one another, and one expression that is false only when all their conditions are.

    Args:
        any_of: None when there is nothing to save.
    """

    rules: tuple[CompiledRule, ...]
    any_of: Program | None

    def none_matches(self, context: Any) -> bool:
        """Return whether all conditions are false for sure; one that fails is asked again by itself."""
        if self.any_of is None:
            return False
        try:
            return self.any_of.execute(context) is False
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
            return False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked at one stage.

    Args:
        rules: in file order.
        reads: the facts they read.
        functions: the functions they call.
        by_queue: batches for the queues that rules name; None is every other queue.
    """

    rules: tuple[CompiledRule, ...]
    reads: tuple[tuple[str, str], ...]
    functions: tuple[str, ...]
    uses_document: bool
    by_queue: Mapping[str | None, tuple[Batch, ...]]

    def batches(self, queue: str) -> tuple[Batch, ...]:
        """Return the rules that are asked for a queue."""
        return self.by_queue[queue if queue in self.by_queue else None]


def plan(rules: Iterable[CompiledRule], stage: Stage) -> Plan:
    """Return what is asked of these rules at a stage."""
    asked = tuple(rule for rule in rules if rule.source.stage in {None, stage})
    named = {queue for rule in asked for queue in rule.source.queues or ()}
    by_queue: dict[str | None, tuple[Batch, ...]] = {
        queue: _batches([rule for rule in asked if rule.source.is_asked(stage, queue)]) for queue in named
    }
    by_queue[None] = _batches([rule for rule in asked if rule.source.queues is None])
    return Plan(
        asked,
        tuple(sorted({fact for rule in asked for fact in rule.reads})),
        tuple(sorted({function for rule in asked for function, _ in rule.calls})),
        any(rule.reads_inspected for rule in asked),
        by_queue,
    )


def early(rules: Sequence[CompiledRule]) -> list[CompiledRule]:
    """Return the rules that can refuse before the document is here.

    What stands after a rule that may allow the job once its document is known waits for it.
    """
    before = takewhile(
        lambda rule: not (rule.source.allow and rule.source.stage != "release" and rule.reads_document), rules
    )
    return [rule for rule in before if not rule.reads_document]


def effects(source: RuleSource, stage: Stage, approved: Collection[str]) -> tuple[RuleOutcome, ...]:
    """Return what a rule does whose condition holds; that it ends everything comes last.

    Args:
        approved: the rules for which the job was approved.
    """
    name = source.name
    if source.deny is not None:
        return (RuleOutcome(name, "deny", source.deny),)
    found: list[RuleOutcome] = []
    if source.hold is not None:
        settled = stage == "release" and name in approved
        kind: OutcomeKind = "approved" if settled else "hold-for-approval"
        found.append(RuleOutcome(name, kind, source.hold, approvers=source.approvers))
    if source.set_attributes:
        found.append(RuleOutcome(name, "set", set_attributes=source.set_attributes))
    if source.copies_limit is not None:
        found.append(RuleOutcome(name, "limit", copies_limit=source.copies_limit))
    if source.redirect:
        cheapest = source.prefer == "cheapest"
        found.append(RuleOutcome(name, "redirect", printers=source.redirect, cheapest=cheapest))
    if source.expires_after_s is not None:
        found.append(RuleOutcome(name, "shorten", hold_s=source.expires_after_s))
    if source.mask:
        found.append(RuleOutcome(name, "mask"))
    if source.watermark is not None:
        found.append(RuleOutcome(name, "watermark", watermark=source.watermark))
    if source.archive:
        found.append(RuleOutcome(name, "archive"))
    if source.allow:
        found.append(RuleOutcome(name, "allow"))
    return tuple(found)


def failed_words(rule: CompiledRule, facts: Facts) -> str:
    """Return what a person is told when a rule could not be decided."""
    unknown = sorted(
        {
            FACTS[group][name].called
            for group, name in rule.reads
            if FACTS[group][name].called and getattr(getattr(facts, group), name, None) is None
        }
    )
    verb = "is" if len(unknown) == 1 else "are"
    why = f" because {' and '.join(unknown)} {verb} not known" if unknown else ""
    return FAILED.format(rule=rule.source.name, why=why)


def _batches(rules: Sequence[CompiledRule]) -> tuple[Batch, ...]:
    return tuple(_batch(tuple(rules[at : at + BATCH])) for at in range(0, len(rules), BATCH))


def _batch(rules: tuple[CompiledRule, ...]) -> Batch:
    if len(rules) == 1:
        return Batch(rules, None)
    # A condition may end in a comment, which ends with its line.
    text = " || ".join(f"({rule.condition}\n)" for rule in rules)
    return Batch(rules, compile_expression(text))
