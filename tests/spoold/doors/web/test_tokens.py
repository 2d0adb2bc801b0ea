"""Tokens at the web door: which routes they open, and the page on which people look after them."""

import re
from datetime import timedelta
from html import unescape

import pytest

from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.routes import ROUTES
from spoold.model.jobstate import JobState
from spoold.model.scopes import OF_A_PERSON, Scope
from tests.support.addresses import filled
from tests.support.identities import PASSWORD
from tests.support.web_portal import PortalKit, Visitor

PEER = "10.20.1.9"
_SHOWN = re.compile(r'id="new-token">(spd_[0-9a-f]{16}_[A-Za-z0-9_-]{43})<')
FORM = {"label": "Reception", "networks": "10.20.0.0/16", "days": "30"}


async def issue(portal: PortalKit, *scopes: Scope, owner: str | None = "alice") -> dict[str, str]:
    """The header of a program that was given a token."""
    made = await portal.kit.tokens.issue(
        None if owner is None else portal.users[owner],
        label="Program",
        scopes=[scope.value for scope in scopes],
        networks=["10.20.0.0/16"],
        life=timedelta(days=1),
        actor="test",
    )
    return {"Authorization": f"Bearer {made.token}"}


async def call(portal: PortalKit, declaration: RouteDeclaration, headers: dict[str, str]) -> int:
    """Use a route as a program."""
    path = filled(declaration.path, portal.job())
    response = await portal.visitor(PEER).client.request(declaration.method, path, headers=headers)
    return response.status_code


GUARDED = [each for each in ROUTES if each.surface is not Surface.OPEN or each.scope is not None]


@pytest.mark.parametrize("declaration", GUARDED, ids=[f"{each.method} {each.path}" for each in GUARDED])
async def test_a_token_opens_what_its_scope_says(portal: PortalKit, declaration: RouteDeclaration) -> None:
    for scope in Scope:
        headers = await issue(portal, scope, owner="alice" if scope in OF_A_PERSON else None)
        before = len(await portal.kit.audit())
        status = await call(portal, declaration, headers)
        calls = [one for one in (await portal.kit.audit())[before:] if one["kind"].startswith("token-")]
        if declaration.scope is scope:
            # 400: let in, and nothing was sent that could be read.
            assert status in {200, 202, 400}
            assert [one["kind"] for one in calls] == ["token-used"]
        elif declaration.scope is not None or declaration.surface is Surface.API:
            assert status == 403
            assert [(one["kind"], one["why"]) for one in calls] == [("token-refused", "scope")]
        else:
            # Pages do not look at tokens at all: whoever has only that is nobody.
            assert status in {303, 401, 403}
            assert calls == []


async def test_a_release_by_token_is_on_record_with_its_job(portal: PortalKit) -> None:
    headers, job = await issue(portal, Scope.JOBS_RELEASE), portal.job()
    visitor = portal.visitor(PEER)
    answer = await visitor.client.post(
        f"/api/v1/jobs/{job}/release", json={"printer": "lobby"}, headers=headers
    )
    assert answer.status_code == 202
    record = next(one for one in await portal.kit.audit() if one["kind"] == "token-used")
    assert (record["action"], record["job"], record["peer"]) == ("release", str(job), PEER)
    assert record["user"] == portal.users["alice"]


@pytest.mark.parametrize("owner", ["bob", "oskar", "ada"])
async def test_nobodys_token_is_for_somebody_elses_job(portal: PortalKit, owner: str) -> None:
    """An administrator's neither: a token is an ordinary person's, whoever made it."""
    job = portal.job()
    headers = await issue(portal, Scope.JOBS_READ, Scope.JOBS_RELEASE, Scope.JOBS_DELETE, owner=owner)
    client = portal.visitor(PEER).client
    for method, path in (("GET", ""), ("POST", "/release"), ("DELETE", "")):
        answer = await client.request(method, f"/api/v1/jobs/{job}{path}", headers=headers)
        assert answer.status_code == 404
    assert (await client.get("/api/v1/jobs", headers=headers)).json() == {"jobs": []}
    assert portal.desk.state_of(job) is JobState.HELD


async def test_metrics_from_elsewhere_need_a_token(portal: PortalKit) -> None:
    client = portal.visitor(PEER).client
    assert (await client.get("/metrics")).status_code == 403
    good = await issue(portal, Scope.METRICS_READ, owner=None)
    answer = await client.get("/metrics", headers=good)
    assert answer.status_code == 200
    assert "spoold_" in answer.text
    elsewhere = portal.visitor("192.0.2.7").client
    assert (await elsewhere.get("/metrics", headers=good)).status_code == 403


