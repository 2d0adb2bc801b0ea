"""PIN printing from a real CUPS client: `lp -o job-password`, held, and released by that PIN everywhere."""

import hashlib
import json
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocols.ipp.encoder import encode
from protocols.ipp.operations import Operation
from protocols.ipp.values import integer, keyword, octets
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_PIN, Daemon, DaemonError
from tests.integration.ipp_asking import ask, message, tls_context
from tests.integration.recorder import wait_until
from tests.support.cups import Cups

SITE = """
[printers.lab]
uri = "folder:{printed}"
location = "Lab"
[queues.open]
printers = ["lab"]
authentication = "at-release"
pins = "accepted"
[queues.strict]
printers = ["lab"]
authentication = "at-release"
[queues.secure]
printers = ["lab"]
[queues.direct]
printers = ["lab"]
release = "on-arrival"
"""
WRONG_PIN = "not-the-pin"


@pytest.fixture
def cups() -> Iterator[Cups]:
    """A cupsd for each test: told of a new address, it prints for a while by the old description."""
    one = Cups()
    one.start()
    yield one
    one.stop()


@pytest.fixture
def daemon(make_daemon: MakeDaemon, printed: Path) -> Daemon:
    one = make_daemon(SITE.format(printed=printed))
    one.add_user("alice")
    return one


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_bytes(b"A letter.\n" + CANARY_DOCUMENT + b"\n")
    return path


def print_with_pin(
    daemon: Daemon, cups: Cups, path: Path, queue: str = "open", pin: str = CANARY_PIN
) -> dict[str, Any]:
    """Print as people do with a PIN in the dialog; returns the held job once CUPS is done with it."""
    authority = f"localhost:{daemon.ports['ipp']}"
    if queue not in ("open", "strict"):
        authority = f"alice:{CANARY_PASSWORD}@{authority}"
    cups.add_queue(queue, f"ipps://{authority}/ipp/print/{queue}")
    number = cups.lp(queue, path, user="alice", job_password=pin)
    cups.wait_for("completed", number)
    held = daemon.jobs()
    assert held, cups.log[-20000:]
    return held[-1]


