"""People of a directory on the real daemon: they sign in everywhere, and release only while it says so."""

import base64
import http.client
import json
import re
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from protocols.ipp.decoder import decode
from protocols.ipp.status import Status
from protocols.limits import IppLimits
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon
from tests.integration.ipp_asking import print_job, tls_context
from tests.integration.recorder import wait_until
from tests.support.authority import Authority
from tests.support.slapd import (
    BASE,
    GROUPS,
    PEOPLE,
    READER,
    READER_PASSWORD,
    WRITER,
    WRITER_PASSWORD,
    Slapd,
    lab_entries,
    person,
    running,
)

SITE = """\
[printers.out]
uri = "folder:{printed}"
[queues.secure]
printers = ["out"]
[identity]
order = ["local", "school"]
[identity.ldap.school]
uri = {uris}
kind = "openldap"
base_dn = "{base}"
ca = "{ca}"
bind_dn = "{reader}"
bind_password = "file:{secret}"
domains = ["LAB", "lab.example"]
operator_groups = ["print-operators"]
"""
READER_CANARY = READER_PASSWORD.encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def slapd(authority: Authority, tmp_path: Path) -> Iterator[Slapd]:
    entries = [*lab_entries(), person("dora", CANARY_PASSWORD), person("local-name", CANARY_PASSWORD)]
    made = Slapd(tmp_path / "slapd", authority.certificate, authority.issue("localhost"), entries=entries)
    with running(made) as started:
        yield started


