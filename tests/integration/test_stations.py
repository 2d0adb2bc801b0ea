"""A daemon with a station: its device, a badge, an agent, a code; paper at the end, no number kept."""

import base64
import http.client
import json
import re
import shlex
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon
from tests.integration.ipp_asking import print_job, tls_context
from tests.integration.recorder import wait_until
from tests.support.pages import ROOT, followed, tables_of

SITE = """
[printers.lab]
uri = "folder:{printed}"
location = "Lab"
[printers.attic]
uri = "folder:{printed}"
[queues.secure]
printers = ["lab", "attic"]
[queues.payroll]
printers = ["lab"]
badges = false
[badges]
lengths = [10]
[stations.lab]
printer = "lab"
networks = ["127.0.0.1/32"]
release = "{release}"
"""
# Canaries: neither may be found in any file of the daemon afterwards.
BADGE, PIN = "7260418395", "59302781"
_HIDDEN = re.compile(r'name="(csrf|turn)" value="([^"]*)"')


@dataclass
class Browser:
    """Keeps cookies and sends forms as a browser does."""

    daemon: Daemon
    source: str = "127.0.0.1"
    cookies: dict[str, str] = field(default_factory=dict)
    page: str = ""

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection(
            "localhost",
            self.daemon.ports["web"],
            context=tls_context(self.daemon),
            timeout=60,
            source_address=(self.source, 0),
        )
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**({"Cookie": cookie} if cookie else {}), **(headers or {})}
        connection.request(method, path, body or None, sent)
        answer = connection.getresponse()
        self.page = answer.read().decode()
        if set_cookie := answer.headers.get("set-cookie"):
            name, _, value = set_cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return answer

    def get(self, path: str) -> int:
        return self.ask("GET", path).status

    def post(self, path: str, **fields: str) -> int:
        """Send the form of the page that was looked at, and look at where it leads."""
        hidden = dict(_HIDDEN.findall(self.page))
        turns = re.findall(r'name="turn" value="([^"]+)"', self.page)
        body = urlencode({**hidden, **({"turn": turns[0]} if turns else {}), **fields}).encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"https://localhost:{self.daemon.ports['web']}",
            "Sec-Fetch-Site": "same-origin",
        }
        answer = self.ask("POST", path, body, headers)
        if answer.status == 303:
            return self.get(answer.headers["location"])
        return answer.status

    def by_badge(self, pin: str = PIN) -> None:
        assert self.get("/station") == 200
        assert self.post("/station/badge", badge=BADGE) == 200
        assert self.post("/station/pin", pin=pin) == 200


def send_job(daemon: Daemon, queue: str = "secure") -> None:
    """Print as alice."""
    connection = http.client.HTTPSConnection(
        "localhost", daemon.ports["ipp"], context=tls_context(daemon), timeout=60
    )
    proof = base64.b64encode(f"alice:{CANARY_PASSWORD}".encode()).decode()
    headers = {"Content-Type": "application/ipp", "Authorization": f"Basic {proof}"}
    body = print_job(queue, format="text/plain") + CANARY_DOCUMENT + b"\n"
    connection.request("POST", f"/ipp/print/{queue}", body, headers)
    assert connection.getresponse().read()[2:4] == b"\0\0"
    connection.close()


def papers(printed: Path) -> int:
    return sum(path.is_file() and not path.name.startswith(".") for path in printed.rglob("*"))


def open_site(make_daemon: MakeDaemon, printed: Path, release: str = "choose") -> tuple[Daemon, Browser]:
    """A daemon, alice with a badge, and a tablet that is the station's device."""
    daemon = make_daemon(SITE.format(printed=printed, release=release))
    daemon.add_user("alice")
    alice = Browser(daemon)
    alice.get("/sign-in")
    assert alice.post("/sign-in", name="alice", password=CANARY_PASSWORD) == 200
    assert alice.get("/me/badges") == 200
    assert alice.post("/me/badges/pin", pin=PIN, again=PIN) == 200
    assert alice.post("/me/badges", badge=BADGE, again=BADGE, label="Card") == 200
    assert "Card" in alice.page
    made = daemon.cli("station", "add", "lab")
    assert made.returncode == 0, made.stderr
    link = re.search(r"https://localhost:\d+(/station/enrol\?key=\S+)", made.stdout)
    assert link is not None
    elsewhere = Browser(daemon, source="127.0.0.2")
    elsewhere.get(link[1])
    assert elsewhere.post("/station/enrol", key=link[1].partition("key=")[2]) == 403
    tablet = Browser(daemon)
    assert tablet.get(link[1]) == 200
    assert tablet.post("/station/enrol", key=link[1].partition("key=")[2]) == 200
    return daemon, tablet


