"""The authorisation matrix of the web door, generated from its table of routes."""

import base64

import pytest

from spoold.doors.web.app import build_web_app
from spoold.doors.web.guard import RouteDeclaration, Surface
from spoold.doors.web.routes import ROUTES
from spoold.model.access import ALLOWED, Action, Standing
from spoold.model.ids import JobId
from spoold.model.jobstate import JobState
from tests.support.addresses import filled
from tests.support.identities import PASSWORD
from tests.support.web_portal import SITE, PortalKit

# The job is alice's.
WHO = {
    "nobody": Standing.ANONYMOUS,
    "bob": Standing.USER,
    "alice": Standing.OWNER,
    "oskar": Standing.OPERATOR,
    "ada": Standing.ADMINISTRATOR,
}
CASES = [(declaration, who) for declaration in ROUTES for who in WHO]


async def ask(portal: PortalKit, declaration: RouteDeclaration, who: str, job: JobId) -> int:
    """Use a route as this person, in the way of its surface."""
    path = filled(declaration.path, job)
    if declaration.surface is Surface.API:
        visitor = portal.visitor()
        token = base64.b64encode(f"{who}:{PASSWORD}".encode()).decode()
        headers = {} if who == "nobody" else {"Authorization": f"Basic {token}"}
        return (await visitor.client.request(declaration.method, path, headers=headers)).status_code
    visitor = portal.visitor() if who == "nobody" else await portal.signed_in(who)
    if declaration.method == "POST":
        return (await visitor.post(path, name="x", password="", printer="lobby")).status_code
    return (await visitor.get(path)).status_code


def expected(declaration: RouteDeclaration, who: str) -> set[int]:
    """Return the statuses that the declaration stands for."""
    allowed = ALLOWED[declaration.action]
    is_known = who != "nobody"
    if declaration.surface is Surface.OPEN:
        # The actions of these are everybody's; what is behind is refused for other reasons.
        if declaration.path.startswith(("/sign-in/kerberos", "/sign-in/oidc")):
            # Neither is configured here: tests/integration/test_kerberos.py and test_oidc.py.
            return {404}
        return {200, 303, 403}
    if declaration.surface is Surface.STATION:
        # What devices may, and what nobody else may: tests/spoold/doors/web/test_station.py.
        return {403}
    if declaration.action is Action.READ_BADGES and is_known:
        # Programs with a token of that scope only.
        return {403}
    if not is_known:
        return {401} if declaration.surface is Surface.API else {303}
    is_code = declaration.method == "POST" and declaration.path.endswith("/code")
    if declaration.about_approval or (is_code and who == "alice"):
        # Nothing waits here, and nobody is told more: who decides is in tests/authorisation.
        return {400, 404}
    one_job = "{job_id}" in declaration.path
    standings = {WHO[who], Standing.USER}
    if who == "alice" and not one_job:
        standings.discard(Standing.OWNER)
    if not declaration.about_job:
        # Allowed, though nothing was sent that could be done, or there is nothing of that name.
        return {200, 303, 400, 404, 409} if allowed & standings else {403}
    if not one_job:
        return {200}
    if not ALLOWED[Action.READ_JOB] & standings:
        return {404}
    # 409: allowed, but the job is not in a state for it; taking back is tried on a held job.
    return {200, 202, 303, 409} if allowed & standings else {403}


@pytest.mark.parametrize(
    ("declaration", "who"),
    CASES,
    ids=[f"{each.method} {each.path.split('.')[0]} {who}" for each, who in CASES],
)
async def test_every_route_as_declared(portal: PortalKit, declaration: RouteDeclaration, who: str) -> None:
    job = portal.job("Salaries 2026")
    status = await ask(portal, declaration, who, job)
    assert status in expected(declaration, who)
    may = bool(ALLOWED[declaration.action] & {WHO[who]})
    if declaration.method != "GET" and "{job_id}" in declaration.path and not may:
        assert portal.desk.state_of(job) is JobState.HELD


async def test_there_is_no_route_but_the_declared_ones(portal: PortalKit) -> None:
    app = build_web_app(
        identity=portal.kit.identity,
        desk=portal.desk,
        site=lambda: SITE,
        clock=portal.kit.clock,
        metrics=portal.kit.metrics,
        health=portal.health,
    )
    served = {
        (method, route.path)  # type: ignore[attr-defined]
        for route in app.routes
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }
    assert served == {(each.method, each.path) for each in ROUTES}
    assert len(served) == len(ROUTES)


def test_every_declaration_is_consistent() -> None:
    for declaration in ROUTES:
        assert declaration.action in Action
        if "{job_id}" in declaration.path:
            assert declaration.about_job or declaration.about_approval
        if declaration.surface is Surface.OPEN:
            assert Standing.ANONYMOUS in ALLOWED[declaration.action]
            assert not declaration.about_job
        if declaration.surface is Surface.API and declaration.method != "GET":
            assert declaration.fresh, "what lets paper out or destroys is verified anew"


def test_the_api_is_the_promised_one() -> None:
    promised = {
        ("GET", "/api/v1/jobs"),
        ("GET", "/api/v1/jobs/{job_id}"),
        ("POST", "/api/v1/jobs/{job_id}/release"),
        ("DELETE", "/api/v1/jobs/{job_id}"),
        ("GET", "/api/v1/printers"),
        ("POST", "/api/v1/badge-reads"),
        ("GET", "/api/v1/print-uris"),
        ("POST", "/api/v1/print-uris"),
        ("DELETE", "/api/v1/print-uris/{uri_id}"),
        ("GET", "/api/v1/claimable"),
        ("POST", "/api/v1/claimable/{waiting_id}/claim"),
        ("GET", "/api/v1/approvals"),
        ("POST", "/api/v1/approvals/{job_id}"),
        ("GET", "/api/v1/approval-codes"),
        ("POST", "/api/v1/approval-codes"),
        ("DELETE", "/api/v1/approval-codes/{code_id}"),
        ("POST", "/api/v1/jobs/{job_id}/code"),
        ("GET", "/api/v1/delegations"),
        ("POST", "/api/v1/delegations"),
        ("DELETE", "/api/v1/delegations/{delegation_id}"),
    }
    assert {(each.method, each.path) for each in ROUTES if each.surface is Surface.API} == promised
    assert {"/healthz", "/metrics"} <= {each.path for each in ROUTES}
