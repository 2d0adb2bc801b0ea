"""Explain: one sentence for people about what each rule did, and what it read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policy.decision import AttributeValue, Decision, RuleOutcome, Stage
from policy.rules import RuleSource

ATTRIBUTE_WORDS: Mapping[tuple[str, AttributeValue], str] = {
    ("sides", "one-sided"): "on one side of the sheet",
    ("sides", "two-sided-long-edge"): "on both sides of the sheet",
    ("sides", "two-sided-short-edge"): "on both sides of the sheet, turned at the short edge",
    ("print-color-mode", "monochrome"): "in black and white",
    ("print-color-mode", "auto-monochrome"): "in black and white",
    ("print-color-mode", "bi-level"): "in black and white without greys",
    ("print-color-mode", "color"): "in colour",
    ("print-color-mode", "auto"): "in the colours of the document",
}
_IN_ITS_WORDS = frozenset({"no-access", "failed"})
_SIMPLE: Mapping[str, str] = {
    "allow": "{rule} allows it, and no other is asked.",
    "deny": "refused by {rule}: {message}",
    "hold-for-approval": "waits for approval, as {rule} asks: {message}",
    "approved": "approved, as {rule} asks.",
    "mask": "the printer is not told the document's name, as {rule} asks.",
    "archive": "a copy of the document is kept when it was printed, as {rule} asks.",
    "no-match": "{rule} does not apply.",
    "other-stage": "{rule} is not asked at this point.",
    "other-queue": "{rule} is not for this queue.",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """What one rule says in a decision.

    Args:
        outcomes: one for each thing it does, or one that says why it does nothing.
        read: everything its condition reads, with its value; None is not known.
        late: the decision was made before it was asked.
    """

    rule: RuleSource
    outcomes: tuple[RuleOutcome, ...]
    read: Mapping[str, Any]
    late: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and what every rule says, in file order.

    Args:
        local: the moment it is for, in the site's time zone.
    """

    stage: Stage
    local: datetime
    decision: Decision
    rules: tuple[Explained, ...]


def sentence(outcome: RuleOutcome) -> str:
    """Return what a rule did, as one sentence for the person who prints."""
    rule = f'the rule "{outcome.rule}"'
    if outcome.kind in _IN_ITS_WORDS:
        return outcome.message
    if outcome.kind in _SIMPLE:
        text = _SIMPLE[outcome.kind].format(rule=rule, message=outcome.message)
        return text[:1].upper() + text[1:]
    match outcome.kind:
        case "set":
            done = f"Printed {' and '.join(_attributes(outcome.set_attributes))}"
        case "limit":
            done = f"Printed {_copies(outcome.copies_limit or 1)} at most"
        case "redirect":
            done = f"Printed at {' or '.join(outcome.printers)}"
            if outcome.cheapest:
                done = f"Printed at the cheapest of {', '.join(outcome.printers)}"
        case "watermark":
            done = f'Printed with "{outcome.watermark}" on every page'
        case _:
            done = f"Held for {_term(outcome.hold_s or 0)} at most"
    return f"{done}, as {rule} asks."


def sentences(outcomes: Iterable[RuleOutcome]) -> tuple[str, ...]:
    """Return one sentence for each outcome, in the same order."""
    return tuple(sentence(outcome) for outcome in outcomes)


def explain(decision: Decision) -> str:
    """Return why the decision is as it is, in one or more sentences; says so when no rule applied."""
    return " ".join(sentences(decision.because)) or "No rule of this site stands in the way."


def _attributes(attributes: Mapping[str, AttributeValue]) -> Iterable[str]:
    for name, value in attributes.items():
        if name == "copies" and isinstance(value, int):
            yield _copies(value)
        else:
            yield ATTRIBUTE_WORDS.get((name, value), f"with {name} = {value}")


def _copies(number: int) -> str:
    return "in one copy" if number == 1 else f"in {number} copies"


def _term(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{seconds} second{'s' * (seconds != 1)}"


def as_fields(found: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON fields."""
    decision = found.decision
    return {
        "stage": found.stage,
        "at": found.local.isoformat(),
        "verdict": decision.verdict,
        "rule": decision.rule,
        "said": explain(decision),
        "rules": [
            {
                "rule": one.rule.name,
                "when": one.rule.when,
                "outcomes": [outcome.kind for outcome in one.outcomes],
                "said": list(sentences(one.outcomes)),
                "read": dict(one.read),
                "late": one.late,
            }
            for one in found.rules
        ],
    }
