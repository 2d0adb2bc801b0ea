"""The desk: who sees what, and what each request answers in each state."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from spoold.model.errors import NotAuthenticated, NotAuthorized, NotFound, NotPossible, Unavailable
from spoold.model.ids import JobId, new_job_id
from spoold.model.jobstate import FINAL, JobState
from spoold.model.principal import Principal, Role
from tests.support.release_house import TITLE_MARKER, open_house


async def test_people_see_their_own_jobs(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ana, bert = house.person("ana"), house.person("bert")
        mine = [await house.add_job(ana), await house.add_job(None, claimed="ana")]
        his = await house.add_job(bert)
        assert [view.job.id for view in await house.desk.jobs(ana)] == [job.id for job in mine]
        assert [view.job.id for view in await house.desk.jobs(bert)] == [his.id]
        for view in await house.desk.jobs(ana):
            assert (view.title, view.own) == (TITLE_MARKER, True)
            assert view.printers == ("lobby", "floor-2")
            assert 4 * 3600 - 60 < view.seconds_left <= 4 * 3600


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR])
async def test_staff_see_everybodys_jobs_without_names(role: Role, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        staff = house.person("olga", role=role)
        own = await house.add_job(staff)
        views = {view.job.id: view for view in await house.desk.jobs(staff)}
        assert set(views) == {job.id, own.id}
        assert (views[job.id].title, views[job.id].own) == ("Job 1", False)
        assert views[own.id].title == TITLE_MARKER
        assert TITLE_MARKER not in repr(views[own.id])


async def test_a_claim_is_no_key_to_a_claimed_job(tmp_path: Path) -> None:
    """Once a person has claimed it, a job of the same sender's name belongs to the account."""
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), claimed="ana")
        other = Principal(
            id=house.person("eve").id,
            name="ana",
            groups=frozenset(),
            role=Role.USER,
            method=house.person("eve").method,
            proven_at=house.clock.now(),
        )
        assert await house.desk.jobs(other) == []
        with pytest.raises(NotFound):
            await house.desk.job(other, job.id)


async def test_states_narrow_the_list(tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        ana = house.person("ana")
        held = await house.add_job(ana)
        await house.add_job(ana, state=JobState.COMPLETED, finished_at=house.clock.now())
        assert [view.job.id for view in await house.desk.jobs(ana, states=[JobState.HELD])] == [held.id]
        assert len(await house.desk.jobs(ana)) == 2


@pytest.mark.parametrize("request_name", ["job", "timeline", "cancel", "take_back"])
async def test_strangers_find_nothing(request_name: str, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        ask = getattr(house.desk, request_name)
        with pytest.raises(NotFound) as found:
            await ask(house.person("eve"), job.id)
        with pytest.raises(NotFound) as absent:
            await ask(house.person("eve"), JobId(new_job_id()))
        assert found.value.public == absent.value.public
        assert (await house.job(job)).state is JobState.HELD


async def test_nobody_sees_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        with pytest.raises(NotFound):
            await house.desk.job(None, job.id)
        with pytest.raises(NotAuthenticated):
            await house.desk.printers(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", list(JobState))
async def test_cancel_in_every_state(state: JobState, tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        ana = house.person("ana")
        job = await house.add_job(ana, state=state, reason="So it is.")
        if state in FINAL:
            with pytest.raises(NotPossible, match="So it is"):
                await house.desk.cancel(ana, job.id)
        elif state in {JobState.RELEASING, JobState.PRINTING}:
            with pytest.raises(NotPossible, match="sorted out"):
                await house.desk.cancel(ana, job.id)
        else:
            view = await house.desk.cancel(ana, job.id)
            assert view.job.state is JobState.CANCELED
            assert (view.job.wrapped_key, view.seconds_left) == (None, 0)
            assert view.title == "Job 1"


async def test_operators_cancel_and_it_says_so(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        view = await house.desk.cancel(house.person("olga", role=Role.OPERATOR), job.id)
        assert "operator" in view.job.reason


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.UNKNOWN])
async def test_only_doubt_can_be_taken_back(state: JobState, tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        job = await house.add_job(house.person("ana"), state=state)
        with pytest.raises(NotPossible):
            await house.desk.take_back(house.person("ana"), job.id)


async def test_doubt_is_taken_back_by_the_owner_only(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), state=JobState.UNKNOWN)
        with pytest.raises(NotAuthorized):
            await house.desk.take_back(house.person("olga", role=Role.OPERATOR), job.id)
        view = await house.desk.take_back(house.person("ana"), job.id)
        assert view.job.state is JobState.HELD


async def test_release_answers_at_once_and_waiting_waits(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        house.memory("lobby").prints = False
        job = await house.add_job(ana)
        view = await house.desk.release(ana, job.id, "lobby")
        assert view.job.state is JobState.RELEASING
        other = await house.add_job(ana)
        began = trio.current_time()
        view = await house.desk.release_and_wait(ana, other.id, "floor-2", 60)
        assert view.job.state is JobState.COMPLETED
        assert trio.current_time() - began < 1
        third = await house.add_job(ana)
        view = await house.desk.release_and_wait(ana, third.id, "lobby", 7)
        assert view.job.state is JobState.PRINTING
        assert trio.current_time() - began == pytest.approx(7, abs=1)


async def test_printers_with_live_status(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.memory("floor-2").reasons = ("media-jam",)
        views = await house.desk.printers(house.person("ana"))
        assert [view.printer.name for view in views] == ["lobby", "floor-2"]
        assert [view.status.ready for view in views] == [True, False]


async def test_the_time_line_tells_the_story(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        await house.desk.release_and_wait(ana, job.id, "lobby", 60)
        story = await house.desk.timeline(ana, job.id)
        assert [line.words for line in story] == [
            "Released to lobby (Lobby).",
            "Being printed at lobby.",
            "Printed at lobby.",
        ]


async def test_one_unreadable_name_hides_no_list(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        await house.add_job(ana, private=b"x" * 40)
        await house.add_job(ana)
        assert [view.title for view in await house.desk.jobs(ana)] == ["Job 1", TITLE_MARKER]


async def test_nothing_is_released_while_the_spooler_stops(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        await house.service.drain()
        with pytest.raises(Unavailable):
            await house.desk.release(ana, job.id, "lobby")
        assert (await house.job(job)).state is JobState.HELD
