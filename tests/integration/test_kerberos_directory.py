"""Tickets that open accounts of a directory: docs/kerberos.md followed, with a real KDC and a real slapd."""

import json
import os
import re
import shlex
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon
from tests.integration.ipp_asking import print_job
from tests.support.authority import Authority
from tests.support.kdc import REALM, SERVICE, Kdc, running_kdc
from tests.support.pages import ROOT, followed, tables_of
from tests.support.slapd import BASE, PEOPLE, READER, READER_PASSWORD, Slapd, lab_entries, running

QUEUE = '[printers.out]\nuri = "folder:{printed}"\n[queues.secure]\nprinters = ["out"]\n'
# The directory's password of alice; her ticket has another, and spoold sees neither of the two.
DIRECTORY_PASSWORD = "correct horse"
CLOSED = (
    f"dn: uid=alice,{PEOPLE}\nchangetype: modify\nadd: pwdAccountLockedTime\n"
    "pwdAccountLockedTime: 000001010000Z\n"
)
OPEN = f"dn: uid=alice,{PEOPLE}\nchangetype: modify\ndelete: pwdAccountLockedTime\n"


@pytest.fixture(name="kdc")
def _kdc(tmp_path: Path) -> Iterator[Kdc]:
    with running_kdc(tmp_path / "kdc") as kdc:
        yield kdc


@pytest.fixture(name="authority")
def _authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture(name="slapd")
def _slapd(authority: Authority, tmp_path: Path) -> Iterator[Slapd]:
    made = Slapd(
        tmp_path / "slapd", authority.certificate, authority.issue("localhost"), entries=lab_entries()
    )
    with running(made) as started:
        yield started


