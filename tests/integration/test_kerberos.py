"""Signing in with Kerberos: curl --negotiate, tickets of a real KDC; portal, API and IPP of the daemon."""

import json
import os
import re
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from protocols.ipp.decoder import decode
from protocols.ipp.status import Status
from protocols.limits import IppLimits
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, Daemon
from tests.integration.ipp_asking import print_job
from tests.support.cups import Cups
from tests.support.kdc import FOREIGN, REALM, Kdc, running_kdc
from tests.support.tickets import Client, kerberos_environment

SITE = """
[printers.out]
uri = "folder:{printed}"
[queues.secure]
printers = ["out"]
[identity.kerberos]
keytab = "file:{keytab}"
endpoints = {endpoints}
realms = {{ "{realm}" = "local" }}
"""
EVERYWHERE = ("portal", "api", "ipp")
PATHS = {"portal": "/sign-in/kerberos", "api": "/api/v1/jobs", "ipp": "/ipp/print/secure"}

# An address that is not the loopback's, in a network that ends with the daemon.
ELSEWHERE = "192.0.2.1"
APART = (
    "unshare", "--net", "sh", "-c",
    f'ip link set lo up && ip address add {ELSEWHERE}/32 dev lo && exec "$@"', "sh",
)  # fmt: skip


@pytest.fixture(scope="module", name="kdc")
def _kdc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kdc]:
    with running_kdc(tmp_path_factory.mktemp("kdc")) as kdc:
        yield kdc


@dataclass
class House:
    """A daemon that takes tickets, and somebody's curl.

    Args:
        way: what makes curl run in the daemon's network, from where it is reached as `ELSEWHERE`.
    """

    daemon: Daemon
    kdc: Kdc
    folder: Path
    way: tuple[str, ...] = ()

    def curl(
        self,
        endpoint: str,
        who: Mapping[str, str] | None,
        *more: str,
        path: str = "",
        scheme: str = "https",
    ) -> "Answer":
        """Ask an endpoint with what somebody has of tickets; None: with no authentication at all."""
        port = self.daemon.ports["ipp" if endpoint == "ipp" else "web"]
        said = self.folder / "said"
        command = [
            *self.way,
            "curl", "-sS", "--max-time", "60", "--http1.1", "-o", str(said), "-D", "-",
            "--cacert", str(self.daemon.state / "tls" / "certificate.pem"),
            *(["--negotiate", "-u", ":"] if who is not None else []),
            *(self._job() if endpoint == "ipp" else []),
            *more,
            *(["--connect-to", f"::{ELSEWHERE}:"] if self.way else []),
            f"{scheme}://localhost:{port}{path or PATHS[endpoint]}",
        ]  # fmt: skip
        said.unlink(missing_ok=True)
        environment = {**os.environ, **(who or self.kdc.without_ticket())}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        last = done.stdout.strip().split("\r\n\r\n")[-1].split("\n\n")[-1]
        return Answer(last, said.read_bytes() if said.exists() else b"")

    def _job(self) -> list[str]:
        path = self.folder / "job.ipp"
        path.write_bytes(print_job("secure", format="text/plain", user="somebody-else") + CANARY_DOCUMENT)
        return ["-H", "Content-Type: application/ipp", "--data-binary", f"@{path}"]


@dataclass
class Answer:
    """The last answer of an exchange."""

    head: str
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    @property
    def challenges(self) -> list[str]:
        return re.findall(r"(?im)^www-authenticate: (.*?)\s*$", self.head)

    @property
    def ipp_status(self) -> int:
        return decode(self.body, IppLimits())[0].code


@pytest.fixture(name="house")
def _house(make_daemon: MakeDaemon, kdc: Kdc, tmp_path: Path) -> House:
    return house_of(make_daemon, kdc, tmp_path, EVERYWHERE)


def house_of(
    make_daemon: MakeDaemon, kdc: Kdc, folder: Path, endpoints: tuple[str, ...], *, elsewhere: bool = False
) -> House:
    printed = folder / "printed"
    printed.mkdir(exist_ok=True)
    config = SITE.format(printed=printed, keytab=kdc.keytab, realm=REALM, endpoints=json.dumps(endpoints))
    # By its usual, short name: the path of its socket may have 107 characters (unix(7)), most are pytest's.
    apart: dict[str, object] = {"wrapper": APART, "listen": {"ipp": "0.0.0.0:0", "web": "0.0.0.0:0"}}
    daemon = make_daemon(
        config,
        environment={"KRB5_CONFIG": kdc.environment["KRB5_CONFIG"]},
        **(apart if elsewhere else {}),
    )
    daemon.add_user("alice")
    daemon.add_user("bob")
    daemon.command("user-disable", name="bob")
    if not elsewhere:
        return House(daemon, kdc, folder)
    assert daemon.process is not None
    return House(daemon, kdc, folder, ("nsenter", f"--target={daemon.process.pid}", "--net"))


