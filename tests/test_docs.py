"""What the documentation promises is there: links, commands, make targets, configuration keys, errors."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from spoold import __version__
from spoold.cli.main import COMMANDS
from spoold.model import errors
from spoold.model.errors import SpoolError
from spoold.model.jobstate import TRANSITIONS, JobEvent, JobState
from spoold.runtime.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(#[^)\s]*)?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`|^    (.+)$", re.MULTILINE)
MAKE = re.compile(r"^make ([a-z][a-z-]*)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository."""
    for target, _ in LINK.findall(page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{target} is not there"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_headings(page: Path) -> None:
    """Every link to a place within a page names one of its headings, as renderers make anchors of them."""
    for target, place in LINK.findall(page.read_text()):
        if place and "://" not in target:
            linked = page.parent / target if target else page
            anchors = {
                re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                for heading in HEADING.findall(linked.read_text())
            }
            assert place[1:] in anchors, f"{target}{place}"


def test_the_code_refers_to_sections_that_exist() -> None:
    """A comment like "docs/design.md, recall" names a heading or a paragraph that begins in bold."""
    found = {
        (page, " ".join(words.split()))
        for package in ("spoold", "protocols", "holdstore", "policy")
        for path in (ROOT / package).rglob("*.py")
        for page, words in re.findall(r"docs/([a-z-]+\.md), ([a-z][a-z0-9 ]+)", path.read_text())
    }
    assert len(found) > 5
    for page, words in sorted(found):
        begins = rf"^(?:#+ .*|\*\*)\b{re.escape(words)}\b"
        assert re.search(begins, (ROOT / "docs" / page).read_text(), re.MULTILINE | re.IGNORECASE), (
            page,
            words,
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_exist(page: Path) -> None:
    """Tests and modules that a page names in code are there, and so are the functions after "::"."""
    names = re.findall(
        r"`((?:tests|spoold|protocols|holdstore|policy|systemd|bench)/[\w./-]+)(?:::(\w+))?", page.read_text()
    )
    for name, function in names:
        path = ROOT / name
        assert path.exists(), name
        if function:
            assert re.search(rf"^(?:async )?def {function}\(", path.read_text(), re.MULTILINE), (
                name,
                function,
            )


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


def test_every_room_stands_on_the_plan() -> None:
    """docs/architecture.md has a line for each package, and no line for one that is gone."""
    plan = re.findall(r"^ +((?:protocols|holdstore|policy|spoold)\S*)  *\S", architecture(), re.MULTILINE)
    rooms = {
        str(path.parent.relative_to(ROOT))
        for package in ("protocols", "holdstore", "policy", "spoold")
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert {*plan} - {"spoold/__main__"} == rooms - {"spoold"}


def test_the_state_table_is_the_code_s() -> None:
    """docs/architecture.md shows every state with every event and the state after it, in the code's order."""
    rows = re.findall(r"^\| ([a-z-]+) \| [^|]+ \|(.*)\|$", section_of(architecture(), "States"), re.MULTILINE)
    shown = {state: ending.strip() for state, ending in rows[1:]}
    written = {
        state.value: ", ".join(
            f"{event} → {TRANSITIONS[state, event]}" for event in JobEvent if (state, event) in TRANSITIONS
        )
        for state in JobState
    }
    assert shown == written


def test_every_service_is_on_the_page() -> None:
    """docs/architecture.md lists the services that are started, in their order."""
    source = (ROOT / "spoold" / "app" / "services.py").read_text()
    started = re.findall(r"""(?:Service|_gentle)\(\s*"([a-z-]+)\"""", source)
    rows = re.findall(r"^\| ([a-z, -]+) \| ", section_of(architecture(), "Starting"), re.MULTILINE)
    shown = [name for row in rows for name in row.split(", ")]
    assert sorted(shown) == sorted({*started, "service"})
    order = re.findall(r"""Service\("([a-z-]+)\"""", source.partition("services = [")[2].partition("]\n")[0])
    assert [name for name in shown if name in order] == order


def architecture() -> str:
    return (ROOT / "docs" / "architecture.md").read_text()


def section_of(page: str, heading: str) -> str:
    """Return what stands under a heading of the second level."""
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_running_page_names_every_refusal_and_metrics_that_exist() -> None:
    """docs/running.md tells what to look at for each kind of refusal; what it watches is really measured."""
    page = (ROOT / "docs" / "running.md").read_text()
    kinds = {
        one.kind for one in vars(errors).values() if isinstance(one, type) and issubclass(one, SpoolError)
    }
    assert kinds == set(
        re.findall(r"^\| `([a-z-]+)` \| ", section_of(page, "When something is refused"), re.MULTILINE)
    )
    measured = {
        name for family in Metrics().registry.collect() for name in (family.name, f"{family.name}_total")
    }
    named = set(re.findall(r"`(spoold_[a-z_]+)", page))
    assert named
    assert named <= measured


def test_every_dependency_has_its_reason() -> None:
    """docs/design.md says what each dependency is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    design = (ROOT / "docs" / "design.md").read_text().partition("\n## Dependencies\n")[2]
    for requirement in project["dependencies"]:
        name = re.split(r"[\[<>=~! ]", requirement, maxsplit=1)[0]
        assert re.search(rf"[|`,] ?{re.escape(name)}[`,| ]", design), name


def test_the_version_is_the_package_s() -> None:
    """What clients and people are told is what is built."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
