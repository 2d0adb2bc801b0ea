"""Approval, codes and delegation on the running daemon, as docs/approval.md says, with a real CUPS client."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, Daemon
from tests.support.cups import Cups

SITE = """
[printers.lab]
uri = "folder:{printed}"
[queues.open]
printers = ["lab"]
authentication = "at-release"
[[rules]]
name = "many-copies"
when = "job.copies > 2"
hold = "More than two copies are approved by a teacher first."
approvers = ["teachers"]
"""
WAITS = "More than two copies are approved by a teacher first."
_ATTRIBUTES = """{
OPERATION Get-Job-Attributes
GROUP operation-attributes-tag
ATTR charset attributes-charset utf-8
ATTR language attributes-natural-language en
ATTR uri printer-uri $uri
ATTR integer job-id NUMBER
ATTR keyword requested-attributes job-state,job-state-reasons,job-state-message
STATUS successful-ok
}
"""


@pytest.fixture(name="daemon")
def _daemon(make_daemon: MakeDaemon, printed: Path) -> Daemon:
    one = make_daemon(SITE.format(printed=printed), listen={"ipp": "127.0.0.1:0"})
    one.add_user("alice")
    one.add_user("bob")
    one.add_user("tom", groups=["teachers"])
    return one


def letter(folder: Path) -> Path:
    """A text to print."""
    path = folder / "letter.txt"
    path.write_bytes(b"A letter.\n" + CANARY_DOCUMENT + b"\n")
    return path


def by(daemon: Daemon, user: str, *arguments: str) -> str:
    """Run a command as somebody; it must succeed."""
    done = daemon.cli(*arguments, "--user", user, "--password-stdin", stdin=f"{CANARY_PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(daemon: Daemon, user: str, *arguments: str) -> str:
    """Run a command as somebody who may not."""
    done = daemon.cli(*arguments, "--user", user, "--password-stdin", stdin=f"{CANARY_PASSWORD}\n")
    assert done.returncode == 1, done.stdout
    return done.stderr


def send(daemon: Daemon, folder: Path, copies: int) -> int:
    """Have alice print so many copies, signed in; returns the job's number."""
    letter(folder)
    test = folder / "print.test"
    test.write_text(
        "{\nOPERATION Print-Job\nGROUP operation-attributes-tag\nATTR charset attributes-charset utf-8\n"
        "ATTR language attributes-natural-language en\nATTR uri printer-uri $uri\n"
        f"GROUP job-attributes-tag\nATTR integer copies {copies}\nFILE $filename\nSTATUS successful-ok\n}}\n"
    )
    authority = f"alice:{CANARY_PASSWORD}@localhost:{daemon.ports['ipp']}"
    done = subprocess.run(
        ["ipptool", "-tv", "-f", str(folder / "letter.txt"), f"ipps://{authority}/ipp/print/open", str(test)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stdout
    return max(int(job["number"]) for job in daemon.jobs())


def told(daemon: Daemon, folder: Path, number: int) -> str:
    """What an IPP client is told of a job."""
    test = folder / "attributes.test"
    test.write_text(_ATTRIBUTES.replace("NUMBER", str(number)))
    authority = f"alice:{CANARY_PASSWORD}@localhost:{daemon.ports['ipp']}"
    done = subprocess.run(
        ["ipptool", "-tv", f"ipps://{authority}/ipp/print/open", str(test)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def papers(printed: Path) -> int:
    """How many documents came out."""
    return len([path for path in printed.rglob("*") if path.is_file()])


def test_lp_goes_on_while_a_job_waits_for_approval(
    daemon: Daemon, cups: Cups, tmp_path: Path, printed: Path
) -> None:
    """The client's queue is free at once, the next job comes through, and nothing is printed."""
    cups.add_queue("open", daemon.ipp_uri("open"))
    path = letter(tmp_path)
    first = cups.lp("open", path, user="alice", copies=3)
    second = cups.lp("open", path, user="alice")
    cups.wait_for("completed", first, second)
    printer = cups.printer("open")
    assert (printer["printer-state"], printer["printer-is-accepting-jobs"]) == ("idle", "true")
    (waiting,) = daemon.wait_for_job("waiting-approval")
    daemon.wait_for_job("held")
    assert waiting["reason"] == WAITS
    by(daemon, "tom", "refuse", str(waiting["number"]), "--reason", "Two are enough.")
    (ended,) = daemon.wait_for_job("aborted")
    assert ended["reason"] == "Refused by tom: Two are enough."
    third = cups.lp("open", path, user="alice")
    cups.wait_for("completed", third)
    daemon.wait_for_job("held", count=2)
    assert papers(printed) == 0


def test_what_ipp_clients_are_told(daemon: Daemon, tmp_path: Path) -> None:
    """The registered reason while it waits, the owner's words always."""
    number = send(daemon, tmp_path, 5)
    waiting = told(daemon, tmp_path, number)
    assert "job-state (enum) = pending-held" in waiting
    assert "job-state-reasons (keyword) = job-held-for-review" in waiting
    assert WAITS in waiting
    by(daemon, "tom", "approve", str(number))
    held = told(daemon, tmp_path, number)
    assert "job-held-for-release" in held
    assert "Approved by tom." in held
    other = send(daemon, tmp_path, 5)
    by(daemon, "tom", "refuse", str(other), "--reason", "No.")
    ended = told(daemon, tmp_path, other)
    assert "job-state (enum) = aborted" in ended
    assert "Refused by tom: No." in ended


def test_the_commands_of_the_page(daemon: Daemon, tmp_path: Path, printed: Path) -> None:
    """Approve, refuse, issue and use a code, delegate and release: each as its own person, over a crash."""
    one, two = send(daemon, tmp_path, 3), send(daemon, tmp_path, 4)
    assert f"{one} " in by(daemon, "tom", "approvals")
    assert "Nothing waits" in by(daemon, "alice", "approvals")
    assert "There is no such job" in refused(daemon, "bob", "approve", str(one))
    assert "There is no such job" in refused(daemon, "alice", "approve", str(one))
    by(daemon, "tom", "approve", str(one))
    assert papers(printed) == 0
    daemon.kill()
    daemon.start()
    assert {job["number"]: job["state"] for job in daemon.jobs()} == {one: "held", two: "waiting-approval"}
    assert "names you" in refused(daemon, "alice", "code", "issue", "--uses", "1", "--hours", "1")
    code = by(daemon, "tom", "code", "issue", "--uses", "1", "--hours", "2", "--label", "Class 3b").strip()
    assert "not known" in refused(daemon, "alice", "code", "use", str(two), "0000-0000")
    by(daemon, "alice", "code", "use", str(two), code.lower())
    (issued,) = [json.loads(line) for line in by(daemon, "tom", "code", "list", "--json").splitlines()]
    assert (issued["used"], issued["good"]) == (1, False)
    assert code.replace("-", "") not in daemon.log.replace("-", "")
    assert daemon.files_with(code.encode(), code.replace("-", "").encode()) == []
    assert "There is no job" in refused(daemon, "bob", "release", str(one), "--printer", "lab")
    by(daemon, "alice", "delegate", "bob", "--job", str(one))
    by(daemon, "bob", "release", str(one), "--printer", "lab")
    by(daemon, "alice", "release", str(two), "--printer", "lab")
    assert papers(printed) == 2
    (line,) = [one for one in by(daemon, "alice", "delegation", "list").splitlines() if "bob" in one]
    by(daemon, "alice", "delegation", "end", line.split()[0])
    assert daemon.cli("audit", "verify").returncode == 0
