"""What a rule wants on every page: its words, its placeholders, and what cannot be stamped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.rules import RuleSource, problems_of
from policy.setting import Setting
from policy.watermark import PLACEHOLDERS, filled, mistakes_in


def test_every_placeholder_is_filled() -> None:
    text = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    assert list(mistakes_in(text)) == []
    assert filled(text, {name: name.upper() for name in PLACEHOLDERS}) == "USER DATE TIME PRINTER JOB"


def test_what_is_filled_in_is_not_looked_into_again() -> None:
    assert filled("{user} {job}", {"user": "{job}", "job": "7"}) == "{job} 7"


@pytest.mark.parametrize(
    ("text", "offset", "said", "suggestion"),
    [
        ("Printed by {usr}", 11, "there is no {usr}", "{user}"),
        ("{document-name}", 0, "there is no {document-name}", None),
        ("By {user", 3, "a brace stands only around", None),
        ("By user}", 7, "a brace stands only around", None),
        ("By {{user}}", 3, "a brace stands only around", None),
        ("Für 王 {user}", 4, '"王" cannot be stamped', None),
        ("   ", 0, "has no words", None),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, offset: int, said: str, suggestion: str | None) -> None:
    mistake = next(mistakes_in(text))
    assert mistake.offset == offset
    assert said in mistake.message
    assert mistake.suggestion == suggestion


def test_a_rule_with_a_mistake_in_its_watermark_is_not_compiled() -> None:
    rules = [
        RuleSource("fine", "true", watermark="Für {user}"),
        RuleSource("odd", "true", watermark="{name}"),
    ]
    problems = list(problems_of(rules, Setting()))
    assert [(one.rule, one.field, one.offset) for one in problems] == [(1, "watermark", 0)]


@given(st.text(max_size=60))
def test_words_without_mistakes_can_be_stamped_and_others_say_where(text: str) -> None:
    found = list(mistakes_in(text))
    assert all(0 <= one.offset <= max(0, len(text) - 1) for one in found)
    if not found:
        assert filled(text, dict.fromkeys(PLACEHOLDERS, "x")).encode("cp1252")
