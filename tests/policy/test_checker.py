"""Mistakes in conditions are found before evaluation: without one, it is true or false."""

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.checker import check, vocabulary
from policy.facts import (
    FACTS,
    ClientFacts,
    DocumentFacts,
    Facts,
    JobFacts,
    Kind,
    PrinterFacts,
    QueueFacts,
    UserFacts,
    variables,
)
from policy.setting import Setting
from policy.surroundings import Surroundings

SITE = Setting(
    {"school-hours": ["Mon-Fri 08:00-17:00"]},
    {"public": ["12-25"]},
    {"offices": [ip_network("10.20.0.0/16")]},
)
FACTS_KNOWN = Facts(
    queue=QueueFacts("secure"),
    user=UserFacts("anna", ("pupils", "chess"), ("user",), authenticated=True),
    job=JobFacts(copies=2, impressions=6),
    document=DocumentFacts("application/pdf", 1, 3, encrypted=False, broken=False, known=True),
    client=ClientFacts("192.0.2.1", "ipp"),
    printer=PrinterFacts("lobby", "Lobby", color=True, ready=True, cost=50),
)


def everything() -> dict[str, dict[str, Any]]:
    around = Surroundings(datetime(2026, 3, 2, 9, tzinfo=UTC), networks=SITE.networks)
    return variables(FACTS_KNOWN, around, [(group, name) for group in FACTS for name in FACTS[group]])


def mistakes(text: str) -> list[tuple[str, int, str | None]]:
    return [(found.message, found.offset, found.suggestion) for found in check(text, SITE).mistakes]


@pytest.mark.parametrize(
    "text",
    [
        '"pupils" in user.groups && !open("school-hours")',
        "document.known && document.pages > 50",
        "!document.known || document.pages * job.copies > 200",
        'user.groups.exists(g, g.startsWith("class-") && g != "class-1")',
        'user.groups.all(g, g in ["a", "b"]) || size(user.groups) == 0 || user.groups.size() > 3',
        'user.name.matches("^[a-z]+$") || user.name.contains("x") || user.name.endsWith("y")',
        'time.weekday in ["Sat", "Sun"] || time.date >= "2026-12-24"',
        '(job.color_mode == "color" ? 5 : 50) < job.impressions',
        '"administrator" in user.roles || user.name + "@x" == "a@x"',
        "true // everybody",
        'inside("offices") && !holiday() || holiday("public") && client.network in ["offices", ""]',
        'user.second_factor && user.method == "badge" && user.provider != "local"',
        "printer.color && !printer.ready",
        "[1, 2].exists_one(n, n == job.copies % 3)",
        "-job.copies < 0 && !!user.authenticated",
    ],
)
def test_good_conditions_have_no_mistakes_and_evaluate(text: str) -> None:
    assert mistakes(text) == []
    context = cel.Context(
        everything(),
        {"open": lambda _name: True, "inside": lambda _name: True, "holiday": lambda *_name: True},
    )
    assert isinstance(cel.compile(text).execute(context), bool)


