"""The service: an orderly end takes jobs back, a hard one leaves what the next start can find out."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from spoold.model.jobstate import JobState
from spoold.printers.base import RemoteState
from spoold.release.forward import SHUTDOWN_S
from tests.support.memory_printer import for_ever
from tests.support.release_house import open_house


async def test_drain_lets_a_job_finish(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        house.memory("lobby").before["piece"] = lambda: trio.sleep(2)
        job = await house.add_job(ana)
        await house.desk.release(ana, job.id, "lobby")
        await trio.sleep(0.5)
        await house.service.drain()
        assert (await house.job(job)).state is JobState.COMPLETED


async def test_drain_takes_back_what_is_not_all_sent(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        house.memory("lobby").before["piece"] = for_ever
        job = await house.add_job(ana)
        await house.desk.release(ana, job.id, "lobby")
        await trio.sleep(0.5)
        await house.service.drain()
        ended = await house.job(job)
        assert ended.state is JobState.HELD
        assert "stopped" in ended.reason
        assert house.memory("lobby").jobs[0].state is RemoteState.CANCELED


async def test_drain_leaves_the_printer_what_it_has(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        house.memory("lobby").prints = False
        job = await house.add_job(ana)
        await house.desk.release(ana, job.id, "lobby")
        await trio.sleep(3)
        await house.service.drain()
        assert (await house.job(job)).state is JobState.PRINTING
        assert house.memory("lobby").jobs[0].state is RemoteState.PROCESSING


@pytest.mark.parametrize(
    ("step", "state"),
    [("create", JobState.HELD), ("send", JobState.HELD), ("piece", JobState.HELD), ("sent", JobState.HELD)],
)
async def test_cancellation_takes_the_job_back_first(
    step: str, state: JobState, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, running=False) as house:
        ana = house.person("ana")
        printer = house.memory("lobby")
        printer.prints = False
        job = await house.add_job(ana)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            printer.before[step] = for_ever
            await house.desk.release(ana, job.id, "lobby")
            await trio.sleep(0.5)
            nursery.cancel_scope.cancel()
        assert (await house.job(job)).state is state
        assert all(one.state is RemoteState.CANCELED for one in printer.jobs)


async def test_cancellation_is_bounded_and_the_next_start_finds_out(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, running=False) as house:
        ana = house.person("ana")
        printer = house.memory("lobby")
        job = await house.add_job(ana)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            printer.before |= dict.fromkeys(("piece", "cancel", "progress", "find"), for_ever)
            await house.desk.release(ana, job.id, "lobby")
            await trio.sleep(0.5)
            began = trio.current_time()
            nursery.cancel_scope.cancel()
        assert trio.current_time() - began <= SHUTDOWN_S + 0.1
        assert (await house.job(job)).state is JobState.PRINTING
        printer.before.clear()
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            assert (await house.settled(job)).state is JobState.HELD
            nursery.cancel_scope.cancel()
        assert printer.paper == []


async def test_a_grant_that_comes_while_draining_is_given_back(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        grant = await house.service.gate.admit(ana, job.id, "lobby")
        await house.service.drain()
        house.service.start(grant)
        ended = await house.settled(job)
        assert (ended.state, ended.first_byte_at) == (JobState.HELD, None)
        assert house.memory("lobby").paper == []


async def test_many_jobs_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        jobs = [await house.add_job(ana, documents=[b"%%PDF %d" % number]) for number in range(50)]
        for job in jobs:
            await house.desk.release(ana, job.id, "lobby")
        for job in jobs:
            assert (await house.settled(job)).state is JobState.COMPLETED
        assert len({document for _, document in house.memory("lobby").paper}) == 50
        assert b'spoold_forward_seconds_count{result="completed"} 50.0' in house.metrics.render()