@dataclass
class House:
    """A daemon that was set up by the pages, and the command with which they try it."""

    daemon: Daemon
    kdc: Kdc

    def tried(self, who: Mapping[str, str], *more: str, path: str = "") -> tuple[int, str]:
        """Run the page's own command with somebody's tickets; returns status and body."""
        page = (ROOT / "docs" / "kerberos.md").read_text("utf-8")
        shown = re.search(r"^ +(curl --negotiate .*)$", page, re.MULTILINE)
        assert shown is not None
        *command, address = shlex.split(shown[1])
        asked = urllib.parse.urlsplit(address)
        done = subprocess.run(
            [
                *command, "-sS", "--max-time", "60", "-w", "\n%{http_code}",
                "--cacert", str(self.daemon.state / "tls" / "certificate.pem"),
                *more,
                f"https://localhost:{self.daemon.ports['web']}{path or asked.path}",
            ],
            env={**os.environ, **who},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def released(self, who: Mapping[str, str], job: str) -> tuple[int, str]:
        """Ask for a job's release with a ticket."""
        body = ("-H", "Content-Type: application/json", "-d", '{"printer": "out"}')
        return self.tried(who, *body, path=f"/api/v1/jobs/{job}/release")

    def print_by_password(self, folder: Path) -> str:
        """Print as alice with the directory's password; returns the id of the held job."""
        path = folder / "job.ipp"
        path.write_bytes(print_job("secure", format="text/plain") + CANARY_DOCUMENT)
        done = subprocess.run(
            [
                "curl", "-sS", "-f", "--max-time", "60", "-u", f"alice@school:{DIRECTORY_PASSWORD}",
                "--cacert", str(self.daemon.state / "tls" / "certificate.pem"),
                "-H", "Content-Type: application/ipp", "--data-binary", f"@{path}", "-o", "/dev/null",
                f"https://localhost:{self.daemon.ports['ipp']}/ipp/print/secure",
            ],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return str(self.daemon.wait_for_job("held")[-1]["id"])

    def whys(self) -> set[str]:
        """Why sign-ins failed, as the page says to look it up."""
        done = self.daemon.cli("audit", "show", "--kind", "sign-in-failed", "--json")
        assert done.returncode == 0, done.stderr
        return set(re.findall(r'"why": ?"([^"]+)"', done.stdout))


@pytest.fixture(name="house")
def _house(make_daemon: MakeDaemon, kdc: Kdc, slapd: Slapd, authority: Authority, tmp_path: Path) -> House:
    printed = tmp_path / "printed"
    printed.mkdir()
    secret = tmp_path / "reader.secret"
    secret.touch(mode=0o600)
    secret.write_text(READER_PASSWORD)
    (tickets,) = tables_of("kerberos.md")
    tickets = followed(
        tickets,
        {
            "credential:http-keytab": f"file:{kdc.keytab}",
            "HTTP/print.example.org@EXAMPLE.ORG": SERVICE,
            "EXAMPLE.ORG": REALM,
        },
    )
    # The provider that this page refers to is the one of docs/directory.md.
    directory = "[identity.ldap.school]" + tables_of("directory.md")[0].partition("[identity.ldap.school]")[2]
    directory = followed(
        directory,
        {
            '"ldaps://dc1.example.org", "ldaps://dc2.example.org"': f'"{slapd.tls_uri}"',
            "active-directory": "openldap",
            "cn=spoold,ou=services,dc=example,dc=org": READER,
            "dc=example,dc=org": BASE,
            "/etc/spoold/tls/directory-ca.pem": str(authority.certificate),
            "credential:directory-password": f"file:{secret}",
            "print-operators": "print-admins",
        },
    )
    daemon = make_daemon(
        QUEUE.format(printed=printed) + tickets + directory,
        environment={"KRB5_CONFIG": kdc.environment["KRB5_CONFIG"]},
    )
    # Somebody of the same name who is not of the directory: the ticket is not theirs.
    daemon.add_user("alice", CANARY_PASSWORD)
    return House(daemon, kdc)


def test_a_ticket_opens_the_directory_s_account(house: House) -> None:
    """The page's configuration and command: the person, their jobs, groups and role are the directory's."""
    checked = house.daemon.cli("check")
    assert checked.returncode == 0, checked.stderr
    status, said = house.tried(house.kdc.signed_in("bob"))
    assert (status, json.loads(said)["jobs"]) == (200, [])
    users = {one["name"]: one for one in house.daemon.command("user-list")}
    assert (users["bob"]["provider"], users["bob"]["role"]) == ("school", "operator")
    assert set(users["bob"]["groups"]) == {"pupils", "print-admins"}
    # The local account has the bare name; the ticket opens the directory's nevertheless.
    alice = house.kdc.signed_in("alice")
    assert house.tried(alice)[0] == 200
    users = {one["name"]: one for one in house.daemon.command("user-list")}
    theirs = users["alice@school"]
    assert (theirs["provider"], theirs["role"], set(theirs["groups"])) == ("school", "user", {"pupils"})
    assert users["alice"]["provider"] == "local"


def test_who_is_closed_in_the_directory_is_refused_with_a_good_ticket(
    house: House, slapd: Slapd, tmp_path: Path
) -> None:
    """The KDC goes on giving tickets: each of them is good, and opens nothing until the directory agrees."""
    job = house.print_by_password(tmp_path)
    alice = house.kdc.signed_in("alice")
    # What was printed with the directory's password belongs to the same person.
    status, said = house.tried(alice)
    assert (status, [one["id"] for one in json.loads(said)["jobs"]]) == (200, [job])
    slapd.modify(CLOSED)
    for who in (alice, house.kdc.signed_in("alice")):
        status, said = house.released(who, job)
        assert (status, CANARY_TITLE in said) == (401, False), said
    assert house.whys() == {"no-account"}
    assert [one["state"] for one in house.daemon.jobs()] == ["held"]
    assert list((tmp_path / "printed").iterdir()) == []
    slapd.modify(OPEN)
    status, said = house.released(alice, job)
    assert status == 202, said
    house.daemon.wait_for_job("completed")
    assert len(list((tmp_path / "printed").iterdir())) == 1


def test_without_the_directory_a_ticket_alone_releases_nothing(
    house: House, slapd: Slapd, tmp_path: Path
) -> None:
    job = house.print_by_password(tmp_path)
    alice = house.kdc.signed_in("alice")
    slapd.stop()
    status, said = house.released(alice, job)
    assert (status, "directory cannot be asked" in said) == (503, True), said
    assert [one["state"] for one in house.daemon.jobs()] == ["held"]
    slapd.start()
    assert house.released(alice, job)[0] == 202
    house.daemon.wait_for_job("completed")
