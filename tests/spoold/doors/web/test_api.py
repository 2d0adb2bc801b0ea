"""The HTTP API: what programs send and get."""

import base64
import json
from typing import Any

import httpx2
import pytest

from spoold.model.ids import JobId, new_job_id
from spoold.model.jobstate import JobEvent, JobState
from tests.support.fake_desk import JAM
from tests.support.identities import PASSWORD
from tests.support.web_portal import PortalKit


def basic(name: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class Program:
    """An API client without cookies."""

    def __init__(self, portal: PortalKit, authorization: str = "", peer: str = "10.20.1.9") -> None:
        self._client = portal.visitor(peer).client
        self._headers = {"Authorization": authorization} if authorization else {}

    async def ask(self, method: str, path: str, content: object = None, **headers: str) -> httpx2.Response:
        body = b"" if content is None else json.dumps(content).encode()
        typed = {"Content-Type": "application/json"} if body else {}
        return await self._client.request(
            method, path, content=body, headers={**self._headers, **typed, **headers}
        )

    async def send(self, path: str, body: bytes, content_type: str) -> httpx2.Response:
        headers = {**self._headers, "Content-Type": content_type}
        return await self._client.post(path, content=body, headers=headers)


@pytest.fixture
def alice(portal: PortalKit) -> Program:
    return Program(portal, basic("alice"))


@pytest.fixture
def job(portal: PortalKit) -> JobId:
    return portal.job("Salaries 2026", pages=12)


def check_problem(response: httpx2.Response, status: int, kind: str) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    content: dict[str, Any] = response.json()
    assert (response.status_code, content["status"], content["kind"]) == (status, status, kind)
    assert content["detail"]
    assert content["title"]
    return content


async def test_jobs_as_json(portal: PortalKit, alice: Program, job: JobId) -> None:
    portal.job("Bob's", "bob")
    listed = (await alice.ask("GET", "/api/v1/jobs")).json()["jobs"]
    one = (await alice.ask("GET", f"/api/v1/jobs/{job}")).json()
    assert listed == [one]
    assert one["id"] == str(job)
    expected = {
        "number": 1,
        "queue": "secure",
        "state": "held",
        "own": True,
        "title": "Salaries 2026",
        "pages": 12,
        "documents": 1,
        "formats": ["application/pdf"],
        "size_bytes": 48_211,
        "printers": ["lobby", "floor-2"],
        "printer": None,
        "seconds_left": 14_400,
        "finished_at": None,
        "created_at": "2026-03-02T09:00:00+00:00",
        "expires_at": "2026-03-02T13:00:00+00:00",
    }
    assert {name: one[name] for name in expected} == expected


async def test_staff_get_no_titles(portal: PortalKit, job: JobId) -> None:
    response = await Program(portal, basic("oskar")).ask("GET", "/api/v1/jobs")
    (view,) = response.json()["jobs"]
    assert (view["own"], view["title"]) == (False, None)
    assert "Salaries" not in response.text


async def test_releasing(portal: PortalKit, alice: Program, job: JobId) -> None:
    response = await alice.ask("POST", f"/api/v1/jobs/{job}/release", {"printer": "floor-2"})
    assert (response.status_code, response.json()["state"]) == (202, "releasing")
    assert portal.desk.released == [(job, "floor-2")]
    again = await alice.ask("POST", f"/api/v1/jobs/{job}/release", {"printer": "floor-2"})
    check_problem(again, 409, "not-possible")


@pytest.mark.parametrize("content", [None, {}, {"printer": None}])
async def test_releasing_without_naming_a_printer(
    portal: PortalKit, alice: Program, job: JobId, content: object
) -> None:
    assert (await alice.ask("POST", f"/api/v1/jobs/{job}/release", content)).status_code == 202
    assert portal.desk.released == [(job, "lobby")]


async def test_a_printer_in_trouble_is_a_problem(portal: PortalKit, alice: Program, job: JobId) -> None:
    portal.desk.set_status("lobby", JAM)
    response = await alice.ask("POST", f"/api/v1/jobs/{job}/release", {"printer": "lobby"})
    problem = check_problem(response, 409, "printer-not-ready")
    words = "lobby: Paper is jammed. Nothing was printed. It can be released at floor-2 now."
    assert problem["detail"] == words
    assert portal.desk.state_of(job) is JobState.HELD


async def test_a_release_checks_the_password_itself(portal: PortalKit, alice: Program, job: JobId) -> None:
    hasher = portal.kit.hasher
    await alice.ask("GET", "/api/v1/jobs")
    before = hasher.computed
    await alice.ask("GET", "/api/v1/jobs")
    assert hasher.computed == before, "lists are served from what was proven minutes ago"
    await alice.ask("POST", f"/api/v1/jobs/{job}/release", {"printer": "lobby"})
    assert hasher.computed == before + 1
    portal.desk.move(job, JobEvent.NOT_READY, "Held again.")
    await alice.ask("DELETE", f"/api/v1/jobs/{job}")
    assert hasher.computed == before + 2


async def test_a_session_token_releases_while_its_sign_in_is_fresh(portal: PortalKit, job: JobId) -> None:
    token = (await portal.signed_in()).token
    program = Program(portal, f"Bearer {token}")
    assert (await program.ask("GET", "/api/v1/jobs")).status_code == 200
    portal.kit.clock.advance(121)
    late = await program.ask("POST", f"/api/v1/jobs/{job}/release", {"printer": "lobby"})
    check_problem(late, 401, "proof-too-old")
    fresh = Program(portal, f"bearer {(await portal.signed_in()).token}")
    assert (await fresh.ask("POST", f"/api/v1/jobs/{job}/release", {})).status_code == 202


async def test_deleting(portal: PortalKit, alice: Program, job: JobId) -> None:
    response = await alice.ask("DELETE", f"/api/v1/jobs/{job}")
    assert (response.status_code, response.json()["state"]) == (200, "canceled")
    assert response.json()["finished_at"]


async def test_printers(portal: PortalKit, alice: Program) -> None:
    portal.desk.set_status("floor-2", JAM)
    printers = (await alice.ask("GET", "/api/v1/printers")).json()["printers"]
    assert [(each["name"], each["ready"]) for each in printers] == [("lobby", True), ("floor-2", False)]
    assert printers[1]["reasons"] == [
        {"keyword": "media-jam-error", "blocks": True, "text": "Paper is jammed."}
    ]
    assert "uri" not in printers[0]


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        ("Basic", 400),
        ("Basic !!!", 400),
        ("Basic " + base64.b64encode(b"no-colon").decode(), 400),
        (basic("alice", "wrong"), 401),
        (basic("nobody"), 401),
        (basic("alice", ""), 401),
        ("Bearer", 401),
        ("Bearer " + "A" * 43, 401),
        ("Digest x", 401),
        ("Negotiate x", 401),
    ],
)
async def test_who_is_not_known_is_asked(portal: PortalKit, authorization: str, status: int) -> None:
    response = await Program(portal, authorization).ask("GET", "/api/v1/jobs")
    check_problem(response, status, "not-authenticated" if status == 401 else "bad-request")
    if status == 401:
        assert response.headers["www-authenticate"] == 'Basic realm="spoold", charset="UTF-8"'
    assert "wrong" not in response.text


