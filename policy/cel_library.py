"""The CEL library's native part alone: the package around it is an interactive tool of 27 MiB and 0.2 s."""

import importlib
import importlib.util
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any, Protocol


class Program(Protocol):
    """A compiled expression."""

    def execute(self, context: Any) -> Any:
        """Evaluate; raises ArithmeticError, LookupError, RuntimeError, TypeError or ValueError."""


def _load() -> ModuleType:
    package = importlib.util.find_spec("cel")
    native = PathFinder.find_spec("cel.cel", package.submodule_search_locations) if package else None
    if native is None or native.loader is None or "cel" in sys.modules:
        return importlib.import_module("cel")
    module = importlib.util.module_from_spec(native)
    native.loader.exec_module(module)
    # Whoever imports the whole package later gets this module too: it can be made once in a process only.
    sys.modules["cel.cel"] = module
    return module


_native = _load()


def compile_expression(text: str) -> Program:
    """Compile an expression; ValueError if it is none."""
    program: Program = _native.compile(text)
    return program


def evaluate(text: str) -> Any:
    """Return the value of an expression without variables; ValueError if it is none."""
    return _native.evaluate(text)


def context(variables: dict[str, Any], functions: dict[str, Any]) -> Any:
    """Return what programs are executed in: variables by name, and functions they may call."""
    return _native.Context(variables, functions)
