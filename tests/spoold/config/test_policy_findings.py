"""Mistakes in rules and schedules are found whatever else is wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from spoold.config.loader import check
from spoold.config.policy_findings import findings
from spoold.config.problems import KeyPath


def found(document: dict[str, Any]) -> list[tuple[KeyPath, str | None, int | None]]:
    return [(finding.path, finding.suggestion, finding.offset) for finding in findings(document)]


def test_good_rules_have_no_findings() -> None:
    rule = {"name": "a", "when": 'open("s")', "deny": "x", "queues": ["q"]}
    assert found({"rules": [rule], "schedules": {"s": ["Mon"]}, "queues": {"q": {}}}) == []


def test_findings_stand_at_their_rule_key_and_character() -> None:
    rules = [
        {"name": "a", "when": "true", "deny": "x"},
        {"name": "a", "when": 'open("t") && usr.name == "x"', "hold": "x", "queues": ["q", "p"]},
    ]
    assert found({"rules": rules, "schedules": {"tt": ["Mon"]}, "queues": {"qq": {}}}) == [
        (("rules", 1, "name"), None, None),
        (("rules", 1, "when"), "tt", 5),
        (("rules", 1, "when"), "user", 13),
        (("rules", 1, "queues", 0), "qq", None),
        (("rules", 1, "queues", 1), None, None),
    ]


@pytest.mark.parametrize(
    "effect", [{"deny": 1}, {"hold": []}, {"set": {"sides": 3}}, {"expires_after": "never"}, {"deny": ""}]
)
def test_an_effect_of_the_wrong_type_is_still_an_effect(effect: dict[str, Any]) -> None:
    assert found({"rules": [{"name": "a", "when": "true", **effect}]}) == []


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ({}, []),
        ({"rules": 1, "schedules": 2, "queues": 3}, []),
        (
            {"rules": [1, {"name": 2, "when": 3, "stage": [], "deny": "x", "queues": [4]}]},
            [("rules", 0, "name")],
        ),
        ({"schedules": {"s": "Mon", "t": [1, "Man"]}}, [("schedules", "t", 1)]),
    ],
)
def test_parts_of_the_wrong_type_are_passed_over(document: dict[str, Any], paths: list[KeyPath]) -> None:
    assert [path for path, _, _ in found(document)] == paths


def test_names_that_are_not_configured_are_found_where_they_stand() -> None:
    document = {
        "printers": {"lobby": {"location": "Lobby"}, "studio": {}},
        "queues": {"q": {"printers": ["lobby", "studio"]}},
        "networks": {"offices": ["10.0.0.0/8", "nonsense"]},
        "holidays": {"public": ["12-25", "12-52"]},
        "schedules": {"s": ["Mon", "except pubic"]},
        "rules": [
            {
                "name": "a",
                "stage": "release",
                "when": 'printer.name == "loby" || queue.name == "p" || printer.location == "Loby"',
                "redirect": ["lobby", "studo"],
            },
            {"name": "b", "when": 'inside("office") || holiday("publc")', "mask": True},
            {"name": "c", "when": "true", "deny": "x", "approvers": ["y"]},
        ],
    }
    assert found(document) == [
        (("rules", 0, "when"), "lobby", 16),
        (("rules", 0, "when"), None, 40),
        (("rules", 0, "when"), "Lobby", 67),
        (("rules", 0, "redirect", 1), "studio", None),
        (("rules", 1, "when"), "offices", 7),
        (("rules", 1, "when"), "public", 28),
        (("rules", 2, "approvers"), None, None),
        (("schedules", "s", 1), "public", None),
        (("holidays", "public", 1), None, None),
    ]


def test_what_a_page_costs_is_missed_where_it_is_asked_for() -> None:
    document = {
        "printers": {"lobby": {"cost": 0.05}, "studio": {}},
        "queues": {"q": {"printers": ["lobby", "studio"]}},
        "rules": [
            {"name": "a", "stage": "release", "when": "printer.cost > 50", "redirect": ["lobby"]},
            {
                "name": "b",
                "stage": "release",
                "when": "true",
                "redirect": ["lobby", "studio"],
                "prefer": "cheapest",
            },
            {"name": "c", "when": "true", "mask": True, "prefer": "cheapest"},
        ],
    }
    assert found(document) == [
        (("rules", 0, "when"), None, 0),
        (("rules", 1, "redirect", 1), None, None),
        (("rules", 2, "prefer"), None, None),
    ]


def test_rules_that_match_nothing_are_reported_with_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "spoold.toml"
    file.write_text(
        f"""\
[server]
name = "print.example.org"
state_dir = "{tmp_path}"
[store]
key = "credential:store-key"
[printers.lobby]
uri = "ipps://192.0.2.21/ipp/print"
[queues.secure]
printers = ["lobby"]
[[rules]]
name = "never"
when = 'user.name == "ana" && user.name == "ben"'
deny = "x"
[[rules]]
name = "late"
when = "time.hour > 25"
deny = "x"
[[rules]]
name = "everybody"
when = "true"
deny = "x"
[[rules]]
name = "nobody left"
when = "job.copies > 3"
mask = true
"""
    )
    found = [(one.line, one.column, one.message) for one in check(file) if one.key.startswith("rules")]
    assert found == [
        (12, 31, "rules[0].when: can never be true: no job has what is asked of user.name"),
        (16, 19, "rules[1].when: is never true: time.hour is 0 to 23"),
        (24, 8, 'rules[3].when: is never asked: the rule "everybody" before it always decides first'),
    ]
