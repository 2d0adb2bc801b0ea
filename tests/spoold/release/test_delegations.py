"""Delegation: somebody else releases for the owner, as long as both want it and nothing beyond it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from policy.rules import RuleSource
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, RefusedByPolicy, SpoolError
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role
from spoold.model.template import template_of
from spoold.release.delegations import MAX_GIVEN, MAX_LIFE
from tests.support.release_house import TITLE_MARKER, House, attributes_by_name, open_house

HOUR = timedelta(hours=1)


async def refused(house: House, who: Principal, job: Job, error: type[SpoolError]) -> str:
    """Try a release that must not be."""
    with pytest.raises(error) as caught:
        await house.desk.release(who, job.id, "lobby")
    assert house.memory("lobby").paper == []
    return caught.value.public


async def test_a_delegate_releases_for_the_owner_and_both_see_it(tmp_path: Path) -> None:
    """Whose job it is and who let it go are two facts, in the records and in the time line."""
    async with open_house(tmp_path) as house:
        ana, ben = await house.account("ana"), await house.account("ben")
        job = await house.add_job(ana)
        await refused(house, ben, job, NotFound)
        await house.decisions.delegations.give(ana, " BEN ", house.clock.now() + HOUR)
        await house.desk.release(ben, job.id, "lobby")
        done = await house.settled(job)
        assert (done.state, done.owner_id, done.released_by) == (JobState.COMPLETED, ana.id, ben.id)
        granted = next(one for one in await house.audit() if one["kind"] == "job-granted")
        assert (granted["actor"], granted["owner"]) == (ben.id, ana.id)
        for who in (ana, ben):
            lines = [line.words for line in await house.desk.timeline(who, job.id)]
            assert "Released to lobby (Lobby) by ben, for its owner." in lines


async def test_a_delegate_sees_the_job_and_does_nothing_else_with_it(tmp_path: Path) -> None:
    """No title unless the owner says so, no deleting, no taking back; other jobs stay unknown."""
    async with open_house(tmp_path) as house:
        ana, ben = await house.account("ana"), await house.account("ben")
        job, other = await house.add_job(ana), await house.add_job(ana)
        unclaimed = await house.add_job(None, claimed="ana")
        await house.decisions.delegations.give(ana, "ben", None, job_id=job.id)
        assert [(view.job.id, view.own) for view in await house.desk.jobs(ben)] == [(job.id, False)]
        assert (await house.desk.job(ben, job.id)).title != TITLE_MARKER
        for deed in (house.desk.cancel, house.desk.hold, house.desk.take_back):
            with pytest.raises(NotAuthorized):
                await deed(ben, job.id)
        for unknown in (other, unclaimed):
            with pytest.raises(NotFound):
                await house.desk.job(ben, unknown.id)
        await house.decisions.delegations.give(ana, "ben", house.clock.now() + HOUR, titles=True)
        views = await house.desk.jobs(ben)
        assert [(view.job.id, view.title) for view in views] == [
            (job.id, TITLE_MARKER),
            (other.id, TITLE_MARKER),
        ]


async def test_an_operator_who_is_a_delegate_sees_each_job_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ana, olga = await house.account("ana"), await house.account("olga", role=Role.OPERATOR)
        job = await house.add_job(ana)
        await house.decisions.delegations.give(ana, "olga", None, job_id=job.id)
        (view,) = await house.desk.jobs(olga)
        assert view.also
        await house.desk.release(olga, job.id, "lobby")
        assert (await house.settled(job)).released_by == olga.id


async def test_a_delegate_passes_nothing_on(tmp_path: Path) -> None:
    """Neither the job, nor one's own delegation to all jobs."""
    async with open_house(tmp_path) as house:
        ana, ben = await house.account("ana"), await house.account("ben")
        cid = await house.account("cid")
        job = await house.add_job(ana)
        await house.decisions.delegations.give(ana, "ben", house.clock.now() + HOUR)
        with pytest.raises(NotFound):
            await house.decisions.delegations.give(ben, "cid", None, job_id=job.id)
        await house.decisions.delegations.give(ben, "cid", house.clock.now() + HOUR)
        await refused(house, cid, job, NotFound)


async def test_it_ends_when_the_owner_says_so_and_when_its_time_is_over(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, running=False) as house:
        ana, ben = await house.account("ana"), await house.account("ben")
        job, desk = await house.add_job(ana), house.decisions.delegations
        one = await desk.give(ana, "ben", house.clock.now() + HOUR)
        assert [view.delegate for view in await desk.given(ana)] == ["ben"]
        assert [view.owner for view in await desk.held(ben)] == ["ana"]
        with pytest.raises(NotFound):
            await desk.take_back(ben, one.id)
        await desk.take_back(ana, one.id)
        with pytest.raises(NotFound):
            await desk.take_back(ana, one.id)
        with pytest.raises(NotFound):
            await house.service.gate.admit(ben, job.id, "lobby")
        await desk.give(ana, "ben", house.clock.now() + HOUR)
        await trio.sleep(HOUR.total_seconds())
        with pytest.raises(NotFound):
            await house.service.gate.admit(house.person("ben"), job.id, "lobby")
        assert await desk.given(ana) == await desk.held(ben) == []


async def test_it_ends_between_the_look_and_the_grant(tmp_path: Path) -> None:
    """While the printer is asked the owner takes it back: nothing is granted."""
    async with open_house(tmp_path) as house:
        ana, ben = await house.account("ana"), await house.account("ben")
        job = await house.add_job(ana)
        one = await house.decisions.delegations.give(ana, "ben", house.clock.now() + HOUR)

        async def taken_back() -> None:
            house.memory("lobby").before.clear()
            await house.decisions.delegations.take_back(ana, one.id)

        house.memory("lobby").before["status"] = taken_back
        await refused(house, ben, job, NotPossible)
        assert (await house.job(job)).state is JobState.HELD
        assert await house.grants(job) == []