async def test_wrong_tokens_are_answered_alike(portal: PortalKit) -> None:
    client, bodies = portal.visitor(PEER).client, set()
    good = (await issue(portal, Scope.JOBS_READ))["Authorization"]
    for wrong in ("spd_", good[:-1] + "!", "Bearer spd_0", good.replace("spd_", "spd_0")):
        value = wrong if wrong.startswith("Bearer") else f"Bearer {wrong}"
        answer = await client.get("/api/v1/jobs", headers={"Authorization": value})
        assert answer.status_code == 401
        bodies.add(answer.text)
    assert len(bodies) == 1


async def test_a_session_is_still_a_bearer_at_the_api(portal: PortalKit) -> None:
    visitor = await portal.signed_in()
    headers = {"Authorization": f"Bearer {visitor.token}"}
    assert (await portal.visitor(PEER).client.get("/api/v1/jobs", headers=headers)).status_code == 200


# -- the page


async def make(visitor: Visitor, *scopes: Scope, **fields: str) -> str:
    """Make a token on the page; the token itself, empty when it was refused."""
    chosen = {f"scope-{scope.value}": "yes" for scope in scopes}
    answer = await visitor.post("/me/tokens", headers=None, **{**FORM, **chosen, **fields})
    match = _SHOWN.search(answer.text)
    assert (match is not None) == (answer.status_code == 200)
    return "" if match is None else match[1]


async def test_people_make_see_and_revoke_their_tokens(portal: PortalKit) -> None:
    visitor = await portal.signed_in()
    assert 'href="/me/tokens"' in (await visitor.get("/me")).text
    token = await make(visitor, Scope.JOBS_READ)
    client, headers = portal.visitor(PEER).client, {"Authorization": f"Bearer {token}"}
    assert (await client.get("/api/v1/jobs", headers=headers)).status_code == 200
    page = (await visitor.get("/me/tokens")).text
    assert "Reception" in page
    assert token not in page
    token_id = token.split("_")[1]
    assert (await visitor.post("/me/tokens/revoke", token=token_id)).status_code == 303
    assert "Reception" not in (await visitor.get("/me/tokens")).text
    assert (await client.get("/api/v1/jobs", headers=headers)).status_code == 401


async def test_nobody_revokes_or_sees_somebody_elses(portal: PortalKit) -> None:
    alice, ada = await portal.signed_in("alice"), await portal.signed_in("ada")
    token = await make(alice, Scope.JOBS_READ)
    assert (await ada.post("/me/tokens/revoke", token=token.split("_")[1])).status_code == 404
    assert "Reception" not in (await ada.get("/me/tokens")).text
    headers = {"Authorization": f"Bearer {token}"}
    assert (await portal.visitor(PEER).client.get("/api/v1/jobs", headers=headers)).status_code == 200


async def test_a_fresh_proof_is_needed(portal: PortalKit) -> None:
    visitor = await portal.signed_in()
    assert 'id="password"' not in (await visitor.get("/me/tokens")).text
    portal.kit.clock.advance(121)
    assert 'id="password"' in (await visitor.get("/me/tokens")).text
    assert await make(visitor, Scope.JOBS_RELEASE) == ""
    assert await make(visitor, Scope.JOBS_RELEASE, password="wrong password") == ""
    assert await portal.kit.tokens.of() == []
    assert await make(visitor, Scope.JOBS_RELEASE, password=PASSWORD) != ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"networks": "lobby"}, "is not a network"),
        ({"networks": ""}, "Name the networks"),
        ({"days": "3650"}, "Choose how long"),
        ({"label": ""}, "what the token is for"),
        ({"scope-metrics:read": "yes", "scopes": ""}, "Choose what"),
    ],
)
async def test_a_refusal_keeps_what_was_typed(portal: PortalKit, fields: dict[str, str], words: str) -> None:
    visitor = await portal.signed_in()
    chosen = {} if "scopes" in fields else {f"scope-{Scope.JOBS_READ.value}": "yes"}
    answer = await visitor.post("/me/tokens", headers=None, **{**FORM, **chosen, **fields})
    assert answer.status_code == 409
    assert words in unescape(answer.text)
    assert 'value="30" selected' in answer.text or "days" in fields
    assert await portal.kit.tokens.of() == []
