"""The pages: what people see and do, without any script."""

import re
from datetime import timedelta

import pytest

from spoold.model.ids import new_job_id
from spoold.model.jobstate import JobEvent, JobState
from tests.support.fake_desk import JAM
from tests.support.identities import PASSWORD
from tests.support.web_portal import PortalKit


async def test_a_stranger_is_asked_to_sign_in_and_comes_back(portal: PortalKit) -> None:
    job = portal.job()
    visitor = portal.visitor()
    response = await visitor.get(f"/jobs/{job}/release")
    assert (response.status_code, response.headers["location"]) == (303, f"/sign-in?next=/jobs/{job}/release")
    page = await visitor.get(response.headers["location"])
    assert f'name="next" value="/jobs/{job}/release"' in page.text
    signed_in = await visitor.post("/sign-in", name="alice", password=PASSWORD, next=f"/jobs/{job}/release")
    assert signed_in.headers["location"] == f"/jobs/{job}/release"
    assert (await visitor.get("/sign-in")).headers["location"] == "/"


@pytest.mark.parametrize(
    "following",
    [
        "//evil.test",
        "https://evil.test",
        "/\\evil.test",
        "/jobs/../../x",
        "/jobs/x",
        "",
        "javascript:1",
    ],
)
async def test_signing_in_leads_nowhere_else(portal: PortalKit, following: str) -> None:
    visitor = portal.visitor()
    response = await visitor.post("/sign-in", name="alice", password=PASSWORD, next=following)
    assert response.headers["location"] == "/"


async def test_a_wrong_password_is_said_and_the_name_kept(portal: PortalKit) -> None:
    visitor = portal.visitor()
    response = await visitor.sign_in("alice", "wrong")
    assert response.status_code == 403
    assert "The user name or password is not right." in response.text
    assert 'value="alice"' in response.text
    assert "wrong" not in response.text.replace("went wrong", "")
    assert visitor.token == ""


async def test_guessing_is_slowed_down_and_says_for_how_long(portal: PortalKit) -> None:
    visitor = portal.visitor()
    for number in range(5):
        await visitor.sign_in("alice", f"wrong-{number}")
    response = await visitor.sign_in("alice", PASSWORD)
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= 901
    assert "Try again in 15 minutes." in response.text


async def test_my_jobs(portal: PortalKit) -> None:
    job = portal.job("Exam papers", pages=12)
    portal.job("Holiday photos", state=JobState.COMPLETED, reason="Printed.")
    portal.job("Bob's letter", owner="bob")
    page = (await (await portal.signed_in()).get("/")).text
    for shown in ("Exam papers", "12 pages", "secure", "kept for 4 h", "Ready to release", "Holiday photos"):
        assert shown in page
    assert f'href="/jobs/{job}/release"' in page
    assert "Bob" not in page
    assert page.index("Exam papers") < page.index("Holiday photos")


async def test_an_empty_list_says_so(portal: PortalKit) -> None:
    assert "Nothing is waiting for you." in (await (await portal.signed_in()).get("/")).text


async def test_staff_see_other_peoples_jobs_without_names(portal: PortalKit) -> None:
    job = portal.job("Salaries 2026")
    unclaimed = portal.desk.add_job("Secret", None, claimed="mallory")
    operator = await portal.signed_in("oskar")
    page = (await operator.get("/")).text
    assert "Other people" in page
    assert "Salaries" not in page
    assert "Job 1" in page
    assert "mallory</bdi> (not verified)" in page
    detail = (await operator.get(f"/jobs/{job}")).text
    assert "Salaries" not in detail
    assert f"/jobs/{job}/release" not in detail
    assert f"/jobs/{job}/delete" in detail
    assert (await operator.get(f"/jobs/{job}/release")).status_code == 403
    assert "not verified, from 10.20.1.7" in (await operator.get(f"/jobs/{unclaimed.id}")).text


async def test_releasing(portal: PortalKit) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    page = (await alice.get(f"/jobs/{job}/release")).text
    assert "Lobby, ground floor" in page
    assert 'type="password"' not in page, "signed in a moment ago"
    assert re.search(r'value="lobby"[^>]*checked', page)
    response = await alice.post(f"/jobs/{job}/release", printer="floor-2")
    assert (response.status_code, response.headers["location"]) == (303, f"/jobs/{job}")
    assert portal.desk.released == [(job, "floor-2")]
    page = (await alice.get(f"/jobs/{job}")).text
    assert "On its way to the printer" in page
    assert "Released to floor-2." in page


async def test_a_release_is_refused_with_the_reason_and_a_better_printer(portal: PortalKit) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    portal.desk.set_status("lobby", JAM)
    page = (await alice.get(f"/jobs/{job}/release")).text
    assert "Paper is jammed." in page
    assert re.search(r'value="floor-2"[^>]*checked', page), "the first that is ready is marked"
    response = await alice.post(f"/jobs/{job}/release", printer="lobby")
    assert response.status_code == 409
    assert "Nothing was printed." in response.text
    assert "It can be released at floor-2 now." in response.text
    assert re.search(r'value="lobby"[^>]*checked', response.text), "the choice is kept"
    assert portal.desk.state_of(job) is JobState.HELD


