"""Why the rules decide as they do is said on the command line, with what they read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.control_peer import Done, control_peer
from tests.support.pdfs import pdf

Run = Callable[..., tuple[Done, list[tuple[str, dict[str, Any]]]]]
EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
SCHOOL = (EXAMPLES / "school.toml").read_text()
EVENING = ("--at", "2026-11-24T18:00", "--queue", "everybody")
FOUND = {
    "stage": "accept",
    "at": "2026-11-24T18:00:00+01:00",
    "verdict": "deny",
    "rule": "Hours",
    "said": 'Refused by the rule "Hours": Later.',
    "rules": [
        {
            "rule": "Hours",
            "when": '!open("hours")',
            "outcomes": ["deny"],
            "said": ['Refused by the rule "Hours": Later.'],
            "read": {'open("hours")': False, "document.pages": None},
            "late": False,
        }
    ],
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `spoold policy explain` against a daemon that answers from a table."""

    def _run(
        *words: str, site: str = SCHOOL, **results: Any
    ) -> tuple[Done, list[tuple[str, dict[str, Any]]]]:
        named = {name.replace("_", "-"): result for name, result in results.items()}
        with control_peer(tmp_path, named) as peer:
            config = tmp_path / "spoold.toml"
            if "policy_explain" not in results:
                state = config.read_text().partition("state_dir")[2].splitlines()[0]
                config.write_text(site.replace("[server]\n", f"[server]\nstate_dir{state}\n"))
            done = peer.run("policy", "explain", *words, monkeypatch=monkeypatch, capsys=capsys, stdin="")
        return done, peer.asked

    return _run


def test_a_job_of_the_daemon_is_explained(run: Run) -> None:
    done, asked = run("--job", "12", "--printer", "lobby", policy_explain=[FOUND])
    assert asked == [("policy-explain", {"job": "12", "printer": "lobby"})]
    assert done.lines == [
        "At acceptance, 2026-11-24 18:00: refused.",
        '  Refused by the rule "Hours": Later.',
        '  + Refused by the rule "Hours": Later.',
        '      !open("hours")',
        '      open("hours") = false; document.pages = not known',
    ]


def test_a_job_that_nobody_has_sent_is_explained_without_a_daemon(run: Run) -> None:
    done, asked = run("--as", "leo", "--groups", "class-9a", *EVENING)
    assert (done.status, asked) == (0, [])
    assert done.lines[:2] == [
        "At acceptance, 2026-11-24 18:00: refused.",
        '  Refused by the rule "Classes print in school hours": Printing is open Monday to Friday '
        "from 08:00 to 17:00, not in the holidays.",
    ]
    assert '      user.groups = ["class-9a"]; open("school-hours") = false' in done.lines
    assert '  - The rule "The office prints at any time" does not apply.' in done.lines


def test_the_daemon_knows_the_groups(run: Run) -> None:
    person = {"name": "mia", "groups": ["office"], "role": "operator", "provider": "school"}
    done, asked = run("--as", "mia", "--at", "2026-11-24T18:00", "--json", policy_person=person)
    assert done.status == 0, done.err
    assert asked == [("policy-person", {"name": "mia"})]
    assert json.loads(done.lines[0])["stage"] == "accept"


def test_a_document_is_looked_into_and_a_release_explained(run: Run, tmp_path: Path) -> None:
    document = tmp_path / "long.pdf"
    document.write_bytes(pdf(3))
    done, _ = run(
        *("--as", "leo", "--groups", "class-9a", "--file", str(document), "--copies", "9"),
        *("--at", "2026-11-24T10:00", "--queue", "everybody", "--printer", "corridor", "--from", "10.20.1.1"),
    )
    assert [line for line in done.lines if line.startswith("At ")] == [
        "At acceptance, 2026-11-24 10:00: held for approval.",
        "At release, 2026-11-24 10:00: held for approval.",
    ]
    assert any("document.pages = 3" in line for line in done.lines)


STRANGER = (*EVENING, "--printer", "corridor")


