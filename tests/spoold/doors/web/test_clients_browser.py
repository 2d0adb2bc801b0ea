"""Print addresses and claims in a browser: phone and tablet, two languages, with and without JavaScript."""

import pytest
from playwright.sync_api import Browser, expect

from spoold.model.queue import ClaimRule
from tests.support.browser import SEATS, Person, Seat, visiting
from tests.support.portal_server import ServedPortal


def looked_at(person: Person, name: str) -> None:
    person.check()
    person.screenshot(f"{name}-{person.seat}")


def led_to(person: Person, path: str) -> None:
    """Follow the menu's link; on a phone the menu is folded, and there are two of it."""
    assert person.page.locator(f'header a[href="{path}"]').count() > 0
    person.open(path)


@pytest.mark.parametrize("seat", SEATS, ids=str)
def test_an_address_is_made_used_and_revoked(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    with visiting(browser, served.origin, seat) as alice:
        page = alice.page
        alice.sign_in()
        led_to(alice, "/me")
        looked_at(alice, "account")
        alice.follow('a[href="/me/print-uris"]')
        looked_at(alice, "print-uris")
        page.fill("#label", "Laptop in the study")
        page.click("#make")
        address = page.locator("#new-uri").inner_text()
        assert address.startswith("ipps://print.example.org:631/ipp/print/secure/u/")
        assert page.locator("#new-url").inner_text() == f"https{address.removeprefix('ipps')}"
        expect(page.get_by_role("status").first).to_contain_text("Laptop in the study")
        looked_at(alice, "print-uri-made")
        alice.open("/me/print-uris")
        expect(page.locator("#uris")).to_contain_text("Laptop in the study")
        assert address not in page.content()
        page.locator("#uris button").click()
        expect(page.locator("#uris")).to_have_count(0)
        served.portal.kit.clock.advance(130)
        alice.open("/me/print-uris")
        expect(page.locator("#password")).to_be_visible()
        page.fill("#label", "Laptop")
        page.fill("#password", "not this one")
        page.click("#make")
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.locator("#label")).to_have_value("Laptop")
        looked_at(alice, "print-uri-refused")


@pytest.mark.parametrize("seat", SEATS, ids=str)
def test_a_job_is_claimed(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    claims = served.portal.claims
    other = claims.add_job("Letter to the parents")
    named = claims.add_job("Timetable", "school\\alice", rule=ClaimRule.BY_NAME)
    with visiting(browser, served.origin, seat) as alice:
        page = alice.page
        alice.sign_in()
        led_to(alice, "/claim")
        expect(page.locator("#waiting li")).to_have_count(2)
        looked_at(alice, "claim")
        alice.follow(f"#claim-{named.number}")
        looked_at(alice, "claim-one")
        assert "Timetable" not in page.content()
        page.click("#claim")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Timetable")
        looked_at(alice, "claimed")
        alice.open(f"/claim/{other.id}")
        with visiting(browser, served.origin, seat) as bob:
            bob.sign_in("bob")
            bob.open(f"/claim/{other.id}")
            bob.follow("#claim")
        # Too late: she is told so, and led back to what is left.
        page.click("#claim")
        expect(page.get_by_role("alert")).to_be_visible()
        looked_at(alice, "claim-too-late")
        alice.open("/claim")
        expect(page.locator(".empty-title")).to_be_visible()
        looked_at(alice, "claim-empty")
