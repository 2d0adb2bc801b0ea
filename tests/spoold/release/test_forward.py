"""Forwarding: what comes out, what is recorded when, and what every kind of trouble leaves behind."""

from pathlib import Path

from trio.testing import MockClock

from spoold.model.jobstate import JobState
from tests.support.release_house import DOCUMENT, open_house


async def test_a_released_job_comes_out_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        view = await house.desk.release_and_wait(ana, job.id, "lobby", 60)
        assert view.job.state is JobState.COMPLETED, view.job.reason
        assert [document for _, document in house.memory("lobby").paper] == [DOCUMENT]
