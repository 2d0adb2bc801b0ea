"""CUPS's ipptool uses what the suites leave out: lists, subscriptions, orders to queues, changes to jobs."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon

PACKAGED = Path("/usr/share/cups/ipptool")
SITE = """
[printers.tray]
uri = "folder:{tray}"
[queues.held]
printers = ["tray"]
authentication = "at-release"
[queues.now]
printers = ["tray"]
release = "on-arrival"
"""
_HEAD = """GROUP operation-attributes-tag
ATTR charset attributes-charset utf-8
ATTR language attributes-natural-language en
ATTR uri printer-uri $uri
"""
# What a client does with its job and its subscription, from beginning to end.
JOB = f"""
{{ NAME "print, with a subscription" OPERATION Print-Job {_HEAD}
  ATTR name job-name "{CANARY_TITLE}"
  ATTR mimeMediaType document-format text/plain
  GROUP subscription-attributes-tag
  ATTR keyword notify-pull-method ippget
  ATTR keyword notify-events job-created,job-completed,job-config-changed
  FILE $filename
  STATUS successful-ok
  EXPECT job-id OF-TYPE integer IN-GROUP job-attributes-tag
  EXPECT notify-subscription-id OF-TYPE integer IN-GROUP subscription-attributes-tag }}
{{ NAME "change it" OPERATION Set-Job-Attributes {_HEAD}
  ATTR integer job-id $job-id
  GROUP job-attributes-tag
  ATTR integer copies 2
  ATTR keyword sides two-sided-long-edge
  STATUS successful-ok }}
{{ NAME "not everything can be changed" OPERATION Set-Job-Attributes {_HEAD}
  ATTR integer job-id $job-id
  GROUP job-attributes-tag
  ATTR integer job-k-octets 7
  STATUS client-error-attributes-not-settable
  EXPECT job-k-octets OF-TYPE not-settable IN-GROUP unsupported-attributes-tag }}
{{ NAME "it is changed" OPERATION Get-Job-Attributes {_HEAD}
  ATTR integer job-id $job-id
  STATUS successful-ok
  EXPECT copies WITH-VALUE 2
  EXPECT sides WITH-VALUE two-sided-long-edge
  EXPECT job-name WITH-VALUE "{CANARY_TITLE}"
  EXPECT job-printer-uri WITH-VALUE "$uri" }}
{{ NAME "its documents" OPERATION Get-Documents {_HEAD}
  ATTR integer job-id $job-id
  ATTR keyword requested-attributes all
  STATUS successful-ok
  EXPECT document-number OF-TYPE integer IN-GROUP document-attributes-tag WITH-VALUE 1
  EXPECT document-format WITH-VALUE text/plain }}
{{ NAME "list it" OPERATION Get-Jobs {_HEAD}
  ATTR integer first-job-id $job-id
  ATTR boolean my-jobs true
  ATTR keyword which-jobs pending-held
  STATUS successful-ok
  EXPECT job-id COUNT 1
  EXPECT !job-name }}
{{ NAME "cancel it" OPERATION Cancel-Job {_HEAD}
  ATTR integer job-id $job-id
  STATUS successful-ok }}
{{ NAME "hear of it" OPERATION Get-Notifications {_HEAD}
  ATTR integer notify-subscription-ids $notify-subscription-id
  STATUS successful-ok-events-complete
  EXPECT notify-subscribed-event OF-TYPE keyword IN-GROUP event-notification-attributes-tag
  EXPECT notify-text }}
"""
# And an operator with the queue.
ORDERS = "".join(
    f"""
{{ NAME "{operation}" OPERATION {operation} {_HEAD} STATUS successful-ok }}
{{ NAME "{operation} is shown" OPERATION Get-Printer-Attributes {_HEAD} STATUS successful-ok
  EXPECT {expected} }}
"""
    for operation, expected in (
        ("Pause-Printer", "printer-state-reasons WITH-VALUE paused"),
        ("Resume-Printer", "printer-state-reasons WITH-VALUE none"),
        ("Disable-Printer", "printer-is-accepting-jobs WITH-VALUE false"),
        ("Enable-Printer", "printer-is-accepting-jobs WITH-VALUE true"),
        ("Hold-New-Jobs", "printer-state-reasons WITH-VALUE hold-new-jobs"),
        ("Release-Held-New-Jobs", "printer-state-reasons WITH-VALUE none"),
    )
)


@pytest.fixture(name="daemon")
def _daemon(make_daemon: MakeDaemon, tmp_path: Path) -> Daemon:
    tray = tmp_path / "tray"
    tray.mkdir()
    daemon = make_daemon(SITE.format(tray=tray), listen={"ipp": "127.0.0.1:0"})
    daemon.add_user("alice")
    daemon.command("user-add", name="oskar", new_password=CANARY_PASSWORD, role="operator")
    return daemon


def ipptool(daemon: Daemon, file: Path, path: str, *more: str, user: str | None = None) -> str:
    """Run a test file; everything in it passes or is skipped. Returns what ipptool said."""
    proof = "" if user is None else f"{user}:{CANARY_PASSWORD}@"
    address = f"ipp://{proof}localhost:{daemon.ports['ipp']}/ipp/print/{path}"
    done = subprocess.run(
        ["ipptool", "-tv", *more, address, str(file)], capture_output=True, text=True, timeout=60
    )
    results = re.findall(r"^    (\S.*?) *\[(PASS|FAIL|SKIP)\]$", done.stdout, re.MULTILINE)
    assert results
    assert [name for name, result in results if result == "FAIL"] == [], done.stdout + done.stderr
    return done.stdout


def document(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_bytes(CANARY_DOCUMENT + b"\n")
    return path


def test_a_job_from_print_to_cancel(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "job.test"
    file.write_text(JOB)
    told = ipptool(daemon, file, "held", "-f", str(document(tmp_path)), user="alice")
    heard = re.findall(r"notify-subscribed-event \(keyword\) = (\S+)", told)
    assert heard == ["job-created", "job-config-changed", "job-completed"]


def test_an_operator_tells_a_queue_what_to_do(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "orders.test"
    file.write_text(ORDERS)
    ipptool(daemon, file, "now", user="oskar")


def test_orders_outlive_the_daemon(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "pause.test"
    file.write_text(f"{{ OPERATION Pause-Printer {_HEAD} STATUS successful-ok }}")
    ipptool(daemon, file, "held", user="oskar")
    daemon.stop()
    daemon.start()
    shown = ipptool(daemon, PACKAGED / "get-printer-attributes.test", "held")
    assert "printer-state-reasons (keyword) = paused" in shown


def test_what_cups_brings_along(daemon: Daemon, tmp_path: Path) -> None:
    """Its own files for lists, jobs and subscriptions; asked from the computer that sent the job."""
    file = str(document(tmp_path))
    ipptool(daemon, PACKAGED / "print-job.test", "held", "-f", file, "-d", "filetype=text/plain")
    for name in ("get-jobs", "get-completed-jobs", "create-printer-subscription", "get-subscriptions"):
        ipptool(daemon, PACKAGED / f"{name}.test", "held")
    for name in ("get-job-attributes", "get-job-attributes2"):
        ipptool(daemon, PACKAGED / f"{name}.test", "held/1")
