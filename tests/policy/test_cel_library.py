"""The library is loaded without its interactive tool, and without getting in its way."""

import subprocess
import sys
from pathlib import Path

import pytest

from policy.cel_library import compile_expression, context, evaluate


def run(program: str) -> int:
    return subprocess.run([sys.executable, "-c", program], cwd=Path.cwd(), timeout=60).returncode


def test_expressions_compile_and_evaluate() -> None:
    program = compile_expression("a + f(1)")
    assert program.execute(context({"a": 1}, {"f": lambda number: number + 1})) == 3
    assert evaluate("'a' + 'b'") == "ab"
    with pytest.raises(ValueError, match="parse"):
        compile_expression("a +")


def test_the_interactive_tool_is_not_loaded() -> None:
    assert (
        run("import policy.engine, sys; sys.exit(any(m in sys.modules for m in ('cel', 'rich', 'typer')))")
        == 0
    )


@pytest.mark.parametrize("order", ["import cel, policy.engine", "import policy.engine, cel"])
def test_the_whole_package_can_be_imported_too(order: str) -> None:
    program = (
        f"{order}; from policy.cel_library import evaluate; assert cel.evaluate('1') == evaluate('1') == 1"
    )
    assert run(program) == 0
