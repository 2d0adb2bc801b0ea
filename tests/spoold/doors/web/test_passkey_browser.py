"""Second factors and tokens in a real browser: a virtual authenticator, codes of an app, both languages."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, CDPSession, expect

from tests.support.browser import FEW_SEATS, Person, Seat, visiting
from tests.support.chromium import chromium
from tests.support.identities import PASSWORD
from tests.support.portal_server import ServedPortal, serving_portal
from tests.support.web_portal import HOST


@pytest.fixture(name="served", scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPortal]:
    with serving_portal(tmp_path_factory.mktemp("passkeys")) as portal:
        yield portal


@pytest.fixture(name="browser", scope="module")
def _browser(served: ServedPortal) -> Iterator[Browser]:
    """A browser that finds the site by its name and trusts its key: passkeys are for nothing less."""
    certificate = x509.load_pem_x509_certificate(Path(served.certificate).read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
    with chromium(
        f"--host-resolver-rules=MAP {HOST} 127.0.0.1", f"--ignore-certificate-errors-spki-list={pin}"
    ) as started:
        yield started


@contextmanager
def authenticator(person: Person) -> Iterator[tuple[CDPSession, str]]:
    """Plug a security key into the browser (Chrome DevTools Protocol, WebAuthn)."""
    session = person.page.context.new_cdp_session(person.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield session, made["authenticatorId"]


def origin(served: ServedPortal) -> str:
    return f"https://{HOST}:{served.port}"


def start_again(served: ServedPortal, name: str) -> None:
    """Nobody has a second factor, and nobody has just failed."""
    portal = served.portal
    served.ask(reset, portal.kit.factors.book, portal.users[name])


async def reset(book: object, user: str) -> None:
    await book.reset(user, actor="test")  # type: ignore[attr-defined]


def make_passkey(person: Person, name: str = "Laptop") -> None:
    person.open("/me/second-factor")
    person.follow("#add-passkey")
    person.check()
    person.page.fill("#label", name)
    person.page.click("#use-passkey")
    expect(person.page.locator("#codes li")).to_have_count(10)


@pytest.mark.parametrize("seat", [Seat("tablet"), Seat("phone", "fr")], ids=str)
def test_a_passkey_is_made_and_signs_in(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    start_again(served, "alice")
    with visiting(browser, origin(served), seat) as alice, authenticator(alice) as (session, key):
        alice.sign_in()
        make_passkey(alice)
        alice.check()
        alice.screenshot(f"recovery-codes-{seat}")
        stored = session.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]
        assert [one["rpId"] for one in stored] == [HOST]
        alice.open("/me/second-factor")
        alice.check()
        alice.screenshot(f"second-factors-{seat}")
        alice.page.context.clear_cookies()
        # As the second factor, after the password.
        alice.open("/sign-in")
        alice.page.fill("#name", "alice")
        alice.page.fill("#password", PASSWORD)
        alice.page.click("#sign-in")
        expect(alice.page.locator("#use-passkey")).to_be_enabled()
        alice.check()
        alice.screenshot(f"second-factor-{seat}")
        alice.page.click("#use-passkey")
        expect(alice.page.locator("nav")).not_to_have_count(0)
        alice.page.context.clear_cookies()
        # And alone.
        for _ in range(2):
            alice.open("/sign-in/passkey?next=/printers")
            alice.check()
            alice.screenshot(f"passkey-{seat}")
            alice.page.click("#use-passkey")
            # The whole address: "**/printers" is the end of the address before it, too.
            alice.page.wait_for_url(f"{origin(served)}/printers")
            alice.page.context.clear_cookies()


def test_a_key_that_is_not_there_is_said(browser: Browser, served: ServedPortal) -> None:
    """And so is one whose person the key does not know: no PIN, no finger."""
    start_again(served, "alice")
    with visiting(browser, origin(served)) as alice, authenticator(alice) as (session, key):
        alice.open("/sign-in/passkey")
        alice.page.click("#use-passkey")
        expect(alice.page.locator("#passkey-trouble")).to_be_visible()
        alice.check()
        alice.sign_in()
        make_passkey(alice)
        alice.page.context.clear_cookies()
        session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
        alice.open("/sign-in/passkey")
        alice.page.click("#use-passkey")
        expect(alice.page.locator("#passkey-trouble")).to_be_visible()
        assert alice.page.url.endswith("/sign-in/passkey")


@pytest.mark.parametrize("seat", [*FEW_SEATS, Seat("tablet")], ids=str)
def test_an_app_is_set_up_and_shown(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    """With and without JavaScript; the code that was just used signs nobody in again."""
    start_again(served, "alice")
    clock = served.portal.kit.clock
    clock.advance(900)
    with visiting(browser, origin(served), seat) as alice:
        alice.sign_in()
        alice.open("/me")
        alice.follow('a[href="/me/second-factor"]')
        alice.check()
        alice.follow("#add-app")
        alice.check()
        alice.screenshot(f"second-factor-app-{seat}")
        drawn = alice.page.locator("img.qr").evaluate("each => each.naturalWidth") if seat.script else 1
        assert drawn > 0
        app = pyotp.TOTP(alice.page.inner_text("#secret").replace(" ", ""))
        alice.page.fill("#label", "Phone")
        alice.page.fill("#code", app.at(clock.now()))
        alice.page.click("#confirm")
        expect(alice.page.locator("#codes li")).to_have_count(10)
        alice.check()
        clock.advance(30)
        code = app.at(clock.now())
        for is_right in (True, False):
            alice.page.context.clear_cookies()
            alice.open("/sign-in")
            alice.page.fill("#name", "alice")
            alice.page.fill("#password", PASSWORD)
            alice.page.click("#sign-in")
            alice.page.fill("#code", code)
            alice.follow("#show-code")
            if is_right:
                expect(alice.page.get_by_role("heading", level=1)).not_to_have_text("One more step")
            else:
                expect(alice.page.get_by_role("alert").first).to_be_visible()
                alice.check()


@pytest.mark.parametrize("seat", FEW_SEATS, ids=str)
def test_tokens_are_made_in_a_browser(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    start_again(served, "bob")
    with visiting(browser, origin(served), seat) as bob:
        bob.sign_in("bob")
        bob.open("/me/tokens")
        bob.check()
        bob.page.fill("#label", "Reception")
        bob.page.check("#scope-1")
        bob.page.check("#scope-4")
        bob.page.click("#make")
        expect(bob.page.locator("#new-token")).to_contain_text("spd_")
        bob.check()
        bob.screenshot(f"tokens-{seat}")
        bob.follow("#tokens button")
        served.portal.kit.clock.advance(121)
        bob.open("/me/tokens")
        expect(bob.page.locator("#password")).to_be_visible()
        bob.check()
