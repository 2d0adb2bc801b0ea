"""Releasing by PIN: the page for people without an account, and the API call without credentials."""

from dataclasses import replace

import pytest

from spoold.doors.web.app import build_web_app
from spoold.model.ids import new_job_id
from spoold.model.jobstate import JobState
from tests.support.fake_desk import JAM
from tests.support.web_portal import SITE, PortalKit

PIN = "4711-canary"
API = {"Content-Type": "application/json"}


async def test_the_sign_in_page_leads_there_and_back(portal: PortalKit) -> None:
    visitor = portal.visitor()
    assert 'href="/pin"' in (await visitor.get("/sign-in")).text
    page = (await visitor.get("/pin")).text
    assert 'href="/sign-in"' in page
    assert "Second floor, by the stairs" in page
    assert "<script>" not in page


@pytest.mark.parametrize("who", ["name", "number"])
async def test_whoever_knows_the_pin_releases(portal: PortalKit, who: str) -> None:
    job = portal.job("Salaries 2026")
    portal.desk.set_pin(job, PIN)
    typed = " Alice " if who == "name" else "1"
    answer = await portal.visitor().post("/pin", who=typed, pin=PIN, printer="floor-2")
    assert answer.status_code == 200
    assert "Job 1" in answer.text
    assert "Second floor, by the stairs" in answer.text
    assert "Salaries" not in answer.text
    assert portal.desk.released == [(job, "floor-2")]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"who": "alice", "pin": "0000-canary", "printer": "lobby"}, 403, "PIN is not right"),
        ({"who": "nobody", "pin": PIN, "printer": "lobby"}, 403, "PIN is not right"),
        ({"who": "alice", "pin": PIN}, 409, "Choose the printer"),
    ],
)
async def test_a_no_is_shown_where_the_yes_was_asked_for(
    portal: PortalKit, fields: dict[str, str], status: int, words: str
) -> None:
    job = portal.job()
    portal.desk.set_pin(job, PIN)
    answer = await portal.visitor().post("/pin", None, **fields)
    assert answer.status_code == status
    assert words in answer.text
    assert 'action="/pin"' in answer.text
    assert PIN not in answer.text
    assert portal.desk.state_of(job) is JobState.HELD


async def test_a_printer_that_is_not_ready_says_so(portal: PortalKit) -> None:
    job = portal.job()
    portal.desk.set_pin(job, PIN)
    portal.desk.set_status("lobby", JAM)
    answer = await portal.visitor().post("/pin", who="alice", pin=PIN, printer="lobby")
    assert answer.status_code == 409
    assert "Paper is jammed." in answer.text
    assert 'value="alice"' in answer.text


async def test_a_page_of_somebody_else_cannot_guess_with_our_visitors(portal: PortalKit) -> None:
    portal.desk.set_pin(portal.job(), PIN)
    fields = {"who": "alice", "pin": PIN, "printer": "lobby"}
    for headers in ({"Origin": "https://evil.example.org"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": ""}):
        answer = await portal.visitor().post("/pin", headers, **fields)
        assert answer.status_code == 403
    assert portal.desk.pins.asked == []


async def test_where_no_queue_takes_pins_there_is_no_form(portal: PortalKit) -> None:
    queues = {name: replace(queue, pins=False) for name, queue in SITE.queues.items()}
    portal.app = build_web_app(
        identity=portal.kit.identity,
        desk=portal.desk,
        site=lambda: replace(SITE, queues=queues),
        clock=portal.kit.clock,
        metrics=portal.kit.metrics,
        health=portal.health,
    )
    page = (await portal.visitor().get("/pin")).text
    assert "PINs are not used here" in page
    assert 'action="/pin"' not in page
    assert 'href="/pin"' not in (await portal.visitor().get("/sign-in")).text


# -- the API


async def test_a_program_releases_with_the_job_s_id_and_pin(portal: PortalKit) -> None:
    job = portal.job("Salaries 2026")
    portal.desk.set_pin(job, PIN)
    path = f"/api/v1/jobs/{job}/release"
    body = {"printer": "floor-2", "pin": PIN}
    answer = await portal.visitor("10.20.1.77").client.post(path, json=body)
    assert answer.status_code == 202
    assert answer.json() == {"id": str(job), "number": 1, "state": "releasing", "printer": "floor-2"}
    ((wanted, printer, peer),) = portal.desk.pins.asked
    assert (wanted.job_id, printer, peer) == (job, "floor-2", "10.20.1.77")


async def test_without_credentials_and_without_a_pin_there_is_a_challenge(portal: PortalKit) -> None:
    path = f"/api/v1/jobs/{portal.job()}/release"
    for body in (b"", b"{}", b'{"printer": "lobby"}', b'{"pin": ""}'):
        answer = await portal.visitor().client.post(path, content=body, headers=API)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_a_wrong_pin_and_no_job_are_one_answer(portal: PortalKit) -> None:
    job = portal.job()
    portal.desk.set_pin(job, PIN)
    said = set()
    for job_id, pin in ((job, "0000-canary"), (new_job_id(), PIN)):
        answer = await portal.visitor().client.post(f"/api/v1/jobs/{job_id}/release", json={"pin": pin})
        said.add((answer.status_code, answer.content))
    assert len(said) == 1
    assert {status for status, _ in said} == {403}


async def test_credentials_and_a_pin_are_one_proof_too_many(portal: PortalKit) -> None:
    job = portal.job()
    answer = await portal.visitor().client.post(
        f"/api/v1/jobs/{job}/release", json={"pin": PIN}, auth=("alice", "not it")
    )
    assert answer.status_code == 401
    assert portal.desk.pins.asked == []


@pytest.mark.parametrize("body", [b"[]", b'{"pin": 4711}', b'{"pin": "4711", "more": 1}', b"{", b'"4711"'])
async def test_other_bodies_are_refused_without_saying_them_again(portal: PortalKit, body: bytes) -> None:
    path = f"/api/v1/jobs/{portal.job()}/release"
    answer = await portal.visitor().client.post(path, content=body, headers=API)
    assert answer.status_code == 400
    assert "4711" not in answer.text


async def test_an_address_that_is_no_job_s_is_none(portal: PortalKit) -> None:
    answer = await portal.visitor().client.post("/api/v1/jobs/12/release", json={"pin": PIN})
    assert answer.status_code == 404
