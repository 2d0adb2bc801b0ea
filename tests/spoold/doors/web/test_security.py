"""Requests that come from elsewhere, and answers that give nothing away: plan rows W1 to W4."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from spoold.doors.web.app import build_web_app
from spoold.doors.web.assets import ASSETS
from spoold.doors.web.guard import MAX_BODY_BYTES
from spoold.doors.web.routes import ROUTES
from spoold.model.jobstate import JobState
from spoold.model.printer import PrinterReason
from tests.support.identities import PASSWORD, make_identity, open_database
from tests.support.web_portal import HOST, ORIGIN, SITE, PortalKit, make_portal

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
)
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "&lt;script&gt;",
    "a\nb\r\nSet-Cookie: x=y",
)


async def raw_get(portal: PortalKit, path: bytes, *hosts: str) -> int:
    """Ask for exactly this path with exactly these Host fields, which clients would tidy up."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": b"",
        "headers": [(b"host", host.encode()) for host in hosts],
        "client": ("10.20.1.1", 1),
        "server": ("10.20.0.1", 443),
    }
    await portal.app(scope, receive, send)
    return int(sent[0]["status"])


# -- W1: cross-site requests

FOREIGN = (
    {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.test", "Sec-Fetch-Site": ""},
    {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
    {"Origin": "null", "Sec-Fetch-Site": ""},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": f"http://{HOST}", "Sec-Fetch-Site": ""},
    {"Origin": f"{ORIGIN}:8443", "Sec-Fetch-Site": ""},
    {"Origin": f"{ORIGIN}.evil.test", "Sec-Fetch-Site": ""},
    {"Origin": f"https://evil.test/{HOST}", "Sec-Fetch-Site": ""},
    {"Origin": f"https://x@{HOST}", "Sec-Fetch-Site": ""},
    {"Origin": f"{ORIGIN}/", "Sec-Fetch-Site": ""},
    {"Origin": "", "Sec-Fetch-Site": ""},
    {"Origin": "", "Sec-Fetch-Site": "same-origin"},
)


@pytest.mark.parametrize("headers", FOREIGN)
async def test_forms_of_other_sites_change_nothing(portal: PortalKit, headers: dict[str, str]) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    before = portal.kit.hasher.computed
    for path in (f"/jobs/{job}/release", f"/jobs/{job}/delete", f"/jobs/{job}/take-back", "/sign-out"):
        assert (await alice.post(path, headers)).status_code == 403, path
    foreign = portal.visitor()
    assert (await foreign.post("/sign-in", headers, name="alice", password=PASSWORD)).status_code == 403
    assert portal.desk.state_of(job) is JobState.HELD
    assert portal.kit.hasher.computed == before
    assert (await alice.get("/")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": ""},
        {"Origin": ORIGIN.replace("print", "PRINT"), "Sec-Fetch-Site": ""},
        # What browsers send with our own forms under our own Referrer-Policy.
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_our_own_forms_are_taken(portal: PortalKit, headers: dict[str, str]) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    assert (await alice.post(f"/jobs/{job}/release", headers, printer="lobby")).status_code == 303


@pytest.mark.parametrize("wrong", ["", "x", "0" * 64, "other"])
async def test_a_form_without_its_sessions_token_changes_nothing(portal: PortalKit, wrong: str) -> None:
    job = portal.job()
    alice, again = await portal.signed_in(), await portal.signed_in()
    token = await again.csrf() if wrong == "other" else wrong
    response = await alice.post(f"/jobs/{job}/release", printer="lobby", csrf=token)
    assert response.status_code == 403
    assert "reload it" in response.text
    assert portal.desk.released == []


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""]
)
async def test_only_forms_are_forms(portal: PortalKit, content_type: str) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    body = f"csrf={await alice.csrf()}&printer=lobby"
    headers = {"Origin": ORIGIN, "Content-Type": content_type}
    response = await alice.client.post(f"/jobs/{job}/release", content=body, headers=headers)
    assert response.status_code == 400
    assert portal.desk.released == []


@pytest.mark.parametrize(
    "body",
    [
        "csrf=a&csrf=b",
        "&".join(f"f{n}=x" for n in range(17)),
        "csrf",
        "csrf=%ff",
        "csrf=\u00e9",
        "&&",
    ],
)
async def test_forms_that_cannot_be_read(portal: PortalKit, body: str) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    headers = {"Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded"}
    response = await alice.client.post(f"/jobs/{job}/release", content=body.encode(), headers=headers)
    assert response.status_code == 400


async def test_a_form_as_large_as_forms_get_and_one_that_is_not_one(portal: PortalKit) -> None:
    visitor = portal.visitor()
    filler = MAX_BODY_BYTES - len("name=alice&password=&x=") - len(PASSWORD)
    fits = await visitor.post("/sign-in", name="alice", password=PASSWORD, x="x" * filler)
    assert fits.status_code == 303
    too_large = await portal.visitor().post("/sign-in", name="alice", password=PASSWORD, x="x" * (filler + 1))
    assert too_large.status_code == 413


# -- W2: Host and rebinding

HOSTS = (
    (HOST, 200),
    (HOST.upper(), 200),
    (f"{HOST}:443", 200),
    (f"{HOST}:8443", 200),
    ("localhost:1234", 200),
    ("[::1]", 200),
    ("[0:0::1]:443", 200),
    ("evil.test", 421),
    (f"{HOST}.evil.test", 421),
    (f"evil.{HOST}", 421),
    ("10.1.2.3", 421),
    ("2130706433", 421),
    ("[fe80::1]", 421),
    (f"{HOST}.", 400),
    ("", 400),
    (f"{HOST}:x", 400),
    (f"{HOST}:123456", 400),
    (f"x@{HOST}", 400),
    (f"{HOST}/x", 400),
    (f"{HOST},evil.test", 400),
    (f"{HOST} evil.test", 400),
    ("[::1", 400),
    ("[1.2.3.4]", 400),
    ("\u00e9.test", 400),
)


@pytest.mark.parametrize(("host", "status"), HOSTS)
async def test_hosts(portal: PortalKit, host: str, status: int) -> None:
    assert await raw_get(portal, b"/healthz", host) == status


@pytest.mark.parametrize("hosts", [[], [HOST, HOST], [HOST, "evil.test"], ["evil.test", HOST]])
async def test_one_host_and_no_more(portal: PortalKit, hosts: list[str]) -> None:
    assert await raw_get(portal, b"/healthz", *hosts) == 400


async def test_a_session_is_of_no_use_under_another_name(portal: PortalKit) -> None:
    portal.job("Salaries")
    alice = await portal.signed_in()
    response = await alice.get("/", Host="rebound.evil.test", Cookie=f"__Host-spoold={alice.token}")
    assert response.status_code == 421
    assert "Salaries" not in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/healthz;x=/static/",
        "//healthz",
        "/./healthz",
        "/x/../healthz",
        "/%2e%2e/healthz",
        "/%68ealthz",
        "/healthz%00",
        "/healthz/",
        "/HEALTHZ",
        "/healthz%2f",
        "/healthz\\",
        "/static/../../etc/passwd",
        "/static/portal.css",
        "/sign-in/",
        "/jobs",
        "/api/v1",
        "/setup",
    ],
)
async def test_an_address_has_one_spelling(portal: PortalKit, path: str) -> None:
    assert await raw_get(portal, path.encode(), HOST) == 404


