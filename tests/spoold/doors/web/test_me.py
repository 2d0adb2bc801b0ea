"""My account: the list of sections, from what is declared and offered."""

from dataclasses import replace

import pytest

from spoold.doors.web import sections
from spoold.doors.web.sections import Section
from tests.support.identities import PASSWORD
from tests.support.web_portal import PortalKit


async def test_the_page_lists_what_this_portal_offers(
    portal: PortalKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Section("/me/shown", "Shown and told", "What is offered.")
    hidden = replace(shown, path="/me/hidden", offered=lambda _portal: False)
    monkeypatch.setattr(sections, "SECTIONS", (shown, hidden))
    visitor = await portal.signed_in("alice")
    page = await visitor.get("/me")
    assert page.status_code == 200
    assert 'href="/me/shown"' in page.text
    assert "Shown and told" in page.text
    assert "/me/hidden" not in page.text


async def test_a_stranger_is_asked_to_sign_in_and_comes_back(portal: PortalKit) -> None:
    visitor = portal.visitor()
    answer = await visitor.get("/me")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/me")
    signed_in = await visitor.post("/sign-in", name="alice", password=PASSWORD, next="/me")
    assert signed_in.headers["location"] == "/me"


def test_every_section_has_an_address_of_its_own_under_my_account() -> None:
    paths = [section.path for section in sections.SECTIONS]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith("/me/") for path in paths)
    assert all(section.title and section.words.endswith(".") for section in sections.SECTIONS)
