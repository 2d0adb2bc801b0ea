"""A decision says by itself whether a failing rule is behind it."""

from policy.decision import SILENT, Decision, RuleOutcome


def test_a_denial_by_a_rule_that_failed_says_so() -> None:
    assert Decision("deny", "No.", "a", because=(RuleOutcome("a", "failed", "No."),)).failed
    assert not Decision("deny", "No.", "a", because=(RuleOutcome("a", "deny", "No."),)).failed


def test_outcomes_that_change_nothing_are_silent() -> None:
    assert {"no-match", "other-stage", "other-queue"} == SILENT
