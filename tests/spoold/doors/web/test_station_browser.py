"""Release stations, badges and codes in a real browser: fingers, a reader that types, two languages."""

from dataclasses import replace
from functools import partial

import pytest
from playwright.sync_api import Browser, expect

from spoold.identity.secret import Secret
from spoold.model.jobstate import JobState
from spoold.model.principal import Method
from spoold.release import stations
from tests.support.browser import FEW_SEATS, SEATS, Person, Seat, visiting
from tests.support.fake_desk import JAM
from tests.support.identities import PASSWORD
from tests.support.portal_server import ServedPortal

BADGE, OTHER_BADGE, PIN = "0012345678", "0087654321", "482915"
STATION_SEATS = [seat for seat in SEATS if seat.size != "desktop"]
TITLES = {
    "welcome": {"en": "Release your documents", "fr": "Imprimer vos documents"},
    "pin": {"en": "Enter your PIN", "fr": "Saisissez votre code"},
    "jobs": {"en": "Your documents", "fr": "Vos documents"},
    "done": {"en": "On its way", "fr": "C\N{RIGHT SINGLE QUOTATION MARK}est parti"},
    "password": {"en": "Link your badge", "fr": "Associer votre badge"},
    "again": {
        "en": "Hold your badge to the reader once more",
        "fr": "Présentez encore une fois votre badge",
    },
    "new-pin": {"en": "Choose a PIN", "fr": "Choisissez un code"},
}


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last screen goes away by itself, sooner than a busy machine has looked at it."""
    monkeypatch.setattr(stations, "DONE_S", 600.0)


def enrol(tablet: Person, served: ServedPortal) -> None:
    """Open the link that an administrator made, and take it."""
    devices = served.portal.stations.devices
    invitation = served.ask(partial(devices.invite, "lobby", actor="test"))
    tablet.open(f"/station/enrol?key={invitation}")
    tablet.check()
    tablet.page.click("#enrol")
    arrived(tablet, "welcome")


def arrived(tablet: Person, step: str) -> None:
    """Wait for a step, and let axe look at it."""
    expect(tablet.page.get_by_role("heading", level=1)).to_have_text(TITLES[step][tablet.seat.language])
    tablet.check()


def hold_badge(tablet: Person, number: str = BADGE) -> None:
    """What a USB reader does: digits and Enter, into whatever has the focus."""
    expect(tablet.page.locator("#badge")).to_be_focused()
    tablet.page.keyboard.type(number)
    tablet.page.keyboard.press("Enter")


def press_pin(tablet: Person, pin: str = PIN) -> None:
    """Type a PIN on the keys of the page where there are any, else on a keyboard."""
    if tablet.seat.script:
        for digit in pin:
            tablet.page.click(f'[data-key="{digit}"]')
    else:
        expect(tablet.page.locator(".keypad")).to_be_hidden()
        tablet.page.fill("#pin", pin)
    tablet.page.click("#go")


def give_badge(served: ServedPortal, name: str = "alice", number: str = BADGE) -> None:
    """Set a PIN and link a badge, as the portal does after a full sign-in."""
    kit, badges = served.portal.kit, served.portal.stations.badges

    async def enrol() -> None:
        account = await kit.identity.lookup(name)
        assert account is not None
        person = account.principal(Method.PASSWORD, kit.clock.now())
        await badges.set_pin(person, PIN)
        await badges.enrol(person, Secret(number), Secret(number), "Blue card")

    served.ask(enrol)


@pytest.mark.parametrize("seat", [Seat("phone"), *FEW_SEATS], ids=str)
def test_people_link_their_badges_in_the_portal(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    with visiting(browser, served.origin, seat) as person:
        person.sign_in()
        person.open("/me/badges")
        person.check()
        person.page.fill("#new-pin", "123456")
        person.page.fill("#pin-again", "123456")
        person.page.click("#set-pin")
        expect(person.page.get_by_role("alert")).to_be_visible()
        person.check()
        person.page.fill("#new-pin", PIN)
        person.page.fill("#pin-again", PIN)
        person.page.click("#set-pin")
        expect(person.page.locator(".notice.good")).to_be_visible()
        person.page.fill("#badge", BADGE)
        person.page.fill("#badge-again", BADGE)
        person.page.fill("#label", "Blue card")
        person.page.click("#add-badge")
        expect(person.page.locator("#badges")).to_contain_text("Blue card")
        person.check()
        person.check_focus()
        person.screenshot(f"badges-{seat}")


@pytest.mark.parametrize("seat", STATION_SEATS, ids=str)
def test_badge_pin_and_paper(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    give_badge(served)
    job, _ = served.portal.job("Salaries 2026", pages=3), served.portal.job("Exam papers", pages=12)
    with visiting(browser, served.origin, seat) as tablet:
        enrol(tablet, served)
        tablet.screenshot(f"station-welcome-{seat}", full=False)
        hold_badge(tablet)
        arrived(tablet, "pin")
        press_pin(tablet, "482916")
        expect(tablet.page.get_by_role("alert")).to_be_visible()
        arrived(tablet, "pin")
        tablet.screenshot(f"station-pin-{seat}")
        press_pin(tablet)
        arrived(tablet, "jobs")
        expect(tablet.page.get_by_text("Salaries")).to_have_count(0)
        tablet.screenshot(f"station-jobs-{seat}")
        tablet.page.uncheck("#job-1")
        tablet.page.click("#print-chosen")
        arrived(tablet, "done")
        tablet.screenshot(f"station-done-{seat}", full=False)
        assert served.portal.desk.released == [(job, "lobby")]
        tablet.page.click("#leave")
        arrived(tablet, "welcome")
        # Whoever comes next and goes back finds nothing of who was there.
        for _ in range(6):
            tablet.page.go_back()
            shown = tablet.page.content()
            assert "Alice" not in shown
            assert "job-1" not in shown
            assert BADGE not in shown


@pytest.mark.parametrize("seat", STATION_SEATS, ids=str)
def test_an_unknown_badge_is_linked_at_the_station(
    browser: Browser, served: ServedPortal, seat: Seat
) -> None:
    served.portal.desk.set_status("lobby", JAM)
    with visiting(browser, served.origin, seat) as tablet:
        enrol(tablet, served)
        expect(tablet.page.locator(".station-status")).not_to_be_empty()
        hold_badge(tablet)
        arrived(tablet, "pin")
        tablet.page.click("#link")
        arrived(tablet, "password")
        tablet.page.fill("#name", "alice")
        tablet.page.fill("#password", PASSWORD)
        tablet.screenshot(f"station-link-{seat}")
        tablet.page.click("#go")
        arrived(tablet, "again")
        hold_badge(tablet)
        arrived(tablet, "new-pin")
        tablet.page.fill("#pin", PIN)
        tablet.page.fill("#again", PIN)
        tablet.page.click("#go")
        arrived(tablet, "jobs")


@pytest.mark.parametrize("seat", [Seat("tablet"), Seat("tablet", "fr", script=False)], ids=str)
def test_a_visit_ends_by_itself_on_the_screen(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    give_badge(served)
    served.portal.job("Salaries 2026")
    with visiting(browser, served.origin, seat) as tablet:
        enrol(tablet, served)
        hold_badge(tablet)
        arrived(tablet, "pin")
        # What is left of the visit is two seconds: the screen itself goes back, asked by nobody.
        site = served.portal.site
        short = replace(site.stations["lobby"], visit_s=2.0)
        served.portal.site = replace(site, stations={"lobby": short})
        press_pin(tablet)
        expect(tablet.page.get_by_role("heading", level=1)).to_have_text(TITLES["jobs"][seat.language])
        served.portal.kit.clock.advance(3)
        expect(tablet.page.get_by_role("heading", level=1)).to_have_text(TITLES["welcome"][seat.language])


@pytest.mark.parametrize("seat", STATION_SEATS, ids=str)
def test_the_code_beside_a_printer(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    portal = served.portal
    first, second = portal.job("Salaries 2026", pages=3), portal.job("Exam papers", pages=12)
    with visiting(browser, served.origin, seat) as phone:
        phone.open(portal.marks.path_of("lobby"))
        phone.page.fill("#name", "alice")
        phone.page.fill("#password", PASSWORD)
        phone.page.click("#sign-in")
        expect(phone.page.get_by_role("heading", level=1)).to_contain_text("Lobby, ground floor")
        phone.check()
        phone.screenshot(f"printer-page-{seat}")
        phone.page.uncheck("#job-2")
        phone.follow("#print-chosen")
        expect(phone.page.get_by_role("status").first).to_be_visible()
        phone.check()
        assert portal.desk.released == [(second, "lobby")]
        assert portal.desk.state_of(first) is JobState.HELD


@pytest.mark.parametrize("seat", [Seat("desktop"), *FEW_SEATS], ids=str)
def test_the_sheet_beside_a_printer(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    with visiting(browser, served.origin, seat) as oskar:
        oskar.sign_in("oskar")
        oskar.open("/printers/lobby/sheet")
        oskar.check()
        oskar.screenshot(f"sheet-{seat}")
