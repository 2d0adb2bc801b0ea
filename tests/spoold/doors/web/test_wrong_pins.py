"""Wrong PINs at a station, over HTTP: ten in a row end a PIN; a full sign-in of its owner opens it again."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from spoold.identity.secret import Secret
from spoold.model.principal import Method
from tests.spoold.doors.web.test_second_factor import confirm_app, csrf_of, set_up_app
from tests.spoold.doors.web.test_station import BADGE, PIN, Tablet, give_badge, tablet_of
from tests.support.identities import PASSWORD, make_identity, open_database
from tests.support.web_portal import PortalKit, make_portal

WRONG = "482916"


@pytest.fixture(name="strict")
async def _strict(tmp_path: Path) -> AsyncIterator[PortalKit]:
    """A portal whose administrators have to show a second factor."""
    with open_database(tmp_path / "strict.db") as database:
        yield await make_portal(make_identity(database, second_factor="administrators"))


async def try_pin(tablet: Tablet, pin: str) -> str:
    """Hold the badge to the reader and type a PIN; what the screen says then."""
    page = await tablet.by_badge(pin=pin)
    await tablet.send("leave")
    return page


async def ended(portal: PortalKit) -> Tablet:
    """A station at which the PIN of the badge has been wrong ten times, a day later."""
    tablet = await tablet_of(portal)
    for _ in range(2):
        for _ in range(5):
            assert "do not go together" in await try_pin(tablet, WRONG)
        portal.kit.clock.advance(901)
    portal.kit.clock.advance(86_400)
    assert await is_ended(tablet)
    return tablet


async def is_ended(tablet: Tablet) -> bool:
    """Whether the right PIN is refused, with what to do about it."""
    page = await try_pin(tablet, PIN)
    if "Your documents" in page:
        return False
    assert "Too many wrong tries. Sign in to the portal, then try again here." in page
    return True


async def test_signing_in_to_the_portal_opens_an_ended_pin(portal: PortalKit) -> None:
    await give_badge(portal)
    tablet = await ended(portal)
    # Somebody else's sign-in, and a wrong password of the person, are nothing.
    await portal.signed_in("bob")
    assert (await portal.visitor("10.20.1.10").sign_in("alice", "wrong horse")).status_code == 403
    assert await is_ended(tablet)
    await portal.signed_in("alice")
    assert not await is_ended(tablet)


async def test_words_of_a_short_lock_are_mended_by_it_as_well(portal: PortalKit) -> None:
    await give_badge(portal)
    tablet = await tablet_of(portal)
    for _ in range(5):
        await try_pin(tablet, WRONG)
    assert "Too many" in await try_pin(tablet, PIN)
    await portal.signed_in("alice")
    assert "Your documents" in await try_pin(tablet, PIN)


async def test_the_password_again_inside_a_session_opens_it(portal: PortalKit) -> None:
    await give_badge(portal)
    alice = await portal.signed_in("alice")
    tablet = await tablet_of(portal)
    for _ in range(5):
        await try_pin(tablet, WRONG)
    portal.kit.clock.advance(180)
    assert "Too many" in await try_pin(tablet, PIN)
    asked = await alice.post(
        "/me/badges", badge="0000000001", again="0000000001", label="", password=PASSWORD
    )
    assert asked.status_code == 303
    assert "Your documents" in await try_pin(tablet, PIN)


async def test_the_password_typed_at_the_station_opens_it(portal: PortalKit) -> None:
    await give_badge(portal)
    tablet = await ended(portal)
    await tablet.send("by-password")
    assert "Your documents" in await tablet.send("password", name="alice", password=PASSWORD)
    await tablet.send("leave")
    assert not await is_ended(tablet)


async def test_a_program_that_keeps_the_password_does_not(portal: PortalKit) -> None:
    """A computer sends it with every job: each would give five more tries to whoever has the badge."""
    await give_badge(portal)
    tablet = await ended(portal)
    proof = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    answer = await portal.visitor().get("/api/v1/jobs", Authorization=f"Basic {proof}")
    assert answer.status_code == 200
    assert await is_ended(tablet)


async def test_where_a_second_factor_is_missing_the_password_alone_does_not(portal: PortalKit) -> None:
    await give_badge(portal)
    phone, _ = await set_up_app(portal, await portal.signed_in("alice"))
    tablet = await ended(portal)
    visitor = portal.visitor()
    assert (await visitor.sign_in("alice")).status_code == 303
    assert await is_ended(tablet)
    csrf = csrf_of((await visitor.get("/second-factor")).text)
    assert (await visitor.post("/second-factor", csrf=csrf, code=phone.code())).status_code == 303
    assert not await is_ended(tablet)


async def test_setting_up_the_second_factor_that_was_missing_is_a_full_sign_in(strict: PortalKit) -> None:
    account = await strict.kit.identity.account_of(strict.users["ada"])
    assert account is not None
    ada = account.principal(Method.PASSWORD, strict.kit.clock.now())
    await strict.stations.badges.set_pin(ada, PIN)
    await strict.stations.badges.enrol(ada, Secret(BADGE), Secret(BADGE), "Card")
    tablet = await ended(strict)
    visitor = strict.visitor()
    assert (await visitor.sign_in("ada")).status_code == 303
    csrf = csrf_of((await visitor.get("/me/second-factor")).text)
    begun = (await visitor.post("/me/second-factor/app", csrf=csrf)).text
    assert await is_ended(tablet)
    await confirm_app(strict, visitor, begun, csrf=csrf)
    assert not await is_ended(tablet)
