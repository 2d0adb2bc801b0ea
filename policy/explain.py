"""Explain: one sentence for people about what each rule did."""

from collections.abc import Iterable, Mapping

from policy.decision import AttributeValue, Decision, RuleOutcome

ATTRIBUTE_WORDS: Mapping[tuple[str, AttributeValue], str] = {
    ("sides", "one-sided"): "on one side of the sheet",
    ("sides", "two-sided-long-edge"): "on both sides of the sheet",
    ("sides", "two-sided-short-edge"): "on both sides of the sheet, turned at the short edge",
    ("print-color-mode", "monochrome"): "in black and white",
    ("print-color-mode", "auto-monochrome"): "in black and white",
    ("print-color-mode", "bi-level"): "in black and white without greys",
    ("print-color-mode", "color"): "in colour",
    ("print-color-mode", "auto"): "in the colours of the document",
    ("copies", 1): "in one copy",
}


def sentence(outcome: RuleOutcome) -> str:
    """Return what a rule did, as one sentence for the person who prints."""
    rule = f'the rule "{outcome.rule}"'
    match outcome.kind:
        case "deny":
            return f"Refused by {rule}: {outcome.message}"
        case "hold-for-approval":
            return f"Waits for approval, as {rule} asks: {outcome.message}"
        case "approved":
            return f"Approved, as {rule} asks."
        case "set":
            return f"Printed {' and '.join(_attributes(outcome.set_attributes))}, as {rule} asks."
        case "shorten":
            return f"Held for {_term(outcome.hold_s or 0)} at most, as {rule} asks."
        case "failed":
            return outcome.message
        case "no-match":
            return f"{_capital(rule)} does not apply."
        case "other-stage":
            return f"{_capital(rule)} is not asked at this point."
        case "other-queue":
            return f"{_capital(rule)} is not for this queue."


def sentences(outcomes: Iterable[RuleOutcome]) -> tuple[str, ...]:
    """Return one sentence for each outcome, in the same order."""
    return tuple(sentence(outcome) for outcome in outcomes)


def explain(decision: Decision) -> str:
    """Return why the decision is as it is, in one or more sentences; says so when no rule applied."""
    return " ".join(sentences(decision.because)) or "No rule of this site stands in the way."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _attributes(attributes: Mapping[str, AttributeValue]) -> Iterable[str]:
    for name, value in attributes.items():
        if name == "copies" and value != 1:
            yield f"in {value} copies"
        else:
            yield ATTRIBUTE_WORDS.get((name, value), f"with {name} = {value}")


def _term(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{seconds} second{'s' * (seconds != 1)}"
