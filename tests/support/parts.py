"""Real parts a test stands on: missing ones fail the test, and are skipped only outside CI by hand."""

import os
import shutil

import pytest


def need_root(why: str) -> None:
    """End the test unless it runs as root; in CI that is a failure."""
    if os.geteuid() != 0:
        _missing(f"needs root: {why}")


def need_program(name: str) -> str:
    """Return the path of a program; in CI a missing one is a failure."""
    found = shutil.which(name)
    if found is None:
        _missing(f"{name} is not installed; make test installs it")
    return found or ""


def _missing(words: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)
