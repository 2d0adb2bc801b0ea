"""Listing, cancelling, holding and releasing over IPP."""

import pytest

from holdstore.keyring import Keyring
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import boolean, integer, keyword, name_
from spoold.database import jobs
from spoold.doors.ipp.jobs import WHICH_JOBS
from spoold.keys.words import PrivateWords
from spoold.model.jobstate import FINAL, JobState
from tests.support.ipp_door import TEXT, IppHouse, Reply, last

NOT_POSSIBLE, NOT_FOUND, VALUES = 0x0404, 0x0406, 0x040B
_ALL = keyword("requested-attributes", "all")


def numbers(reply: Reply) -> list[int | None]:
    assert reply.status == 0
    return [group.integer("job-id") for group in reply.groups(GroupTag.JOB)]


async def put(door: IppHouse, number: int, state: JobState) -> None:
    """Have a job be in a state, by the back door."""
    job = await door.job(number)
    await door.house.database.write(
        lambda connection: jobs.update_job(connection, job.id, [job.state], state=state.value)
    )


# -- Get-Jobs


async def test_get_jobs_tells_each_person_of_their_own(door: IppHouse) -> None:
    """Staff see everybody's; computers those that came from them; nobody else any."""
    ana = await door.held(user="ana", peer="192.0.2.7")
    ben = await door.held(user="ben", peer="192.0.2.8")
    claimed = await door.held(peer="192.0.2.7")
    seen = {
        (user, peer): numbers(await door.ask(Operation.GET_JOBS, user=user, peer=peer))
        for user, peer in (
            ("ana", "192.0.2.1"),
            ("ben", "192.0.2.1"),
            ("oskar", "192.0.2.1"),
            (None, "192.0.2.7"),
            (None, "192.0.2.1"),
        )
    }
    assert seen == {
        ("ana", "192.0.2.1"): [ana, claimed],
        ("ben", "192.0.2.1"): [ben],
        ("oskar", "192.0.2.1"): [ana, ben, claimed],
        (None, "192.0.2.7"): [ana, claimed],
        (None, "192.0.2.1"): [],
    }


async def test_names_are_listed_to_their_owner_only(door: IppHouse) -> None:
    await door.held(user="ana")
    for user, name in (("ana", "Salaries 2026"), ("oskar", "private"), (None, "private")):
        reply = await door.ask(Operation.GET_JOBS, _ALL, user=user)
        assert reply.job.string("job-name") == name


async def test_an_unreadable_name_hides_no_other(door: IppHouse) -> None:
    """Sealed under a key that is gone: the list still comes, with this one job nameless."""
    broken, fine = await door.held(user="ana"), await door.held(user="ana")
    job = await door.job(broken)
    foreign = PrivateWords(Keyring.from_bytes(bytes(range(32, 64))))
    wrapped_key, private = foreign.seal(job.id, {"title": "x"})
    await door.house.database.write(
        lambda connection: jobs.update_job(
            connection, job.id, [JobState.HELD], wrapped_key=wrapped_key, private=private
        )
    )
    reply = await door.ask(Operation.GET_JOBS, _ALL, user="ana")
    names = {group.integer("job-id"): group.string("job-name") for group in reply.groups(GroupTag.JOB)}
    assert names == {broken: "private", fine: "Salaries 2026"}


async def test_without_a_question_only_number_and_address_are_answered(door: IppHouse) -> None:
    """RFC 8011 4.2.6.1."""
    await door.held()
    reply = await door.ask(Operation.GET_JOBS)
    assert {attribute.name for attribute in reply.job} == {"job-id", "job-uri"}


@pytest.mark.parametrize("which", WHICH_JOBS)
async def test_which_jobs(door: IppHouse, which: str) -> None:
    made = {}
    for state in JobState:
        made[state] = await door.held()
        await put(door, made[state], state)
    found = numbers(await door.ask(Operation.GET_JOBS, keyword("which-jobs", which)))
    assert set(found) == {made[state] for state in WHICH_JOBS[which]}
    assert found == sorted(found, key=lambda one: one or 0, reverse=which == "completed")


def test_every_job_is_either_completed_or_not() -> None:
    assert WHICH_JOBS["completed"] | WHICH_JOBS["not-completed"] == set(JobState)
    assert not WHICH_JOBS["completed"] & WHICH_JOBS["not-completed"]


async def test_an_unknown_word_for_which_jobs_is_named(door: IppHouse) -> None:
    asked = keyword("which-jobs", "tomorrow")
    reply = await door.ask(Operation.GET_JOBS, asked)
    assert (reply.status, reply.unsupported.attributes) == (VALUES, (asked,))


async def test_a_limit_keeps_the_list_short(door: IppHouse) -> None:
    made = [await door.held() for _ in range(3)]
    assert numbers(await door.ask(Operation.GET_JOBS, integer("limit", 2))) == made[:2]
    assert numbers(await door.ask(Operation.GET_JOBS, integer("limit", 0))) == made


async def test_my_jobs_are_mine(door: IppHouse) -> None:
    """Proven people own jobs; of the others, one address may have several under several names."""
    owned = await door.held(user="ana")
    claimed = await door.held()
    mine = boolean("my-jobs", True)
    assert numbers(await door.ask(Operation.GET_JOBS, mine, user="ana")) == [owned, claimed]
    assert numbers(await door.ask(Operation.GET_JOBS, mine, user="oskar")) == []
    as_ana = name_("requesting-user-name", "ANA")
    assert numbers(await door.ask(Operation.GET_JOBS, mine, as_ana)) == [claimed]
    assert numbers(await door.ask(Operation.GET_JOBS, mine, name_("requesting-user-name", "ben"))) == []


async def test_jobs_of_another_queue_are_not_listed(door: IppHouse) -> None:
    await door.held(user="ana", queue="secure")
    assert numbers(await door.ask(Operation.GET_JOBS, user="ana", queue="open")) == []


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
    await put(door, number, state)
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
    await put(door, number, JobState.PRINTING)
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
