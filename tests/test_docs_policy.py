"""docs/policy.md and the policy agree: facts, keys, functions, and what the examples decide."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policy.checker import NAMED, STRING_METHODS, vocabulary
from policy.expression import MACROS
from policy.facts import ClientFacts, DocumentFacts, Facts, JobFacts, PrinterFacts, QueueFacts, UserFacts
from spoold.config.loader import load
from spoold.config.rules import Rule, SetAttributes
from spoold.config.sitepolicy import compile_policy

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "policy.md").read_text()
EXAMPLES = [one for one in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[[case]]" not in one]
SITE = """\
[server]
name = "print.example.org"
timezone = "UTC"
[store]
key = "file:/etc/spoold/store.key"
[printers.studio]
uri = "ipps://192.0.2.21/ipp/print"
[queues.secure]
printers = ["studio"]
[queues.personnel]
printers = ["studio"]
"""
SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECURE, PERSONNEL, EXAMS = QueueFacts("secure"), QueueFacts("personnel"), QueueFacts("exams")
STUDIO = PrinterFacts("studio")
FIND_ME = QueueFacts("find-me")
CASES: list[tuple[int, str, Facts, datetime, str]] = [
    (0, "accept", Facts(SECURE, UserFacts("leo", ["pupils"], authenticated=True)), SUNDAY, "deny"),
    (0, "accept", Facts(SECURE, UserFacts("leo", ["pupils"], authenticated=True)), MONDAY, "allow"),
    (4, "accept", Facts(SECURE, UserFacts("leo", ["class-9a"], authenticated=True)), SUNDAY, "deny"),
    (4, "accept", Facts(SECURE, UserFacts("mia", ["staff"], authenticated=True)), SUNDAY, "allow"),
    (5, "accept", Facts(SECURE, document=DocumentFacts(pages=300, known=True)), MONDAY, "deny"),
    (5, "accept", Facts(SECURE, document=DocumentFacts(pages=100, known=True)), MONDAY, "allow"),
    (5, "accept", Facts(SECURE, job=JobFacts(size_bytes=60 << 20)), MONDAY, "deny"),
    (
        6,
        "release",
        Facts(SECURE, UserFacts("mia", ["staff"], authenticated=True), printer=STUDIO),
        MONDAY,
        "set",
    ),
    (
        6,
        "release",
        Facts(SECURE, UserFacts("jo", ["layout"], authenticated=True), printer=STUDIO),
        MONDAY,
        "allow",
    ),
    (7, "accept", Facts(PERSONNEL, client=ClientFacts("10.20.6.1")), MONDAY, "deny"),
    (7, "accept", Facts(PERSONNEL, client=ClientFacts("10.20.4.1", "lpr")), MONDAY, "deny"),
    (7, "accept", Facts(PERSONNEL, client=ClientFacts("10.20.4.1")), MONDAY, "shorten"),
    (8, "release", Facts(SECURE, UserFacts("mia", ["staff"]), printer=STUDIO), MONDAY, "deny"),
    (8, "release", Facts(SECURE, UserFacts("mia", ["staff"]), printer=STUDIO), SUNDAY, "allow"),
    (8, "release", Facts(SECURE, UserFacts("jo", ["design"]), printer=STUDIO), MONDAY, "allow"),
    (1, "accept", Facts(SECURE, UserFacts("mia", ["office"], authenticated=True)), MONDAY, "allow"),
    (2, "accept", Facts(EXAMS, UserFacts("mia", ["office"], authenticated=True)), MONDAY, "no-access"),
    (2, "accept", Facts(EXAMS, UserFacts("jo", ["teachers"], authenticated=True)), MONDAY, "allow"),
    (
        2,
        "release",
        Facts(
            EXAMS,
            UserFacts("jo", ["teachers"], authenticated=True),
            JobFacts(media_type="stationery-letterhead"),
            printer=PrinterFacts("copyroom"),
        ),
        MONDAY,
        "no-access",
    ),
    (3, "accept", Facts(SECURE), MONDAY, "allow"),
    (
        9,
        "release",
        Facts(FIND_ME, job=JobFacts(color_mode="monochrome"), printer=PrinterFacts("library", cost=50)),
        MONDAY,
        "redirect",
    ),
    (9, "release", Facts(FIND_ME, printer=PrinterFacts("library", cost=50)), MONDAY, "allow"),
]


def test_the_facts_are_the_policy_s() -> None:
    """docs/policy.md lists every fact with its type, its possible values and when it is known."""
    rows = re.findall(r"^\| `([a-z_.]+)` \|[^|\n]*\|([^|\n]+)\|([^|\n]*)\|([^|\n]+)\|$", PAGE, re.MULTILINE)
    shown = {name: tuple(cell.strip() for cell in cells) for name, *cells in rows}
    written = {}
    for name, fact in vocabulary():
        known = "always"
        if name.startswith("printer."):
            known = {
                "printer.color": "at release, if it ever said",
                "printer.cost": "at release, if the file says it",
            }.get(name, "at release")
        elif fact.called:
            known = "if the document could be read"
        elif fact.arrives:
            known = "once the document is here"
        written[name] = (fact.kind.value, ", ".join(fact.words), known)
    assert shown == written


def test_the_keys_and_functions_of_rules_are_on_the_page() -> None:
    """docs/policy.md speaks of every key that a rule can have, and of every function."""
    page = PAGE
    keys = [field.alias or name for name, field in Rule.model_fields.items()]
    settings = [field.alias or name for name, field in SetAttributes.model_fields.items()]
    for word in (*keys, *settings):
        assert f"`{word}`" in page, word
    for function in (*MACROS, *STRING_METHODS):
        assert f".{function}(" in page, function
    for function in NAMED:
        assert f'`{function}("NAME")`' in page, function


def test_there_are_six_worked_examples() -> None:
    """The four on the way and the six that the page promises; each is tried below."""
    assert len(EXAMPLES) == 10
    assert {case[0] for case in CASES} == set(range(10))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[4]}")
def test_the_examples_decide_as_the_page_says(
    case: tuple[int, str, Facts, datetime, str], tmp_path: Path
) -> None:
    """Every example loads without a finding and does what stands above it."""
    number, stage, facts, now, expected = case
    path = tmp_path / "spoold.toml"
    path.write_text(f"{SITE}{EXAMPLES[number]}")
    engine = compile_policy(load(path))
    decision = engine.decide("accept" if stage == "accept" else "release", facts, now)
    found: list[str] = [outcome.kind for outcome in decision.because] or ["allow"]
    assert found == [expected]