def explained(run: Run, *queue_keys: str) -> list[dict[str, Any]]:
    """What a stranger is told at the school's first queue with these keys."""
    school = SCHOOL.replace("[queues.everybody]\n", "\n".join(["[queues.everybody]", *queue_keys, ""]))
    done, asked = run(*STRANGER, "--json", site=school)
    assert (done.status, asked) == (0, []), done.err
    return [json.loads(line) for line in done.lines]


def test_a_stranger_gets_nothing_where_people_sign_in(run: Run) -> None:
    for one in explained(run):
        assert (one["verdict"], one["rule"]) == ("deny", None)
        assert one["said"].startswith("This queue is for people who sign in.")
        assert all(rule["late"] for rule in one["rules"])


def test_a_stranger_may_print_where_nobody_signs_in_and_releases_signed_in(run: Run) -> None:
    accepted, released = explained(run, 'authentication = "at-release"')
    assert accepted["verdict"] == "allow"
    assert released["verdict"] == "deny"
    assert "released by whoever signs in" in released["said"]


def test_a_stranger_with_a_pin_is_asked_for_nothing_else(run: Run) -> None:
    found = explained(run, 'authentication = "at-release"', 'pins = "accepted"')
    assert [one["verdict"] for one in found] == ["allow", "allow"]


def test_a_stranger_is_refused_in_words(run: Run) -> None:
    done, _ = run(*EVENING)
    assert done.lines[:2] == [
        "At acceptance, 2026-11-24 18:00: refused.",
        "  This queue is for people who sign in. Sign in with your user name and password first.",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--job", "12", "--as", "ana"), "it takes --printer only"),
        (("--queue", "nowhere"), 'no queue named "nowhere"'),
        (("--printer", "nowhere"), 'no printer named "nowhere"'),
        (("--at", "soon"), '"soon" is no time'),
        (("--file", "/nowhere.pdf"), "cannot be read"),
        (("--color", "pink"), '"pink" is none of auto, '),
        (("--sides", "three-sided"), '"three-sided" is none of one-sided, '),
        (("--media", "A3"), '"A3" is no size by its full name'),
        (("--job", "12", "--media", "iso_a4_210x297mm"), "it takes --printer only"),
        (("--job", "12", "--printer-down"), "it takes --printer only"),
    ],
)
def test_what_is_not_there_is_said(run: Run, words: tuple[str, ...], said: str) -> None:
    done, _ = run(*words)
    assert done.status == 2
    assert said in done.err


ASKING = """
[[rules]]
name = "What it reads"
stage = "release"
when = 'user.name != "x" && job.sides + job.color_mode + job.media + job.media_type + job.media_source != "" \
&& "CLASS-9A" in user.groups && printer.color && printer.ready'
deny = "All of it."
"""
HOW = (
    *("--sides", "two-sided-long-edge", "--color", "monochrome", "--media", "custom_poster_297x420mm"),
    *("--media-type", "labels", "--media-source", "tray-2"),
)


@pytest.mark.parametrize(
    ("more", "verdict", "color", "ready"),
    [
        ((), "deny", True, True),
        (("--printer-black",), "allow", False, True),
        (("--printer-down",), "allow", True, False),
    ],
)
def test_how_it_would_be_printed_and_where_is_said(
    run: Run, more: tuple[str, ...], verdict: str, *, color: bool, ready: bool
) -> None:
    site = SCHOOL.partition("[[rules]]")[0] + ASKING.replace("\\\n", "")
    done, _ = run(
        *("--as", "LEO", "--groups", "Class-9a", *EVENING, "--printer", "corridor", *HOW, *more, "--json"),
        site=site,
    )
    assert done.status == 0, done.err
    released = json.loads(done.lines[1])
    assert released["rules"][0]["read"] == {
        "job.color_mode": "monochrome",
        "job.media": "iso_a3_297x420mm",
        "job.media_source": "tray-2",
        "job.media_type": "labels",
        "job.sides": "two-sided-long-edge",
        "printer.color": color,
        "printer.ready": ready,
        "user.groups": ["class-9a"],
        "user.name": "leo",
    }
    assert released["verdict"] == verdict