@pytest.mark.parametrize(
    ("text", "message", "offset", "suggestion"),
    [
        ("usr.name == 'x'", 'no group of facts named "usr"', 0, "user"),
        ("user.group == 'x'", 'no fact named "user.group"', 5, "groups"),
        ("pages > 3", 'no fact named "pages"', 0, "document.pages"),
        ("qeue == 'x'", 'no fact named "qeue"', 0, "queue"),
        ("user == 'x'", "is a group of facts", 0, "user.name"),
        ("job.copies.x == 1", '"x" is not a part', 11, None),
        ('open("school-huors")', "no schedule named", 5, "school-hours"),
        ("open(user.name)", "takes the name of a schedule", 5, None),
        ("open()", "takes 1 argument", 0, None),
        ('inside("ofices")', "no network named", 7, "offices"),
        ("inside()", "takes 1 argument", 0, None),
        ('holiday("publik")', "no calendar of holidays named", 8, "public"),
        ('holiday("public", "x")', "takes 1 argument", 0, None),
        ("inside(client.address)", "takes the name of a network", 7, None),
        ('client.network == "office"', "none of the possible values", 18, "offices"),
        ("opne('school-hours')", 'no function named "opne"', 0, "open"),
        ("user.name.startWith('a')", 'no function named "startWith"', 10, "startsWith"),
        ("user.name.startsWith(1)", "takes a string, but this is a number", 21, None),
        ("job.copies.startsWith('a')", "belongs to a string", 0, None),
        ("user.name.matches('(')", "no valid regular expression", 18, None),
        ("user.name.matches(user.name)", "written out", 18, None),
        ("user.name.size(1) == 2", "takes 0 arguments", 10, None),
        ("size(job.copies) == 1", "takes a string or a list", 0, None),
        ("user.name.exists(x, true)", "belongs to a list", 10, None),
        ("user.groups.exists(x)", "takes a variable and a condition", 12, None),
        ("user.groups.exists(user, true)", "choose another variable", 19, None),
        ("user.groups.exists(g, g)", "must be true or false, but this is a string", 22, None),
        ("user.groups.exists(g, user.groups.all(h, h == g))", "cannot stand inside", 34, None),
        ("job.copies == '3'", '"==" compares a number with a string', 11, None),
        ("job.copies < '3'", "compares two numbers or two strings", 11, None),
        ("user.groups < user.groups", "compares two numbers or two strings", 12, None),
        ("job.copies + 'a' == 1", '"+" takes two numbers', 11, None),
        ("'a' in user.name", "write text.contains", 4, None),
        ("1 in user.groups", "looks for a number in a list of strings", 2, None),
        ("!job.copies", '"!" takes true or false', 1, None),
        ("-user.name == 1", '"-" takes a number', 1, None),
        ("user.name && true", '"&&" joins conditions', 0, None),
        ("job.copies ? true : false", '"?" takes a condition', 0, None),
        ("true ? 1 : 'a'", '"?:" chooses between', 5, None),
        ("job.copies + 1", "must be true or false, but this is a number", 0, None),
        ("['a', 1] == ['a']", "must all be of one type", 0, None),
        ("user.groups == ['a', 'b']", "groups come in no order", 12, None),
        ("['a'] != user.groups", "groups come in no order", 6, None),
        ("user.name.matches('(?-i)Ana')", 'leave "-i" out', 18, None),
        ("user.name.matches('(k{800}){100}')", "too large", 18, None),
        ("[true] == [true]", "holds strings or numbers", 0, None),
        ("[] == []", "an empty list", 0, None),
        ('time.weekday == "Saturday"', "none of the possible values", 16, None),
        ('"admin" in user.roles', "none of the possible values", 0, "administrator"),
        ('job.sides in ["two-sided"]', "none of the possible values", 14, "two-sided-long-edge"),
        ('user.roles.exists(r, r == "oper")', "none of the possible values", 26, "operator"),
        ("user.groups.exists(for, true)", "is not an expression", 0, None),
    ],
)
def test_mistakes_are_found_with_place_and_suggestion(
    text: str, message: str, offset: int, suggestion: str | None
) -> None:
    first = mistakes(text)[0]
    assert message in first[0]
    assert first[1:] == (offset, suggestion)


def test_all_mistakes_of_a_condition_are_reported_at_once() -> None:
    found = mistakes("usr.name == 'a' || job.copis > 1 || open('x') || time.weekday == 'Monday'")
    assert [offset for _, offset, _ in found] == [0, 23, 41, 65]


def test_mistakes_hidden_by_a_short_circuit_are_found() -> None:
    assert len(mistakes("true || user.nam == 'x'")) == 1


def test_reads_are_the_facts_named() -> None:
    checked = check('"a" in user.groups && document.known', SITE)
    assert checked.reads == {("user", "groups"), ("document", "known")}


def test_calls_are_the_names_that_functions_are_asked_for() -> None:
    checked = check('open("school-hours") || holiday() || holiday("public") || inside("offices")', SITE)
    wanted = {("open", "school-hours"), ("holiday", ""), ("holiday", "public"), ("inside", "offices")}
    assert checked.calls == wanted


def test_the_vocabulary_names_every_fact() -> None:
    assert dict(vocabulary())["user.groups"].kind is Kind.STRINGS
    assert len(list(vocabulary())) == sum(len(names) for names in FACTS.values())


