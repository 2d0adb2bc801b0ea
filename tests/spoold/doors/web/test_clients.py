"""Personal print URIs and claims in the portal and the API, over a real Identity."""

import base64
import re

from spoold.identity.print_uris import MAX_PER_PERSON
from spoold.model.ids import JobId, new_job_id
from spoold.model.queue import ClaimRule
from tests.support.identities import PASSWORD
from tests.support.web_portal import PortalKit, Visitor

_ADDRESS = re.compile(r">(ipps|https)(://print\.example\.org:631/ipp/print/secure/u/([a-z2-7]{32}))<")
_ID = re.compile(r'name="id" value="([0-9a-f]{32})"')
URIS = "/me/print-uris"


async def made(visitor: Visitor, label: str = "Laptop") -> str:
    """Make an address as a person does; returns its token."""
    page = await visitor.post(URIS, queue="secure", label=label)
    assert page.status_code == 200
    found = _ADDRESS.findall(page.text)
    assert [scheme for scheme, _, _ in found] == ["ipps", "https"]
    assert len({rest for _, rest, _ in found}) == 1
    return str(found[0][2])


async def test_an_address_is_shown_once(portal: PortalKit) -> None:
    visitor = await portal.signed_in("alice")
    token = await made(visitor, "Alice's <laptop>")
    again = await visitor.get(URIS)
    assert token not in again.text
    assert "Alice&#39;s &lt;laptop&gt;" in again.text
    assert "no-store" in again.headers["cache-control"]
    opened = await portal.print_uris.open(token, "secure", peer="192.0.2.9", submits=True)
    assert opened.principal.id == portal.users["alice"]
    assert token not in str(await portal.kit.audit())


async def test_people_see_and_revoke_their_own(portal: PortalKit) -> None:
    alice, bob = await portal.signed_in("alice"), await portal.signed_in("bob")
    await made(alice)
    (uri_id,) = _ID.findall((await alice.get(URIS)).text)
    assert _ID.findall((await bob.get(URIS)).text) == []
    assert (await bob.post(f"{URIS}/revoke", id=uri_id)).status_code == 404
    answer = await alice.post(f"{URIS}/revoke", id=uri_id)
    assert (answer.status_code, answer.headers["location"]) == (303, URIS)
    assert _ID.findall((await alice.get(URIS)).text) == []


async def test_what_cannot_be_made_is_refused_where_it_was_asked_for(portal: PortalKit) -> None:
    visitor = await portal.signed_in("alice")
    page = await visitor.post(URIS, queue="nowhere", label="Laptop")
    assert (page.status_code, 'value="Laptop"' in page.text) == (404, True)
    assert (await visitor.post(URIS, queue="secure", label=" ")).status_code == 409
    for number in range(MAX_PER_PERSON):
        await made(visitor, f"Device {number}")
    page = await visitor.post(URIS, queue="secure", label="One more")
    assert page.status_code == 409
    assert "revoke one first" in page.text


async def test_after_two_minutes_the_password_is_asked_again(portal: PortalKit) -> None:
    visitor = await portal.signed_in("alice")
    assert 'name="password"' not in (await visitor.get(URIS)).text
    portal.kit.clock.advance(121)
    assert 'name="password"' in (await visitor.get(URIS)).text
    assert _ADDRESS.search((await visitor.post(URIS, queue="secure", label="Laptop")).text) is None
    page = await visitor.post(URIS, queue="secure", label="Laptop", password=PASSWORD)
    assert _ADDRESS.search(page.text) is not None


async def test_my_account_leads_there(portal: PortalKit) -> None:
    visitor = await portal.signed_in("alice")
    assert f'href="{URIS}"' in (await visitor.get("/me")).text


def basic(name: str) -> dict[str, str]:
    token = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


async def test_programs_do_the_same_with_their_person_s_password(portal: PortalKit) -> None:
    client, headers = portal.visitor().client, basic("alice")
    answer = await client.post(
        "/api/v1/print-uris", json={"queue": "secure", "label": "Laptop"}, headers=headers
    )
    assert answer.status_code == 201
    token = answer.json()["uri"].rpartition("/")[2]
    assert answer.json()["uri"] == f"ipps://print.example.org:631/ipp/print/secure/u/{token}"
    listed = await client.get("/api/v1/print-uris", headers=headers)
    (one,) = listed.json()["print_uris"]
    assert (one["label"], one["queue"], one["used_at"]) == ("Laptop", "secure", None)
    assert token not in listed.text
    address = f"/api/v1/print-uris/{one['id']}"
    assert (await client.delete(address, headers=basic("bob"))).status_code == 404
    assert (await client.delete(address, headers=headers)).status_code == 200
    assert (await client.delete(address, headers=headers)).status_code == 404
    assert (
        await client.post("/api/v1/print-uris", json={"queue": "secure"}, headers=headers)
    ).status_code == 409


