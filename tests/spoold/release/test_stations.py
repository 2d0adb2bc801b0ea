"""What a proof at a release station is good for: its printer, and queues that take badges; nothing else."""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from spoold.model.errors import NotAuthorized, NotPossible
from spoold.model.jobstate import JobState
from spoold.model.principal import Method
from spoold.model.station import Station
from tests.support.release_house import House, open_house

LOBBY = Station("lobby", "lobby", (ip_network("10.20.30.0/24"),))


def stand(house: House) -> None:
    """What a reload with a station does."""
    house.change_site(stations={"lobby": LOBBY})


async def test_a_proof_at_a_station_lets_out_at_its_printer_only(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        stand(house)
        ana = house.person("ana")
        at_lobby = replace(ana, method=Method.BADGE, station="lobby")
        job = await house.add_job(ana)
        with pytest.raises(NotPossible, match="its own printer only"):
            await house.desk.release(at_lobby, job.id, "floor-2")
        assert (await house.job(job)).state is JobState.HELD
        await house.desk.release(at_lobby, job.id, "lobby")
        assert (await house.settled(job)).state is JobState.COMPLETED


async def test_a_proof_at_a_station_that_is_gone_lets_nothing_out(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        with pytest.raises(NotPossible):
            await house.desk.release(replace(ana, station="lobby"), job.id, "lobby")
        assert await house.grants(job) == []


async def test_a_queue_may_want_more_than_a_badge(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        stand(house)
        house.change_site(
            queues={name: replace(one, badges=False) for name, one in house.site.queues.items()}
        )
        ana = house.person("ana")
        job = await house.add_job(ana)
        with pytest.raises(NotAuthorized, match="A badge is not enough"):
            await house.desk.release(replace(ana, method=Method.BADGE, station="lobby"), job.id, "lobby")
        await house.desk.release(replace(ana, station="lobby"), job.id, "lobby")
        assert (await house.settled(job)).state is JobState.COMPLETED


def test_a_station_is_where_its_networks_are() -> None:
    assert LOBBY.is_at("10.20.30.9")
    assert LOBBY.is_at("::ffff:10.20.30.9")
    assert not LOBBY.is_at("10.20.31.9")
    assert not LOBBY.is_at("")