PATHS = [path for path, _ in vocabulary()]
LEAVES = st.sampled_from(
    [
        *PATHS,
        "1",
        "0",
        "7",
        '"a"',
        '"Mon"',
        "true",
        "false",
        '["a", "b"]',
        "[1, 2]",
        'open("school-hours")',
        "g",
        "nobody",
    ]
)
BINARY = st.sampled_from(["&&", "||", "==", "!=", "<", ">=", "in", "+", "-", "*", "/", "%"])
CALLS = st.sampled_from(["startsWith", "contains", "matches", "exists", "size"])
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, BINARY, inner).map(lambda parts: "({} {} {})".format(*parts)),
        inner.map("!({})".format),
        inner.map("-({})".format),
        inner.map("size({})".format),
        st.tuples(inner, CALLS, inner).map(lambda parts: "({}).{}({})".format(*parts)),
        st.tuples(inner, inner).map(lambda parts: "({}).exists(g, {})".format(*parts)),
        st.tuples(inner, inner, inner).map(lambda parts: "({} ? {} : {})".format(*parts)),
    ),
    max_leaves=8,
)


def joined(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda values: template.format(*values))


def facts_of(kind: Kind) -> st.SearchStrategy[str]:
    return st.sampled_from([path for path, fact in vocabulary() if fact.kind is kind and not fact.words])


Texts = st.SearchStrategy[str]


def well_typed(depth: int) -> tuple[Texts, Texts, Texts, Texts]:
    """Conditions, numbers, strings and lists that get past the checker, at most `depth` levels deep."""
    ints = facts_of(Kind.INT) | st.sampled_from(["0", "1", "9223372036854775807"])
    strings = facts_of(Kind.STRING) | st.sampled_from(['"a"', "r'\\d'", '"""b"""'])
    lists = facts_of(Kind.STRINGS) | joined("[{}]", strings)
    bools = facts_of(Kind.BOOL) | st.sampled_from(["true", "false", 'open("school-hours")'])
    for _ in range(depth):
        orders = st.sampled_from(["<", "<=", "==", "!=", ">=", ">"])
        bools, ints, strings, lists = (
            bools
            | joined("({} {} {})", bools, st.sampled_from(["&&", "||", "==", "!="]), bools)
            | joined("({} {} {})", ints, orders, ints)
            | joined("({} {} {})", strings, orders, strings)
            | joined("({} in {})", strings, lists)
            | joined("({} in [{}, {}])", ints, ints, ints)
            | joined("!{}", bools)
            | joined("{}.{}({})", strings, st.sampled_from(["contains", "startsWith", "endsWith"]), strings)
            | joined("{}.matches(r'^[a-z]+\\d$')", strings)
            | joined("{}.exists(g, g == {} || {})", lists, strings, bools)
            | joined("({} ? {} : {})", bools, bools, bools),
            ints
            | joined("({} {} {})", ints, st.sampled_from("+-*/%"), ints)
            | joined("-{}", ints)
            | joined("size({})", strings | lists)
            | joined("({} ? {} : {})", bools, ints, ints),
            strings
            | joined("({} + {})", strings, strings)
            | joined("({} ? {} : {})", bools, strings, strings),
            lists | joined("[{}, {}]", strings, strings),
        )
    return bools, ints, strings, lists


BOOLS = well_typed(3)[0]


@settings(deadline=None)
@given(BOOLS | CONDITIONS)
def test_what_the_checker_lets_pass_evaluates_to_true_or_false(text: str) -> None:
    """Only arithmetic can still fail (overflow, division by zero), which nobody can see beforehand."""
    if mistakes(text):
        return
    context = cel.Context(
        everything(),
        {"open": lambda _name: True, "inside": lambda _name: True, "holiday": lambda *_name: True},
    )
    try:
        answer = cel.compile(text).execute(context)
    except ArithmeticError:
        return
    assert isinstance(answer, bool)


@settings(deadline=None)
@given(CONDITIONS.map("({}) == true".format) | st.text(max_size=50))
def test_mistakes_point_into_the_condition(text: str) -> None:
    assert all(0 <= offset <= len(text) for _, offset, _ in mistakes(text))