def test_a_ticket_is_enough_everywhere(house: House, kdc: Kdc) -> None:
    alice = kdc.signed_in("alice")
    printed = house.curl("ipp", alice)
    assert printed.status == 200
    assert printed.ipp_status == Status.SUCCESSFUL_OK
    # The daemon proves itself, too.
    assert len(printed.challenges) == 1
    assert printed.challenges[0].startswith("Negotiate oY")
    (job,) = house.daemon.wait_for_job("held")
    listed = house.curl("api", alice)
    assert listed.status == 200
    assert listed.challenges[0].startswith("Negotiate oY")
    (seen,) = json.loads(listed.body)["jobs"]
    assert seen["id"] == job["id"]
    # A release needs a fresh proof, and a ticket that was just shown is one.
    released = house.curl(
        "api",
        alice,
        *("-H", "Content-Type: application/json", "-d", '{"printer": "out"}'),
        path=f"/api/v1/jobs/{job['id']}/release",
    )
    assert released.status == 202, released.body
    house.daemon.wait_for_job("completed")


def test_a_ticket_begins_a_session_in_the_portal(house: House, kdc: Kdc) -> None:
    jar = str(house.folder / "jar")
    began = house.curl("portal", kdc.signed_in("alice"), "-c", jar, path="/sign-in/kerberos?next=/printers")
    assert began.status == 303
    assert re.search(r"(?im)^location: /printers\s*$", began.head)
    assert re.search(r"(?im)^set-cookie: __Host-spoold=.*; SameSite=Strict", began.head)
    page = house.curl("portal", None, "-b", jar, path="/")
    assert page.status == 200
    assert b"alice" in page.body


def test_where_a_browser_is_sent_from_elsewhere_nobody_is_signed_in(house: House, kdc: Kdc) -> None:
    foreign = house.curl("portal", kdc.signed_in("alice"), "-H", "Sec-Fetch-Site: cross-site")
    assert foreign.status == 403
    assert "set-cookie" not in foreign.head.lower()


@pytest.mark.parametrize("endpoint", EVERYWHERE)
def test_nobody_else_gets_in(house: House, kdc: Kdc, endpoint: str) -> None:
    for principal in (f"alice@{FOREIGN}", "nobody-here", "bob", "alice/admin"):
        refused = house.curl(endpoint, kdc.signed_in(principal))
        assert is_refused(refused, endpoint), (principal, refused)
    for field in (
        "Negotiate",
        "Negotiate !!!",
        "Negotiate Z2FyYmFnZQ==",
        "Negotiate TlRMTVNTUAAB",
        "Digest x",
    ):
        refused = house.curl(endpoint, None, "-H", f"Authorization: {field}")
        assert is_refused(refused, endpoint), (field, refused)
    assert house.daemon.jobs() == []


@pytest.mark.parametrize("endpoint", EVERYWHERE)
def test_whoever_has_no_ticket_is_asked_for_one(house: House, kdc: Kdc, endpoint: str) -> None:
    for who in (None, kdc.without_ticket()):
        asked = house.curl(endpoint, who)
        assert asked.status == 401
        basic = [] if endpoint == "portal" else ['Basic realm="spoold", charset="UTF-8"']
        assert asked.challenges == [*basic, "Negotiate"]


@pytest.mark.parametrize("only", EVERYWHERE)
def test_a_scheme_that_is_not_configured_there_is_refused_unread(
    make_daemon: MakeDaemon, kdc: Kdc, tmp_path: Path, only: str
) -> None:
    """Each endpoint that does not take tickets, with a ticket that is good at the one that does."""
    house = house_of(make_daemon, kdc, tmp_path, (only,))
    alice = kdc.signed_in("alice")
    for endpoint in set(EVERYWHERE) - {only}:
        for more in ((), ("-H", "Authorization: Negotiate Z2FyYmFnZQ==")):
            refused = house.curl(endpoint, None if more else alice, *more)
            assert refused.status == {"portal": 404, "api": 401, "ipp": 401}[endpoint]
            assert not any(one.startswith("Negotiate") for one in refused.challenges)
    assert 'spoold_sign_ins_total{result="rejected"}' not in house.daemon.metrics()
    assert house.curl(only, alice).status == {"portal": 303, "api": 200, "ipp": 200}[only]


