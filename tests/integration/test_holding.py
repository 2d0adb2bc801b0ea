"""A queue that prints on arrival, and jobs that are to be held there all the same: ipptool as the client."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, Daemon

SITE = """
[printers.lab]
uri = "folder:{printed}"
[queues.direct]
printers = ["lab"]
release = "on-arrival"
"""
_HEAD = """{{ OPERATION {operation}
GROUP operation-attributes-tag
ATTR charset attributes-charset utf-8
ATTR language attributes-natural-language en
ATTR uri printer-uri $uri
{attributes}
STATUS successful-ok
}}
"""


@pytest.fixture
def daemon(make_daemon: MakeDaemon, printed: Path) -> Daemon:
    one = make_daemon(SITE.format(printed=printed), listen={"ipp": "127.0.0.1:0"})
    one.add_user("alice")
    return one


def ipptool(daemon: Daemon, operation: str, *attributes: str) -> None:
    """Send a request as alice; it must succeed."""
    folder = daemon.directory.parent
    (folder / "letter.txt").write_bytes(b"A letter.\n" + CANARY_DOCUMENT + b"\n")
    (folder / "one.test").write_text(_HEAD.format(operation=operation, attributes="\n".join(attributes)))
    authority = f"alice:{CANARY_PASSWORD}@localhost:{daemon.ports['ipp']}"
    uri = f"ipps://{authority}/ipp/print/direct"
    done = subprocess.run(
        ["ipptool", "-tv", "-f", str(folder / "letter.txt"), uri, str(folder / "one.test")],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stdout


def print_letter(daemon: Daemon, *template: str) -> None:
    ipptool(daemon, "Print-Job", "GROUP job-attributes-tag", *template, "FILE $filename")


def test_a_job_that_asks_to_be_held_waits_and_the_others_do_not(daemon: Daemon, printed: Path) -> None:
    print_letter(daemon, "ATTR keyword job-hold-until indefinite")
    print_letter(daemon, "ATTR keyword job-hold-until no-hold")
    print_letter(daemon)
    daemon.wait_for_job("completed", count=2)
    (held,) = daemon.wait_for_job("held")
    assert held["number"] == 1
    ipptool(daemon, "Release-Job", "ATTR integer job-id 1")
    daemon.wait_for_job("completed", count=3)
    assert len([path for path in printed.rglob("*") if path.is_file()]) == 3


def test_a_job_that_names_a_time_goes_then_by_itself(daemon: Daemon) -> None:
    later = datetime.now(UTC) + timedelta(seconds=20)
    print_letter(daemon, f"ATTR dateTime job-hold-until-time {later:%Y-%m-%dT%H:%M:%SZ}")
    (waiting,) = daemon.jobs()
    # Read in this order, so that a machine that stood still meanwhile makes no difference.
    assert waiting["state"] == "held" or datetime.now(UTC) >= later.replace(microsecond=0)
    (printed,) = daemon.wait_for_job("completed")
    assert datetime.now(UTC) >= later.replace(microsecond=0)
    assert printed["number"] == 1