async def test_a_cookie_opens_nothing_here(portal: PortalKit, job: JobId) -> None:
    token = (await portal.signed_in()).token
    response = await Program(portal).ask("DELETE", f"/api/v1/jobs/{job}", Cookie=f"__Host-spoold={token}")
    assert response.status_code == 401


async def test_guessing_is_slowed_down(portal: PortalKit) -> None:
    statuses = []
    for n in range(7):
        response = await Program(portal, basic("alice", f"guess {n}")).ask("GET", "/api/v1/jobs")
        statuses.append(response.status_code)
    assert statuses == [401] * 5 + [429] * 2
    check_problem(response, 429, "too-many-attempts")
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
    ],
)
async def test_pages_of_other_sites_cannot_use_a_browsers_credentials(
    portal: PortalKit, alice: Program, job: JobId, headers: dict[str, str]
) -> None:
    for method, path in (
        ("GET", "/api/v1/jobs"),
        ("POST", f"/api/v1/jobs/{job}/release"),
        ("DELETE", f"/api/v1/jobs/{job}"),
    ):
        check_problem(await alice.ask(method, path, **headers), 403, "cross-site")
    assert portal.desk.state_of(job) is JobState.HELD


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"printer": "lobby"}', "text/plain"),
        (b'{"printer": "lobby"}', "application/x-www-form-urlencoded"),
        (b"printer=lobby", "application/json"),
        (b"{", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 16_000, "application/json"),
        (b'"lobby"', "application/json"),
        (b'["lobby"]', "application/json"),
        (b'{"printer": 1}', "application/json"),
        (b'{"printer": ["lobby"]}', "application/json"),
        (b'{"printer": "lobby", "copies": 2}', "application/json"),
    ],
)
async def test_bodies_that_make_no_sense(
    portal: PortalKit, alice: Program, job: JobId, body: bytes, content_type: str
) -> None:
    response = await alice.send(f"/api/v1/jobs/{job}/release", body, content_type)
    check_problem(response, 400, "bad-request")
    assert portal.desk.released == []


async def test_bodies_that_are_too_large(portal: PortalKit, alice: Program, job: JobId) -> None:
    response = await alice.send(f"/api/v1/jobs/{job}/release", b" " * 16_385, "application/json")
    check_problem(response, 413, "too-large")
    assert portal.desk.released == []


async def test_addresses_and_methods_not_there(portal: PortalKit, alice: Program, job: JobId) -> None:
    check_problem(await alice.ask("GET", "/api/v1/nothing"), 404, "not-found")
    response = await alice.ask("PUT", f"/api/v1/jobs/{job}")
    check_problem(response, 405, "method")
    assert response.headers["allow"] == "DELETE, GET, HEAD"


async def test_ten_thousand_guessed_ids(portal: PortalKit, alice: Program) -> None:
    theirs = [portal.job("Secret", "bob") for _ in range(20)]
    answers = set()
    for turn in range(10_000):
        path = f"/api/v1/jobs/{theirs[turn % 20] if turn % 2 else new_job_id()}"
        response = await alice.ask("GET", path)
        answers.add((response.status_code, response.content))
    assert len(answers) == 1
    assert answers.pop()[0] == 404


async def test_bodies_name_the_same_404_for_every_verb(portal: PortalKit, alice: Program) -> None:
    theirs, nobodys = portal.job("Secret", "bob"), new_job_id()
    for method, suffix in (("GET", ""), ("DELETE", ""), ("POST", "/release")):
        answers = {
            (response.status_code, response.content)
            for job in (theirs, nobodys)
            for response in [await alice.ask(method, f"/api/v1/jobs/{job}{suffix}")]
        }
        assert len(answers) == 1
        assert answers.pop()[0] == 404
