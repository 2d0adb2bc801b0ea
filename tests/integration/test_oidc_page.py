"""Signing in at an OpenID provider: docs/oidc.md followed, with a real provider, browser and directory."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_PASSWORD
from tests.support.authority import Authority
from tests.support.browser import Seat, visiting
from tests.support.chromium import chromium
from tests.support.openid import CLIENT_ID, CLIENT_SECRET, openid_provider
from tests.support.openid_visit import be, go_to_provider
from tests.support.pages import ROOT, followed, tables_of
from tests.support.ports import free_port
from tests.support.slapd import (
    BASE,
    PEOPLE,
    READER,
    READER_PASSWORD,
    Slapd,
    group,
    lab_entries,
    person,
    running,
)


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_the_page_followed_by_hand(make_daemon: MakeDaemon, browser: Browser, tmp_path: Path) -> None:
    """Both tables of docs/oidc.md: accounts of their own, then accounts of a directory."""
    port = free_port()
    redirect = f"https://localhost:{port}/sign-in/oidc/return"
    secret, printed = tmp_path / "client.secret", tmp_path / "printed"
    secret.touch(mode=0o600)
    secret.write_text(f"{CLIENT_SECRET}\n")
    printed.mkdir()
    queue = f'[printers.out]\nuri = "folder:{printed}"\n[queues.secure]\nprinters = ["out"]\n'
    listen = {"ipp": "127.0.0.1:0", "web": f"127.0.0.1:{port}"}
    authority = Authority(tmp_path / "authority")
    slapd = Slapd(
        tmp_path / "slapd",
        authority.certificate,
        authority.issue("localhost"),
        entries=[*lab_entries(), person("ana", CANARY_PASSWORD), group("staff", f"uid=ana,{PEOPLE}")],
    )
    reader = tmp_path / "reader.secret"
    reader.touch(mode=0o600)
    reader.write_text(READER_PASSWORD)
    directory = (
        f'[identity.ldap.school]\nkind = "openldap"\nbase_dn = "{BASE}"\nca = "{authority.certificate}"\n'
        f'bind_dn = "{READER}"\nbind_password = "file:{reader}"\n'
    )
    known = {}
    with openid_provider(tmp_path / "provider", redirect) as provider, running(slapd):
        directory += f'uri = ["{slapd.tls_uri}"]\n'
        here = {
            "https://sso.example.org/realms/school": provider.issuer,
            '"spoold"': f'"{CLIENT_ID}"',
            "credential:oidc-secret": f"file:{secret}",
        }
        # Its last paragraph: an address with a port, and an authority of our own.
        more = f'redirect_uri = "{redirect}"\nca = "{provider.certificate}"\n'
        for name, table in zip(("own", "school"), tables_of("oidc.md"), strict=True):
            config = queue + followed(table, here) + more + (directory if name == "school" else "")
            daemon = make_daemon(config, name=name, listen=listen)
            said = daemon.cli("check", "--online")
            assert said.returncode == 0, said.stdout + said.stderr
            for line in promised():
                assert line.replace("PROVIDER", provider.issuer).replace("REDIRECT", redirect) in said.stdout
            with visiting(browser, f"https://localhost:{port}", Seat()) as visitor:
                go_to_provider(visitor, "Sign in with School ID")
                be(visitor, "ana")
                expect(visitor.page).to_have_url(f"https://localhost:{port}/printers")
            (known[name],) = daemon.command("user-list")
            daemon.stop()
    assert [(one["name"], one["groups"]) for one in known.values()] == [("ana", ["staff"])] * 2
    assert [one["provider"] for one in known.values()] == ["oidc", "school"]


def promised() -> list[str]:
    """What `spoold check --online` says by the page, with the provider's and our address left open."""
    page = (ROOT / "docs" / "oidc.md").read_text("utf-8")
    lines = [line.strip() for line in re.findall(r"^ +ok   .*$", page, re.MULTILINE)]
    assert len(lines) == 2
    return [
        line.replace("https://sso.example.org/realms/school", "PROVIDER").replace(
            "https://print.example.org/sign-in/oidc/return", "REDIRECT"
        )
        for line in lines
    ]
