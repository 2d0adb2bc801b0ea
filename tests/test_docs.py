"""What the documentation promises is there: links, commands, make targets, configuration keys, errors."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from spoold.cli.main import COMMANDS
from spoold.doors.ipp.dispatch import OPERATIONS
from spoold.model import errors
from spoold.model.errors import SpoolError

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")
CODE = re.compile(r"`([^`\n]+)`|^    (.+)$", re.MULTILINE)
MAKE = re.compile(r"^make ([a-z][a-z-]*)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository."""
    for target, _ in LINK.findall(page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{target} is not there"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    """Every `make TARGET` in the pages is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = [inline or indented for inline, indented in CODE.findall(page.read_text())]
    assert set(MAKE.findall("\n".join(code))) <= targets


def test_the_readme_starts_with_two_commands() -> None:
    """The quick start is make demo and make test, and nothing else."""
    text = (ROOT / "README.md").read_text()
    start = text.index("## Quick start")
    block = re.search(r"```sh\n(.*?)```", text[start:], re.DOTALL)
    assert block is not None
    commands = [line.split("#")[0].strip() for line in block[1].splitlines() if line.strip()]
    assert commands == ["make demo", "make test"]


def test_every_command_is_documented() -> None:
    """Each spoold command stands in docs/commands.md, and its help works."""
    page = (ROOT / "docs" / "commands.md").read_text()
    for name in COMMANDS:
        assert f"`spoold {name}" in page, name
        done = subprocess.run(
            [sys.executable, "-m", "spoold", name, "--help"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Usage:" in done.stdout


def test_every_operation_is_documented() -> None:
    """docs/ipp-support.md lists the operations that are answered, no more and no fewer."""
    page = (ROOT / "docs" / "ipp-support.md").read_text()
    listed = set(re.findall(r"^\| ([A-Z][A-Za-z-]+) \| 0x", page, re.MULTILINE))
    assert listed == {one.operation.rfc_name for one in OPERATIONS}


def test_every_refusal_is_documented() -> None:
    """docs/errors.md lists each kind of refusal with its statuses."""
    page = (ROOT / "docs" / "errors.md").read_text()
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, SpoolError)]
    for kind in kinds:
        row = rf"^\| `{kind.kind}` \| 0x{kind.ipp_status:04X} \| {kind.http_status} \| {kind.exit_code} \|"
        assert re.search(row, page, re.MULTILINE), f"{kind.__name__}: {row}"


def test_the_systemd_pages_name_the_shipped_units() -> None:
    """docs/running.md speaks of the units that are there."""
    page = (ROOT / "docs" / "running.md").read_text()
    for unit in (ROOT / "systemd").iterdir():
        assert unit.name in page, unit.name
