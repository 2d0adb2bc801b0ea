"""Names of groups are compared without regard to case, wherever rules, access and people name them."""

import unicodedata
from datetime import UTC, datetime

import pytest

from policy.access import Access
from policy.engine import compile_rules
from policy.facts import FACTS, Facts, Kind, PrinterFacts, QueueFacts, UserFacts
from policy.folding import fold
from policy.groups import with_folded_groups
from policy.rules import RuleSource
from policy.setting import Setting

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
GROUPS = ["Pupils", "CLASS-7b", "Élèves", "Straße", 'The "Blue" Room']


def facts(*groups: str, queue: str = "pupils", location: str = "Class-7B") -> Facts:
    user = UserFacts("leo", groups, ("user",), authenticated=True, method="password", provider="school")
    return Facts(QueueFacts(queue), user, printer=PrinterFacts("lobby", location))


def holds(condition: str, *groups: str) -> bool:
    """Tell whether a rule with the condition refuses, alone and among others that do not apply."""
    wanted = RuleSource("wanted", condition, "release", deny="No.")
    others = [RuleSource(name, f'user.name == "{name}"', "release", deny="Other.") for name in ("a", "b")]
    found = {
        compile_rules(rules, Setting(), "UTC").decide("release", facts(*groups), NOW).message
        for rules in ([wanted], [*others, wanted])
    }
    assert len(found) == 1
    assert found <= {"", "No."}
    return found == {"No."}


def test_a_list_that_is_groups_only_in_part_is_folded_as_a_whole() -> None:
    assert holds('(user.authenticated ? ["Pupils"] : user.groups).exists(g, g == "PUPILS")', "ZZ")


@pytest.mark.parametrize(
    "condition",
    [
        '"pupils" in user.groups',
        '"PUPILS" in user.groups',
        "'pUpIlS' in user.groups",
        'r"""Pupils""" in user.groups',
        '"\\u0050upils" in user.groups',
        '!(!("Pupils" in user.groups)) // "PUPILS" in user.groups',
        '"E\u0301LE\u0300VES" in user.groups',
        '"STRASSE" in user.groups',
        "'THE \"BLUE\" ROOM' in user.groups",
        '("Pu" + "pils") in user.groups',
        '(user.name == "leo" ? "Pupils" : "Teachers") in user.groups',
        "queue.name in user.groups",
        "printer.location in user.groups",
        'user.groups.exists(g, g == "Pupils")',
        'user.groups.exists(g, "Pupils" == g)',
        'user.groups.exists(g, g in ["Teachers", "PUPILS"])',
        'user.groups.exists(g, g.startsWith("Class-") && g.endsWith("7B"))',
        'user.groups.exists(g, g.contains("LASS"))',
        'user.groups.exists(g, g.matches("^Class-[0-9][A-Z]$"))',
        'user.groups.exists(g, "My-Class-7b".contains(g))',
        'user.groups.exists(g, g.matches("^Straße$"))',
        'user.groups.exists(g, g.matches(r"^STRASSE\\b") || g.matches("\\\\[ß"))',
        '(user.authenticated ? user.groups : ["Pupils"]).exists(g, g == "Pupils")',
        "user.groups.exists(g, printer.location == g)",
        'user.groups.exists(g, g + "!" == "PUPILS!")',
        'user.groups.exists(g, g >= "O" && g < "Q")',
        '["Pupils", "Teachers"].exists(g, g in user.groups)',
        '["Teachers", queue.name].exists(fold, fold in user.groups)',
        '!user.groups.all(g, g != "Pupils")',
        "user.groups.exists_one(g, g == 'PUPILS')",
    ],
)
def test_every_way_to_ask_for_a_group_ignores_case(condition: str) -> None:
    assert holds(condition, *GROUPS)
    assert holds(condition, *(fold(one) for one in GROUPS))
    assert holds(condition, *(unicodedata.normalize("NFD", one.upper()) for one in GROUPS))
    assert not holds(condition, "ZZ")


@pytest.mark.parametrize(
    ("condition", "rewritten"),
    [
        ('"Pupils" in user.groups', '"pupils" in user.groups'),
        ('user.name == "Ana" || "B" in user.groups', 'user.name == "Ana" || "b" in user.groups'),
        ("queue.name in  user . groups", "fold(queue.name) in  user . groups"),
        ('(job.media == "A" ? "B" : "C") in user.groups', '(job.media == "A" ? "b" : "c") in user.groups'),
        ('["A"].exists(x, x in user.groups)', '["A"].exists(x, fold(x) in user.groups)'),
        ('user.groups.exists(x, x.matches("A\\\\d"))', 'user.groups.exists(x, x.matches("(?i)A\\\\d"))'),
        ('printer.location.matches("A")', 'printer.location.matches("A")'),
        ('["A"].exists(x, x == printer.location)', '["A"].exists(x, x == printer.location)'),
        ('size(user.groups) > 2 && open("Hours")', 'size(user.groups) > 2 && open("Hours")'),
        ("user.roles == user.groups", "user.roles == user.groups"),
        ('user.groups == ["B", "A"] && "C" in ["C"]', 'user.groups == ["b", "a"] && "C" in ["C"]'),
    ],
)
def test_only_what_is_compared_with_groups_is_rewritten(condition: str, rewritten: str) -> None:
    assert with_folded_groups(condition) == rewritten


def test_the_facts_that_are_lists_are_known_here() -> None:
    """Of another one the rewriting would have to know whether it may be folded."""
    lists = {
        f"{group}.{name}"
        for group, found in FACTS.items()
        for name, one in found.items()
        if one.kind in LISTS
    }
    assert lists == {"user.groups", "user.roles"}


LISTS = {Kind.STRINGS, Kind.INTS}


def test_a_group_in_two_spellings_is_one_group() -> None:
    assert facts("Pupils", "PUPILS", "a").user.groups == ("a", "pupils")
    assert not holds("size(user.groups) > 1", "Pupils", "PUPILS")


@pytest.mark.parametrize(
    ("access", "allowed"),
    [
        (Access(queues={"pupils": ["PUPILS"]}), True),
        (Access(printers={"lobby": ["other", "pUPILS"]}), True),
        (Access(queues={"pupils": ["teachers"]}), False),
    ],
)
def test_access_ignores_case(access: Access, *, allowed: bool) -> None:
    assert (access.refusal("release", facts("Pupils")) is None) is allowed


def test_a_refusal_names_groups_as_they_are_written() -> None:
    refusal = Access(printers={"lobby": ["Teachers"]}).refusal("release", facts("Pupils"))
    assert refusal is not None
    assert '"Teachers"' in refusal.message


def test_a_person_who_is_not_proven_is_in_no_group() -> None:
    nobody = Facts(QueueFacts("pupils"), UserFacts("leo", ["Pupils"]), printer=PrinterFacts("lobby"))
    assert Access(printers={"lobby": ["Pupils"]}).refusal("release", nobody) is not None
