"""The house rules that no linter knows: sizes, first lines, and nothing that says it is not done."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("spoold", "protocols", "holdstore", "policy")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MAX_LINES = 400
MAX_FUNCTION_LINES = 70
# Words that belong to unfinished work, and names that say nothing.
UNFINISHED = re.compile(r"\b(TODO|FIXME)\b|raise NotImplementedError")
EMPTY_NAMES = {"utils", "helpers", "common", "manager", "data", "info", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_does_one_thing_and_says_so(path: Path) -> None:
    """A first line that says what it does, a bounded size, functions that fit a screen or two."""
    source = path.read_text()
    tree = ast.parse(source)
    docstring = ast.get_docstring(tree)
    assert docstring, "no docstring"
    assert len(docstring.splitlines()[0]) > 15
    assert source.count("\n") <= MAX_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_for_later(path: Path) -> None:
    """No marker of unfinished work, and no name that says nothing."""
    assert not UNFINISHED.search(path.read_text())
    assert path.stem not in EMPTY_NAMES


def test_every_room_is_tested() -> None:
    """Each package with code has tests of its own."""
    rooms = {path.parent.relative_to(ROOT) for path in MODULES if path.stem != "__init__"}
    untested = [
        str(room)
        for room in sorted(rooms)
        if not list((ROOT / "tests" / room).rglob("test_*.py")) and room not in _TESTED_ELSEWHERE
    ]
    assert untested == []


# Migrations are compared with the tables in tests/spoold/database; the worker is tested from its room.
# Pages are tested through the application that serves them.
_TESTED_ELSEWHERE = {
    Path("spoold"),
    Path("spoold/database/versions"),
    Path("spoold/documents/worker"),
    Path("spoold/doors/web/views"),
}
