"""What no job can ever meet is found, and nothing that some job can."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.checker import check
from policy.engine import compile_rules
from policy.facts import (
    ClientFacts,
    DocumentFacts,
    Facts,
    JobFacts,
    PrinterFacts,
    QueueFacts,
    UserFacts,
)
from policy.possible import doubts_of
from policy.rules import RuleSource
from policy.setting import Setting

SITE = Setting(
    {"hours": ["Mon-Fri 08:00-17:00"]},
    {"public": ["12-25"]},
    {"offices": [ip_network("10.0.0.0/8")]},
    queues={"secure": ["lobby", "studio"], "exams": ["vault"]},
)


def doubts(*rules: RuleSource) -> list[tuple[int | None, str, int | None]]:
    return [(one.rule, one.message, one.offset) for one in doubts_of(rules, SITE)]


@pytest.mark.parametrize(
    "when",
    [
        "true",
        "time.hour >= 8 && time.hour < 17",
        "time.hour < 8 || time.hour >= 17",
        'user.name == "ana" || user.name == "ben"',
        'user.name.startsWith("a") && user.name.startsWith("an") && !user.name.startsWith("anb")',
        'time.weekday != "Mon" && time.weekday != "Tue"',
        '"a" in user.groups && "b" in user.groups && !("c" in user.groups)',
        'open("hours") && !holiday() && !holiday("public") && inside("offices")',
        "job.copies >= 1 && document.known && document.pages * job.copies > 20",
        "(user.authenticated ? job.copies : 3) > 5",
        "!(user.authenticated && job.copies > 3) && user.authenticated",
        "user.groups.exists(g, g == 'a') && !user.groups.exists(g, g == 'b')",
        'time.date >= "2026-12-24" && time.date < "2027-01-01" && time.date != "2026-12-26"',
        "job.copies in [1, 2, 3] && !(job.copies in [1, 2])",
        'client.address == "10.1.2.3" || client.network == ""',
        'user.name.matches("^a") && user.name.contains("b") && user.name.endsWith("c")',
    ],
)
def test_what_a_job_can_meet_is_no_mistake(when: str) -> None:
    assert doubts(RuleSource("a", when, deny="x")) == []


@pytest.mark.parametrize(
    ("when", "offset", "words"),
    [
        ("false", 0, "can never be true"),
        ('user.name == "a" && user.name == "b"', 20, "asked of user.name"),
        ('user.name == "ana" && user.name.startsWith("b")', 22, "asked of user.name"),
        ('user.name.startsWith("a") && user.name.startsWith("b")', 29, "asked of user.name"),
        ('user.name.startsWith("ab") && !user.name.startsWith("a")', 31, "asked of user.name"),
        ('user.name.endsWith("a") && user.name.endsWith("b")', 27, "asked of user.name"),
        ('user.name == "ana" && user.name.matches("^b")', 22, "asked of user.name"),
        ("time.hour > 17 && time.hour < 8", 18, "asked of time.hour"),
        ("!(time.hour <= 17 || time.hour >= 8)", 21, "asked of time.hour"),
        ("user.authenticated && !user.authenticated", 23, "asked of user.authenticated"),
        ("user.authenticated == true && user.authenticated == false", 30, "asked of user.authenticated"),
        ('"a" in user.groups && !("a" in user.groups)', 24, 'asked of ("a" in user.groups)'),
        ('open("hours") && !open("hours")', 18, 'asked of open("hours")'),
        ('time.weekday in ["Mon", "Tue"] && time.weekday == "Wed"', 34, "asked of time.weekday"),
        ("job.copies > 3 && !(job.copies != 3)", 20, "asked of job.copies"),
        ("5 < job.copies && 3 > job.copies", 18, "asked of job.copies"),
        ('queue.name == "secure" && queue.name != "secure"', 26, "asked of queue.name"),
        ("time.hour > 23", 10, "is never true: time.hour is 0 to 23"),
        ("time.hour == 24", 10, "is never true: time.hour is 0 to 23"),
        ("24 <= time.hour", 3, "is never true: time.hour is 0 to 23"),
        ("time.hour < 24", 10, "is always true: time.hour is 0 to 23"),
        ("user.authenticated || time.minute == 60", 34, "is never true: time.minute is 0 to 59"),
        ("job.copies < 1", 11, "is never true: job.copies is 1 or more"),
        ("job.copies > 0", 11, "is always true: job.copies is 1 or more"),
        ("document.pages < 0", 15, "is never true"),
        ("time.month in [13, 14]", 11, "is never true: time.month is 1 to 12"),
        ('time.date == "2026-02-30"', 10, "is never true: time.date is a date"),
        ('client.address == "10.1.2"', 15, "is never true: client.address is an address"),
        ("user.authenticated ? job.copies > 3 && job.copies < 2 : false", 39, "asked of job.copies"),
    ],
)
def test_what_no_job_can_meet_is_found_where_it_stands(when: str, offset: int, words: str) -> None:
    ((index, message, at),) = doubts(RuleSource("a", when, deny="x"))
    assert (index, at) == (0, offset)
    assert words in message


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (RuleSource("a", 'queue.name == "exams"', queues=("secure",), deny="x"), "queue.name"),
        (RuleSource("a", 'printer.name == "vault"', "release", ("secure",), deny="x"), "printer.name"),
        (RuleSource("a", "job.age_minutes > 5", "accept", deny="x"), "job.age_minutes"),
        (RuleSource("a", "job.approved", "accept", deny="x"), "job.approved"),
    ],
)
def test_where_a_rule_is_asked_counts(rule: RuleSource, words: str) -> None:
    ((_, message, _),) = doubts(rule)
    assert words in message


def test_where_a_rule_is_asked_may_fit() -> None:
    assert (
        doubts(
            RuleSource("a", 'printer.name == "vault"', "release", ("exams",), deny="x"),
            RuleSource("b", "job.age_minutes > 5 && job.approved", "release", deny="x"),
        )
        == []
    )


@pytest.mark.parametrize(
    ("before", "rule"),
    [
        (RuleSource("a", "true", deny="x"), RuleSource("b", "job.copies > 3", deny="y")),
        (RuleSource("a", "true", allow=True), RuleSource("b", "job.copies > 3", hold="y")),
        (RuleSource("a", "job.copies > 3", deny="x"), RuleSource("b", "job.copies > 5", deny="y")),
        (RuleSource("a", "job.copies > 3", deny="x"), RuleSource("b", "job.copies > 3", "accept", deny="y")),
        (
            RuleSource("a", "true", queues=("secure", "exams"), deny="x"),
            RuleSource("b", "true", queues=("exams",), deny="y"),
        ),
        (
            RuleSource("a", 'open("hours") || user.authenticated', deny="x"),
            RuleSource("b", 'user.authenticated && !("a" in user.groups) && open("hours")', deny="y"),
        ),
    ],
)
def test_a_rule_that_is_never_asked_is_found(before: RuleSource, rule: RuleSource) -> None:
    ((index, message, offset),) = doubts(before, rule)
    assert (index, offset) == (1, None)
    assert message == 'is never asked: the rule "a" before it always decides first'


@pytest.mark.parametrize(
    ("before", "rule"),
    [
        (RuleSource("a", "true", mask=True), RuleSource("b", "true", deny="y")),
        (RuleSource("a", "true", "accept", deny="x"), RuleSource("b", "job.copies > 3", deny="y")),
        (RuleSource("a", "true", queues=("secure",), deny="x"), RuleSource("b", "true", deny="y")),
        (RuleSource("a", "job.copies > 5", deny="x"), RuleSource("b", "job.copies > 3", deny="y")),
        (RuleSource("a", "user.authenticated", deny="x"), RuleSource("b", "job.copies > 3", deny="y")),
    ],
)
def test_a_rule_that_is_asked_sometimes_is_no_mistake(before: RuleSource, rule: RuleSource) -> None:
    assert doubts(before, rule) == []


def test_rules_with_other_mistakes_are_passed_over() -> None:
    assert doubts(RuleSource("a", "usr.name == 'x' && false", deny="x")) == []


ATOMS = st.sampled_from(
    [
        "true",
        "false",
        "user.authenticated",
        "time.hour < 8",
        "time.hour >= 17",
        "time.hour == 9",
        'time.weekday == "Mon"',
        'time.weekday in ["Sat", "Sun"]',
        '"a" in user.groups',
        '"b" in user.groups',
        'user.name == "ana"',
        'user.name.startsWith("a")',
        'user.name.startsWith("b")',
        'user.name.endsWith("n")',
        "job.copies > 3",
        "3 >= job.copies",
        "job.copies in [1, 5]",
        'open("hours")',
        'queue.name == "secure"',
        'client.network == "offices"',
        'inside("offices")',
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda parts: "({} {} {})".format(*parts)),
        inner.map("!({})".format),
        st.tuples(inner, inner, inner).map(lambda parts: "({} ? {} : {})".format(*parts)),
    ),
    max_leaves=10,
)
JOBS = st.builds(
    lambda name, groups, authenticated, copies, queue, address, day, hour: (
        Facts(
            QueueFacts(queue),
            UserFacts(name, groups, authenticated=authenticated),
            JobFacts(copies=copies),
            DocumentFacts(),
            ClientFacts(address),
            PrinterFacts("lobby"),
        ),
        datetime(2026, 3, day, hour, 30, tzinfo=UTC),
    ),
    st.sampled_from(["ana", "ben", "", "an"]),
    st.sets(st.sampled_from(["a", "b"])),
    st.booleans(),
    st.integers(1, 9),
    st.sampled_from(["secure", "exams"]),
    st.sampled_from(["10.1.1.1", "192.0.2.1"]),
    st.integers(1, 28),
    st.integers(0, 23),
)


@settings(deadline=None, max_examples=400)
@given(CONDITIONS, CONDITIONS, st.lists(JOBS, min_size=1, max_size=20))
def test_what_is_called_impossible_never_happens(
    first: str, second: str, jobs: list[tuple[Facts, datetime]]
) -> None:
    """The other direction is not promised: some of what is impossible is not seen."""
    rules = [RuleSource("a", first, deny="x"), RuleSource("b", second, mask=True)]
    assert not any(check(rule.when, SITE).mistakes for rule in rules)
    found = {(one.rule, "never asked" in one.message) for one in doubts_of(rules, SITE)}
    engine = compile_rules(rules, SITE, "UTC")
    for facts, now in jobs:
        told = engine.explain("release", facts, now)
        if (0, False) in found:
            assert told.rules[0].outcomes[0].kind == "no-match"
        if (1, False) in found:
            assert told.rules[1].outcomes[0].kind == "no-match"
        if (1, True) in found and told.rules[1].outcomes[0].kind == "mask":
            assert told.decision.rule == "a"
