"""Suggestions help where they are sure enough, and are silent elsewhere."""

import pytest

from policy.suggestion import closest


@pytest.mark.parametrize(
    ("word", "known", "suggested"),
    [
        ("groop", ["groups", "name"], "groups"),
        ("admin", ["user", "administrator"], "administrator"),
        ("NAME", ["groups", "name"], "name"),
        ("two-sided", ["one-sided", "two-sided-long-edge"], "two-sided-long-edge"),
        ("zebra", ["groups", "name"], None),
        ("n", ["name"], None),
        ("", ["name"], None),
        ("x", [], None),
    ],
)
def test_the_closest_known_word(word: str, known: list[str], suggested: str | None) -> None:
    assert closest(word, known) == suggested