# -- claims


def waiting(portal: PortalKit, rule: ClaimRule = ClaimRule.OPEN) -> JobId:
    return portal.claims.add_job(rule=rule).id


async def test_a_job_is_found_and_claimed_in_two_steps(portal: PortalKit) -> None:
    visitor, job = await portal.signed_in("alice"), waiting(portal)
    shown = await visitor.get("/claim")
    assert shown.status_code == 200
    assert "10.20.1.7" in shown.text
    assert "47 KB" in shown.text
    assert "Salaries" not in shown.text
    assert "pixel" not in shown.text
    assert portal.claims.asked_from == ["10.20.1.9"]
    asked = await visitor.get(f"/claim/{job}")
    assert "stays yours" in asked.text
    assert "Salaries" not in asked.text
    answer = await visitor.post(f"/claim/{job}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{job}")
    page = await visitor.get(f"/jobs/{job}")
    assert "Salaries 2026" in page.text
    assert "Claimed" in page.text
    assert str(job) not in (await visitor.get("/claim")).text


async def test_who_comes_too_late_is_told(portal: PortalKit) -> None:
    alice, bob, job = await portal.signed_in("alice"), await portal.signed_in("bob"), waiting(portal)
    assert (await alice.post(f"/claim/{job}")).status_code == 303
    page = await bob.post(f"/claim/{job}")
    assert page.status_code == 409
    assert "Somebody else has claimed this job." in page.text
    assert (await bob.get(f"/jobs/{job}")).status_code == 404


async def test_what_is_not_to_be_claimed_is_not_there(portal: PortalKit) -> None:
    visitor, hers = await portal.signed_in("bob"), portal.job()
    for job in (hers, new_job_id(), "x"):
        assert (await visitor.get(f"/claim/{job}")).status_code == 404
        assert (await visitor.post(f"/claim/{job}")).status_code == 404


async def test_why_a_job_is_shown(portal: PortalKit) -> None:
    visitor = await portal.signed_in("alice")
    waiting(portal, ClaimRule.BY_NAME)
    waiting(portal, ClaimRule.SAME_ADDRESS)
    text = (await visitor.get("/claim")).text
    assert text.index("From your address") < text.index("Sent under your name")


async def test_the_menu_offers_it_where_there_is_something(portal: PortalKit) -> None:
    visitor = await portal.signed_in("alice")
    assert 'href="/claim"' not in (await visitor.get("/")).text
    assert "nothing to claim" in (await visitor.get("/claim")).text
    waiting(portal)
    assert 'href="/claim"' in (await visitor.get("/")).text


async def test_programs_claim_too(portal: PortalKit) -> None:
    client, headers, job = portal.visitor().client, basic("alice"), waiting(portal)
    (one,) = (await client.get("/api/v1/claimable", headers=headers)).json()["jobs"]
    assert (one["id"], one["from"], one["rule"]) == (str(job), "10.20.1.7", "open")
    assert not one.keys() & {"title", "user", "claimed_name"}
    address = f"/api/v1/claimable/{job}/claim"
    answer = await client.post(address, headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (200, "Salaries 2026")
    assert (await client.post(address, headers=basic("bob"))).status_code == 409


async def test_an_old_session_makes_nothing_at_the_api_either(portal: PortalKit) -> None:
    """Shown as a bearer it is no fresher than in the portal, where the password is asked for once more."""
    visitor = await portal.signed_in("alice")
    bearer = {"Authorization": f"Bearer {visitor.token}"}
    body, address = {"queue": "secure", "label": "Laptop"}, "/api/v1/print-uris"
    assert (await visitor.client.post(address, json=body, headers=bearer)).status_code == 201
    portal.kit.clock.advance(121)
    refused = await visitor.client.post(address, json=body, headers=bearer)
    assert (refused.status_code, refused.json()["kind"]) == (401, "proof-too-old")
    # Looking is no more than the portal allows as well.
    listed = await visitor.client.get(address, headers=bearer)
    assert len(listed.json()["print_uris"]) == 1
