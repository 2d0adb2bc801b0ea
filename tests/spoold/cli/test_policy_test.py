"""An administrator's cases are run against the rules, and what differs is said."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from policy.coverage import everything, missing
from spoold.cli.main import main
from spoold.config.loader import check, load
from spoold.config.policy_cases import load_cases
from spoold.config.sitepolicy import compile_policy

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
SITES = ("school", "law-firm", "hospital", "town-hall")
SITE = """\
[server]
name = "print.example.org"
timezone = "Europe/Paris"
[store]
key = "credential:store-key"
[printers.lobby]
uri = "ipps://192.0.2.21/ipp/print"
[queues.secure]
printers = ["lobby"]
[[rules]]
name = "Hours"
when = '"pupils" in user.groups && !open("hours")'
deny = "Come back later."
[schedules]
hours = ["Mon-Fri 08:00-17:00"]
"""
CASE = """\
[[case]]
name = "Evening"
at = 2026-11-24T17:30:00
stage = "accept"
queue = "secure"
user = { name = "leo", groups = ["pupils"] }
expect = { decision = "deny", rule = "Hours", rules = ["Hours"] }
"""
OTHER = """\
[[case]]
name = "Morning"
at = 2026-11-24T08:30:00+01:00
stage = "accept"
queue = "secure"
user = { name = "leo", groups = ["pupils"] }
expect = { decision = "allow", set = {}, mask = false, redirect = [] }
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `spoold policy test` on cases; returns exit status, output and errors."""
    config, file = tmp_path / "spoold.toml", tmp_path / "cases.toml"

    def _run(cases: str, *options: str, site: str = SITE) -> tuple[int, str, str]:
        config.write_text(site)
        file.write_text(cases)
        words = ["spoold", "policy", "test", "--config", str(config), *options, str(file)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return _run


@pytest.mark.parametrize("site", SITES)
def test_a_shipped_example_is_without_mistakes(site: str) -> None:
    # The store's key and a folder for state are the machine's, and not here.
    assert load(EXAMPLES / f"{site}.toml").rules
    found = {problem.key for problem in check(EXAMPLES / f"{site}.toml")}
    assert found <= {"store.key", "server.state_dir"}


@pytest.mark.parametrize("site", SITES)
def test_every_rule_outcome_of_a_shipped_example_has_a_case(
    site: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, cases = EXAMPLES / f"{site}.toml", EXAMPLES / f"{site}-cases.toml"
    words = ["spoold", "policy", "test", "--config", str(config), "--coverage", str(cases)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0, capsys.readouterr().out
    assert len(everything(compile_policy(load(config)))) > 12


@pytest.mark.parametrize("site", SITES)
def test_without_one_case_an_example_is_not_covered(site: str) -> None:
    """Every outcome is told by its cases only: without any, each is missing."""
    engine = compile_policy(load(EXAMPLES / f"{site}.toml"))
    assert missing(engine, ()) == everything(engine)
    assert len(load_cases(EXAMPLES / f"{site}-cases.toml")) >= 15


def test_cases_that_are_decided_as_expected_pass(run: Run) -> None:
    status, out, _ = run(CASE + OTHER, "--coverage")
    assert (status, out) == (0, "2 cases, 0 decided otherwise, 0 outcomes without a case\n")


@pytest.mark.parametrize("groups", ['"PUPILS"', '"Staff", "Pupils"'])
def test_people_and_groups_are_compared_as_the_daemon_does_it(run: Run, groups: str) -> None:
    """A case must not pass, or fail, for capitals that make no difference in a decision."""
    named = SITE.replace("when = '", 'when = \'user.name == "leo" && ')
    case = CASE.replace('"leo"', '"LEO"').replace('"pupils"', groups)
    assert run(case, site=named)[0] == 0


def test_what_has_no_case_is_named(run: Run) -> None:
    status, out, _ = run(CASE, "--coverage")
    assert status == 1
    assert 'no case: "Hours": does not apply' in out
    status, out, _ = run(CASE, "--coverage", "--json")
    assert json.loads(out.splitlines()[-1]) == {"missing": [{"rule": "Hours", "outcome": "no-match"}]}
    assert run(CASE)[0] == 0


def test_a_difference_is_shown_as_one(run: Run) -> None:
    status, out, _ = run(CASE.replace("17:30", "16:30"))
    assert status == 1
    assert out.splitlines() == [
        "Evening:",
        '  - decision = "deny"',
        '  + decision = "allow"',
        '  - rule = "Hours"',
        "  + rule = nothing",
        '  - rules = ["Hours"]',
        "  + rules = []",
        "    No rule of this site stands in the way.",
        "1 case, 1 decided otherwise",
    ]


def test_differences_are_json_for_programs(run: Run) -> None:
    status, out, _ = run(CASE.replace('rule = "Hours", ', "").replace('"deny"', '"hold"'), "--json")
    assert status == 1
    assert json.loads(out) == {
        "case": "Evening",
        "passed": False,
        "differences": {"decision": {"expected": "hold", "decided": "deny"}},
    }


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            CASE.replace('queue = "secure"', 'queue = "secur"'),
            'no queue named "secur" (did you mean "secure"?)',
        ),
        (CASE.replace('rule = "Hours"', 'rule = "Hour"'), 'no rule named "Hour" (did you mean "Hours"?)'),
        (CASE.replace('"accept"', '"release"'), "a release names the printer"),
        (CASE.replace("groups", "group"), "case 1 (Evening): user.group: unknown key"),
        (CASE.replace('decision = "deny"', 'decision = "perhaps"'), "expect.decision: input should be"),
        (CASE + "job = { sides = 3 }", "job.sides: input should be a valid string"),
        (CASE + 'job = { sides = "both" }', 'job.sides is never "both"'),
        ("case = 3", "case: input should be"),
        ("[[case", "not TOML"),
    ],
)
def test_a_case_that_makes_no_sense_is_a_mistake(run: Run, wrong: str, words: str) -> None:
    if wrong.startswith(CASE) and wrong != CASE:
        lines = wrong.splitlines()
        wrong = "\n".join([*lines[:-2], lines[-1], lines[-2]])
    status, _, err = run(wrong)
    assert status == 2
    assert words in err


def test_cases_that_are_not_there_are_said(run: Run, tmp_path: Path) -> None:
    run(CASE)
    (tmp_path / "cases.toml").unlink()
    with pytest.raises(Exception, match="cannot be read"):
        load_cases(tmp_path / "cases.toml")
