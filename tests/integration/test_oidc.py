"""Signing in at a real OpenID provider with a real browser: two languages, with and without JavaScript."""

import re
import ssl
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from spoold.doors.web.guard import COOKIE as SESSION
from spoold.doors.web.views.oidc import COOKIE
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, CANARY_PASSWORD, CANARY_TITLE, Daemon, DaemonError
from tests.integration.ipp_asking import ask, print_job, tls_context
from tests.support.browser import Person, Seat, visiting
from tests.support.chromium import chromium
from tests.support.openid import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, openid_provider
from tests.support.openid_visit import be, go_to_provider
from tests.support.ports import free_port

SITE = """
[printers.out]
uri = "folder:{printed}"
[queues.secure]
printers = ["out"]
[identity.oidc]
issuer = "{issuer}"
client_id = "{client}"
client_secret = "file:{secret}"
redirect_uri = "{redirect}"
label = "Example ID"
ca = "{ca}"
"""
OWN_ACCOUNTS = 'allowed_groups = ["staff"]\n'
PHONES = """
[queues.phones]
printers = ["out"]
authentication = "at-release"
claim = "open"
"""
ACCOUNTS_HERE = 'provider = "local"\n'
SEATS = [
    Seat("phone", "en"),
    Seat("phone", "fr", script=False),
    Seat("tablet", "fr"),
    Seat("tablet", "en", script=False),
]
WITH = {"en": "Sign in with Example ID", "fr": "Se connecter avec Example ID"}
GO_ON = {"en": "You are signed in", "fr": "Vous êtes connecté"}
NOT_IN = {"en": "You are not signed in", "fr": "Vous n’êtes pas connecté"}  # noqa: RUF001
CONFIRM = {"en": "Confirm with Example ID", "fr": "Confirmer avec Example ID"}


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@dataclass
class House:
    """A daemon and the provider it believes."""

    daemon: Daemon
    provider: OpenIdProvider

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.daemon.ports['web']}"

    def get(self, path: str, *, cookie: str = "") -> "tuple[int, dict[str, list[str]], str]":
        """Ask as a program that follows nothing."""
        context = ssl.create_default_context(cafile=str(self.daemon.state / "tls" / "certificate.pem"))
        opener = urllib.request.build_opener(_Stay(), urllib.request.HTTPSHandler(context=context))
        asked = urllib.request.Request(self.origin + path, headers={"Cookie": cookie} if cookie else {})
        try:
            with opener.open(asked, timeout=60) as answer:
                return answer.status, _fields(answer), answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _fields(error), error.read().decode()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _fields(answer: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in answer.headers.items():  # type: ignore[attr-defined]
        found.setdefault(name.lower(), []).append(value)
    return found


def house_of(make_daemon: MakeDaemon, folder: Path, settings: str) -> Iterator[House]:
    port = free_port()
    redirect = f"https://localhost:{port}/sign-in/oidc/return"
    printed, secret = folder / "printed", folder / "client.secret"
    printed.mkdir()
    secret.write_text(f"{CLIENT_SECRET}\n")
    secret.chmod(0o600)
    with openid_provider(folder / "provider", redirect) as provider:
        config = SITE.format(
            printed=printed,
            issuer=provider.issuer,
            client=CLIENT_ID,
            secret=secret,
            redirect=redirect,
            ca=provider.certificate,
        )
        listen = {"ipp": "127.0.0.1:0", "web": f"127.0.0.1:{port}"}
        daemon = make_daemon(config + settings, listen=listen)
        yield House(daemon, provider)
        assert CLIENT_SECRET not in daemon.log


@pytest.fixture(name="house")
def _house(make_daemon: MakeDaemon, tmp_path: Path) -> Iterator[House]:
    """People have accounts of their own, and only staff is let in."""
    yield from house_of(make_daemon, tmp_path, OWN_ACCOUNTS)


@pytest.fixture(name="phones")
def _phones(make_daemon: MakeDaemon, tmp_path: Path) -> Iterator[House]:
    """People have accounts of their own, and anybody may claim what no account's name is on."""
    yield from house_of(make_daemon, tmp_path, OWN_ACCOUNTS + PHONES)


@pytest.fixture(name="here")
def _here(make_daemon: MakeDaemon, tmp_path: Path) -> Iterator[House]:
    """The provider only says who somebody is; the accounts are ours."""
    yield from house_of(make_daemon, tmp_path, ACCOUNTS_HERE)


def go_there(person: Person) -> None:
    go_to_provider(person, WITH[person.seat.language])


@pytest.mark.parametrize("seat", SEATS, ids=str)
def test_somebody_signs_in_there_and_is_known_here(house: House, browser: Browser, seat: Seat) -> None:
    with visiting(browser, house.origin, seat) as person:
        person.open("/sign-in")
        person.check()
        person.screenshot(f"oidc-sign-in-{seat}")
        go_there(person)
        expect(person.page).to_have_url(re.compile(f"^{re.escape(house.provider.issuer)}/"))
        be(person, "ana")
        expect(person.page).to_have_url(f"{house.origin}/printers")
        person.open("/")
        person.check()
        assert "Ana of the Provider" in person.page.content()
        cookies = {one["name"]: one for one in person.page.context.cookies(house.origin)}
        assert cookies[SESSION]["sameSite"] == "Strict"
        assert COOKIE not in cookies
    (account,) = [one for one in house.daemon.command("user-list") if one["name"] == "ana"]
    assert account["groups"] == ["staff"]
    assert account["role"] == "user"
    house.daemon.command("user-disable", name="ana")
    with visiting(browser, house.origin, seat) as person:
        go_there(person)
        be(person, "ana")
        expect(person.page.get_by_role("heading", level=1)).to_have_text(NOT_IN[seat.language])
        person.check()


@pytest.mark.parametrize("seat", SEATS[:2], ids=str)
def test_who_is_in_no_allowed_group_stays_out(house: House, browser: Browser, seat: Seat) -> None:
    with visiting(browser, house.origin, seat) as person:
        go_there(person)
        be(person, "eve")
        expect(person.page.get_by_role("heading", level=1)).to_have_text(NOT_IN[seat.language])
        person.check()
        person.screenshot(f"oidc-refused-{seat}")
        assert SESSION not in {one["name"] for one in person.page.context.cookies(house.origin)}
    assert "eve" not in [one["name"] for one in house.daemon.command("user-list")]
    # As the page about providers tells administrators to look.
    records = house.daemon.cli("audit", "show", "--kind", "sign-in-failed")
    assert "method=oidc" in records.stdout
    assert "why=group" in records.stdout
    assert '"why": "group"' in house.daemon.log


@pytest.mark.parametrize("seat", SEATS[:2], ids=str)
def test_a_release_asks_for_a_new_sign_in_there(
    here: House, browser: Browser, seat: Seat, tmp_path: Path
) -> None:
    here.daemon.add_user("ana")
    job_id = printed_by(here.daemon, "ana", tmp_path)
    with visiting(browser, here.origin, seat) as person:
        go_there(person)
        be(person, "ana")
        expect(person.page).to_have_url(f"{here.origin}/printers")
        # The provider does not say when ana signed in there: it may have been this morning.
        person.open(f"/jobs/{job_id}/release")
        person.check()
        person.screenshot(f"oidc-confirm-{seat}")
        person.page.get_by_role("link", name=CONFIRM[seat.language]).click()
        # Although there is a session over there, the name is asked for.
        be(person, "ana")
        expect(person.page).to_have_url(f"{here.origin}/jobs/{job_id}/release")
        expect(person.page.locator("#release")).to_be_visible()
        assert person.page.locator("#password").count() == 0
        person.page.click("#release")
        expect(person.page).to_have_url(f"{here.origin}/jobs/{job_id}")
    here.daemon.wait_for_job("completed")


@pytest.mark.parametrize("seat", [Seat("phone", "en"), Seat("tablet", "fr", script=False)], ids=str)
def test_somebody_without_a_password_anywhere_prints_and_releases(
    house: House, browser: Browser, seat: Seat, tmp_path: Path
) -> None:
    """The account is the provider's alone: a print address takes the place of the password."""
    document = tmp_path / "job.txt"
    document.write_bytes(CANARY_DOCUMENT)
    with visiting(browser, house.origin, seat) as person:
        go_there(person)
        be(person, "ana")
        expect(person.page).to_have_url(f"{house.origin}/printers")
        for path in ("/me/tokens", "/me/second-factor", "/me/delegation", "/me/print-uris"):
            person.open(path)
            person.check()
            assert person.page.locator("main input[type=password]").count() == 0, path
            confirm = person.page.get_by_role("link", name=CONFIRM[seat.language])
            expect(confirm).to_have_attribute("href", f"/sign-in/oidc?next={path}&again=1")
            assert person.page.locator("main .button.primary").count() == 1, "nothing that would be refused"
        person.screenshot(f"oidc-print-uris-{seat}")
        confirm.click()
        be(person, "ana")
        expect(person.page).to_have_url(f"{house.origin}/me/print-uris")
        person.page.fill("#label", "Laptop")
        person.follow("#make")
        found = re.search(rf"ipps://localhost:{house.daemon.ports['ipp']}/[\w/-]+", person.page.content())
        assert found is not None
        subprocess.run(
            ["ipptool", "-q", "-f", str(document), "-d", "filetype=text/plain", found[0], "print-job.test"],
            check=True,
            timeout=60,
        )
        (job,) = house.daemon.wait_for_job("held")
        person.open(f"/jobs/{job['id']}/release")
        person.page.click("#release")
        expect(person.page).to_have_url(f"{house.origin}/jobs/{job['id']}")
    house.daemon.wait_for_job("completed")
    (printed,) = (tmp_path / "printed").glob("*.txt")
    assert printed.read_bytes() == CANARY_DOCUMENT


def test_a_job_under_the_name_of_somebody_whom_only_the_provider_has_is_nobody_elses(
    phones: House, browser: Browser
) -> None:
    daemon, proof = phones.daemon, {"password": CANARY_PASSWORD}
    daemon.add_user("ben")
    with visiting(browser, phones.origin, Seat()) as person:
        go_there(person)
        be(person, "ana")
        expect(person.page).to_have_url(f"{phones.origin}/printers")
        for name in ("ana", "Pixel 8"):
            octets = print_job("phones", format="text/plain", user=name) + CANARY_DOCUMENT
            ask(daemon.ports["ipp"], octets, queue="phones", tls=tls_context(daemon))
        hers, phone = daemon.wait_for_job("held", count=2)
        (offered,) = daemon.command("claimable", user="ben", **proof)
        assert offered["number"] == phone["number"]
        with pytest.raises(DaemonError, match="no such job"):
            daemon.command("claim", job=hers["id"], user="ben", **proof)
        daemon.command("claim", job=phone["id"], user="ben", **proof)
        person.open(f"/jobs/{hers['id']}")
        expect(person.page.get_by_role("heading", level=1)).to_contain_text(CANARY_TITLE)


def test_who_has_no_account_here_stays_out(here: House, browser: Browser) -> None:
    with visiting(browser, here.origin, Seat()) as person:
        go_there(person)
        be(person, "stranger")
        expect(person.page.get_by_role("heading", level=1)).to_have_text(NOT_IN["en"])


def test_a_state_is_good_once_and_in_its_own_browser(house: House, browser: Browser) -> None:
    with visiting(browser, house.origin, Seat()) as person:
        returned: list[str] = []
        person.page.on(
            "request",
            lambda request: returned.append(request.url) if "/sign-in/oidc/return" in request.url else None,
        )
        go_there(person)
        be(person, "ana")
        expect(person.page).to_have_url(f"{house.origin}/printers")
    address = urllib.parse.urlsplit(returned[0])
    path = f"{address.path}?{address.query}"
    # Used up; and in a browser that never began a sign-in; and in one that began another.
    for cookie in ("", f"{COOKIE}={'A' * 43}", begun(house)[1]):
        status, fields, body = house.get(path, cookie=cookie)
        assert status == 403
        assert not any(SESSION + "=" in one for one in fields.get("set-cookie", []))
        assert "begun too long ago, or in another browser" in body


FORGED = (
    "",
    "code=x",
    "state=x&code=x",
    "state={state}",
    "state={state}&error=access_denied",
    "state={state}&code=x&iss=https://evil.example.org",
    # The provider says that it names itself beside the code: without that it is somebody else (RFC 9207).
    "state={state}&code=x",
    "state={state}&code=forged&iss={issuer}",
    "state={state}&state={state}&code=x&iss={issuer}",
    "state={state}x&code=x&iss={issuer}",
)


def test_what_comes_back_forged_begins_no_session(house: House) -> None:
    for query in FORGED:
        state, cookie = begun(house)
        sent = query.format(state=state, issuer=urllib.parse.quote(house.provider.issuer, safe=""))
        status, fields, _ = house.get(f"/sign-in/oidc/return?{sent}", cookie=cookie)
        assert status == 403, query
        assert not any(SESSION + "=" in one for one in fields.get("set-cookie", [])), query
    assert house.daemon.command("user-list") == []


def test_the_way_there_carries_no_more_than_it_must(house: House) -> None:
    status, fields, _ = house.get("/sign-in/oidc")
    assert status == 303
    address = urllib.parse.urlsplit(fields["location"][0])
    query = dict(urllib.parse.parse_qsl(address.query))
    assert query["response_type"] == "code"
    assert query["redirect_uri"] == f"{house.origin}/sign-in/oidc/return"
    assert query["code_challenge_method"] == "S256"
    assert set(query) == {
        "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method", "ui_locales",
    }  # fmt: skip
    (cookie,) = (one for one in fields["set-cookie"] if one.startswith(COOKIE))
    assert re.fullmatch(rf"{COOKIE}=[\w-]{{43}}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600", cookie)
    assert query["state"] not in cookie


def test_a_provider_that_is_down_is_said_so(house: House, tmp_path: Path, make_daemon: MakeDaemon) -> None:
    down = house.daemon.config.replace(house.provider.issuer, "https://localhost:1")
    other = make_daemon(down, name="other")
    other.add_user("ana")
    status, _, body = House(other, house.provider).get("/sign-in/oidc")
    assert status == 503
    assert "cannot be reached" in body


def begun(house: House) -> tuple[str, str]:
    """Begin a sign-in; returns its state and the browser's cookie."""
    _, fields, _ = house.get("/sign-in/oidc")
    query = urllib.parse.urlsplit(fields["location"][0]).query
    return urllib.parse.parse_qs(query)["state"][0], fields["set-cookie"][0].partition(";")[0]


def printed_by(daemon: Daemon, name: str, folder: Path) -> str:
    """Print as somebody with a password; returns the job's id."""
    octets = folder / "job.ipp"
    octets.write_bytes(print_job("secure", format="text/plain", user=name) + CANARY_DOCUMENT)
    subprocess.run(
        [
            "curl", "-sS", "-f", "-o", "/dev/null", "-u", f"{name}:{CANARY_PASSWORD}",
            "--cacert", str(daemon.state / "tls" / "certificate.pem"),
            "-H", "Content-Type: application/ipp", "--data-binary", f"@{octets}",
            f"https://localhost:{daemon.ports['ipp']}/ipp/print/secure",
        ],
        check=True,
    )  # fmt: skip
    return str(daemon.wait_for_job("held")[0]["id"])
