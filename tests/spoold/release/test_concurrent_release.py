"""Releases of one job at the same moment, from every door and kind of caller: one print, whoever wins."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_network
from itertools import cycle
from pathlib import Path

import httpx2
import pytest
import trio

from holdstore.keyring import Keyring
from protocols.ipp.operations import Operation
from spoold.doors.web.app import build_web_app
from spoold.doors.web.guard import COOKIE
from spoold.identity.badges import Badges, WrongBadge
from spoold.identity.marks import PrinterMarks
from spoold.identity.pins import Pin
from spoold.identity.provider import Account
from spoold.identity.secret import Secret
from spoold.identity.sessions import csrf_token
from spoold.identity.stations import Stations
from spoold.keys.tags import Tags
from spoold.model.errors import SpoolError
from spoold.model.ids import UserId
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role
from spoold.model.station import Station
from spoold.release.pins import Wanted
from spoold.release.stations import StationDesk
from spoold.runtime.health import Health
from tests.support.ipp_door import PASSWORD, IppHouse, KnownPeople, open_ipp
from tests.support.release_house import open_house

RELEASES = 1_000
ROUNDS = 1_000
PIN = "4711"
WAYS = (
    "portal", "token", "delegate", "api", "ipp", "ipp-delegate", "pin", "station", "agent", "phone",
)  # fmt: skip
BADGE, BADGE_PIN = "7260418395", "593027"
# The session of the browser on ana's phone.
PHONE = "a-session"
# So many screens are used at once, each by one person at a time.
SCREENS = 8
AGENT, AT_PRINTERS = "agent", "10.20.30.9"
# One release by one way; returns whether it was let go.
Way = Callable[[Job], Awaitable[bool]]


class OneBadge(Badges):
    """Knows one badge, which is ana's; what reads and PINs are worth: tests/spoold/identity."""

    def __init__(self) -> None:
        pass

    def typed(self, read: str) -> Secret:
        return Secret(read)

    def framed(self, read: str) -> Secret:
        return Secret(read.removesuffix("\r"))

    async def prove(self, number: Secret, pin: str, *, station: str, peer: str) -> Account:
        await trio.lowlevel.checkpoint()
        if (number.reveal(), pin) != (BADGE, BADGE_PIN):
            raise WrongBadge("The badge and the PIN do not go together.")
        return Account(UserId("id-ana"), "ana", frozenset(), Role.USER, 0)


class PeopleAtPrinters(KnownPeople):
    """Knows ana by her badge and by the session on her phone, too."""

    async def admit(self, account: Account, *, method: Method, peer: str) -> Principal:
        await trio.lowlevel.checkpoint()
        return replace(self._house.person(account.name), method=method)

    async def principal_of(self, token: str, *, used: bool = True) -> Principal | None:
        await trio.lowlevel.checkpoint()
        return self._house.person("ana") if token == PHONE else None


@dataclass
class Lobby:
    """What people stand before: the portal, stations beside a printer, an agent, the printer's code."""

    web: httpx2.AsyncClient
    stations: StationDesk
    code: str


@asynccontextmanager
async def open_lobby(ipp: IppHouse) -> AsyncIterator[Lobby]:
    """Put up stations at the lobby's printer, and a portal that knows of them."""
    house = ipp.house
    names = [*(f"screen-{number}" for number in range(SCREENS)), AGENT]
    house.change_site(
        stations={
            name: Station(name, "lobby", (ip_network("10.20.30.0/24"),), releases_all=name == AGENT)
            for name in names
        }
    )
    people, marks = PeopleAtPrinters(house), PrinterMarks(Tags(Keyring.from_bytes(bytes(range(32))).derive))
    stations = StationDesk(
        identity=people,
        badges=OneBadge(),
        devices=Stations(house.database, house.clock, lambda: house.site),
        desk=house.desk,
        printers=house.directory,
        site=lambda: house.site,
        clock=house.clock,
    )
    app = build_web_app(
        identity=people,
        desk=house.desk,
        site=lambda: house.site,
        clock=house.clock,
        metrics=house.metrics,
        health=Health(house.clock),
        stations=stations,
        marks=marks,
    )
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 50_000))
    base = f"https://{house.site.name}"
    async with httpx2.AsyncClient(transport=transport, base_url=base, trust_env=False) as web:
        yield Lobby(web, stations, marks.path_of("lobby"))


def ways_at_the_printer(ipp: IppHouse, site: Lobby) -> dict[str, Way]:
    """Release a job of ana's standing before it: a station's screen, an agent, the code on a phone."""
    house, free = ipp.house, cycle(range(SCREENS))

    async def station(job: Job) -> bool:
        screen, desk = house.site.stations[f"screen-{next(free)}"], site.stations
        # One person at a time, as the door has it.
        async with desk.lock(screen):
            desk.read_badge(screen, BADGE)
            await desk.enter_pin(screen, BADGE_PIN, peer=AT_PRINTERS)
            await desk.release(screen, {job.id})
            went = desk.place(screen).outcome
            desk.start_over(screen)
            return went.went == (job.number,)

    async def agent(job: Job) -> bool:
        answer = await site.stations.present(f"{BADGE}\r", BADGE_PIN, peer=AT_PRINTERS, station_name=AGENT)
        return answer.released == 1

    async def phone(job: Job) -> bool:
        answer = await site.web.post(
            site.code,
            data={"csrf": csrf_token(PHONE), f"job-{job.id}": "yes"},
            headers={
                "Cookie": f"{COOKIE}={PHONE}",
                "Origin": f"https://{house.site.name}",
                "Sec-Fetch-Site": "same-origin",
            },
        )
        return answer.status_code == 200 and "On its way:" in answer.text

    return {"station": station, "agent": agent, "phone": phone}


async def ways_of(ipp: IppHouse, site: Lobby) -> dict[str, Way]:
    """Every way to release a job of ana's: portal, token, API, IPP, PIN, delegates, and at the printer."""
    web = site.web
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
        **ways_at_the_printer(ipp, site),
    }


async def test_a_thousand_releases_of_one_job_are_one_print(tmp_path: Path) -> None:
    """Portal, API, IPP, stations, agents, a phone, tokens, the PIN and delegates, all for one job."""
    async with open_ipp(tmp_path) as ipp:
        house = ipp.house
        async with open_lobby(ipp) as site:
            ways = await ways_of(ipp, site)
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


@pytest.mark.parametrize("way", WAYS)
async def test_each_way_is_one_that_can_win(way: str, tmp_path: Path) -> None:
    """Otherwise the thousand would be fewer."""
    async with open_ipp(tmp_path) as ipp:
        house = ipp.house
        async with open_lobby(ipp) as site:
            ways = await ways_of(ipp, site)
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
