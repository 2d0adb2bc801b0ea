"""Cancelling, holding and releasing over IPP."""

import pytest

from protocols.ipp.operations import Operation
from protocols.ipp.values import integer, name_
from spoold.model.jobstate import FINAL, JobState
from tests.support.ipp_door import TEXT, IppHouse, last

NOT_POSSIBLE, NOT_FOUND = 0x0404, 0x0406


# -- cancelling


@pytest.mark.parametrize("user", ["ana", "oskar", "ada"])
async def test_the_owner_and_staff_cancel(door: IppHouse, user: str) -> None:
    number = await door.held(user="ana")
    assert (await door.ask(Operation.CANCEL_JOB, job=number, user=user)).status == 0
    job = await door.job(number)
    assert (job.state, job.private, job.wrapped_key) == (JobState.CANCELED, None, None)
    assert ("owner" in job.reason) == (user == "ana")


async def test_the_sending_computer_may_take_back_what_it_is_still_sending(door: IppHouse) -> None:
    """But not what is complete: nobody was proven, and another person may sit there now."""
    arriving, held = await door.opened(), await door.held()
    assert (await door.ask(Operation.CANCEL_JOB, job=arriving)).status == 0
    assert (await door.ask(Operation.CANCEL_JOB, job=held)).http == 401
    assert (await door.job(arriving)).state is JobState.CANCELED
    assert (await door.job(held)).state is JobState.HELD


async def test_the_same_address_is_no_owner_of_a_proven_person_s_upload(door: IppHouse) -> None:
    number = await door.opened(user="ana")
    assert (await door.ask(Operation.CANCEL_JOB, job=number)).http == 401
    assert (await door.ask(Operation.SEND_DOCUMENT, last(), job=number, document=[TEXT])).http == 401
    assert (await door.job(number)).state is JobState.RECEIVING


@pytest.mark.parametrize("state", sorted(FINAL))
async def test_what_has_ended_cannot_be_cancelled(door: IppHouse, state: JobState) -> None:
    number = await door.held(user="ana")
    await door.put(number, state)
    reply = await door.ask(Operation.CANCEL_JOB, job=number, user="ana")
    assert (reply.status, (await door.job(number)).state) == (NOT_POSSIBLE, state)


async def test_cancel_my_jobs_cancels_mine_in_this_queue(door: IppHouse) -> None:
    mine = [await door.held(user="ana"), await door.held()]
    others = [
        await door.held(user="ben"),
        await door.held(user="ana", queue="secure"),
    ]
    assert (await door.ask(Operation.CANCEL_MY_JOBS, user="ana")).status == 0
    assert {(await door.job(number)).state for number in mine} == {JobState.CANCELED}
    assert {(await door.job(number)).state for number in others} == {JobState.HELD}


async def test_cancel_my_jobs_cancels_all_that_are_named_or_none(door: IppHouse) -> None:
    """PWG 5100.7: one that is not mine, and nothing happens."""
    first, second, other = (
        await door.held(user="ana"),
        await door.held(user="ana"),
        await door.held(user="ben"),
    )
    reply = await door.ask(Operation.CANCEL_MY_JOBS, integer("job-ids", first, other), user="ana")
    assert reply.status == NOT_POSSIBLE
    assert (await door.job(first)).state is JobState.HELD
    assert (await door.ask(Operation.CANCEL_MY_JOBS, integer("job-ids", first), user="ana")).status == 0
    assert (await door.job(first)).state is JobState.CANCELED
    assert (await door.job(second)).state is JobState.HELD


async def test_cancel_my_jobs_needs_somebody(door: IppHouse) -> None:
    await door.held()
    assert (await door.ask(Operation.CANCEL_MY_JOBS, name_("requesting-user-name", "ana"))).http == 401
    assert [job.state for job in await door.jobs()] == [JobState.HELD]


# -- holding and releasing


async def test_hold_job_is_fine_while_the_job_waits(door: IppHouse) -> None:
    number = await door.held(user="ana")
    assert (await door.ask(Operation.HOLD_JOB, job=number, user="ana")).status == 0
    await door.put(number, JobState.PRINTING)
    assert (await door.ask(Operation.HOLD_JOB, job=number, user="ana")).status == NOT_POSSIBLE


async def test_the_owner_releases(door: IppHouse) -> None:
    number = await door.held(user="ana")
    reply = await door.ask(Operation.RELEASE_JOB, job=number, user="ana")
    assert reply.status == 0
    assert reply.job.integer("job-id") == number
    assert "lobby" in reply.words
    job = await door.house.settled(await door.job(number))
    assert job.state is JobState.COMPLETED
    assert [content for _, content in door.house.memory("lobby").paper] == [TEXT]


async def test_the_owner_chooses_the_printer(door: IppHouse) -> None:
    number = await door.held(user="ana")
    chosen = name_("output-device", "floor-2")
    assert (await door.ask(Operation.RELEASE_JOB, chosen, job=number, user="ana")).status == 0
    await door.house.settled(await door.job(number))
    assert door.house.memory("lobby").paper == []
    assert len(door.house.memory("floor-2").paper) == 1


async def test_a_printer_with_a_jam_is_refused_with_a_better_one(door: IppHouse) -> None:
    """0404: clients keep the job; the words are for the person."""
    number = await door.held(user="ana")
    door.house.memory("lobby").reasons = ("media-jam-error",)
    reply = await door.ask(Operation.RELEASE_JOB, job=number, user="ana")
    assert reply.status == NOT_POSSIBLE
    assert "floor-2" in reply.words
    assert "Nothing was printed" in reply.words
    assert (await door.job(number)).state is JobState.HELD


@pytest.mark.parametrize("user", ["oskar", "ada"])
async def test_nobody_else_releases(door: IppHouse, user: str) -> None:
    number = await door.held(user="ana")
    assert (await door.ask(Operation.RELEASE_JOB, job=number, user=user)).status == 0x0403
    assert (await door.job(number)).state is JobState.HELD


async def test_whoever_signs_in_under_the_claimed_name_takes_the_job(door: IppHouse) -> None:
    number = await door.held()
    assert (
        await door.ask(Operation.RELEASE_JOB, job=number, user="ben", peer="192.0.2.1")
    ).status == NOT_FOUND
    assert (await door.ask(Operation.RELEASE_JOB, job=number, user="ana", peer="192.0.2.1")).status == 0
    assert (await door.house.settled(await door.job(number))).owner_id == "id-ana"
