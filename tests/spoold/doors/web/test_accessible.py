"""Every page of the portal for everybody: axe, keyboard, small screens, two languages, without JavaScript."""

import pytest
from playwright.sync_api import Browser, expect

from spoold.doors.web.guard import Surface
from spoold.doors.web.routes import ROUTES
from spoold.model.ids import JobId
from spoold.model.jobstate import JobState
from tests.support.browser import FEW_SEATS, SEATS, Person, Seat, visiting
from tests.support.fake_desk import JAM
from tests.support.portal_server import ServedPortal


def furnish(served: ServedPortal) -> JobId:
    """Jobs in every state that a person sees, and a printer that is jammed."""
    portal = served.portal
    job = portal.job("Exam papers 7b", pages=12)
    portal.job("Letter to the parents", state=JobState.UNKNOWN, reason="Look at the printer.")
    portal.job("Timetable", state=JobState.COMPLETED, reason="Printed.", pages=1)
    portal.job("Holiday photos", state=JobState.EXPIRED, reason="The job waited too long.", pages=1_200)
    portal.desk.set_status("lobby", JAM)
    return job


@pytest.mark.parametrize("seat", [*FEW_SEATS, Seat("desktop")], ids=str)
def test_pages_before_signing_in(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    with visiting(browser, served.origin, seat) as somebody:
        for path, name in (("/sign-in", "sign-in"), ("/pin", "pin"), ("/nothing", "not-found")):
            somebody.open(path)
            somebody.check()
            somebody.screenshot(f"{name}-{seat}")


@pytest.mark.parametrize("seat", SEATS, ids=str)
def test_pages_of_somebody(browser: Browser, served: ServedPortal, seat: Seat) -> None:
    job = furnish(served)
    with visiting(browser, served.origin, seat) as alice:
        alice.sign_in()
        look(alice, "/", f"jobs-{seat}")
        look(alice, f"/jobs/{job}", f"job-{seat}")
        look(alice, f"/jobs/{job}/delete", f"delete-{seat}")
        look(alice, "/printers", f"printers-{seat}")
        look(alice, f"/jobs/{job}/release", f"release-{seat}")
        alice.page.check("#printer-1")
        alice.page.click("#release")
        expect(alice.page.get_by_role("alert")).to_be_visible()
        alice.check()
        alice.screenshot(f"release-refused-{seat}")
        served.portal.kit.clock.advance(130)
        look(alice, f"/jobs/{job}/release", f"release-password-{seat}")


PAGES = sorted(
    declaration.path
    for declaration in ROUTES
    if declaration.method == "GET"
    and declaration.surface in {Surface.OPEN, Surface.PORTAL}
    and not declaration.path.startswith(("/static", "/metrics", "/healthz"))
)


@pytest.mark.parametrize(
    ("who", "seat"), [("alice", Seat("phone", "fr")), ("ada", Seat("tablet", "en", script=False))], ids=str
)
def test_every_page_there_is(browser: Browser, served: ServedPortal, who: str, seat: Seat) -> None:
    """From the table of routes, so that no page is forgotten: as it is found, and as it refuses."""
    job = furnish(served)
    seen = 0
    with visiting(browser, served.origin, seat) as person:
        person.sign_in(who)
        for path in PAGES:
            answer = person.page.goto(served.origin + path.format_map(Filled(job_id=str(job))))
            assert answer is not None
            if answer.headers["content-type"].startswith("text/html"):
                person.check()
                person.screenshot(f"page{path.replace('/', '-')}-{who}-{seat}")
                seen += 1
    assert seen >= 15


class Filled(dict[str, str]):
    """Values for the parts of an address; a printer's name where nothing else is known."""

    def __missing__(self, name: str) -> str:
        return "lobby"


def look(person: Person, path: str, name: str) -> None:
    person.open(path)
    person.check()
    person.screenshot(name)


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_in_the_dark(browser: Browser, served: ServedPortal, size: str) -> None:
    job = furnish(served)
    with visiting(browser, served.origin, Seat(size, "fr", dark=True)) as alice:
        alice.sign_in()
        for path in ("/", f"/jobs/{job}", f"/jobs/{job}/release", "/printers"):
            look(alice, path, f"dark{path.replace('/', '-')[:5]}-{size}")


def test_the_focus_is_seen_at_every_stop(browser: Browser, served: ServedPortal) -> None:
    job = furnish(served)
    with visiting(browser, served.origin, Seat("desktop")) as alice:
        alice.open("/sign-in")
        alice.check_focus()
        alice.sign_in()
        for path in ("/", f"/jobs/{job}/release", "/printers"):
            alice.open(path)
            alice.check_focus()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_menu_of_a_phone(browser: Browser, served: ServedPortal, script: bool) -> None:
    furnish(served)
    with visiting(browser, served.origin, Seat("phone", "fr", script=script)) as alice:
        alice.sign_in()
        menu = alice.page.locator(".menu nav")
        expect(menu).to_be_hidden()
        alice.page.click("#menu")
        expect(menu).to_be_visible()
        alice.check()
        alice.screenshot(f"menu-{alice.seat}", full=False)
        menu.get_by_role("link", name="Imprimantes").click()
        expect(alice.page.get_by_role("heading", level=1)).to_have_text("Imprimantes")
        alice.page.click("#menu")
        alice.page.click("#menu-sign-out")
        expect(alice.page.locator("#sign-in")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_language_is_chosen_and_kept(browser: Browser, served: ServedPortal, script: bool) -> None:
    job = furnish(served)
    with visiting(browser, served.origin, Seat("phone", "en", script=script)) as alice:
        alice.sign_in()
        alice.open(f"/jobs/{job}/release")
        alice.page.click("#language-fr")
        expect(alice.page.locator("html")).to_have_attribute("lang", "fr")
        assert alice.page.url.endswith(f"/jobs/{job}/release")
        expect(alice.page.locator("legend")).to_have_text("Où êtes-vous\u00a0?")
        alice.page.click("#menu")
        alice.page.click("#menu-sign-out")
        expect(alice.page.locator("#sign-in")).to_have_text("Se connecter")
        alice.page.click("#language-en")
        expect(alice.page.locator("#sign-in")).to_have_text("Sign in")


def test_without_motion_nothing_turns(browser: Browser, served: ServedPortal) -> None:
    job = served.portal.job(state=JobState.PRINTING, reason="Being printed.")
    with visiting(browser, served.origin) as alice:
        alice.page.emulate_media(reduced_motion="reduce")
        alice.sign_in()
        alice.open(f"/jobs/{job}")
        animation = "getComputedStyle(document.querySelector('.spinner')).animationName"
        assert alice.page.evaluate(animation) == "none"