def check_canaries(daemon: Daemon) -> None:
    """No number, PIN or name is in any file of the daemon."""
    forms = [BADGE.encode(), PIN.encode(), CANARY_TITLE.encode(), CANARY_PASSWORD.encode()]
    assert daemon.files_with(*forms, BADGE.encode().hex().encode()) == []
    assert daemon.command("audit-verify")["broken_at"] is None


def test_badge_pin_paper_and_nothing_left(make_daemon: MakeDaemon, printed: Path) -> None:
    daemon, tablet = open_site(make_daemon, printed)
    send_job(daemon)
    send_job(daemon)
    send_job(daemon, "payroll")
    tablet.by_badge(pin="59302782")
    assert "do not go together" in tablet.page
    tablet.by_badge()
    assert "Print all (3)" in tablet.page
    assert CANARY_TITLE not in tablet.page
    assert tablet.post("/station/release", all="yes") == 200
    assert "On its way" in tablet.page
    # What a badge is not enough for stays, and the screen says so.
    assert "A badge is not enough" in tablet.page
    assert "alice" not in tablet.page
    wait_until(lambda: papers(printed) == 2, "the paper")
    assert [job["queue"] for job in daemon.jobs() if job["state"] == "held"] == ["payroll"]
    tablet.post("/station/leave")
    assert tablet.post("/station/by-password") == 200
    assert tablet.post("/station/password", name="alice", password=CANARY_PASSWORD) == 200
    assert tablet.post("/station/release", all="yes") == 200
    wait_until(lambda: papers(printed) == 3, "the paper that needs a password")
    # A restart signs everybody out, and keeps the device.
    send_job(daemon)
    tablet.by_badge()
    assert "Print all (1)" in tablet.page
    assert daemon.stop() == 0
    daemon.start()
    assert tablet.get("/station") == 200
    assert "Release your documents" in tablet.page
    listed = daemon.cli("station", "list")
    assert "enrolled" in listed.stdout
    assert daemon.cli("station", "remove", "lab").returncode == 0
    assert tablet.get("/station") == 403
    check_canaries(daemon)


def test_a_sign_in_at_the_portal_opens_a_pin_that_was_wrong_too_often(
    make_daemon: MakeDaemon, printed: Path
) -> None:
    daemon, tablet = open_site(make_daemon, printed)
    for _ in range(5):
        tablet.by_badge(pin="59302782")
        assert "do not go together" in tablet.page
    tablet.by_badge()
    assert "Too many" in tablet.page
    # What was counted is on disk, and so is that it was forgiven.
    assert daemon.stop() == 0
    daemon.start()
    tablet.by_badge()
    assert "Too many" in tablet.page
    alice = Browser(daemon)
    alice.get("/sign-in")
    assert alice.post("/sign-in", name="alice", password=CANARY_PASSWORD) == 200
    assert daemon.stop() == 0
    daemon.start()
    tablet.by_badge()
    assert "Your documents" in tablet.page


def test_release_all_by_the_station_and_by_an_agent(make_daemon: MakeDaemon, printed: Path) -> None:
    daemon, tablet = open_site(make_daemon, printed, "all")
    send_job(daemon)
    tablet.by_badge()
    assert "On its way" in tablet.page
    wait_until(lambda: papers(printed) == 1, "the paper")
    send_job(daemon)
    token = daemon.cli("token", "add", "reader", "--scope", "badges:read", "--network", "127.0.0.1")
    assert token.returncode == 0, token.stderr
    agent = Browser(daemon)

    def present(**wanted: str) -> tuple[int, dict[str, object]]:
        headers = {"Authorization": f"Bearer {token.stdout.strip()}", "Content-Type": "application/json"}
        answer = agent.ask("POST", "/api/v1/badge-reads", json.dumps(wanted).encode(), headers)
        return answer.status, json.loads(agent.page)

    assert present(badge=f"{BADGE}\r")[1]["outcome"] == "needs-pin"
    assert present(badge=f"{BADGE[:-1]}\r", pin=PIN)[0] == 409
    assert present(badge=f"{BADGE}\r", pin="59302782")[0] == 403
    status, answer = present(badge=f"{BADGE}\r", pin=PIN)
    assert (status, answer["outcome"], answer["released"]) == (200, "released", 1)
    wait_until(lambda: papers(printed) == 2, "the paper")
    check_canaries(daemon)


