"""Mistakes in rules and schedules are all found when the policy is compiled."""

import pytest

from policy.engine import compile_rules
from policy.expression import MAX_CHARACTERS
from policy.rules import MAX_RULES, PolicyErrors, PolicyProblem, RuleSource, compile_rule, problems_of

NO_SCHEDULES: dict[str, list[str]] = {}


def found(*rules: RuleSource) -> list[PolicyProblem]:
    return list(problems_of(rules, NO_SCHEDULES))


def test_a_good_rule_has_no_problems() -> None:
    assert found(RuleSource("a", "job.copies > 3", deny="Too many.")) == []


def test_every_mistake_is_in_one_error() -> None:
    rules = [
        RuleSource("a", "pages > 3", deny="no"),
        RuleSource("a", 'open("late")', hold="ask"),
        RuleSource("b", "true"),
    ]
    with pytest.raises(PolicyErrors) as caught:
        compile_rules(rules, {"early": ["Mon 08:00", "Tue"]}, "Mars/Olympus")
    assert [(p.rule, p.field, p.suggestion) for p in caught.value.problems] == [
        (0, "when", "document.pages"),
        (1, "name", None),
        (1, "when", None),
        (2, "name", None),
        (None, "schedules", None),
        (None, "timezone", None),
    ]
    assert caught.value.problems[4].schedule == ("early", 0)


@pytest.mark.parametrize(
    ("rule", "field", "message"),
    [
        (RuleSource("a", "true"), "name", "has no effect"),
        (RuleSource("a", "true", deny="x", hold="y"), "deny", "no other effect"),
        (RuleSource("a", "true", deny="x", set_attributes={"copies": 1}), "deny", "no other effect"),
        (RuleSource("a", "true", deny="x", expires_after_s=60), "deny", "no other effect"),
        (RuleSource("a", "printer.name == 'x'", deny="x"), "when", 'add stage = "release"'),
        (RuleSource("a", "printer.name == 'x'", stage="accept", deny="x"), "when", 'add stage = "release"'),
        (RuleSource("a", "job.copies", deny="x"), "when", "must be true or false"),
        (RuleSource("a", " " * MAX_CHARACTERS + "true", deny="x"), "when", "longer than"),
    ],
)
def test_a_rule_that_makes_no_sense_is_a_problem(rule: RuleSource, field: str, message: str) -> None:
    (problem,) = found(rule)
    assert (problem.rule, problem.field) == (0, field)
    assert message in problem.message


def test_a_rule_about_the_printer_is_good_at_release() -> None:
    assert found(RuleSource("a", "printer.name == 'x'", stage="release", deny="x")) == []


def test_the_number_of_rules_is_bounded() -> None:
    rules = [RuleSource(str(number), "true", deny="x") for number in range(MAX_RULES + 1)]
    assert found(*rules[:-1]) == []
    (problem,) = found(*rules)
    assert problem.rule == MAX_RULES


@pytest.mark.parametrize(
    ("when", "inspected"),
    [
        ("document.pages > 3", True),
        ("document.known", True),
        ("job.impressions > 3", True),
        ('document.format == "application/pdf"', False),
        ("job.size_bytes > 3", False),
    ],
)
def test_rules_know_whether_they_need_an_inspection(when: str, inspected: bool) -> None:
    assert compile_rule(RuleSource("a", when, deny="x"), ()).reads_inspected is inspected