async def test_a_closed_account_of_the_owner_lets_nothing_go(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ana, ben = await house.account("ana"), await house.account("ben")
        job = await house.add_job(ana)
        await house.decisions.delegations.give(ana, "ben", house.clock.now() + HOUR)
        del house.accounts[ana.id]
        await refused(house, ben, job, NotAuthorized)
        assert await house.decisions.delegations.held(ben) == []


async def test_a_closed_account_of_the_delegate_lets_nothing_go(tmp_path: Path) -> None:
    """The gate asks whoever knows the account, with the sign-in still fresh."""
    async with open_house(tmp_path) as house:
        ana, ben = await house.account("ana"), await house.account("ben")
        job = await house.add_job(ana)
        await house.decisions.delegations.give(ana, "ben", house.clock.now() + HOUR)

        async def closed(_principal: Principal) -> Principal:
            raise NotAuthorized("The account is closed.")

        house.confirm = closed
        await refused(house, ben, job, NotAuthorized)


async def test_the_rules_are_asked_about_both(tmp_path: Path) -> None:
    """Whose job it is and who stands there: either's no is a no, and the owner's settings count."""
    rules = [
        RuleSource(
            "pupils-not-here",
            '"pupils" in user.groups && printer.name == "lobby"',
            stage="release",
            deny="Not here.",
        ),
        RuleSource(
            "guests-in-grey",
            '"guests" in user.groups',
            stage="release",
            set_attributes={"print-color-mode": "monochrome"},
        ),
        RuleSource(
            "staff-in-colour",
            '"staff" in user.groups',
            stage="release",
            set_attributes={"print-color-mode": "color"},
        ),
    ]
    async with open_house(tmp_path, rules=rules) as house:
        guest, tom = await house.account("gus", "guests"), await house.account("tom", "staff")
        pupil = await house.account("pia", "pupils")
        for owner, delegate in ((guest, pupil), (pupil, tom)):
            job = await house.add_job(owner)
            await house.decisions.delegations.give(owner, delegate.name, None, job_id=job.id)
            assert await refused(house, delegate, job, RefusedByPolicy) == "Not here."
        job = await house.add_job(guest)
        await house.decisions.delegations.give(guest, "tom", None, job_id=job.id)
        await house.desk.release(tom, job.id, "lobby")
        done = await house.settled(job)
        asked = attributes_by_name(template_of(done))
        assert asked["print-color-mode"].strings() == ("monochrome",)


async def test_a_delegate_s_approval_does_not_count_when_they_release(tmp_path: Path) -> None:
    """Whoever approves a job and then fetches it has approved their own paper."""
    night = RuleSource("night", 'printer.name == "lobby"', stage="release", hold="Ask.", approvers=("desk",))
    async with open_house(tmp_path, rules=[night]) as house:
        ana, dora = await house.account("ana"), await house.account("dora", "desk")
        job = await house.wants(await house.add_job(ana), "desk", rules=("night",))
        await house.decisions.approvals.approve(dora, job.id)
        await house.decisions.delegations.give(ana, "dora", None, job_id=job.id)
        await refused(house, dora, job, RefusedByPolicy)
        with pytest.raises(NotFound):
            await house.decisions.approvals.approve(dora, job.id)


@pytest.mark.parametrize("life", [None, timedelta(0), -HOUR, MAX_LIFE + timedelta(seconds=1)])
async def test_an_end_is_named_and_comes(life: timedelta | None, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ana, _ = await house.account("ana"), await house.account("ben")
        end = None if life is None else house.clock.now() + life
        with pytest.raises(NotPossible):
            await house.decisions.delegations.give(ana, "ben", end)


async def test_who_cannot_be_named(tmp_path: Path) -> None:
    """Oneself, nobody, and by root without a name; a job that is not proven or over is not given on."""
    async with open_house(tmp_path) as house:
        ana, _ = await house.account("ana"), await house.account("ben")
        desk, end = house.decisions.delegations, house.clock.now() + HOUR
        for name, error in (("ana", NotPossible), ("zoe", NotFound), ("", NotFound)):
            with pytest.raises(error):
                await desk.give(ana, name, end)
        root = replace(ana, method=Method.CONTROL_SOCKET)
        with pytest.raises(NotAuthorized):
            await desk.give(root, "ben", end)
        unclaimed = await house.add_job(None, claimed="ana")
        over = await house.add_job(ana, state=JobState.COMPLETED)
        for job in (unclaimed, over):
            with pytest.raises(NotPossible):
                await desk.give(ana, "ben", None, job_id=job.id)
        for _ in range(MAX_GIVEN):
            await desk.give(ana, "ben", end)
        with pytest.raises(NotPossible):
            await desk.give(ana, "ben", end)


@pytest.mark.parametrize("method", [Method.TOKEN, Method.PRINT_URI])
async def test_a_delegates_programs_are_not_the_delegate(tmp_path: Path, method: Method) -> None:
    """A token and a print address are about their owner's own jobs, whoever has named the owner."""
    async with open_house(tmp_path) as house:
        ana, ben = await house.account("ana"), await house.account("ben")
        job = await house.add_job(ana)
        await house.decisions.delegations.give(ana, "ben", house.clock.now() + HOUR, titles=True)
        program = replace(ben, method=method)
        assert await house.desk.jobs(program) == []
        with pytest.raises(NotFound):
            await house.desk.job(program, job.id)
        await refused(house, program, job, NotFound)
        assert [view.job.id for view in await house.desk.jobs(ben)] == [job.id]
