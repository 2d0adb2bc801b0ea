"""A real browser for tests: Debian's Chromium, headless, that talks to nobody but the page under test."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
# A busy machine and a page that looks again every 4 seconds. What is waited for comes:
# nothing is asserted by this.
PATIENCE_MS = 60_000.0
_ARGUMENTS = (
    # Tests run as root, where Chromium's own sandbox does not start.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium(*further: str) -> Iterator[Browser]:
    """Start the browser; closed at the end.

    Args:
        further: command-line switches besides the usual ones.
    """
    # What is expected of a page has a patience of its own, 5 s by itself.
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*_ARGUMENTS, *further], timeout=PATIENCE_MS
        )
        try:
            yield browser
        finally:
            browser.close()
