"""Pages and the API offer the printers that are for this person, and say so where none is."""

import html
from base64 import b64encode
from dataclasses import replace

import pytest

from policy.access import Access
from policy.engine import compile_rules
from policy.setting import Setting
from spoold.release.offers import NOT_FOR_YOU
from spoold.release.stations import NOT_YOUR_PRINTER
from tests.support.identities import PASSWORD
from tests.support.web_portal import PortalKit, Visitor

EVERYTHING = Access(queues={"secure": ["staff"]})
LOBBY = Access(printers={"lobby": ["staff"]})
FLOOR = "Second floor, by the stairs"


def restrict(portal: PortalKit, access: Access) -> None:
    """What a reload with groups does."""
    policy = compile_rules((), Setting(access=access), "UTC")
    portal.site = replace(portal.site, policy=policy)


async def text_of(visitor: Visitor, path: str) -> str:
    answer = await visitor.get(path)
    assert answer.status_code == 200
    return html.unescape(answer.text)


async def test_the_release_page_offers_what_its_owner_may_use(portal: PortalKit) -> None:
    job, alice = portal.job(), await portal.signed_in()
    restrict(portal, LOBBY)
    page = await text_of(alice, f"/jobs/{job}/release")
    assert 'value="floor-2"' in page
    assert 'value="lobby"' not in page


async def test_the_release_page_says_that_no_printer_is_for_its_owner(portal: PortalKit) -> None:
    job, alice = portal.job(), await portal.signed_in()
    restrict(portal, EVERYTHING)
    page = await text_of(alice, f"/jobs/{job}/release")
    assert NOT_FOR_YOU in page
    assert 'name="printer"' not in page
    french = await alice.get(f"/jobs/{job}/release", **{"Accept-Language": "fr"})
    assert "réservées aux membres de groupes" in html.unescape(french.text)


async def test_the_printers_page_shows_what_a_person_may_use_and_staff_all(portal: PortalKit) -> None:
    restrict(portal, LOBBY)
    page = await text_of(await portal.signed_in(), "/printers")
    assert FLOOR in page
    assert "Lobby, ground floor" not in page
    staff = await text_of(await portal.signed_in("oskar"), "/printers")
    assert "Lobby, ground floor" in staff
    assert staff.count("For members of groups that you are not in.") == 1


async def test_the_printers_page_says_that_there_is_none_for_this_person(portal: PortalKit) -> None:
    restrict(portal, EVERYTHING)
    page = await text_of(await portal.signed_in(), "/printers")
    assert "There is no printer for you." in page


@pytest.mark.parametrize(
    ("access", "places", "listed"),
    [(Access(), ["lobby", "floor-2"], 2), (LOBBY, ["floor-2"], 1), (EVERYTHING, [], 0)],
)
async def test_the_api_lists_what_its_caller_may_use(
    access: Access, places: list[str], listed: int, portal: PortalKit
) -> None:
    job, program = portal.job(), portal.visitor()
    word = b64encode(f"alice:{PASSWORD}".encode()).decode()
    restrict(portal, access)
    found = (await program.get(f"/api/v1/jobs/{job}", Authorization=f"Basic {word}")).json()
    assert found["printers"] == places
    assert found["no_printer"] == (None if places else NOT_FOR_YOU)
    printers = (await program.get("/api/v1/printers", Authorization=f"Basic {word}")).json()["printers"]
    assert [one["name"] for one in printers if one["usable"]] == places
    assert len(printers) == listed


async def test_the_page_of_a_printer_s_code_knows_whom_it_is_for(portal: PortalKit) -> None:
    job, alice = portal.job(), await portal.signed_in()
    restrict(portal, LOBBY)
    page = await text_of(alice, portal.marks.path_of("lobby"))
    assert NOT_YOUR_PRINTER in page
    assert f"job-{job}" not in page
    assert FLOOR in page
    restrict(portal, EVERYTHING)
    page = await text_of(alice, portal.marks.path_of("lobby"))
    assert "1 document waits that you may not release at any printer." in page
