"""A word that a fact never is, for it is always spelt otherwise, is found before it switches a rule off."""

from typing import Any

import pytest

from spoold.config.consistency import findings as all_findings
from spoold.config.problems import KeyPath
from spoold.config.spelling_findings import findings


def found(document: dict[str, Any]) -> list[tuple[KeyPath, str | None, int | None]]:
    return [(one.path, one.suggestion, one.offset) for one in findings(document)]


@pytest.mark.parametrize(
    ("when", "suggestion", "offset"),
    [
        ('user.name == "Ana"', "ana", 13),
        ('user.name in ["ben", " ana"]', "ana", 21),
        ('job.media == "iso_a3_297x420m"', "iso_a3_297x420mm", 13),
        ('job.media == "a3"', None, 13),
        ('job.media != "om_large_297x420mm"', "iso_a3_297x420mm", 13),
        ('job.media == "iso_a3_420x297mm"', "iso_a3_297x420mm", 13),
    ],
)
def test_a_word_that_no_fact_is_is_found_with_what_was_meant(
    when: str, suggestion: str | None, offset: int
) -> None:
    document = {"rules": [{"name": "a", "when": when, "deny": "x"}]}
    assert found(document) == [(("rules", 0, "when"), suggestion, offset)]
    assert any(one.offset == offset for one in all_findings(document))


@pytest.mark.parametrize(
    "when",
    [
        'user.name == "ana"',
        'job.media == "iso_a3_297x420mm" || job.media == "na_letter_8.5x11in" || job.media == ""',
        'job.media == "custom_211x300mm_211x300mm"',
        '"Pupils" in user.groups',
        'job.media_type == "Labels"',
    ],
)
def test_what_a_fact_can_be_is_left_alone(when: str) -> None:
    assert found({"rules": [{"name": "a", "when": when, "deny": "x"}]}) == []


def test_restricted_paper_is_called_by_the_name_of_its_size() -> None:
    media = {"iso_a3_420x297mm": ["staff"], "iso_a4_210x297mm": ["staff"], "tray-2": ["a"], "labels": ["a"]}
    assert found({"printers": {"lobby": {"restricted_media": media}}}) == [
        (("printers", "lobby", "restricted_media", "iso_a3_420x297mm"), "iso_a3_297x420mm", None)
    ]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"rules": 1, "printers": 2},
        {"rules": [1, {"when": 2}], "printers": {"a": 1, "b": {"restricted_media": 2}}},
    ],
)
def test_parts_of_the_wrong_type_are_passed_over(document: dict[str, Any]) -> None:
    assert found(document) == []
