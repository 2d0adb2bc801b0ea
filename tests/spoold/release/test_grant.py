"""Grants: single use, bound to everything, short-lived, void after a restart."""

from dataclasses import replace
from pathlib import Path

import pytest
from trio.testing import MockClock

from spoold.model.ids import JobId, UserId, new_job_id
from spoold.model.jobstate import JobState
from spoold.release.attempt import Control
from spoold.release.grant import GRANT_S, Grant, GrantBook, GrantVoid
from tests.support.release_house import House, open_house


async def given(house: House) -> Grant:
    """A grant that nobody has used yet."""
    ana = house.person("ana")
    job = await house.add_job(ana)
    return await house.service.gate.admit(ana, job.id, "lobby")


async def use(house: House, grant: Grant, book: GrantBook | None = None) -> None:
    books = book or house.service.gate.grants
    await house.database.write(lambda connection: books.use(connection, grant))


async def test_a_grant_is_used_once(tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        grant = await given(house)
        await use(house, grant)
        with pytest.raises(GrantVoid, match="used before"):
            await use(house, grant)


async def test_a_grant_of_before_a_restart_is_void(tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        grant = await given(house)
        with pytest.raises(GrantVoid):
            await use(house, grant, GrantBook(house.clock))


@pytest.mark.parametrize(
    "forged",
    [
        {"printer": "floor-2"},
        {"user_id": UserId("id-eve")},
        {"job_id": JobId(new_job_id())},
        {"id": "0" * 32},
        {"boot_id": "0" * 32},
        {"token": "0" * 32},
        {"attempt": 2},
    ],
    ids=lambda forged: next(iter(forged)),
)
async def test_a_grant_is_good_for_one_thing(forged: dict[str, object], tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        grant = await given(house)
        with pytest.raises(GrantVoid):
            await use(house, replace(grant, **forged))  # type: ignore[arg-type]
        await use(house, grant)


@pytest.mark.parametrize(("after_s", "good"), [(GRANT_S - 1, True), (GRANT_S + 1, False)])
async def test_a_grant_grows_old(after_s: float, good: bool, tmp_path: Path, mock_clock: MockClock) -> None:
    async with open_house(tmp_path, running=False) as house:
        grant = await given(house)
        mock_clock.jump(after_s)
        if good:
            await use(house, grant)
        else:
            with pytest.raises(GrantVoid):
                await use(house, grant)


async def test_setting_the_clock_back_does_not_keep_a_grant_young(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    async with open_house(tmp_path, running=False) as house:
        grant = await given(house)
        mock_clock.jump(GRANT_S + 1)
        house.clock.step_wall(-1000)
        with pytest.raises(GrantVoid, match="too long"):
            await use(house, grant)


async def test_an_old_grant_puts_its_job_back(tmp_path: Path, mock_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        grant = await given(house)
        mock_clock.jump(GRANT_S + 1)
        house.service.start(grant)
        await house.service.ended(grant.job_id)
        job = await house.service.ledger.job(grant.job_id)
        assert job.state is JobState.HELD
        assert "Release it again" in job.reason
        assert house.memory("lobby").jobs == []


async def test_a_replayed_grant_prints_nothing_and_stops_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        grant = await given(house)
        house.service.start(grant)
        await house.service._forwarder.forward(grant, Control())
        await house.service.ended(grant.job_id)
        await house.service._forwarder.forward(grant, Control())
        assert len(house.memory("lobby").paper) == 1
        assert (await house.service.ledger.job(grant.job_id)).state is JobState.COMPLETED
