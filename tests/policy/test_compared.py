"""Words that a condition compares with facts are found where they stand."""

import pytest

from policy.compared import compared


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('user.name == "Ana"', [("user.name", "Ana", 13)]),
        ('"Ana" != user.name', [("user.name", "Ana", 0)]),
        ('job.media in ["a", "b"] || true', [("job.media", "a", 14), ("job.media", "b", 19)]),
        (
            '!("Pupils" in user.groups) ? true : "x" == queue.name',
            [("user.groups", "Pupils", 2), ("queue.name", "x", 36)],
        ),
        (
            'user.groups.exists(g, g == "A" || g in ["B"])',
            [("user.groups", "A", 27), ("user.groups", "B", 40)],
        ),
        ('["A"].exists(g, g == "A" && "Ana" == user.name)', [("user.name", "Ana", 28)]),
        ('user.name.startsWith("A") && user.name < "B" && job.copies == 2', []),
        ("user.name == ", []),
        ("", []),
    ],
)
def test_words_stand_with_their_fact(condition: str, found: list[tuple[str, str, int]]) -> None:
    assert list(compared(condition)) == found
