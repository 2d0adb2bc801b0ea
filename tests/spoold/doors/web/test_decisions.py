"""Approval, codes and delegation over HTTP: the API's answers, and what forms and bodies may not say."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from spoold.doors.web.app import build_web_app
from spoold.doors.web.guard import COOKIE
from spoold.identity.sessions import csrf_token
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal, Role
from spoold.runtime.health import Health
from tests.support.decisions_portal import LONG
from tests.support.ipp_door import PASSWORD, KnownPeople
from tests.support.release_house import House, open_house


class Teachers(KnownPeople):
    """Four people, of whom oskar is a teacher here."""

    async def authenticate(
        self, name: str, password: str, *, peer: str, fresh: bool, in_person: bool = False
    ) -> Any:
        found = await super().authenticate(name, password, peer=peer, fresh=fresh, in_person=in_person)
        groups = ("teachers",) if name == "oskar" else ()
        return self._house.person(found.name, *groups, role=Role.USER)


@dataclass
class Kit:
    """The API as somebody's program sees it."""

    house: House
    web: httpx2.AsyncClient

    async def ask(self, who: str, method: str, path: str, body: object = None) -> httpx2.Response:
        """Send a request with somebody's password."""
        content = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        return await self.web.request(
            method, f"/api/v1{path}", content=content, headers=headers, auth=(who, PASSWORD)
        )

    async def waiting(self) -> Job:
        """A job of ana's that waits for a teacher."""
        return await self.house.wants(await self.house.add_job(self.house.person("ana")), "teachers")

    def later(self, hours: float) -> str:
        """A moment from now."""
        return (self.house.clock.now() + timedelta(hours=hours)).isoformat()


@asynccontextmanager
async def open_kit(folder: Path, people: type[Teachers] = Teachers) -> AsyncIterator[Kit]:
    """The API over a real desk."""
    async with open_house(folder, rules=[LONG]) as house:
        for name in ("ana", "ben", "oskar"):
            await house.account(name)
        app = build_web_app(
            identity=people(house),
            desk=house.desk,
            site=lambda: house.site,
            clock=house.clock,
            metrics=house.metrics,
            health=Health(house.clock),
            decisions=house.decisions,
        )
        transport = httpx2.ASGITransport(app=app, client=("10.20.1.9", 50_000))
        base = f"https://{house.site.name}"
        async with httpx2.AsyncClient(transport=transport, base_url=base, trust_env=False) as web:
            yield Kit(house, web)


async def test_a_program_decides(tmp_path: Path) -> None:
    """What waits, approved and refused, and what was decided already."""
    async with open_kit(tmp_path) as kit:
        one, two = await kit.waiting(), await kit.waiting()
        (await kit.ask("ana", "GET", "/approvals")).raise_for_status()
        listed = (await kit.ask("oskar", "GET", "/approvals")).json()["approvals"]
        assert [(each["number"], each["owner"], each["rules"]) for each in listed] == [
            (one.number, "ana", ["long"]),
            (two.number, "ana", ["long"]),
        ]
        assert [each["title"] for each in listed] == [f"Job {one.number}", f"Job {two.number}"]
        done = await kit.ask("oskar", "POST", f"/approvals/{one.id}", {"verdict": "approved"})
        assert (done.status_code, done.json()["state"]) == (200, "held")
        done = await kit.ask("oskar", "POST", f"/approvals/{one.id}", {"verdict": "approved"})
        assert (done.status_code, done.json()["kind"]) == (409, "not-possible")
        refused = {"verdict": "refused", "reason": "No."}
        done = await kit.ask("oskar", "POST", f"/approvals/{two.id}", refused)
        assert done.json()["reason"] == "Refused by oskar: No."
        assert (await kit.ask("ben", "POST", f"/approvals/{two.id}", refused)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "maybe"},
        {"verdict": 1},
        {"verdict": "approved", "also": "this"},
        ["approved"],
        {"verdict": "refused", "reason": ["No."]},
    ],
)
async def test_a_decision_is_one_of_two(body: object, tmp_path: Path) -> None:
    async with open_kit(tmp_path) as kit:
        job = await kit.waiting()
        assert (await kit.ask("oskar", "POST", f"/approvals/{job.id}", body)).status_code == 400
        assert (await kit.house.job(job)).state is JobState.WAITING_APPROVAL


async def test_a_body_that_is_none(tmp_path: Path) -> None:
    """Another type and broken JSON are refused without being quoted; a refusal wants a reason."""
    async with open_kit(tmp_path) as kit:
        job = await kit.waiting()
        path, auth = f"/api/v1/approvals/{job.id}", ("oskar", PASSWORD)
        for content, kind in (('{"verdict": "approved"}', "text/plain"), ("{verdict", "application/json")):
            answer = await kit.web.post(path, content=content, headers={"Content-Type": kind}, auth=auth)
            assert answer.status_code == 400
            assert "verdict" not in answer.text
        answer = await kit.ask("oskar", "POST", f"/approvals/{job.id}", {"verdict": "refused"})
        assert answer.status_code == 409