async def test_what_comes_in_clear_goes_to_tls_or_nowhere(portal: PortalKit) -> None:
    plain = portal.visitor(base=f"http://{HOST}")
    response = await plain.get("/sign-in?next=/printers")
    assert (response.status_code, response.headers["location"]) == (308, f"{ORIGIN}/sign-in")
    before = portal.kit.hasher.computed
    assert (await plain.get("/api/v1/jobs", Authorization="Basic eDp5")).status_code == 403
    assert (await plain.post("/sign-in", name="alice", password=PASSWORD)).status_code == 403
    assert portal.kit.hasher.computed == before


# -- W3: what people can name must not become markup


@pytest.mark.parametrize("attack", ATTACKS)
async def test_names_stay_text(portal: PortalKit, attack: str) -> None:
    portal.users["eve"] = (await portal.kit.identity.add_user("eve", PASSWORD, display_name=attack)).id
    job = portal.job(attack, "eve", reason=attack)
    portal.job(attack, "eve", state=JobState.COMPLETED, reason=attack)
    portal.desk.add_printer("evil", attack)
    portal.desk.set_status("evil", PrinterReason(attack, True, attack))
    eve = await portal.signed_in("eve")
    pages = [await eve.get(path) for path in ("/", f"/jobs/{job}", f"/jobs/{job}/release", "/printers")]
    assert [page.status_code for page in pages] == [200] * 4
    pages.append(await eve.post(f"/jobs/{job}/release", printer="evil"))
    pages.append(await portal.visitor().sign_in(attack, attack))
    for page in pages:
        for dangerous in ("<script>alert", "<img src=x", "<svg/onload", 'href="javascript'):
            assert dangerous not in page.text, page.url
        assert page.text.count("<script") == 1
        assert "{{" not in attack or "{{ 7 * 7 }}{% raw %}" in page.text or page is pages[-1]
        assert "set-cookie" not in page.headers
        assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_what_was_sent_as_a_name_stays_text_for_staff(portal: PortalKit) -> None:
    portal.desk.add_job("x", None, claimed=ATTACKS[0])
    assert "<script>alert" not in (await (await portal.signed_in("oskar")).get("/")).text