@dataclass
class House:
    """A daemon with a directory, and what clients say to it."""

    daemon: Daemon
    printed: Path

    def api(
        self, method: str, path: str, user: str, password: str = CANARY_PASSWORD, **body: str
    ) -> tuple[int, str]:
        """Ask the API with a name and password; returns status and body."""
        return self._ask(method, path, _basic(user, password), body)

    def by_token(self, method: str, path: str, token: str) -> tuple[int, str]:
        """Ask the API as a program; returns status and body."""
        return self._ask(method, path, f"Bearer {token}", {})

    def _ask(self, method: str, path: str, proof: str, body: dict[str, str]) -> tuple[int, str]:
        content = json.dumps(body).encode() if body else None
        headers = {"Authorization": proof}
        if content is not None:
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPSConnection(
            "localhost", self.daemon.ports["web"], timeout=60, context=tls_context(self.daemon)
        )
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def release(self, job: str, user: str, password: str = CANARY_PASSWORD) -> tuple[int, str]:
        return self.api("POST", f"/api/v1/jobs/{job}/release", user, password, printer="out")

    def send(self, user: str, password: str = CANARY_PASSWORD) -> int:
        """Print a document over IPPS with Basic; returns the HTTP status, or the IPP one with 200."""
        connection = http.client.HTTPSConnection(
            "localhost", self.daemon.ports["ipp"], timeout=60, context=tls_context(self.daemon)
        )
        octets = print_job("secure", format="text/plain", user="somebody-else") + CANARY_DOCUMENT
        headers = {"Content-Type": "application/ipp", "Authorization": _basic(user, password)}
        try:
            connection.request("POST", "/ipp/print/secure", octets, headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        return decode(body, IppLimits())[0].code if answer.status == 200 else answer.status

    def portal(self, user: str, password: str = CANARY_PASSWORD) -> tuple[int, str]:
        """Sign in to the portal; returns the status and the page of one's jobs, empty without."""
        connection = http.client.HTTPSConnection(
            "localhost", self.daemon.ports["web"], timeout=60, context=tls_context(self.daemon)
        )
        form = urllib.parse.urlencode({"name": user, "password": password, "next": "/"})
        origin = f"https://localhost:{self.daemon.ports['web']}"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
        try:
            connection.request("POST", "/sign-in", form, headers)
            answer = connection.getresponse()
            answer.read()
            cookie = answer.getheader("Set-Cookie", "").partition(";")[0]
            if answer.status != 303:
                return answer.status, ""
            connection.request("GET", "/", headers={"Cookie": cookie})
            page = connection.getresponse()
            return page.status, page.read().decode()
        finally:
            connection.close()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def house(make_daemon: MakeDaemon, authority: Authority, slapd: Slapd, tmp_path: Path) -> House:
    return house_of(make_daemon, authority, tmp_path, [slapd.uri])


def site_of(authority: Authority, folder: Path, uris: list[str], **other: str) -> str:
    """The configuration of a site with a directory."""
    printed, secret = folder / "printed", folder / "reader.secret"
    printed.mkdir(exist_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(other.get("password", READER_PASSWORD) + "\n")
    return SITE.format(
        printed=printed,
        uris=json.dumps(uris),
        base=other.get("base", BASE),
        ca=other.get("ca", authority.certificate),
        reader=other.get("reader", READER),
        secret=secret,
    )


def house_of(make_daemon: MakeDaemon, authority: Authority, folder: Path, uris: list[str]) -> House:
    daemon = make_daemon(site_of(authority, folder, uris))
    daemon.add_user("alice")
    return House(daemon, folder / "printed")


def test_people_of_a_directory_print_see_and_release(house: House, slapd: Slapd) -> None:
    assert house.send("dora") == Status.SUCCESSFUL_OK
    assert house.send("dora", "wrong") == 401
    (job,) = house.daemon.wait_for_job("held")
    status, page = house.portal("LAB\\dora")
    assert (status, job["id"] in page) == (200, True)
    for name in ("dora", "dora@lab.example", "LAB\\Dora"):
        status, said = house.api("GET", "/api/v1/jobs", name)
        assert status == 200
        assert [one["id"] for one in json.loads(said)["jobs"]] == [job["id"]]
    assert house.release(job["id"], "bob", "bobs password")[0] == 404
    status, said = house.release(job["id"], "LAB\\dora")
    assert status == 202, said
    house.daemon.wait_for_job("completed")
    assert len(list(house.printed.iterdir())) == 1
    users = {one["name"]: one for one in house.daemon.command("user-list")}
    assert {name: one["provider"] for name, one in users.items()} == {
        "alice": "local",
        "dora": "school",
        "bob": "school",
    }
    assert "school" in house.daemon.cli("user", "list").stdout
    assert house.daemon.files_with(READER_CANARY) == []


def test_without_the_directory_nothing_is_released_and_local_people_go_on(house: House, slapd: Slapd) -> None:
    for name in ("dora", "alice"):
        assert house.send(name) == Status.SUCCESSFUL_OK
    held = house.daemon.wait_for_job("held", count=2)
    jobs = dict(zip(("dora", "alice"), (one["id"] for one in held), strict=True))
    _, page = house.portal("dora")
    assert jobs["dora"] in page
    slapd.stop()
    status, said = house.release(jobs["dora"], "dora")
    assert status == 503
    assert "directory cannot be asked" in json.loads(said)["detail"]
    assert house.release(jobs["alice"], "alice")[0] == 202
    house.daemon.wait_for_job("completed")
    # Lists are served from what was proven a moment ago; strangers learn nothing.
    assert house.api("GET", "/api/v1/jobs", "nobody-here")[0] == 503
    assert [one["id"] for one in house.daemon.jobs() if one["state"] == "held"] == [jobs["dora"]]
    slapd.start()
    assert house.release(jobs["dora"], "dora")[0] == 202
    house.daemon.wait_for_job("completed", count=2)


def test_a_page_that_is_open_does_not_release_for_a_directory_that_is_down_or_says_no(
    house: House, slapd: Slapd
) -> None:
    """The session is good, the password was checked a moment ago: the account is asked for all the same."""
    assert house.send("dora") == Status.SUCCESSFUL_OK
    (job,) = house.daemon.wait_for_job("held")
    browser = Browser(house.daemon)
    browser.sign_in("dora")
    slapd.stop()
    assert "directory cannot be asked" in browser.release(job["id"])
    slapd.start()
    slapd.modify(
        f"dn: uid=dora,{PEOPLE}\nchangetype: modify\nadd: pwdAccountLockedTime\n"
        "pwdAccountLockedTime: 000001010000Z\n"
    )
    assert "Your account is closed" in browser.release(job["id"])
    assert browser.open("/")[0] == 303, "its sessions have ended"
    assert [one["state"] for one in house.daemon.jobs()] == ["held"]
    slapd.modify(f"dn: uid=dora,{PEOPLE}\nchangetype: modify\ndelete: pwdAccountLockedTime\n")
    browser.sign_in("dora")
    assert "directory" not in browser.release(job["id"])
    house.daemon.wait_for_job("completed")


def test_who_is_removed_from_the_directory_releases_nothing(house: House, slapd: Slapd) -> None:
    assert house.send("dora") == Status.SUCCESSFUL_OK
    (job,) = house.daemon.wait_for_job("held")
    browser = Browser(house.daemon)
    browser.sign_in("dora")
    slapd.modify(f"dn: uid=dora,{PEOPLE}\nchangetype: delete\n")
    assert "Your account is closed" in browser.release(job["id"])
    assert house.release(job["id"], "dora")[0] == 401


def test_a_token_ends_with_the_account_and_waits_for_the_directory(house: House, slapd: Slapd) -> None:
    for name in ("dora", "alice"):
        assert house.send(name) == Status.SUCCESSFUL_OK
    dora, alice = (one["id"] for one in house.daemon.wait_for_job("held", count=2))
    scopes = ("--scope", "jobs:read", "--scope", "jobs:delete", "--scope", "printers:read")

    def token_of(name: str) -> str:
        made = house.daemon.cli("token", "add", name, "--user", name, *scopes, "--network", "127.0.0.1")
        assert made.returncode == 0, made.stderr
        found = re.search(r"spd_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", made.stdout)
        assert found is not None
        return found[0]

    of_dora, of_alice = token_of("dora"), token_of("alice")
    slapd.stop()
    status, said = house.by_token("GET", "/api/v1/jobs", of_dora)
    assert (status, CANARY_TITLE in said) == (503, False)
    assert house.by_token("DELETE", f"/api/v1/jobs/{dora}", of_dora)[0] == 503
    assert house.by_token("GET", "/api/v1/printers", of_dora)[0] == 200
    assert CANARY_TITLE in house.by_token("GET", "/api/v1/jobs", of_alice)[1]
    assert house.by_token("DELETE", f"/api/v1/jobs/{alice}", of_alice)[0] in {200, 202, 204}
    slapd.start()
    slapd.modify(f"dn: uid=dora,{PEOPLE}\nchangetype: delete\n")
    # What a directory that was down did not say is asked for again a little later.
    wait_until(lambda: house.by_token("GET", "/api/v1/jobs", of_dora)[0] == 401, "the end of the token")
    assert house.by_token("DELETE", f"/api/v1/jobs/{dora}", of_dora)[0] == 401
    assert house.by_token("GET", "/api/v1/printers", of_dora)[0] == 401
    assert [one["id"] for one in house.daemon.jobs() if one["state"] == "held"] == [dora]


def test_groups_give_roles_and_lose_them(house: House, slapd: Slapd) -> None:
    assert house.send("dora") == Status.SUCCESSFUL_OK
    (job,) = house.daemon.wait_for_job("held")
    operator = house.api("GET", "/api/v1/jobs", "carol", "correct horse")
    assert job["id"] in operator[1]
    listed = {one["name"]: one["role"] for one in house.daemon.command("user-list")}
    assert listed["carol"] == "operator"
    slapd.modify(
        f"dn: cn=print-operators,{GROUPS}\nchangetype: modify\nreplace: member\nmember: uid=bob,{PEOPLE}\n"
    )
    # A fresh check asks the directory; what it remembers of groups is some minutes old at most.
    assert house.release(job["id"], "bob", "bobs password")[0] in {403, 404}
    listed = {one["name"]: one["role"] for one in house.daemon.command("user-list")}
    assert listed["bob"] == "operator"


def test_a_local_account_of_the_same_name_has_the_bare_name(house: House) -> None:
    assert house.send("local-name") == Status.SUCCESSFUL_OK
    (job,) = house.daemon.wait_for_job("held")
    house.daemon.add_user("local-name", "another password")
    assert house.api("GET", "/api/v1/jobs", "local-name")[0] == 401, "now the local account's name"
    status, said = house.api("GET", "/api/v1/jobs", "local-name", "another password")
    assert (status, job["id"] in said) == (200, False)
    for name in ("lab\\local-name", "local-name@school"):
        status, said = house.api("GET", "/api/v1/jobs", name)
        assert (status, job["id"] in said) == (200, True)
    names = {one["name"] for one in house.daemon.command("user-list")}
    assert names == {"alice", "local-name", "local-name@school"}


def test_the_next_server_takes_over(
    make_daemon: MakeDaemon, authority: Authority, slapd: Slapd, tmp_path: Path
) -> None:
    entries = [*lab_entries(), person("dora", CANARY_PASSWORD)]
    first = Slapd(tmp_path / "first", authority.certificate, authority.issue("localhost"), entries=entries)
    with running(first):
        house = house_of(make_daemon, authority, tmp_path, [first.tls_uri, slapd.tls_uri])
        assert house.api("GET", "/api/v1/jobs", "bob", "bobs password")[0] == 200
        assert "conn=" in first.log
        first.stop()
        status, _ = house.api("GET", "/api/v1/jobs", "carol", "correct horse")
        assert status == 200
    assert "directory-server-failed" in house.daemon.log


# -- spoold check --online


@pytest.fixture
def prepared(
    make_daemon: MakeDaemon, authority: Authority, slapd: Slapd, tmp_path: Path
) -> Callable[..., Daemon]:
    """Makes a daemon that is not started, with a site that differs so."""

    def prepare(**other: str) -> Daemon:
        daemon = make_daemon(site_of(authority, tmp_path, [slapd.uri], **other), start=False)
        daemon.prepare()
        return daemon

    return prepare


@pytest.mark.parametrize(
    ("other", "status", "said"),
    [
        ({}, 0, "ok   school (ldap://localhost:PORT): bind_dn changes nothing."),
        ({"reader": WRITER, "password": WRITER_PASSWORD}, 1, "bind_dn may change entries of people"),
        ({"password": "wrong"}, 1, "refuses bind_dn with bind_password: the name or the password is wrong."),
        ({"ca": "/etc/ssl/certs/ca-certificates.crt"}, 1, "certificate is not signed by the authority in ca"),
        ({"base": f"ou=nowhere,{BASE}"}, 1, f'there is no "ou=nowhere,{BASE}", or bind_dn may not see it'),
        ({"base": GROUPS}, 1, "finds nobody"),
    ],
    ids=["reader", "writer", "password", "authority", "base", "people"],
)
def test_check_online_tries_the_directory(
    prepared: Callable[..., Daemon], slapd: Slapd, other: dict[str, str], status: int, said: str
) -> None:
    done = prepared(**other).cli("check", "--online")
    assert (done.returncode, done.stderr) == (status, ""), done.stdout
    assert said.replace("PORT", str(slapd.ports["ldap"])) in done.stdout, done.stdout
    assert READER_PASSWORD not in done.stdout


def test_check_online_changes_nothing(prepared: Callable[..., Daemon], slapd: Slapd) -> None:
    daemon = prepared(reader=WRITER, password=WRITER_PASSWORD)
    assert daemon.cli("check").returncode == 0
    assert "MOD dn=" not in slapd.log, "without --online nothing is asked"
    done = daemon.cli("check", "--online", "--json")
    fine = [json.loads(line)["fine"] for line in done.stdout.splitlines()]
    assert fine == [True, True, True, False, False, False]
    tried = [line for line in slapd.log.splitlines() if "MOD dn=" in line]
    added = [line for line in slapd.log.splitlines() if "ADD dn=" in line]
    assert tried
    assert added
    # It writes down what it has answered once the answer is on its way.
    wait_until(
        lambda: slapd.log.count("tag=103 err=16 ") == len(tried), "each was about a value that is not there"
    )
    wait_until(lambda: slapd.log.count("tag=105 err=16654 ") == len(added), "each was no operation")


def test_a_daemon_whose_directory_password_is_open_to_others_does_not_start(
    prepared: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = prepared()
    (tmp_path / "reader.secret").chmod(0o644)
    done = daemon.cli("serve")
    assert done.returncode == 2
    assert "chmod 0600" in done.stderr
    assert READER_PASSWORD not in done.stderr


class Browser:
    """A browser without script: a session cookie, and the forms of the pages."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._cookie = ""

    def sign_in(self, user: str) -> None:
        """Sign in with the canary as the password."""
        status, _ = self.open("/sign-in", name=user, password=CANARY_PASSWORD, next="/")
        assert status == 303

    def open(self, path: str, **form: str) -> tuple[int, str]:
        """GET a page, or POST a form to it."""
        port = self._daemon.ports["web"]
        connection = http.client.HTTPSConnection(
            "localhost", port, timeout=60, context=tls_context(self._daemon)
        )
        headers = {"Cookie": self._cookie} if self._cookie and path != "/sign-in" else {}
        body = None
        if form:
            body = urllib.parse.urlencode(form)
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"https://localhost:{port}",
            }
        try:
            connection.request("POST" if form else "GET", path, body, headers)
            answer = connection.getresponse()
            self._cookie = answer.getheader("Set-Cookie", self._cookie).partition(";")[0]
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def release(self, job: str) -> str:
        """Press the button, and return the page that answers."""
        _, page = self.open(f"/jobs/{job}/release")
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
        assert token, page
        return self.open(f"/jobs/{job}/release", csrf=token[1], printer="out")[1]
