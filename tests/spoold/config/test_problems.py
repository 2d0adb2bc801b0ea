"""Problems print as editors and people read them."""

from pathlib import Path

import pytest

from spoold.config.problems import ConfigurationErrors, KeyPath, Problem, key_text

ONE = Problem(Path("a.toml"), 3, 14, "server.name", "is odd", "even")
TWO = Problem(Path("a.toml"), 5, 1, "", "is missing")


def test_a_problem_prints_its_place_and_what_was_meant() -> None:
    assert str(ONE) == 'a.toml:3:14: is odd (did you mean "even"?)'
    assert str(TWO) == "a.toml:5:1: is missing"


def test_the_error_holds_and_prints_all() -> None:
    error = ConfigurationErrors([ONE, TWO])
    assert error.problems == (ONE, TWO)
    assert str(error) == error.public == f"{ONE}\n{TWO}"
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("server", "name"), "server.name"),
        (("rules", 0, "when"), "rules[0].when"),
        (("printers", "2nd floor", "uri"), 'printers."2nd floor".uri'),
        (("set", "print-color-mode"), "set.print-color-mode"),
    ],
)
def test_key_paths_are_written_as_in_the_file(path: KeyPath, text: str) -> None:
    assert key_text(path) == text