def post(daemon: Daemon, path: str, body: bytes, kind: str) -> tuple[int, str]:
    """Post to the portal without any credentials."""
    context = ssl.create_default_context(cafile=str(daemon.state / "tls" / "certificate.pem"))
    origin = f"https://localhost:{daemon.ports['web']}"
    headers = {"Content-Type": kind, "Origin": origin}
    request = urllib.request.Request(origin + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def release_over_ipp(daemon: Daemon, job: dict[str, Any], pin: bytes, method: str, user: str) -> int:
    """Send Release-Job over TLS; returns the status."""
    proof = octets("job-password", pin), keyword("job-password-encryption", method)
    request = message(
        Operation.RELEASE_JOB, job["queue"], integer("job-id", job["number"]), *proof, user=user
    )
    port = daemon.ports["ipp"]
    return ask(port, encode(request), queue=job["queue"], tls=tls_context(daemon)).code


def ipptool(cups: Cups, uri: str, test: str) -> str:
    """Run a test file of ipptool's and return what it saw, whatever it thinks of it."""
    done = subprocess.run(
        ["ipptool", "-tv", uri, test], env=cups.environment, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def papers(printed: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(printed.rglob("*")) if path.is_file()]


def wait_for_paper(daemon: Daemon, printed: Path, count: int = 1) -> None:
    wait_until(lambda: len(daemon.wait_for_job("completed", count=count)) >= count, "the paper")
    assert (
        len([paper for paper in papers(printed) if CANARY_DOCUMENT in paper or paper[:4] == b"%PDF"]) >= count
    )


def test_lp_with_a_job_password_is_held_and_released_by_it(
    daemon: Daemon, cups: Cups, letter: Path, printed: Path
) -> None:
    job = print_with_pin(daemon, cups, letter)
    assert (job["state"], job["user"], job["claimed"]) == ("held", "alice", False)
    uri = f"{daemon.ipp_uri('open', scheme='ipps')}/{job['number']}"
    said = ipptool(cups, uri, "get-job-attributes.test")
    assert "job-password-wait" in said
    assert "job-release-action (keyword) = job-password" in said
    refused = daemon.cli("release", job["id"], "--printer", "lab", "--pin-stdin", stdin=f"{WRONG_PIN}\n")
    assert refused.returncode == 1
    assert "PIN is not right" in refused.stderr
    assert papers(printed) == []
    done = daemon.cli("release", job["id"], "--printer", "lab", "--pin-stdin", stdin=f"{CANARY_PIN}\n")
    assert done.returncode == 0, done.stderr
    assert CANARY_PIN not in done.stdout + done.stderr
    wait_for_paper(daemon, printed)
    assert daemon.command("audit-verify")["broken_at"] is None


def test_a_pin_releases_over_ipp_the_portal_and_the_api(
    daemon: Daemon, cups: Cups, letter: Path, printed: Path
) -> None:
    over_ipp, hashed, by_page, by_name, by_api = [
        print_with_pin(daemon, cups, letter, pin=f"{CANARY_PIN}-{number}") for number in range(5)
    ]
    pins = [f"{CANARY_PIN}-{number}".encode() for number in range(5)]
    assert release_over_ipp(daemon, over_ipp, pins[0], "none", "mallory") == 0x0403
    assert release_over_ipp(daemon, over_ipp, pins[0], "none", "alice") == 0
    digest = hashlib.sha256(pins[1]).digest()
    assert release_over_ipp(daemon, hashed, digest, "sha2-256", "alice") == 0
    for who, pin in ((str(by_page["number"]), pins[2]), ("Alice", pins[3])):
        form = urllib.parse.urlencode({"who": who, "pin": pin.decode(), "printer": "lab"}).encode()
        status, page = post(daemon, "/pin", form, "application/x-www-form-urlencoded")
        assert (status, "goes to Lab" in page) == (200, True), page
    body = json.dumps({"printer": "lab", "pin": pins[4].decode()}).encode()
    path = f"/api/v1/jobs/{by_api['id']}/release"
    assert post(daemon, path, body.replace(b"-4", b"-5"), "application/json")[0] == 403
    assert post(daemon, path, body, "application/json")[0] == 202
    wait_for_paper(daemon, printed, 5)
    assert by_name["state"] == "held", "as it was when it came"


def test_a_pin_on_a_queue_with_accounts_and_on_one_that_prints_on_arrival(
    daemon: Daemon, cups: Cups, letter: Path, printed: Path
) -> None:
    for count, queue in enumerate(("secure", "direct"), 1):
        job = print_with_pin(daemon, cups, letter, queue)
        assert (job["state"], job["claimed"]) == ("held", True)
        with pytest.raises(DaemonError, match="PIN is not right"):
            daemon.command("release", job=job["id"], printer="lab", pin=WRONG_PIN)
        assert len(papers(printed)) < count * 2
        released = daemon.command("release", job=job["id"], printer="lab", pin=CANARY_PIN, wait_s=30)
        assert released["state"] == "completed"


def test_the_fifth_wrong_pin_leaves_the_job_to_its_owner(daemon: Daemon, cups: Cups, letter: Path) -> None:
    job = print_with_pin(daemon, cups, letter, "secure")
    for _ in range(5):
        with pytest.raises(DaemonError, match="PIN is not right"):
            daemon.command("release", job=job["id"], pin=WRONG_PIN)
    with pytest.raises(DaemonError, match="PIN"):
        daemon.command("release", job=job["id"], pin=CANARY_PIN)
    assert daemon.release(job["id"], "alice")["state"] == "completed"


def test_a_queue_that_says_nothing_of_pins_is_sent_none(daemon: Daemon, cups: Cups, letter: Path) -> None:
    """CUPS leaves out what it was not offered; the job waits for its owner."""
    job = print_with_pin(daemon, cups, letter, "strict")
    assert job["state"] == "held"
    with pytest.raises(DaemonError, match="PIN is not right"):
        daemon.command("release", job=job["id"], pin=CANARY_PIN)
    assert daemon.release(job["id"], "alice")["state"] == "completed"
