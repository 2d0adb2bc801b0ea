"""Releases of one job at the same moment, from every door and kind of caller: one print, whoever wins."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import trio

from protocols.ipp.operations import Operation
from spoold.doors.web.app import build_web_app
from spoold.identity.pins import Pin
from spoold.model.errors import SpoolError
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method
from spoold.release.pins import Wanted
from spoold.runtime.health import Health
from tests.support.ipp_door import PASSWORD, IppHouse, open_ipp
from tests.support.release_house import open_house

RELEASES = 1_000
ROUNDS = 1_000
PIN = "4711"
# One release by one way; returns whether it was let go.
Way = Callable[[Job], Awaitable[bool]]


async def ways_of(ipp: IppHouse, web: httpx2.AsyncClient) -> dict[str, Way]:
    """Every way to release a job of ana's: the portal, a token, the API, IPP, a PIN, and two delegates."""
    house = ipp.house
    await house.account("ana")
    end = house.clock.now() + timedelta(hours=1)
    for name in ("ben", "cid"):
        await house.account(name)
        await house.decisions.delegations.give(house.person("ana"), name, end)

    async def desk(name: str, method: Method, job: Job) -> bool:
        who = replace(house.person(name), method=method)
        await house.desk.release(who, job.id, "lobby")
        return True

    async def api(job: Job) -> bool:
        answer = await web.post(
            f"/api/v1/jobs/{job.id}/release",
            content=json.dumps({"printer": "lobby"}),
            headers={"Content-Type": "application/json"},
            auth=("ana", PASSWORD),
        )
        return answer.status_code == 202

    async def release_job(job: Job) -> bool:
        reply = await ipp.ask(Operation.RELEASE_JOB, job=job.number, user="ana")
        return reply.status == 0

    async def delegate_s_release_job(job: Job) -> bool:
        reply = await ipp.ask(Operation.RELEASE_JOB, job=job.number, user="ben")
        return reply.status == 0

    async def pin(job: Job) -> bool:
        wanted = Wanted(job.id)
        return bool(await house.desk.pins.release(wanted, Pin.typed(PIN), "lobby", peer="192.0.2.8"))

    return {
        "portal": lambda job: desk("ana", Method.SESSION, job),
        "token": lambda job: desk("ana", Method.TOKEN, job),
        "delegate": lambda job: desk("cid", Method.SESSION, job),
        "api": api,
        "ipp": release_job,
        "ipp-delegate": delegate_s_release_job,
        "pin": pin,
    }


async def test_a_thousand_releases_of_one_job_are_one_print(tmp_path: Path) -> None:
    """By the owner in the portal, with a token, over API and IPP, by delegates and with the PIN, mixed."""
    async with open_ipp(tmp_path) as ipp:
        house = ipp.house
        app = build_web_app(
            identity=ipp.people,
            desk=house.desk,
            site=lambda: house.site,
            clock=house.clock,
            metrics=house.metrics,
            health=Health(house.clock),
        )
        transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 50_000))
        base = f"https://{house.site.name}"
        async with httpx2.AsyncClient(transport=transport, base_url=base, trust_env=False) as web:
            ways = await ways_of(ipp, web)
            job = await house.add_pin(await house.add_job(house.person("ana"), queue="open"), Pin.typed(PIN))
            won: list[str] = []
            asked: Counter[str] = Counter()
            start = trio.Event()

            async def release(name: str, way: Way) -> None:
                await start.wait()
                asked[name] += 1
                try:
                    if await way(job):
                        won.append(name)
                except SpoolError:
                    pass

            async with trio.open_nursery() as nursery:
                for number in range(RELEASES):
                    name = list(ways)[number % len(ways)]
                    nursery.start_soon(release, name, ways[name])
                await trio.lowlevel.checkpoint()
                start.set()
            assert asked.total() == RELEASES
            assert len(won) == 1
            done = await house.settled(job)
        assert done.state is JobState.COMPLETED
        assert (len(house.memory("lobby").paper), house.memory("floor-2").paper) == (1, [])
        assert len(await house.grants(job)) == done.attempt == 1
        granted = [one for one in await house.audit() if one["kind"] == "job-granted"]
        assert len(granted) == 1


@pytest.mark.parametrize("way", ["portal", "token", "delegate", "api", "ipp", "ipp-delegate", "pin"])
async def test_each_way_is_one_that_can_win(way: str, tmp_path: Path) -> None:
    """Otherwise the thousand would be fewer."""
    async with open_ipp(tmp_path) as ipp:
        house = ipp.house
        app = build_web_app(
            identity=ipp.people,
            desk=house.desk,
            site=lambda: house.site,
            clock=house.clock,
            metrics=house.metrics,
            health=Health(house.clock),
        )
        transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 50_000))
        base = f"https://{house.site.name}"
        async with httpx2.AsyncClient(transport=transport, base_url=base, trust_env=False) as web:
            ways = await ways_of(ipp, web)
            job = await house.add_pin(await house.add_job(house.person("ana"), queue="open"), Pin.typed(PIN))
            assert await ways[way](job)
            assert (await house.settled(job)).state is JobState.COMPLETED


async def test_two_at_once_a_thousand_times(tmp_path: Path) -> None:
    """The owner and a delegate, at two printers, one a little later than the other: one print each time."""
    async with open_house(tmp_path) as house:
        ana = await house.account("ana")
        await house.account("ben")
        await house.decisions.delegations.give(ana, "ben", house.clock.now() + timedelta(hours=2))
        winners: Counter[str] = Counter()
        for number in range(ROUNDS):
            job = await house.add_job(ana, documents=[b"x"])
            won: list[str] = []

            async def release(
                name: str, printer: str, steps_later: int, job: Job = job, won: list[str] = won
            ) -> None:
                for _ in range(steps_later):
                    await trio.lowlevel.checkpoint()
                try:
                    await house.desk.release(house.person(name), job.id, printer)
                except SpoolError:
                    return
                won.append(name)

            async with trio.open_nursery() as nursery:
                # A delegate is looked up: somewhere in these steps the two are level.
                nursery.start_soon(release, "ana", "lobby", number % 12)
                nursery.start_soon(release, "ben", "floor-2", 0)
            assert len(won) == 1
            winners += Counter(won)
            assert (await house.settled(job)).state is JobState.COMPLETED
        paper = [len(house.memory(name).paper) for name in ("lobby", "floor-2")]
        assert paper == [winners["ana"], winners["ben"]]
        assert sum(paper) == ROUNDS
        assert min(paper) > 0