def test_the_code_of_a_printer_on_a_phone(make_daemon: MakeDaemon, printed: Path, tmp_path: Path) -> None:
    daemon, _ = open_site(make_daemon, printed)
    send_job(daemon)
    drawn = daemon.cli("printers", "qr", "lab", "--svg", str(tmp_path / "lab.svg"))
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "lab.svg").read_text().startswith("<svg")
    pictured = daemon.cli("printers", "qr", "lab", "--png", str(tmp_path / "lab.png"))
    assert pictured.returncode == 0, pictured.stderr
    assert (tmp_path / "lab.png").read_bytes().startswith(b"\x89PNG")
    path = drawn.stdout.strip().partition(f"https://localhost:{daemon.ports['web']}")[2]
    phone = Browser(daemon)
    assert phone.get(path) == 303
    phone.get("/sign-in")
    assert phone.post("/sign-in", name="alice", password=CANARY_PASSWORD, next=path) == 200
    assert CANARY_TITLE in phone.page
    forged = path[:-1] + ("A" if path[-1] != "A" else "B")
    page = phone.page
    assert phone.post(forged, all="yes") == 404
    phone.page = page
    assert phone.post(path.replace("/lab/", "/attic/"), all="yes") == 404
    phone.page = page
    assert phone.post(path, all="yes") == 200
    wait_until(lambda: papers(printed) == 1, "the paper")
    check_canaries(daemon)


def test_the_page_followed_by_hand(make_daemon: MakeDaemon, printed: Path) -> None:
    """The tables and commands of docs/stations.md, in their order, with this machine's addresses."""
    station, badges, payroll = tables_of("stations.md")
    station = followed(station, {"10.20.30.40/32": "127.0.0.1/32"})
    queues = f'[printers.lobby]\nuri = "folder:{printed}"\n[queues.secure]\nprinters = ["lobby"]\n'
    daemon = make_daemon(queues + station)
    daemon.add_user("alice")
    made = daemon.cli(*shlex.split(shown(r"spoold (station add \w+)")))
    link = re.search(r"https://localhost:\d+(/station/enrol\?key=\S+)", made.stdout)
    assert link is not None, made.stderr
    tablet = Browser(daemon)
    assert tablet.get(link[1]) == 200
    assert "Make this device the station" in re.sub(r"\s+", " ", tablet.page)
    assert tablet.post("/station/enrol", key=link[1].partition("key=")[2]) == 200
    # The link is worth nothing from then on.
    another = Browser(daemon)
    another.get(link[1])
    assert another.post("/station/enrol", key=link[1].partition("key=")[2]) == 403
    # Without [badges] people sign in by name and password.
    assert tablet.get("/station") == 200
    assert 'name="badge"' not in tablet.page
    # A number has as many digits as the page says; everything else as it is shown.
    daemon.config = queues + station + badges + payroll
    daemon.prepare()
    assert daemon.cli("check").returncode == 0
    assert daemon.process is not None
    # What `systemctl reload` sends.
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: tablet.get("/station") == 200 and 'name="badge"' in tablet.page, "the reader")
    alice = Browser(daemon)
    alice.get("/sign-in")
    assert alice.post("/sign-in", name="alice", password=CANARY_PASSWORD) == 200
    assert alice.get("/me/badges") == 200
    assert alice.post("/me/badges/pin", pin=PIN, again=PIN) == 200
    assert alice.post("/me/badges", badge=BADGE, again=BADGE, label="Card") == 200
    send_job(daemon)
    send_job(daemon, "payroll")
    tablet.by_badge()
    assert tablet.post("/station/release", all="yes") == 200
    wait_until(lambda: papers(printed) == 1, "the paper")
    assert [job["queue"] for job in daemon.jobs() if job["state"] == "held"] == ["payroll"]
    send_job(daemon)
    order = followed(shown(r"spoold (token add .*)"), {"10.20.30.0/24": "127.0.0.0/8"})
    token = daemon.cli(*shlex.split(order))
    assert token.returncode == 0, token.stderr
    # The page's own request, with this badge and PIN.
    request = followed(shown(r'(\{"badge": .*\})'), {"0012345678": BADGE, "482915": PIN})
    headers = {"Authorization": f"Bearer {token.stdout.strip()}", "Content-Type": "application/json"}
    agent = Browser(daemon)
    path = shown(r"POST (/api/\S+)")
    assert agent.ask("POST", path, request.encode(), headers).status == 200
    assert json.loads(agent.page)["outcome"] == "choose"
    check_canaries(daemon)


def shown(pattern: str) -> str:
    """Return what docs/stations.md shows in code: the first that fits."""
    found = re.search(rf"^ {{4,}}{pattern}", (ROOT / "docs" / "stations.md").read_text("utf-8"), re.MULTILINE)
    assert found is not None, pattern
    return found[1]
