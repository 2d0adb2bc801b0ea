"""The portal in a real browser, over TLS, at two sizes, with and without its script."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, expect

from spoold.model.ids import JobId
from spoold.model.jobstate import JobEvent, JobState
from tests.support.chromium import PATIENCE_MS, chromium
from tests.support.fake_desk import JAM
from tests.support.identities import PASSWORD
from tests.support.portal_server import ServedPortal

DESKTOP, PHONE, SMALLEST = (1200, 800), (390, 844), (320, 568)
ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@dataclass
class Person:
    """Somebody at a browser, and what the browser complained about."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def sign_in(self, name: str = "alice") -> None:
        self.open("/")
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.click("#sign-in")
        expect(self.page.get_by_role("heading", level=1)).to_have_text("My jobs")


def person(
    browser: Browser, served: ServedPortal, size: tuple[int, int] = DESKTOP, *, script: bool = True
) -> tuple[BrowserContext, Person]:
    context = browser.new_context(
        ignore_https_errors=True,
        java_script_enabled=script,
        viewport={"width": size[0], "height": size[1]},
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    somebody = Person(page, served.origin)

    def note_message(message: ConsoleMessage) -> None:
        # A refusal has an error status, which browsers note down as a failed load.
        if "the server responded with a status of 4" not in message.text:
            somebody.complaints.append(message.text)

    def note_dialog(dialog: Dialog) -> None:
        somebody.complaints.append("dialog")
        dialog.dismiss()

    page.on("pageerror", lambda error: somebody.complaints.append(str(error)))
    page.on("console", note_message)
    page.on("dialog", note_dialog)
    return context, somebody


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_way_of_a_job(
    browser: Browser, served: ServedPortal, size: tuple[int, int], script: bool
) -> None:
    desk = served.portal.desk
    job = served.portal.job("Exam papers 7b", pages=12)
    context, alice = person(browser, served, size, script=script)
    page = alice.page
    alice.sign_in()
    expect(page.get_by_role("link", name="Exam papers 7b")).to_be_visible()

    desk.set_status("lobby", JAM)
    desk.set_status("floor-2", JAM)
    page.click("#release-1")
    page.check("#printer-1")
    page.click("#release")
    expect(page.get_by_role("alert")).to_contain_text("Paper is jammed. Nothing was printed.")
    assert desk.state_of(job) is JobState.HELD

    desk.set_status("floor-2")
    page.check("#printer-2")
    page.click("#release")
    expect(page.locator(".chip")).to_have_text("On its way to the printer")
    assert desk.released == [(job, "floor-2")]

    desk.move(job, JobEvent.FIRST_BYTE, "Printing at floor-2.")
    desk.move(job, JobEvent.CONFIRMED, "Printed: 12 pages at floor-2.")
    if not script:
        page.reload()
    expect(page.locator(".chip")).to_have_text("Printed")
    assert alice.complaints == []
    context.close()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_deleting(browser: Browser, served: ServedPortal, script: bool) -> None:
    job = served.portal.job("Old draft")
    context, alice = person(browser, served, PHONE, script=script)
    alice.sign_in()
    alice.page.click("#delete-1")
    expect(alice.page.get_by_role("heading", level=1)).to_contain_text("Old draft")
    assert served.portal.desk.state_of(job) is JobState.HELD
    alice.page.click("#delete")
    expect(alice.page.get_by_text("Nothing is waiting for you.")).to_be_visible()
    assert served.portal.desk.state_of(job) is JobState.CANCELED
    assert alice.complaints == []
    context.close()


def test_the_password_is_asked_again_after_a_while(browser: Browser, served: ServedPortal) -> None:
    job = served.portal.job()
    context, alice = person(browser, served)
    alice.sign_in()
    served.portal.kit.clock.advance(130)
    alice.open(f"/jobs/{job}/release")
    alice.page.fill("#password", PASSWORD)
    alice.page.press("#password", "Enter")
    expect(alice.page.locator(".chip")).to_have_text("On its way to the printer")
    assert served.portal.desk.released == [(job, "lobby")]
    assert alice.complaints == []
    context.close()


def test_the_list_keeps_itself_up_to_date_and_the_focus_where_it_is(
    browser: Browser, served: ServedPortal
) -> None:
    served.portal.job("First")
    context, alice = person(browser, served)
    alice.sign_in()
    alice.page.focus("#release-1")
    second = served.portal.job("Second")
    expect(alice.page.get_by_role("link", name="Second")).to_be_visible()
    expect(alice.page.locator("#release-1")).to_be_focused()
    served.portal.desk.move(second, JobEvent.EXPIRED, "The job waited too long.")
    expect(alice.page.locator("#news")).to_have_text("Job 2: Expired")
    assert alice.complaints == []
    context.close()


def test_a_form_in_use_is_left_alone_by_the_refresh(browser: Browser, served: ServedPortal) -> None:
    job = served.portal.job()
    context, alice = person(browser, served)
    alice.sign_in()
    served.portal.kit.clock.advance(130)
    alice.open(f"/jobs/{job}/release")
    alice.page.check("#printer-2")
    alice.page.fill("#password", "half typ")
    served.portal.desk.set_status("lobby", JAM)
    expect(alice.page.locator("#status-1")).to_contain_text("Paper is jammed.")
    expect(alice.page.locator("#printer-2")).to_be_checked()
    expect(alice.page.locator("#password")).to_have_value("half typ")
    context.close()


def test_an_open_page_goes_away_when_the_session_ends(browser: Browser, served: ServedPortal) -> None:
    served.portal.job("Salaries 2026")
    context, alice = person(browser, served)
    alice.sign_in()
    served.portal.kit.clock.advance(601)
    expect(alice.page.get_by_role("heading", level=1)).to_have_text("Sign in to print")
    alice.page.go_back()
    expect(alice.page.get_by_text("Salaries 2026")).to_have_count(0)
    context.close()


def test_signing_out_leaves_nothing_behind(browser: Browser, served: ServedPortal) -> None:
    served.portal.job("Salaries 2026")
    context, alice = person(browser, served)
    alice.sign_in()
    alice.page.click("#sign-out")
    expect(alice.page.get_by_role("heading", level=1)).to_have_text("Sign in to print")
    assert context.cookies() == []
    alice.page.go_back()
    expect(alice.page.get_by_text("Salaries 2026")).to_have_count(0)
    context.close()


def test_with_the_keyboard_alone(browser: Browser, served: ServedPortal) -> None:
    job = served.portal.job("Exam papers 7b")
    context, alice = person(browser, served)
    keyboard = alice.page.keyboard
    alice.open("/")
    expect(alice.page.locator("#name")).to_be_focused()
    keyboard.type("alice")
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    expect(alice.page.locator("#release-1")).to_be_visible()
    reach(alice.page, "release-1")
    keyboard.press("Enter")
    expect(alice.page.locator("#printer-1")).to_be_checked()
    reach(alice.page, "printer-1")
    keyboard.press("ArrowDown")
    expect(alice.page.locator("#printer-2")).to_be_checked()
    reach(alice.page, "release")
    keyboard.press("Enter")
    expect(alice.page.locator(".chip")).to_have_text("On its way to the printer")
    assert served.portal.desk.released == [(job, "floor-2")]
    context.close()


def reach(page: Page, element: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(30):
        if page.evaluate("document.activeElement.id") == element:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{element} cannot be reached with Tab")


@pytest.mark.parametrize("size", [PHONE, SMALLEST], ids=["phone", "smallest"])
def test_no_page_is_wider_than_the_screen(
    browser: Browser, served: ServedPortal, size: tuple[int, int]
) -> None:
    job = served.portal.job("Averylongnamewithoutanyspaces" * 8)
    served.portal.job("Ended", state=JobState.COMPLETED, reason="Printed.")
    context, alice = person(browser, served, size)
    alice.open("/sign-in")
    widths = [alice.page.evaluate("document.documentElement.scrollWidth")]
    alice.sign_in()
    for path in pages_of(job):
        alice.open(path)
        widths.append(alice.page.evaluate("document.documentElement.scrollWidth"))
    assert widths == [size[0]] * len(widths)
    context.close()


def pages_of(job: JobId) -> list[str]:
    return ["/", f"/jobs/{job}", f"/jobs/{job}/release", f"/jobs/{job}/delete", "/printers", "/nothing"]


def test_fields_have_labels_and_targets_are_large_enough_to_touch(
    browser: Browser, served: ServedPortal
) -> None:
    job = served.portal.job("Exam papers 7b")
    context, alice = person(browser, served, PHONE)
    alice.sign_in()
    served.portal.kit.clock.advance(130)
    for path in pages_of(job):
        alice.open(path)
        assert alice.page.locator("h1").count() == 1
        unlabelled = alice.page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]):not([hidden])')]"
            ".filter(each => !each.labels.length).length"
        )
        assert unlabelled == 0
        for button in alice.page.locator(".button:visible, nav a:visible").all():
            box = button.bounding_box()
            assert box is not None
            # WCAG 2.2, 2.5.8 asks for 24 px; fingers for more.
            assert box["height"] >= 40, button.inner_text()
    context.close()


