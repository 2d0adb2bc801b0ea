"""People at browsers: phone, tablet or desk, two languages, with and without JavaScript; and what axe says.

    @pytest.mark.parametrize("seat", SEATS, ids=str)   # 2 sizes x 2 languages x with and without script
    def test_tokens(browser: Browser, served: ServedPortal, seat: Seat) -> None:
        with visiting(browser, served.origin, seat) as person:
            person.sign_in("alice")
            person.open("/me/tokens")
            person.check()                             # axe, width, language, sizes of targets
            person.screenshot("tokens")                # with SPOOLD_SCREENSHOTS=FOLDER set

`browser` is a fixture of tests/spoold/doors/web/conftest.py (one Chromium for each module); `served` is
`serving_portal(tmp_path)`, the portal over a real Identity and a desk in memory. A daemon's own origin does
as well. What browsers complain about (scripts, policy violations) fails the test when the visit ends.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, ViewportSize, expect

from tests.support.chromium import PATIENCE_MS
from tests.support.identities import PASSWORD
from tests.support.node import axe_script

DESKTOP, TABLET, PHONE, SMALLEST = (1200, 800), (1024, 768), (390, 844), (320, 568)
SIZES = {"desktop": DESKTOP, "tablet": TABLET, "phone": PHONE, "smallest": SMALLEST}
# WCAG 2.2, 2.5.8 asks for 24 px; fingers for more.
MIN_TARGET_PX = 40
_REFUSED = "the server responded with a status of 4"
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Seat:
    """How somebody looks at the portal."""

    size: str = "desktop"
    language: str = "en"
    script: bool = True
    dark: bool = False

    def __str__(self) -> str:
        words = [self.size, self.language, "" if self.script else "no-script", "dark" if self.dark else ""]
        return "-".join(word for word in words if word)


SEATS = [
    Seat(size, language, script)
    for size in ("tablet", "phone")
    for language in ("en", "fr")
    for script in (True, False)
]
# Enough where a page was looked at closely elsewhere: each size, language and way once or more.
FEW_SEATS = [Seat("phone", "fr"), Seat("phone", "en", script=False), Seat("tablet", "fr", script=False)]


@dataclass
class Person:
    """Somebody at a browser, and what the browser complained about."""

    page: Page
    origin: str
    seat: Seat
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Type an address."""
        self.page.goto(self.origin + path)

    def follow(self, selector: str) -> None:
        """Press what leads to another page, and wait until that is there.

        What is asked of a page right after a click may still be answered by the page before.
        """
        with self.page.expect_navigation():
            self.page.click(selector)

    def sign_in(self, name: str = "alice", password: str = PASSWORD) -> None:
        """Sign in by name and password."""
        self.open("/sign-in")
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.page.click("#sign-in")
        title = "Mes impressions" if self.seat.language == "fr" else "My jobs"
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)

    def check(self) -> None:
        """Fail when the page has anything that keeps people out, or does not fit."""
        page = self.page
        # Pictures and all: a page is there in parts before it is whole.
        page.wait_for_load_state()
        expect(page.locator("h1")).to_have_count(1)
        with self._examined() as examined:
            found = violations(examined)
        assert not found, "\n".join(found)
        assert page.locator("html").get_attribute("lang") == self.seat.language
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[self.seat.size][0], f"{page.url} is {width} px wide"
        # All at one moment: a page that keeps itself up to date puts new ones in their places.
        heights = page.locator(".button:visible, nav a:visible").evaluate_all(_HEIGHTS)
        assert all(height >= MIN_TARGET_PX for _, height in heights), heights

    @contextmanager
    def _examined(self) -> Iterator[Page]:
        """The page, or what was built of it without scripts, where axe can run: it is a script itself."""
        if self.seat.script:
            yield self.page
            return
        html, address = _SCRIPT.sub("", self.page.content()), self.page.url
        context = _context(browser_of(self.page), replace(self.seat, script=True))
        try:
            twin = context.new_page()
            twin.route(
                address, lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8")
            )
            twin.goto(address)
            yield twin
        finally:
            context.close()

    def check_focus(self) -> None:
        """Press Tab through the page: every stop shows that it is one."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            stop = self.page.evaluate(_FOCUSED)
            if stop is None:
                return
            name, shown = stop
            assert shown, f"{self.page.url}: nobody sees that {name} has the focus"

    def screenshot(self, name: str, *, full: bool = True) -> None:
        """Keep what is seen as NAME.png in the folder that SPOOLD_SCREENSHOTS names, if it does."""
        if named := os.environ.get("SPOOLD_SCREENSHOTS"):
            folder = Path(named)
            folder.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=folder / f"{name}.png", full_page=full, animations="disabled")


_HEIGHTS = "all => all.map((one) => [one.innerText, one.getBoundingClientRect().height])"
# Outline or shadow around the focused element or the card around it; null when the focus has left the page.
_FOCUSED = """() => {
  const each = document.activeElement;
  if (!each || each === document.body) return null;
  const marked = (one) => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  };
  return [each.id || each.outerHTML.slice(0, 80), marked(each) || marked(each.parentElement)];
}"""


def _context(browser: Browser, seat: Seat) -> BrowserContext:
    width, height = SIZES[seat.size]
    context = browser.new_context(
        ignore_https_errors=True,
        java_script_enabled=seat.script,
        viewport=ViewportSize(width=width, height=height),
        locale={"en": "en-GB", "fr": "fr-FR"}[seat.language],
        color_scheme="dark" if seat.dark else "light",
        has_touch=seat.size in {"phone", "tablet"},
        device_scale_factor=1,
    )
    context.set_default_timeout(PATIENCE_MS)
    return context


def browser_of(page: Page) -> Browser:
    """Return the browser of a page."""
    browser = page.context.browser
    assert browser is not None
    return browser


@contextmanager
def visiting(browser: Browser, origin: str, seat: Seat | None = None) -> Iterator[Person]:
    """Open a browser window of its own; at the end nothing may have been complained of."""
    seat = seat or Seat()
    context = _context(browser, seat)
    try:
        page = context.new_page()
        person = Person(page, origin, seat)

        def note_message(message: ConsoleMessage) -> None:
            # A refusal has an error status, which browsers note down as a failed load.
            if message.type in {"error", "warning"} and _REFUSED not in message.text:
                person.complaints.append(message.text)

        def note_dialog(dialog: Dialog) -> None:
            person.complaints.append("dialog")
            dialog.dismiss()

        page.on("pageerror", lambda error: person.complaints.append(str(error)))
        page.on("console", note_message)
        page.on("dialog", note_dialog)
        yield person
        assert not person.complaints, person.complaints
    finally:
        context.close()


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong: rule, element, summary; by all its rules, best practices too."""
    page.evaluate(_axe())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['html'][:160]}: {node.get('failureSummary', '')}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@lru_cache(maxsize=1)
def _axe() -> str:
    return axe_script().read_text("utf-8")