@pytest.mark.parametrize("endpoint", EVERYWHERE)
def test_other_schemes_do_not_open_an_endpoint_that_is_not_theirs(house: House, endpoint: str) -> None:
    """Basic at the portal's door for tickets, tokens for IPP, a session's token nowhere."""
    for field in (
        "Bearer x",
        "Bearer spd_x_y",
        "Digest username=alice",
        "Basic YWxpY2U6d3Jvbmc=",
        "x",
        "OAuth y",
    ):
        refused = house.curl(endpoint, None, "-H", f"Authorization: {field}")
        assert is_refused(refused, endpoint), (field, refused)


def test_tickets_in_clear_are_refused(make_daemon: MakeDaemon, kdc: Kdc, tmp_path: Path) -> None:
    """Only TLS, or this very machine: from elsewhere a token could be taken and used by somebody else.

    A token counts once. That the same one is good afterwards shows that nobody looked at it in clear.
    """
    house = house_of(make_daemon, kdc, tmp_path, EVERYWHERE, elsewhere=True)
    alice = kdc.signed_in("alice")
    with kerberos_environment(kdc):
        tokens = {endpoint: b64encode(Client(alice).token()).decode() for endpoint in EVERYWHERE}
    for endpoint, token in tokens.items():
        shown = ("-H", f"Authorization: Negotiate {token}")
        refused = house.curl(endpoint, None, *shown, scheme="http")
        assert refused.challenges == [], "whoever is asked in clear goes on in clear"
        if endpoint == "ipp":
            assert (refused.status, refused.ipp_status) == (200, Status.CLIENT_ERROR_NOT_AUTHORIZED)
            assert house.daemon.jobs() == []
        else:
            assert refused.status == 403
            assert "set-cookie" not in refused.head.lower()
        good = house.curl(endpoint, None, *shown)
        assert good.status == {"portal": 303, "api": 200, "ipp": 200}[endpoint], endpoint
        again = house.curl(endpoint, None, *shown)
        assert is_refused(again, endpoint), "a token counts once: without that the test shows nothing"
    (job,) = house.daemon.jobs()
    assert job["user"] == "alice"


def test_the_library_is_asked_for_when_it_is_missing(
    make_daemon: MakeDaemon, kdc: Kdc, tmp_path: Path
) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "gssapi.py").write_text("raise ImportError\n")
    config = SITE.format(printed=tmp_path, keytab=kdc.keytab, realm=REALM, endpoints='["api"]')
    daemon = make_daemon(config, start=False, environment={"PYTHONPATH": str(shadow)})
    daemon.start(wait=False)
    assert daemon.process is not None
    assert daemon.process.wait(60) == 2
    assert "python3-gssapi" in daemon.log
    daemon.process = None


def test_cups_goes_on_with_a_password_where_tickets_are_taken_too(
    house: House, kdc: Kdc, tmp_path: Path
) -> None:
    """CUPS sticks to the first scheme it is offered; with Negotiate first it asks for no password ever."""
    document = tmp_path / "document.txt"
    document.write_bytes(CANARY_DOCUMENT)
    cups = Cups()
    cups.start()
    try:
        cups.add_queue("secure", house.daemon.ipp_uri("secure", scheme="ipps"))
        number = cups.lp("secure", document, user="alice")
        cups.wait_for("pending-held", number)
        assert cups.job(number).reasons == ("cups-held-for-authentication",)
        authority = f"alice:{CANARY_PASSWORD}@localhost:{house.daemon.ports['ipp']}"
        cups.add_queue("secure", f"ipps://{authority}/ipp/print/secure")
        cups.run("lp", "-i", f"secure-{number}", "-H", "resume")
        cups.wait_for("completed", number)
    finally:
        cups.stop()
    assert [(job["user"], job["state"]) for job in house.daemon.jobs()] == [("alice", "held")]


def is_refused(answer: Answer, endpoint: str) -> bool:
    """Tell whether nobody was let in, in the way of each endpoint."""
    if answer.status in (400, 401, 403):
        return "set-cookie" not in answer.head.lower()
    return (
        endpoint == "ipp" and answer.status == 200 and answer.ipp_status == Status.CLIENT_ERROR_NOT_AUTHORIZED
    )
