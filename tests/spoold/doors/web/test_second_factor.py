"""Second factors at the portal: asked for before anything else, set up by their owner, signed in with."""

import base64
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pyotp
import pytest

from spoold.doors.web.guard import RouteDeclaration, Second, Surface
from spoold.doors.web.routes import ROUTES
from spoold.model.scopes import Scope
from tests.support.addresses import filled
from tests.support.identities import PASSWORD, make_identity, open_database
from tests.support.passkey import Passkey
from tests.support.web_portal import HOST, ORIGIN, PortalKit, Visitor, make_portal

_SECRET = re.compile(r'id="secret">([A-Z2-7 ]+)<')
_CODE = re.compile(r"<code>([a-z2-7-]{19})</code>")
_OPTIONS = re.compile(r'data-options="([^"]+)"')


@pytest.fixture(name="strict")
async def _strict(tmp_path: Path) -> AsyncIterator[PortalKit]:
    """A portal whose administrators have to show a second factor."""
    with open_database(tmp_path / "strict.db") as database:
        yield await make_portal(make_identity(database, second_factor="administrators"))


class Phone:
    """An authenticator app of somebody's."""

    def __init__(self, portal: PortalKit, secret: str) -> None:
        self.portal = portal
        self.app = pyotp.TOTP(secret.replace(" ", ""))

    def code(self) -> str:
        """The next code that was not shown before."""
        self.portal.kit.clock.advance(30)
        return self.app.at(int(self.portal.kit.clock.now().timestamp()))