async def test_after_two_minutes_the_password_is_asked_again(portal: PortalKit) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    portal.kit.clock.advance(121)
    assert 'type="password"' in (await alice.get(f"/jobs/{job}/release")).text
    response = await alice.post(f"/jobs/{job}/release", printer="lobby")
    assert response.status_code == 403
    assert "Enter your password again" in response.text
    wrong = await alice.post(f"/jobs/{job}/release", printer="lobby", password="wrong password")
    assert wrong.status_code == 403
    assert "not right" in wrong.text
    assert "wrong password" not in wrong.text
    assert portal.desk.released == []
    right = await alice.post(f"/jobs/{job}/release", printer="floor-2", password=PASSWORD)
    assert right.status_code == 303
    assert portal.desk.released == [(job, "floor-2")]


async def test_a_form_that_outlasts_the_proof_asks_then(portal: PortalKit) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    assert 'type="password"' not in (await alice.get(f"/jobs/{job}/release")).text
    portal.kit.clock.advance(121)
    response = await alice.post(f"/jobs/{job}/release", printer="lobby")
    assert 'type="password"' in response.text


async def test_guessing_the_password_inside_a_session_is_slowed_down_too(portal: PortalKit) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    statuses = [
        (await alice.post(f"/jobs/{job}/release", printer="lobby", password=f"guess {n}")).status_code
        for n in range(7)
    ]
    assert statuses == [403] * 5 + [429] * 2


async def test_deleting_asks_first(portal: PortalKit) -> None:
    job = portal.job()
    alice = await portal.signed_in()
    page = await alice.get(f"/jobs/{job}/delete")
    assert "cannot be brought back" in page.text
    assert portal.desk.state_of(job) is JobState.HELD
    assert (await alice.post(f"/jobs/{job}/delete")).headers["location"] == "/"
    assert portal.desk.state_of(job) is JobState.CANCELED
    again = await alice.post(f"/jobs/{job}/delete")
    assert again.status_code == 409
    assert "ended already" in again.text


async def test_taking_back_what_nobody_knows(portal: PortalKit) -> None:
    job = portal.job(state=JobState.UNKNOWN, reason="The printer went away in the middle.")
    alice = await portal.signed_in()
    page = (await alice.get("/")).text
    assert "Check the printer" in page
    assert "The printer went away in the middle." in page
    assert (await alice.post(f"/jobs/{job}/take-back")).headers["location"] == f"/jobs/{job}"
    assert portal.desk.state_of(job) is JobState.HELD
    assert (await alice.post(f"/jobs/{job}/take-back")).status_code == 409


async def test_the_time_line_tells_the_newest_first(portal: PortalKit) -> None:
    job = portal.job()
    portal.desk.move(job, JobEvent.GRANTED, "Released to lobby.")
    portal.desk.move(job, JobEvent.NOT_READY, "lobby: Paper is jammed. Waiting for a new release.")
    page = (await (await portal.signed_in()).get(f"/jobs/{job}")).text
    told = ["Paper is jammed.", "Released to lobby.", "Its documents are arriving."]
    assert sorted(told, key=page.index) == told


async def test_printers_show_what_is_wrong(portal: PortalKit) -> None:
    portal.desk.set_status("floor-2", JAM)
    page = (await (await portal.signed_in()).get("/printers")).text
    for shown in (
        "Lobby, ground floor",
        "Ready",
        "Second floor, by the stairs",
        "Paper is jammed.",
        "LaserPro",
    ):
        assert shown in page
    assert "ipp://" not in page


async def test_somebody_elses_job_and_no_job_read_the_same(portal: PortalKit) -> None:
    theirs = portal.job(owner="bob")
    alice = await portal.signed_in()
    answers = {
        (response.status_code, response.content)
        for path in (theirs, new_job_id(), "x", str(theirs).upper(), theirs.hex)
        for response in [await alice.get(f"/jobs/{path}")]
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 404


async def test_signing_out(portal: PortalKit) -> None:
    alice = await portal.signed_in()
    token = alice.token
    response = await alice.post("/sign-out")
    assert response.headers["location"] == "/sign-in"
    assert response.headers["clear-site-data"] == '"cache", "storage"'
    assert alice.token == ""
    back = await portal.visitor().get("/", Cookie=f"__Host-spoold={token}")
    assert back.headers["location"] == "/sign-in"


async def test_a_page_that_refreshes_itself_ends_with_the_session(portal: PortalKit) -> None:
    alice = await portal.signed_in()
    for _ in range(59):
        portal.kit.clock.advance(10)
        assert (await alice.get("/", **{"X-Refresh": "1"})).status_code == 200
    portal.kit.clock.advance(10)
    assert (await alice.get("/", **{"X-Refresh": "1"})).status_code == 401


async def test_times_are_told_in_words(portal: PortalKit) -> None:
    portal.job()
    alice = await portal.signed_in()
    portal.kit.clock.advance(timedelta(minutes=7).total_seconds())
    assert "kept for 3 h 53 min" in (await alice.get("/")).text
