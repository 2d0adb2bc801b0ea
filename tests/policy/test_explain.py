"""Every outcome has a sentence that a person can read."""

from typing import get_args

import pytest

from policy.decision import Decision, OutcomeKind, RuleOutcome
from policy.explain import explain, sentence, sentences


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (RuleOutcome("hours", "deny", "Come back at 8."), 'Refused by the rule "hours": Come back at 8.'),
        (
            RuleOutcome("big", "hold-for-approval", "Ask."),
            'Waits for approval, as the rule "big" asks: Ask.',
        ),
        (RuleOutcome("big", "approved", "Ask."), 'Approved, as the rule "big" asks.'),
        (
            RuleOutcome("eco", "set", set_attributes={"sides": "two-sided-long-edge", "copies": 2}),
            'Printed on both sides of the sheet and in 2 copies, as the rule "eco" asks.',
        ),
        (
            RuleOutcome("eco", "set", set_attributes={"copies": 1, "print-color-mode": "monochrome"}),
            'Printed in one copy and in black and white, as the rule "eco" asks.',
        ),
        (
            RuleOutcome("eco", "set", set_attributes={"print-quality": 3}),
            'Printed with print-quality = 3, as the rule "eco" asks.',
        ),
        (RuleOutcome("short", "shorten", hold_s=3600), 'Held for 1 hour at most, as the rule "short" asks.'),
        (
            RuleOutcome("short", "shorten", hold_s=5400),
            'Held for 90 minutes at most, as the rule "short" asks.',
        ),
        (
            RuleOutcome("short", "shorten", hold_s=172_800),
            'Held for 2 days at most, as the rule "short" asks.',
        ),
        (
            RuleOutcome("short", "shorten", hold_s=61),
            'Held for 61 seconds at most, as the rule "short" asks.',
        ),
        (RuleOutcome("few", "limit", copies_limit=3), 'Printed in 3 copies at most, as the rule "few" asks.'),
        (
            RuleOutcome("cheap", "redirect", printers=("a", "b")),
            'Printed at a or b, as the rule "cheap" asks.',
        ),
        (
            RuleOutcome("cheap", "redirect", printers=("a", "b"), cheapest=True),
            'Printed at the cheapest of a, b, as the rule "cheap" asks.',
        ),
        (
            RuleOutcome("quiet", "mask"),
            'The printer is not told the document\'s name, as the rule "quiet" asks.',
        ),
        (
            RuleOutcome("stamp", "watermark", watermark="For {user}"),
            'Printed with "For {user}" on every page, as the rule "stamp" asks.',
        ),
        (
            RuleOutcome("file", "archive"),
            'A copy of the document is kept when it was printed, as the rule "file" asks.',
        ),
        (RuleOutcome("all", "allow"), 'The rule "all" allows it, and no other is asked.'),
        (RuleOutcome("[queues.x] groups", "no-access", "Not you."), "Not you."),
        (RuleOutcome("odd", "failed", "It failed."), "It failed."),
        (RuleOutcome("no", "no-match"), 'The rule "no" does not apply.'),
        (RuleOutcome("no", "other-stage"), 'The rule "no" is not asked at this point.'),
        (RuleOutcome("no", "other-queue"), 'The rule "no" is not for this queue.'),
    ],
)
def test_an_outcome_in_words(outcome: RuleOutcome, said: str) -> None:
    assert sentence(outcome) == said


def test_every_kind_of_outcome_has_a_sentence() -> None:
    for kind in get_args(OutcomeKind):
        assert sentence(RuleOutcome("r", kind, "Words.", hold_s=60)).endswith(".")


def test_a_decision_is_explained_by_the_rules_that_applied() -> None:
    outcomes = (RuleOutcome("a", "shorten", hold_s=60), RuleOutcome("b", "deny", "No."))
    decision = Decision("deny", "No.", "b", because=outcomes)
    assert explain(decision) == " ".join(sentences(outcomes))
    assert explain(Decision("allow")) == "No rule of this site stands in the way."