async def test_every_answer_carries_the_headers(portal: PortalKit) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    paths = ["/", "/nothing", "/static/x", "/healthz", "/metrics", "/api/v1/jobs", "/..", f"/jobs/{job}"]
    answers = [await alice.get(path) for path in paths]
    answers.append(await alice.get("/", Host="evil.test"))
    answers.append(await alice.post("/sign-in", {"Origin": "https://evil.test"}))
    answers.append(await alice.client.put("/"))
    for answer in answers:
        assert answer.headers["content-security-policy"] == CSP
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert not {"server", "x-powered-by", "access-control-allow-origin"} & set(answer.headers)
        assert "strict-transport-security" not in answer.headers


async def test_strict_transport_security_only_with_a_real_certificate(portal: PortalKit) -> None:
    app = build_web_app(
        identity=portal.kit.identity,
        desk=portal.desk,
        site=lambda: SITE,
        clock=portal.kit.clock,
        metrics=portal.kit.metrics,
        health=portal.health,
        trusted_certificate=lambda: True,
    )
    portal.app = app
    response = await portal.visitor().get("/healthz")
    assert response.headers["strict-transport-security"] == "max-age=31536000"


async def test_pages_hold_nothing_that_the_policy_forbids(portal: PortalKit) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    for path in ("/", f"/jobs/{job}", f"/jobs/{job}/release", f"/jobs/{job}/delete", "/printers"):
        page = (await alice.get(path)).text
        assert "style=" not in page
        assert " on" not in page.replace(" on ", "").replace(" once", "").replace(" one", ""), path
        assert "http://" not in page
        assert "https://" not in page


async def test_files_may_be_kept_because_their_address_changes(portal: PortalKit) -> None:
    files = [declaration.path for declaration in ROUTES if declaration.path.startswith("/static/")]
    assert len(files) == len(ASSETS)
    for path in files:
        response = await portal.visitor().get(path)
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["content-security-policy"] == CSP


# -- W4: cookies


async def test_the_cookie_is_bound_as_tightly_as_can_be(portal: PortalKit) -> None:
    response = await portal.visitor().sign_in("alice")
    name_value, *flags = response.headers["set-cookie"].split("; ")
    assert name_value.startswith("__Host-spoold=")
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]


async def test_a_session_planted_before_signing_in_is_not_used(portal: PortalKit) -> None:
    planted = await portal.signed_in("bob")
    victim = portal.visitor()
    victim.client.cookies.set("__Host-spoold", planted.token, domain=HOST, path="/")
    old = planted.token
    await victim.post("/sign-in", csrf="", name="alice", password=PASSWORD)
    assert victim.token not in {"", old}
    assert (await planted.get("/")).status_code == 303, "the old session has ended"


async def test_two_session_cookies_are_none(portal: PortalKit) -> None:
    alice = await portal.signed_in()
    visitor = portal.visitor()
    double = f"__Host-spoold={alice.token}; __Host-spoold={alice.token}"
    assert (await visitor.get("/", Cookie=double)).status_code == 303
    assert (await visitor.get("/", Cookie=f"x=y; __Host-spoold={alice.token}")).status_code == 200


async def test_idle_and_absolute_ends(portal: PortalKit) -> None:
    alice = await portal.signed_in()
    portal.kit.clock.advance(600)
    assert (await alice.get("/")).status_code == 303
    bob = await portal.signed_in("bob")
    for _ in range(95):
        portal.kit.clock.advance(300)
        assert (await bob.get("/")).status_code == 200
    portal.kit.clock.advance(300)
    assert (await bob.get("/")).status_code == 303


# -- health and metrics


async def test_health_says_one_word_to_strangers_and_the_reasons_to_watchers(portal: PortalKit) -> None:
    portal.health.ok("database")
    portal.health.degraded("sandbox", "seccomp is missing")
    stranger = await portal.visitor("10.20.1.9").get("/healthz")
    assert (stranger.status_code, stranger.json()) == (200, {"state": "degraded"})
    watcher = await portal.visitor("127.0.0.1").get("/healthz")
    assert watcher.json()["components"]["sandbox"]["reason"] == "seccomp is missing"
    portal.health.failed("database", "disk")
    assert (await portal.visitor("10.20.1.9").get("/healthz")).status_code == 503


async def test_metrics_are_for_watchers(portal: PortalKit) -> None:
    portal.job("Salaries 2026")
    assert (await portal.visitor("10.20.1.9").get("/metrics")).status_code == 403
    await portal.signed_in()
    response = await portal.visitor("::1").get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'spoold_http_requests_total{listener="web",status="3xx"} 1.0' in response.text
    assert "Salaries" not in response.text
    assert "alice" not in response.text


async def test_the_app_can_be_given_other_hosts(tmp_path: Path) -> None:
    with open_database(tmp_path / "other.db") as database:
        portal = await make_portal(make_identity(database), allowed_hosts=lambda host: host == "10.20.0.1")
        assert (await portal.visitor(base="https://10.20.0.1").get("/healthz")).status_code == 200
        assert (await portal.visitor().get("/healthz")).status_code == 421