async def test_a_program_issues_uses_and_revokes_codes(tmp_path: Path) -> None:
    """The code is in the first answer and in no other."""
    async with open_kit(tmp_path) as kit:
        job, later = await kit.waiting(), await kit.waiting()
        wanted = {
            "label": "3b",
            "uses": 2,
            "expires_at": kit.later(1),
            "people": ["user:ana"],
            "max_pages": 5,
        }
        made = await kit.ask("oskar", "POST", "/approval-codes", wanted)
        assert made.status_code == 201
        code = made.json()["code"]
        assert (await kit.ask("ana", "POST", "/approval-codes", wanted)).status_code == 403
        used = await kit.ask("ana", "POST", f"/jobs/{job.id}/code", {"code": code})
        assert (used.status_code, used.json()["state"]) == (200, "held")
        listed = await kit.ask("oskar", "GET", "/approval-codes")
        assert code not in listed.text
        (one,) = listed.json()["codes"]
        assert (one["used"], one["good"], one["people"]) == (1, True, ["user:ana"])
        assert (await kit.ask("ana", "DELETE", f"/approval-codes/{one['id']}")).status_code == 404
        assert (await kit.ask("oskar", "DELETE", f"/approval-codes/{one['id']}")).status_code == 204
        ended = await kit.ask("ana", "POST", f"/jobs/{later.id}/code", {"code": code})
        assert (ended.status_code, ended.json()["kind"]) == (403, "wrong-code")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"uses": True}, 400),
        ({"uses": "2"}, 400),
        ({"queues": "secure"}, 400),
        ({"queues": [1]}, 400),
        ({"queues": [""]}, 400),
        ({"expires_at": "tomorrow"}, 409),
        ({"expires_at": "2026-11-30T18:00:00"}, 409),
        ({"uses": 0}, 409),
        ({"rules": ["unknown"]}, 403),
    ],
)
async def test_what_a_code_cannot_be(changes: dict[str, object], status: int, tmp_path: Path) -> None:
    async with open_kit(tmp_path) as kit:
        wanted = {"uses": 2, "expires_at": kit.later(1)} | changes
        assert (await kit.ask("oskar", "POST", "/approval-codes", wanted)).status_code == status
        assert (await kit.ask("oskar", "GET", "/approval-codes")).json() == {"codes": []}


async def test_a_program_names_somebody_and_takes_it_back(tmp_path: Path) -> None:
    """Both sides list it; the delegate's program releases."""
    async with open_kit(tmp_path) as kit:
        job = await kit.house.add_job(kit.house.person("ana"))
        wrong: tuple[dict[str, object], ...] = (
            {},
            {"delegate": "ben"},
            {"delegate": "ben", "job": "17"},
            {"delegate": "ben", "job": str(job.id), "titles": "yes"},
        )
        for body in wrong:
            assert (await kit.ask("ana", "POST", "/delegations", body)).status_code in {400, 409}
        made = await kit.ask("ana", "POST", "/delegations", {"delegate": "ben", "job": str(job.id)})
        assert made.status_code == 201
        until = {"delegate": "oskar", "expires_at": kit.later(2), "titles": True}
        assert (await kit.ask("ana", "POST", "/delegations", until)).status_code == 201
        given = (await kit.ask("ana", "GET", "/delegations")).json()["given"]
        assert [(one["delegate"], one["job"], one["titles"]) for one in given] == [
            ("ben", str(job.id), False),
            ("oskar", None, True),
        ]
        held = (await kit.ask("ben", "GET", "/delegations")).json()["held"]
        assert [one["owner"] for one in held] == ["ana"]
        seen = (await kit.ask("ben", "GET", f"/jobs/{job.id}")).json()
        assert (seen["own"], seen["title"]) == (False, None)
        assert (await kit.ask("ben", "DELETE", f"/jobs/{job.id}")).status_code == 403
        released = await kit.ask("ben", "POST", f"/jobs/{job.id}/release", {"printer": "lobby"})
        assert released.status_code == 202
        assert (await kit.ask("ben", "DELETE", f"/delegations/{made.json()['id']}")).status_code == 404
        assert (await kit.ask("ana", "DELETE", f"/delegations/{made.json()['id']}")).status_code == 204
        assert (await kit.house.settled(job)).released_by == "id-ben"


class Seated(Teachers):
    """Somebody whose browser is still signed in, since some minutes."""

    async def principal_of(self, token: str, *, used: bool = True) -> Principal | None:
        return self._house.person("oskar", "teachers", role=Role.USER, age_s=300.0)

    async def confirm(self, token: str, password: str, *, peer: str) -> Principal:
        proven: Principal = await self.authenticate("oskar", password, peer=peer, fresh=True)
        return proven


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/me/delegation", {"which": "all", "until": "", "name": "ben"}),
        ("/approvals/codes", {"uses": "3", "hours": "4", "label": "3b"}),
    ],
)
async def test_what_others_may_do_afterwards_takes_the_password_again(
    tmp_path: Path, path: str, form: dict[str, str]
) -> None:
    """Whoever finds a browser signed in names nobody who releases for its owner, and issues no code."""
    async with open_kit(tmp_path, Seated) as kit:
        form = form | {
            "csrf": csrf_token("t"),
            "until": f"{kit.house.clock.now() + timedelta(days=1):%Y-%m-%d}",
        }
        headers = {"Cookie": f"{COOKIE}=t", "Origin": str(kit.web.base_url).rstrip("/")}
        assert 'id="password"' in (await kit.web.get(path, headers=headers)).text
        for password, status in (("", 403), ("wrong", 403)):
            answer = await kit.web.post(path, data=form | {"password": password}, headers=headers)
            assert answer.status_code == status
        kinds = {"delegation-given", "approval-code-issued"}
        assert not kinds & {one["kind"] for one in await kit.house.audit()}
        answer = await kit.web.post(path, data=form | {"password": PASSWORD}, headers=headers)
        assert answer.status_code in {200, 303}
        assert len(kinds & {one["kind"] for one in await kit.house.audit()}) == 1
