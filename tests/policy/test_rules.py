"""Mistakes in rules and schedules are all found when the policy is compiled."""

from dataclasses import replace

import pytest

from policy.engine import compile_rules
from policy.expression import MAX_CHARACTERS
from policy.rules import MAX_RULES, PolicyErrors, PolicyProblem, RuleSource, compile_rule, problems_of
from policy.setting import Setting

NOTHING = Setting()


def found(*rules: RuleSource) -> list[PolicyProblem]:
    return list(problems_of(rules, NOTHING))


def test_a_good_rule_has_no_problems() -> None:
    assert found(RuleSource("a", "job.copies > 3", deny="Too many.")) == []


def test_every_mistake_is_in_one_error() -> None:
    rules = [
        RuleSource("a", "pages > 3", deny="no"),
        RuleSource("a", 'open("late")', hold="ask"),
        RuleSource("b", "true"),
    ]
    with pytest.raises(PolicyErrors) as caught:
        compile_rules(rules, Setting({"early": ["Mon 08:00", "Tue"]}), "Mars/Olympus")
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
        (RuleSource("a", "true", deny="x", allow=True), "deny", "no other effect"),
        (RuleSource("a", "true", deny="x", mask=True), "deny", "no other effect"),
        (RuleSource("a", "true", hold="x", allow=True), "allow", "does not allow"),
        (RuleSource("a", "true", mask=True, approvers=("x",)), "approvers", "only with hold"),
        (RuleSource("a", "true", hold="x", approvers=("user:",)), "approvers", "names a group"),
        (RuleSource("a", "true", set_attributes={"copies": 2}, copies_limit=1), "set", "not both"),
        (RuleSource("a", "true", redirect=("p",)), "redirect", 'add stage = "release"'),
        (RuleSource("a", "true", prefer="cheapest", mask=True), "prefer", "only with redirect"),
        (RuleSource("a", "job.copies", deny="x"), "when", "must be true or false"),
        (RuleSource("a", " " * MAX_CHARACTERS + "true", deny="x"), "when", "longer than"),
    ],
)
def test_a_rule_that_makes_no_sense_is_a_problem(rule: RuleSource, field: str, message: str) -> None:
    (problem,) = found(rule)
    assert (problem.rule, problem.field) == (0, field)
    assert message in problem.message


SITE = Setting(queues={"secure": ["lobby", "studio"], "exams": ["vault"]})


@pytest.mark.parametrize(
    ("rule", "item", "suggestion"),
    [
        (RuleSource("a", "true", "release", redirect=("lobby", "vault")), None, None),
        (RuleSource("a", "true", "release", redirect=("lobby", "valt")), 1, "vault"),
        (RuleSource("a", "true", "release", ("exams",), redirect=("lobby",)), 0, None),
        (RuleSource("a", "true", "release", redirect=("lobby", "lobby")), 1, None),
    ],
)
def test_a_redirection_leads_to_printers_of_the_queue(
    rule: RuleSource, item: int | None, suggestion: str | None
) -> None:
    problems = list(problems_of([rule], SITE))
    assert [(one.field, one.item, one.suggestion) for one in problems] == (
        [] if item is None else [("redirect", item, suggestion)]
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (
            RuleSource("a", "true", "release", redirect=("lobby", "studio"), prefer="cheapest"),
            ("redirect", 1, None),
        ),
        (RuleSource("a", "true", "release", redirect=("lobby",), prefer="cheapest"), None),
        (RuleSource("a", "true", "release", redirect=("lobby", "studio")), None),
        (RuleSource("a", "1 < 2 && printer.cost > 50", "release", deny="x"), ("when", None, 9)),
        (RuleSource("a", "printer.cost > 50", "release", ("exams",), deny="x"), None),
    ],
)
def test_who_asks_what_a_page_costs_has_said_it(
    rule: RuleSource, expected: tuple[str, int | None, int | None] | None
) -> None:
    problems = list(problems_of([rule], replace(SITE, unpriced=["studio"])))
    assert [(one.field, one.item, one.offset) for one in problems] == ([] if expected is None else [expected])
    assert all('at "studio"' in one.message for one in problems)


def test_mistakes_in_schedules_and_holidays() -> None:
    setting = Setting(
        {"a": ["Mon", "except publik"], "b": ["except public"], "c": ["Mon", "except"]},
        {"public": ["12-25", "12-32"]},
    )
    found = [(one.field, one.schedule, one.suggestion) for one in problems_of([], setting)]
    assert found == [
        ("schedules", ("a", 1), "public"),
        ("schedules", ("b", 0), None),
        ("schedules", ("c", 1), None),
        ("holidays", ("public", 1), None),
    ]


def test_a_rule_knows_everything_it_can_do() -> None:
    everything = RuleSource(
        "a",
        "true",
        hold="x",
        set_attributes={"sides": "one-sided"},
        expires_after_s=1,
        copies_limit=1,
        redirect=("p",),
        mask=True,
        archive=True,
    )
    kinds = ("hold-for-approval", "set", "limit", "redirect", "shorten", "mask", "archive")
    assert everything.effects == kinds
    assert RuleSource("a", "true", allow=True).effects == ("allow",)


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
    assert compile_rule(RuleSource("a", when, deny="x"), NOTHING).reads_inspected is inspected
