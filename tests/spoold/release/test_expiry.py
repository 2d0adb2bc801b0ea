"""Expiry: on time by the clock that nobody sets, shredded, remembered for a while, then forgotten."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from spoold.database import jobs, records
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.records import audit
from spoold.release.belief import STEADY
from spoold.release.expiry import LOOK_S
from tests.support.release_house import House, open_house

# How long the jobs of these tests are held.
HOLD_S = 600


async def held_job(house: House, state: JobState = JobState.HELD) -> Job:
    """A job that expires in `HOLD_S`."""
    end = house.clock.now() + timedelta(seconds=HOLD_S)
    return await house.add_job(house.person("ana"), state=state, expires_at=end)


async def state_of(house: House, job: Job) -> JobState:
    return (await house.job(job)).state


@pytest.mark.parametrize(
    "state",
    [JobState.HELD, JobState.WAITING_APPROVAL, JobState.UNKNOWN, JobState.QUARANTINED, JobState.RECEIVING],
)
async def test_a_job_expires_on_time_and_is_shredded(
    state: JobState, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job = await held_job(house, state)
        await trio.sleep(HOLD_S - 2 * LOOK_S)
        assert await state_of(house, job) is state
        await trio.sleep(3 * LOOK_S)
        ended = await house.job(job)
        assert ended.state is JobState.EXPIRED
        assert "Nobody released the job in time" in ended.reason
        assert (ended.wrapped_key, ended.private) == (None, None)
        assert (await house.service.ledger.documents(job.id))[0].wrapped_key is None


async def test_a_job_at_a_printer_does_not_expire(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        house.memory("lobby").prints = False
        soon = house.clock.now() + timedelta(seconds=20)
        job = await house.add_job(ana, expires_at=soon)
        await house.desk.release(ana, job.id, "lobby")
        await trio.sleep(60)
        assert await state_of(house, job) is JobState.PRINTING
        house.memory("lobby").reasons = ("media-jam",)
        assert (await house.settled(job)).state is JobState.HELD
        await trio.sleep(2 * LOOK_S)
        assert await state_of(house, job) is JobState.EXPIRED


async def test_the_trace_stays_and_is_forgotten(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        house.change_site(forget_after=timedelta(minutes=10))
        job = await house.add_job(house.person("ana"), expires_at=house.clock.now())
        newest = await house.add_job(house.person("ana"), expires_at=house.clock.now())
        await trio.sleep(60)
        assert await state_of(house, job) is JobState.EXPIRED
        await trio.sleep(600)
        gone = await house.database.read(lambda connection: jobs.job_by_id(connection, job.id))
        assert gone is None
        # The newest row stays, so that no later job is given a number that a client still remembers.
        assert await state_of(house, newest) is JobState.EXPIRED
        later = await held_job(house)
        assert later.number == newest.number + 1
        # Evidence outlives the row.
        chain = await house.database.read(records.audit_rows)
        assert any(str(job.id) in row.entry for row in chain)


@pytest.mark.parametrize("step_s", [20 * 86400, -20 * 86400, 2000 * 86400, -30])
async def test_setting_the_wall_clock_moves_no_end(
    step_s: float, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        old = await held_job(house)
        await trio.sleep(200)
        house.clock.step_wall(step_s)
        # Arrives before anybody has noticed the step.
        young = await held_job(house)
        await trio.sleep(2 * LOOK_S)
        assert await state_of(house, old) is JobState.HELD
        assert await state_of(house, young) is JobState.HELD
        await trio.sleep(HOLD_S - 200 - 4 * LOOK_S)
        assert await state_of(house, old) is JobState.HELD
        await trio.sleep(4 * LOOK_S)
        assert await state_of(house, old) is JobState.EXPIRED
        assert await state_of(house, young) is JobState.HELD
        await trio.sleep(200)
        assert await state_of(house, young) is JobState.EXPIRED
        chain = await house.database.read(records.audit_rows)
        assert sum('"kind":"clock-step"' in row.entry for row in chain) == 1


async def test_a_clock_that_was_wrong_from_the_start_is_set_right(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, running=False) as house:
        old = await held_job(house)
        ana, now = house.person("ana"), house.clock.now()
        record = partial(audit.append, at=now, kind="sign-in", actor=ana.id)
        await house.database.write(record)
        house.clock.step_wall(-20000 * 86400)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            young = await held_job(house)
            await trio.sleep(3 * LOOK_S)
            house.clock.step_wall(20000 * 86400)
            await trio.sleep(2 * LOOK_S)
            assert (await house.job(old)).expires_at == old.expires_at
            assert (await house.job(young)).expires_at == young.expires_at + timedelta(days=20000)
            nursery.cancel_scope.cancel()


async def test_a_clock_far_ahead_at_the_start_ends_no_job_before_it_could_be_set_right(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A board whose battery is empty may start in 2099: what people sent in the morning is still theirs."""
    async with open_house(tmp_path, running=False) as house:
        house.change_site(forget_after=timedelta(days=30))
        old, ended = await held_job(house), await held_job(house, JobState.COMPLETED)
        ana, now = house.person("ana"), house.clock.now()
        await house.database.write(partial(audit.append, at=now, kind="sign-in", actor=ana.id))
        house.clock.step_wall(20000 * 86400)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            young = await held_job(house)
            await trio.sleep(STEADY.total_seconds() / 2)
            assert [await state_of(house, job) for job in (old, young)] == [JobState.HELD] * 2
            house.clock.step_wall(-20000 * 86400)
            await trio.sleep(3 * LOOK_S)
            # Half an hour has passed since they came, and that is all.
            assert [await state_of(house, job) for job in (old, young)] == [JobState.EXPIRED] * 2
            assert await state_of(house, ended) is JobState.COMPLETED
            nursery.cancel_scope.cancel()


async def test_a_clock_far_ahead_that_nobody_sets_is_believed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, running=False) as house:
        old = await held_job(house)
        ana, now = house.person("ana"), house.clock.now()
        await house.database.write(partial(audit.append, at=now, kind="sign-in", actor=ana.id))
        house.clock.step_wall(20000 * 86400)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            await trio.sleep(STEADY.total_seconds() - 2 * LOOK_S)
            assert await state_of(house, old) is JobState.HELD
            await trio.sleep(4 * LOOK_S)
            assert await state_of(house, old) is JobState.EXPIRED
            nursery.cancel_scope.cancel()


async def test_a_step_that_cannot_be_recorded_at_once_is_not_lost(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job = await held_job(house)
        await trio.sleep(102)
        house.clock.step_wall(20 * 86400)
        house.database.refusing = 2  # type: ignore[attr-defined]
        await trio.sleep(10 * LOOK_S)
        assert await state_of(house, job) is JobState.HELD
        await trio.sleep(HOLD_S)
        assert await state_of(house, job) is JobState.EXPIRED


async def test_expiry_goes_on_after_the_records_were_closed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), expires_at=house.clock.now() + timedelta(seconds=30))
        await trio.sleep(28)
        house.database.refusing = 5  # type: ignore[attr-defined]
        await trio.sleep(10 * LOOK_S)
        assert await state_of(house, job) is JobState.EXPIRED


async def test_held_jobs_are_counted(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        for _ in range(3):
            await house.add_job(house.person("ana"))
        await trio.sleep(2 * LOOK_S)
        assert b"spoold_jobs_held 3.0" in house.metrics.render()