def test_a_title_never_becomes_markup(browser: Browser, served: ServedPortal) -> None:
    job = served.portal.job(ATTACK)
    context, alice = person(browser, served)
    alice.sign_in()
    for path in pages_of(job):
        alice.open(path)
    alice.open("/")
    served.portal.job(ATTACK + " again")
    expect(alice.page.get_by_text("again")).to_be_visible()
    assert alice.page.locator("main img, main script").count() == 0
    assert alice.complaints == []
    context.close()


def test_a_page_of_another_site_changes_nothing(browser: Browser, served: ServedPortal) -> None:
    job = served.portal.job()
    context, alice = person(browser, served)
    alice.sign_in()
    evil = context.new_page()
    for mode in ("cors", "no-cors"):
        read = evil.evaluate(
            """([url, mode]) => fetch(url, {method: "POST", mode, credentials: "include",
                body: new URLSearchParams({printer: "lobby"})}).then((it) => it.text(), () => "")""",
            [f"{served.origin}/jobs/{job}/release", mode],
        )
        assert read == ""
    evil.set_content(
        f'<form id="f" method="post" action="{served.origin}/jobs/{job}/release">'
        '<input name="printer" value="lobby"></form><script>document.getElementById("f").submit()</script>',
        # It is gone before it is whole.
        wait_until="commit",
    )
    expect(evil.get_by_text("Not allowed")).to_be_visible()
    assert served.portal.desk.released == []
    assert served.portal.desk.state_of(job) is JobState.HELD
    context.close()


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("size", [DESKTOP, PHONE, SMALLEST])
def test_a_pin_is_typed_at_the_printer(
    browser: Browser, served: ServedPortal, size: tuple[int, int], script: bool
) -> None:
    job = served.portal.job("Salaries 2026")
    served.portal.desk.set_pin(job, "4711-canary")
    context, somebody = person(browser, served, size, script=script)
    with context:
        page = somebody.page
        somebody.open("/sign-in")
        page.get_by_role("link", name="Release with a PIN").click()
        page.fill("#who", "alice")
        page.fill("#pin", "0000-canary")
        page.get_by_label("Second floor, by the stairs").check()
        page.click("#release")
        expect(page.get_by_role("alert")).to_contain_text("PIN is not right")
        assert page.input_value("#who") == "alice"
        assert page.input_value("#pin") == ""
        assert page.get_by_label("Second floor, by the stairs").is_checked()
        page.fill("#pin", "4711-canary")
        page.click("#release")
        expect(page.get_by_role("heading", level=1)).to_have_text("On its way")
        expect(page.get_by_text("Job 1 goes to Second floor, by the stairs.")).to_be_visible()
    assert served.portal.desk.released == [(job, "floor-2")]
    assert somebody.complaints == []
