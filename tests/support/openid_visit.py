"""What somebody does in a browser at the OpenID provider of the tests."""

import re

from tests.support.browser import Person


def go_to_provider(person: Person, link: str) -> None:
    """Open the sign-in page and follow the link to the provider; on return there is the page of printers."""
    # The provider's own forms want a typeface from elsewhere; tests speak to nobody but this machine.
    person.page.route(
        re.compile(r"https://(?!localhost:)"), lambda route: route.fulfill(body="", content_type="text/css")
    )
    person.open("/sign-in?next=/printers")
    person.page.get_by_role("link", name=link).click()


def be(person: Person, name: str) -> None:
    """Fill in the provider's own forms: the name, then the consent where it is asked for."""
    page = person.page
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "anything")
    person.follow("button[type=submit]")
    if page.url.startswith(person.origin):
        return
    # Back here, or the consent, whichever it is that is there now.
    if page.get_by_role("button", name="Continue").count():
        page.get_by_role("button", name="Continue").click()
