"""What commands ask of the daemon, what they show of its answers, and how they end."""

import getpass
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.control_peer import Done, control_peer

Run = Callable[..., tuple[Done, list[tuple[str, dict[str, Any]]]]]
SECRET = "a secret of ana's"
JOB: dict[str, Any] = {
    "id": "1d0f3a52-8c0e-4f5e-9c8b-1f2e3d4c5b6a",
    "number": 12,
    "title": "Job 12",
    "own": False,
    "queue": "secure",
    "state": "held",
    "reason": "Waiting for its owner to release it.",
    "user": "ana",
    "claimed": True,
    "seconds_left": 3_725,
    "printers": ["lobby"],
    "timeline": [
        {"at": "2026-11-22T09:00:00.123456+00:00", "event": "accepted", "words": "Its documents arrive."},
        {"at": "2026-11-22T09:00:01.000000+00:00", "event": "permitted", "words": "Waiting."},
    ],
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command against a daemon that answers from a table; returns how it ended and what it asked."""

    def _run(*words: str, stdin: str = "", **results: Any) -> tuple[Done, list[tuple[str, dict[str, Any]]]]:
        named = {name.replace("_", "-"): result for name, result in results.items()}
        with control_peer(tmp_path, named) as peer:
            done = peer.run(*words, monkeypatch=monkeypatch, capsys=capsys, stdin=stdin)
        return done, peer.asked

    return _run


# -- jobs


def test_jobs_are_a_table_of_what_still_waits(run: Run) -> None:
    ended = [
        JOB | {"number": number, "state": state} for number, state in enumerate(("completed", "expired"))
    ]
    stranger = JOB | {"number": 13, "claimed": False, "user": "ben", "seconds_left": 59}
    done, asked = run("jobs", jobs=[*ended, JOB, stranger])
    assert done.status == 0
    assert [" ".join(line.split()) for line in done.lines] == [
        "JOB USER QUEUE STATE LEFT WHY",
        "12 ana secure held 1 h 02 min Waiting for its owner to release it.",
        "13 ben (unclaimed) secure held 59 s Waiting for its owner to release it.",
    ]
    assert asked == [("jobs", {})]


def test_jobs_that_have_ended_are_listed_when_asked_for(run: Run) -> None:
    done, _ = run("jobs", "--all", "--json", jobs=[JOB, JOB | {"state": "completed"}])
    assert [json.loads(line)["state"] for line in done.lines] == ["held", "completed"]


def test_jobs_that_have_ended_have_no_time_left(run: Run) -> None:
    done, _ = run("jobs", "--all", jobs=[JOB | {"state": "completed", "seconds_left": 0}])
    assert done.lines[1].split()[:5] == ["12", "ana", "secure", "completed", "-"]


def test_without_a_terminal_nobody_types_a_password_that_is_seen(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_terminal(prompt: str) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        return "seen"

    monkeypatch.setattr("click.termui.hidden_prompt_func", no_terminal)
    done, asked = run("release", "12", "--user", "ana")
    assert done.status == 2
    assert "There is no terminal to ask on" in done.err
    assert asked == []


def test_no_jobs_are_said(run: Run) -> None:
    assert run("jobs", jobs=[])[0].out == "No jobs.\n"


@pytest.mark.parametrize("command", [("jobs",), ("job", "12")])
def test_a_name_cannot_move_the_cursor(run: Run, command: tuple[str, ...]) -> None:
    """A claimed name is a stranger's text on an administrator's terminal."""
    hostile = JOB | {"user": "\x1b[2J\x9bevil\u202e\n", "reason": "\x1b]0;x\x07"}
    done, _ = run(*command, jobs=[hostile], job=hostile)
    assert done.out.replace("\n", "").isprintable()
    assert "evil" in done.out


def test_one_job_is_told_with_its_time_line(run: Run) -> None:
    done, asked = run("job", "1d0f", job=JOB)
    assert done.lines == [
        "Job 12 (1d0f3a52-8c0e-4f5e-9c8b-1f2e3d4c5b6a) of ana in secure: held",
        "Waiting for its owner to release it.",
        "  2026-11-22T09:00:00  accepted        Its documents arrive.",
        "  2026-11-22T09:00:01  permitted       Waiting.",
    ]
    assert asked == [("job", {"job": "1d0f"})]


# -- releasing


@pytest.mark.parametrize(
    ("state", "status"), [("completed", 0), ("held", 1), ("unknown", 1), ("printing", 1)]
)
def test_a_release_ends_with_what_became_of_the_job(run: Run, state: str, status: int) -> None:
    """Only paper is a success: a script must not go on as if it had come out."""
    done, asked = run(
        *("release", "12", "--printer", "lobby", "--user", "ana", "--password-stdin"),
        stdin=f"{SECRET}\n",
        release=JOB | {"state": state},
    )
    assert done.status == status
    assert state in done.out
    ((command, arguments),) = asked
    assert command == "release"
    assert (arguments["job"], arguments["printer"], arguments["user"]) == ("12", "lobby", "ana")
    assert arguments["password"] == SECRET
    assert arguments["wait_s"] > 0
    assert SECRET not in done.out + done.err


def test_a_pin_takes_the_place_of_user_and_password(run: Run) -> None:
    completed = JOB | {"state": "completed"}
    words = ("release", "12", "--printer", "lobby", "--pin-stdin")
    done, asked = run(*words, stdin=f"{SECRET}\n", release=completed)
    assert done.status == 0
    ((_, arguments),) = asked
    assert (arguments["pin"], arguments["printer"]) == (SECRET, "lobby")
    assert not {"user", "password"} & arguments.keys()
    assert SECRET not in done.out + done.err


def test_a_pin_and_a_user_are_one_proof_too_many(run: Run) -> None:
    done, asked = run("release", "12", "--pin-stdin", "--user", "ana", stdin=f"{SECRET}\n", release=JOB)
    assert (done.status, asked) == (2, [])


def test_a_release_need_not_be_waited_for(run: Run) -> None:
    done, asked = run(
        "release", "12", "--no-wait", "--password-stdin", stdin="x\n", release=JOB | {"state": "releasing"}
    )
    assert done.status == 0
    assert asked[0][1]["wait_s"] == 0


@pytest.mark.parametrize("command", ["release", "take-back"])
def test_the_login_name_is_whose_job_it_is(run: Run, command: str) -> None:
    _, asked = run(command, "12", "--password-stdin", stdin="x\n", release=JOB, take_back=JOB)
    assert (asked[0][0], asked[0][1]["user"]) == (command, getpass.getuser())


def test_a_refusal_is_one_line_and_status_1(run: Run) -> None:
    words = "lobby is not ready. Nothing was printed."
    done, _ = run("release", "12", "--password-stdin", stdin="x\n", release=PermissionError(words))
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines()[-1] == f"spoold: {words}"


def test_cancel_says_how_the_job_ended(run: Run) -> None:
    ended = JOB | {"state": "canceled", "reason": "Canceled by an operator."}
    done, asked = run("cancel", "12", cancel=ended)
    assert (done.status, done.out) == (0, "Job 12: canceled. Canceled by an operator.\n")
    assert asked == [("cancel", {"job": "12"})]


def test_json_is_the_daemon_s_own(run: Run) -> None:
    done, _ = run("cancel", "12", "--json", cancel=JOB)
    assert json.loads(done.out) == JOB


# -- printers and health


def test_printers_are_a_table_with_their_reasons(run: Run) -> None:
    printers = [
        {"name": "lobby", "location": "Hall", "ready": True, "why": ""},
        {"name": "floor-2", "location": "", "ready": False, "why": "Paper jam."},
    ]
    done, _ = run("printers", printers=printers)
    assert [line.split() for line in done.lines] == [
        ["PRINTER", "LOCATION", "STATUS", "WHY"],
        ["lobby", "Hall", "ready"],
        ["floor-2", "not", "ready", "Paper", "jam."],
    ]


LOBBY = {"name": "lobby", "location": "Hall", "ready": True, "why": "", "usable": True}
BUREAU = LOBBY | {"name": "bureau", "usable": False}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([LOBBY, BUREAU], ["PRINTER LOCATION STATUS WHY", "lobby Hall ready"]),
        ([BUREAU], ["There is no printer for ana."]),
    ],
)
def test_somebody_s_printers_are_those_that_are_for_them(
    found: list[dict[str, Any]], told: list[str], run: Run
) -> None:
    done, asked = run("printers", "--user", "ana", "--password-stdin", stdin=f"{SECRET}\n", printers=found)
    assert [" ".join(line.split()) for line in done.lines] == told
    assert asked == [("printers", {"user": "ana", "password": SECRET})]


def test_a_password_for_printers_is_somebody_s(run: Run) -> None:
    done, asked = run("printers", "--password-stdin", stdin=f"{SECRET}\n", printers=[LOBBY])
    assert (done.status, asked) == (2, [])


@pytest.mark.parametrize(("state", "status"), [("ok", 0), ("degraded", 0), ("failed", 1)])
def test_status_ends_with_1_when_something_has_failed(run: Run, state: str, status: int) -> None:
    found = {
        "state": state,
        "components": {"store": {"state": state, "reason": "the disk is\x1b full"}},
        "listening": {"ipp": ["127.0.0.1:631"], "web": [], "lpr": []},
        "fingerprint": "AB:CD",
    }
    done, _ = run("status", status=found)
    assert done.status == status
    assert done.lines[0] == f"spoold is {state}"
    assert "the disk is? full" in done.out
    assert "127.0.0.1:631" in done.out
    assert "AB:CD" in done.out
    assert "\x1b" not in done.out


# -- people


def test_an_account_is_added_with_what_was_asked(run: Run) -> None:
    done, asked = run(
        *("user", "add", "eve", "--groups", "staff, ,pupils,", "--role", "operator", "--password-stdin"),
        stdin=f"{SECRET}\n",
        user_add={"id": "1", "name": "eve"},
    )
    assert (done.status, done.out) == (0, "Added eve.\n")
    expected = {"name": "eve", "groups": ["staff", "pupils"], "role": "operator", "new_password": SECRET}
    assert asked == [("user-add", expected)]


def test_a_role_that_does_not_exist_is_a_usage_error(run: Run) -> None:
    done, asked = run("user", "add", "eve", "--role", "king", "--password-stdin", stdin="x\n")
    assert (done.status, asked) == (2, [])


@pytest.mark.parametrize(
    ("words", "command", "arguments"),
    [
        (("password", "eve", "--password-stdin"), "user-password", {"name": "eve", "new_password": SECRET}),
        (("disable", "eve"), "user-disable", {"name": "eve"}),
        (("enable", "eve"), "user-enable", {"name": "eve"}),
    ],
)
def test_accounts_are_changed(
    run: Run, words: tuple[str, ...], command: str, arguments: dict[str, str]
) -> None:
    done, asked = run("user", *words, stdin=f"{SECRET}\n", user_password={}, user_disable={}, user_enable={})
    assert done.status == 0
    assert asked == [(command, arguments)]
    assert SECRET not in done.out + done.err


def test_accounts_are_listed(run: Run) -> None:
    users = [
        {"name": "ana", "role": "user", "provider": "school", "groups": ["a", "b"], "disabled": False},
        {"name": "ben", "role": "administrator", "provider": "local", "groups": [], "disabled": True},
    ]
    done, _ = run("user", "list", user_list=users)
    assert [line.split() for line in done.lines[1:]] == [
        ["ana", "user", "school", "a,", "b"],
        ["ben", "administrator", "local", "closed"],
    ]


# -- evidence


def test_a_chain_that_fits_shows_its_head(run: Run) -> None:
    report = {"entries": 3, "head": "ab" * 32, "broken_at": None, "why": ""}
    done, _ = run("audit", "verify", audit_verify=report)
    assert done.status == 0
    assert "ab" * 32 in done.out


def test_a_broken_chain_ends_with_1(run: Run) -> None:
    report = {"entries": 1, "head": "", "broken_at": 2, "why": "entry 2 was changed"}
    done, _ = run("audit", "verify", audit_verify=report)
    assert (done.status, done.out) == (1, "")
    assert "entry 2 was changed" in done.err


@pytest.mark.parametrize(("findings", "status"), [([], 0), (["missing: a container"], 1)])
def test_a_store_with_findings_ends_with_1(run: Run, findings: list[str], status: int) -> None:
    report = {"checked": 2, "read": 1, "findings": findings}
    done, asked = run("store", "check", "--read-data", "50", store_check=report)
    assert done.status == status
    assert done.err.split() == " ".join(findings).split()
    assert asked == [("store-check", {"read_fraction": 0.5})]


def test_more_than_everything_cannot_be_read(run: Run) -> None:
    assert run("store", "check", "--read-data", "101")[0].status == 2


# -- tokens

TOKEN: dict[str, Any] = {
    "id": "0123456789abcdef",
    "label": "Reception",
    "user": "ana",
    "scopes": ["jobs:read", "jobs:release"],
    "networks": ["10.20.0.0/16"],
    "expires_at": "2027-01-01T00:00:00+00:00",
    "used_at": None,
    "state": "good",
}


def test_a_token_is_printed_alone(run: Run) -> None:
    words = (
        "token",
        "add",
        "Reception",
        "--user",
        "ana",
        "--scope",
        "jobs:read",
        "--network",
        "10.20.0.0/16",
    )
    done, asked = run(*words, "--days", "30", token_add={"token": "spd_x_y", "id": "x"})
    assert done.out == "spd_x_y\n"
    wanted = {
        "label": "Reception",
        "life_s": 30 * 86_400,
        "owner": "ana",
        "scopes": ["jobs:read"],
        "networks": ["10.20.0.0/16"],
    }
    assert asked == [("token-add", wanted)]


def test_the_sites_own_token_has_no_user(run: Run) -> None:
    words = ("token", "add", "Prometheus", "--scope", "metrics:read", "--network", "10.9.0.1")
    _, asked = run(*words, token_add={"token": "spd_x_y", "id": "x"})
    assert "owner" not in asked[0][1]


def test_tokens_are_a_table(run: Run) -> None:
    site = TOKEN | {"user": None, "used_at": "2026-11-22T09:00:00+00:00", "state": "expired"}
    done, _ = run("token", "list", token_list=[TOKEN, site])
    assert [" ".join(line.split()) for line in done.lines] == [
        "ID FOR USER SCOPES NETWORKS UNTIL LAST USED",
        "0123456789abcdef Reception ana jobs:read jobs:release 10.20.0.0/16 2027-01-01 never good",
        "0123456789abcdef Reception (site) jobs:read jobs:release 10.20.0.0/16 2027-01-01"
        " 2026-11-22T09:00 expired",
    ]


def test_tokens_are_json_for_programs(run: Run) -> None:
    done, _ = run("token", "list", "--json", token_list=[TOKEN])
    assert json.loads(done.out) == TOKEN


def test_a_token_is_revoked_by_its_id(run: Run) -> None:
    done, asked = run("token", "revoke", "0123456789abcdef", token_revoke={})
    assert done.status == 0
    assert asked == [("token-revoke", {"token": "0123456789abcdef"})]