def csrf_of(text: str) -> str:
    """What the forms of a page carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', text)
    assert found is not None
    return found[1]


async def confirm_app(
    portal: PortalKit, visitor: Visitor, page: str, **fields: str
) -> tuple[Phone, list[str]]:
    """Give the app the secret of a page, and the page a code of the app."""
    secret = _SECRET.search(page)
    assert secret is not None
    phone = Phone(portal, secret[1])
    done = await visitor.post(
        "/me/second-factor/app/confirm", headers=None, label="Phone", code=phone.code(), **fields
    )
    assert done.status_code == 200
    return phone, _CODE.findall(done.text)


async def set_up_app(portal: PortalKit, visitor: Visitor) -> tuple[Phone, list[str]]:
    """Set up an app on the pages; the phone, and the recovery codes."""
    page = (await visitor.post("/me/second-factor/app", password=PASSWORD)).text
    return await confirm_app(portal, visitor, page)


def options_in(text: str) -> str:
    found = _OPTIONS.search(text)
    assert found is not None
    return unescape(found[1])


async def set_up_key(visitor: Visitor) -> Passkey:
    """Set up a passkey on the pages."""
    page = await visitor.post("/me/second-factor/passkey", password=PASSWORD)
    key = Passkey(HOST, ORIGIN)
    answer = key.make(options_in(page.text))
    done = await visitor.post("/me/second-factor/passkey/confirm", label="Key", passkey=answer)
    assert done.status_code == 200
    return key


# -- asked for


async def test_whoever_has_one_shows_it_before_anything_else(portal: PortalKit) -> None:
    phone, _ = await set_up_app(portal, await portal.signed_in("alice"))
    visitor = portal.visitor()
    assert (await visitor.sign_in("alice")).status_code == 303
    asked = await visitor.get("/printers")
    assert (asked.status_code, asked.headers["location"]) == (303, "/second-factor?next=/printers")
    assert (await visitor.get("/", **{"X-Refresh": "1"})).status_code == 401
    page = await visitor.get("/second-factor?next=/printers")
    assert page.status_code == 200
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert csrf is not None
    fields = {"csrf": csrf[1], "next": "/printers"}
    wrong = await visitor.post("/second-factor", headers=None, code="000000", **fields)
    assert wrong.status_code == 403
    assert "not right" in wrong.text
    right = await visitor.post("/second-factor", headers=None, code=phone.code(), **fields)
    assert (right.status_code, right.headers["location"]) == (303, "/printers")
    assert (await visitor.get("/printers")).status_code == 200


PEOPLES = [each for each in ROUTES if each.surface is Surface.PORTAL and each.second is not Second.ASKED]


@pytest.mark.parametrize("declaration", PEOPLES, ids=[f"{each.method} {each.path}" for each in PEOPLES])
async def test_no_page_of_the_portal_is_there_without_it(
    portal: PortalKit, declaration: RouteDeclaration
) -> None:
    """The pages to set another up neither: whoever has only the password would set up their own."""
    await set_up_app(portal, await portal.signed_in("alice"))
    visitor = portal.visitor()
    await visitor.sign_in("alice")
    path = filled(declaration.path, portal.job())
    page = await visitor.get("/second-factor")
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert csrf is not None
    if declaration.method == "POST":
        answer = await visitor.post(path, csrf=csrf[1], password=PASSWORD, printer="lobby")
    else:
        answer = await visitor.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/second-factor?next=/")


async def test_whoever_must_and_has_none_can_only_set_one_up(strict: PortalKit) -> None:
    ada, oskar = await strict.signed_in("ada"), await strict.signed_in("oskar")
    assert (await oskar.get("/")).status_code == 200
    for path in ("/", "/printers", "/me", "/me/tokens"):
        assert (await ada.get(path)).headers["location"] == "/me/second-factor"
    page = await ada.get("/me/second-factor")
    assert "wants a second factor" in page.text
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert csrf is not None
    begun = await ada.post("/me/second-factor/app", csrf=csrf[1])
    secret = _SECRET.search(begun.text)
    assert secret is not None
    fields = {"csrf": csrf[1], "label": "Phone", "code": Phone(strict, secret[1]).code()}
    assert (await ada.post("/me/second-factor/app/confirm", headers=None, **fields)).status_code == 200
    # It was just shown.
    assert (await ada.get("/")).status_code == 200


async def test_a_password_alone_is_nobody_in_office(strict: PortalKit) -> None:
    """At the API, where nothing else can be shown: reading goes on as an ordinary person, no more."""
    job = strict.job(owner="alice")
    own = strict.job(owner="ada")
    token = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    client, headers = strict.visitor().client, {"Authorization": f"Basic {token}"}
    listed = (await client.get("/api/v1/jobs", headers=headers)).json()["jobs"]
    assert [one["id"] for one in listed] == [str(own)]
    assert (await client.get(f"/api/v1/jobs/{job}", headers=headers)).status_code == 404
    for method, path in (("DELETE", f"/api/v1/jobs/{own}"), ("POST", f"/api/v1/jobs/{own}/release")):
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 403
        assert "second factor" in answer.json()["detail"]
    # A session that has not shown it is worth no more as a bearer.
    visitor = await strict.signed_in("ada")
    bearer = {"Authorization": f"Bearer {visitor.token}"}
    assert (await client.delete(f"/api/v1/jobs/{own}", headers=bearer)).status_code == 403


async def test_a_token_stands_for_the_factor_that_was_shown_for_it(strict: PortalKit) -> None:
    ada = await strict.signed_in("ada")
    page = await ada.get("/me/second-factor")
    assert page.status_code == 200
    made = await strict.kit.tokens.issue(
        strict.users["ada"],
        label="Program",
        scopes=[Scope.JOBS_RELEASE.value],
        networks=["10.20.0.0/16"],
        life=timedelta(days=1),
        actor="ada",
    )
    own = strict.job(owner="ada")
    answer = await strict.visitor().client.post(
        f"/api/v1/jobs/{own}/release", headers={"Authorization": f"Bearer {made.token}"}
    )
    assert answer.status_code == 202


# -- set up


async def test_setting_up_needs_a_fresh_proof(portal: PortalKit) -> None:
    visitor = await portal.signed_in("alice")
    portal.kit.clock.advance(121)
    for path in ("app", "passkey", "codes", "remove"):
        answer = await visitor.post(f"/me/second-factor/{path}")
        assert answer.status_code == 403
        assert 'name="password"' in answer.text
    assert (await visitor.get("/me/second-factor/qr.svg")).status_code == 404


async def test_the_qr_code_is_of_this_session(portal: PortalKit) -> None:
    visitor, other = await portal.signed_in("alice"), await portal.signed_in("alice")
    await visitor.post("/me/second-factor/app")
    drawn = await visitor.get("/me/second-factor/qr.svg")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.text.startswith("<svg")
    assert "style" not in drawn.text
    assert (await other.get("/me/second-factor/qr.svg")).status_code == 404


async def test_recovery_codes_sign_in_once(portal: PortalKit) -> None:
    _, codes = await set_up_app(portal, await portal.signed_in("alice"))
    assert len(codes) == 10
    for expected in (303, 403):
        visitor = portal.visitor()
        await visitor.sign_in("alice")
        page = await visitor.get("/second-factor")
        csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
        assert csrf is not None
        answer = await visitor.post("/second-factor", csrf=csrf[1], code=codes[0])
        assert answer.status_code == expected


async def test_a_factor_is_removed_by_its_owner(portal: PortalKit) -> None:
    visitor = await portal.signed_in("alice")
    await set_up_app(portal, visitor)
    page = (await visitor.get("/me/second-factor")).text
    factor = re.search(r'name="factor" value="([0-9a-f-]{36})"', page)
    assert factor is not None
    bob = await portal.signed_in("bob")
    assert (await bob.post("/me/second-factor/remove", factor=factor[1])).status_code == 404
    assert (await visitor.post("/me/second-factor/remove", factor=factor[1])).status_code == 303
    assert (await portal.signed_in("alice")).token
    assert (await (await portal.signed_in("alice")).get("/")).status_code == 200


# -- passkeys


async def test_a_passkey_signs_in_alone(strict: PortalKit) -> None:
    ada = await strict.signed_in("ada")
    page = await ada.get("/me/second-factor")
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert csrf is not None
    begun = await ada.post("/me/second-factor/passkey", csrf=csrf[1])
    key = Passkey(HOST, ORIGIN)
    made = key.make(options_in(begun.text))
    await ada.post("/me/second-factor/passkey/confirm", csrf=csrf[1], label="Key", passkey=made)
    visitor = strict.visitor()
    assert 'href="/sign-in/passkey?next=/"' in (await visitor.get("/sign-in")).text
    page = await visitor.get("/sign-in/passkey?next=/printers")
    shown = key.show(options_in(page.text))
    answer = await visitor.post("/sign-in/passkey", passkey=shown, next="/printers")
    assert (answer.status_code, answer.headers["location"]) == (303, "/printers")
    assert (await visitor.get("/printers")).status_code == 200
    again = await strict.visitor().post("/sign-in/passkey", passkey=shown)
    assert again.status_code == 403


async def test_a_closed_accounts_passkey_is_refused_like_any(portal: PortalKit) -> None:
    key = await set_up_key(await portal.signed_in("alice"))
    await portal.kit.identity.disable_user("alice")
    bodies = []
    for one in (key, Passkey(HOST, ORIGIN)):
        visitor = portal.visitor()
        page = await visitor.get("/sign-in/passkey")
        answer = await visitor.post("/sign-in/passkey", passkey=one.show(options_in(page.text)))
        assert answer.status_code == 403
        bodies.append(_OPTIONS.sub("", answer.text))
    assert bodies[0] == bodies[1]


async def test_a_passkey_is_not_asked_for_under_another_name(portal: PortalKit) -> None:
    visitor = portal.visitor(base="https://localhost")
    page = await visitor.get("/sign-in/passkey")
    assert page.status_code == 200
    assert f"https://{HOST}" in page.text
    assert _OPTIONS.search(page.text) is None


async def test_a_page_of_another_site_cannot_show_one(portal: PortalKit) -> None:
    key = await set_up_key(await portal.signed_in("alice"))
    visitor = portal.visitor()
    shown = key.show(options_in((await visitor.get("/sign-in/passkey")).text))
    headers = {"Origin": "https://evil.example.org", "Sec-Fetch-Site": "cross-site"}
    assert (await visitor.post("/sign-in/passkey", headers, passkey=shown)).status_code == 403
    key.origin = "https://evil.example.org"
    shown = key.show(options_in((await visitor.get("/sign-in/passkey")).text))
    assert (await visitor.post("/sign-in/passkey", passkey=shown)).status_code == 403
