"""Get-Jobs over IPP: who sees which jobs, in which order, and how much of them."""

from datetime import timedelta

import pytest

from holdstore.keyring import Keyring
from protocols.ipp.message import Attribute
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import boolean, integer, keyword, name_
from spoold.database import jobs
from spoold.doors.ipp.job_attributes import WHICH_JOBS
from spoold.keys.words import PrivateWords
from spoold.model.jobstate import JobState
from tests.support.ipp_door import IppHouse, Reply

VALUES, CONFLICT = 0x040B, 0x040E
_ALL = keyword("requested-attributes", "all")


def numbers(reply: Reply) -> list[int | None]:
    assert reply.status == 0
    return [group.integer("job-id") for group in reply.groups(GroupTag.JOB)]


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


async def test_a_delegate_is_listed_what_others_let_them_release(door: IppHouse) -> None:
    """All live jobs of one owner, one job of another's; nobody else sees more than before."""
    house = door.house
    ana, _, oskar = [await house.account(name) for name in ("ana", "ben", "oskar")]
    first, second = await door.held(user="ana"), await door.held(user="ana")
    over = await door.held(user="ana")
    await door.put(over, JobState.COMPLETED)
    unclaimed = await door.held(peer="192.0.2.7")
    single, other = await door.held(user="oskar"), await door.held(user="oskar")
    mine = await door.held(user="ben")

    async def listed(*attributes: Attribute, user: str | None = "ben") -> list[int | None]:
        return numbers(await door.ask(Operation.GET_JOBS, *attributes, user=user, peer="192.0.2.1"))

    assert await listed() == [mine]
    end = house.clock.now() + timedelta(hours=1)
    everything = await house.decisions.delegations.give(ana, "ben", end)
    await house.decisions.delegations.give(oskar, "ben", None, job_id=(await door.job(single)).id)
    assert await listed() == [first, second, single, mine]
    assert await listed(keyword("which-jobs", "all")) == [first, second, single, mine]
    assert await listed(keyword("which-jobs", "completed")) == []
    assert await listed(boolean("my-jobs", True)) == [mine]
    assert await listed(integer("job-ids", first, single, other, unclaimed)) == [first, single]
    assert await listed(user=None) == []
    assert await listed(user="ana") == [first, second, unclaimed]
    await house.decisions.delegations.take_back(ana, everything.id)
    assert await listed() == [single, mine]


async def test_a_delegation_that_is_over_lists_nothing_any_more(door: IppHouse) -> None:
    house = door.house
    ana, _ = await house.account("ana"), await house.account("ben")
    job = await door.held(user="ana")
    await house.decisions.delegations.give(ana, "ben", house.clock.now() + timedelta(hours=1))
    elsewhere = "192.0.2.1"
    assert numbers(await door.ask(Operation.GET_JOBS, user="ben", peer=elsewhere)) == [job]
    house.clock.step_wall(7_200)
    assert numbers(await door.ask(Operation.GET_JOBS, user="ben", peer=elsewhere)) == []


@pytest.mark.parametrize(("titles", "name"), [(True, "Salaries 2026"), (False, "private")])
async def test_a_delegate_is_listed_names_where_the_owner_said_so(
    titles: bool, name: str, door: IppHouse
) -> None:
    house = door.house
    ana, _ = await house.account("ana"), await house.account("ben")
    job = await door.held(user="ana")
    await house.decisions.delegations.give(ana, "ben", None, job_id=(await door.job(job)).id, titles=titles)
    reply = await door.ask(Operation.GET_JOBS, _ALL, user="ben")
    assert reply.job.string("job-name") == name
    one = await door.ask(Operation.GET_JOB_ATTRIBUTES, _ALL, job=job, user="ben")
    assert one.job.string("job-name") == name


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
        await door.put(made[state], state)
    found = numbers(await door.ask(Operation.GET_JOBS, keyword("which-jobs", which)))
    assert set(found) == {made[state] for state in WHICH_JOBS[which]}
    newest_first = which in ("completed", "aborted", "canceled")
    assert found == sorted(found, key=lambda one: one or 0, reverse=newest_first)


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


async def test_the_list_goes_on_where_the_last_one_ended(door: IppHouse) -> None:
    """PWG 5100.7: by the number of the first job, or by its place."""
    made = [await door.held() for _ in range(4)]
    assert numbers(await door.ask(Operation.GET_JOBS, integer("first-job-id", made[2]))) == made[2:]
    assert numbers(await door.ask(Operation.GET_JOBS, integer("first-index", 4))) == made[3:]
    both = integer("first-index", 2), integer("limit", 2)
    assert numbers(await door.ask(Operation.GET_JOBS, *both)) == made[1:3]
    assert numbers(await door.ask(Operation.GET_JOBS, integer("first-index", 5))) == []


async def test_jobs_are_asked_for_by_number(door: IppHouse) -> None:
    """Whatever their state; those that the asker may not know of are not there."""
    mine, other = await door.held(user="ana"), await door.held(user="ben", peer="192.0.2.1")
    await door.put(mine, JobState.CANCELED)
    named = integer("job-ids", mine, other, 99)
    assert numbers(await door.ask(Operation.GET_JOBS, named, user="ana")) == [mine]
    assert numbers(await door.ask(Operation.GET_JOBS, named, user="oskar")) == [mine, other]


async def test_numbers_and_states_are_two_ways_to_choose(door: IppHouse) -> None:
    number = await door.held()
    named = integer("job-ids", number)
    for other in (keyword("which-jobs", "all"), boolean("my-jobs", True)):
        reply = await door.ask(Operation.GET_JOBS, named, other)
        assert (reply.status, reply.unsupported.attributes) == (CONFLICT, (named,))


async def test_more_jobs_than_a_page_are_all_listed(door: IppHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spoold.doors.ipp.listing.PAGE_ROWS", 2)
    made = [await door.held() for _ in range(5)]
    for job in made[1:3]:
        await door.put(job, JobState.PRINTING)
    assert numbers(await door.ask(Operation.GET_JOBS)) == made
    for job in made:
        await door.put(job, JobState.COMPLETED)
    done = keyword("which-jobs", "completed")
    assert numbers(await door.ask(Operation.GET_JOBS, done)) == made[::-1]


async def test_an_answer_is_given_again_until_something_changes(door: IppHouse) -> None:
    first = await door.held()
    asked = keyword("requested-attributes", "job-id", "job-state")
    before = await door.ask(Operation.GET_JOBS, asked)
    assert (await door.ask(Operation.GET_JOBS, asked)).response.body == before.response.body
    second = await door.held()
    assert numbers(await door.ask(Operation.GET_JOBS, asked)) == [first, second]
    await door.put(first, JobState.PRINTING)
    states = [
        group.integer("job-state")
        for group in (await door.ask(Operation.GET_JOBS, asked)).groups(GroupTag.JOB)
    ]
    assert states == [5, 4]


async def test_nobody_gets_an_answer_that_was_made_for_somebody_else(door: IppHouse) -> None:
    """Same octets, another person, address or line: another answer."""
    ana = await door.held(user="ana", peer="192.0.2.7")
    await door.held(user="ben", peer="192.0.2.8")
    asked = keyword("requested-attributes", "job-id", "job-uri", "job-originating-user-name")
    seen = {
        who: (await door.ask(Operation.GET_JOBS, asked, user=who, peer="192.0.2.1")).groups(GroupTag.JOB)
        for who in ("oskar", "ana", "ben", None)
    }
    assert [len(found) for found in seen.values()] == [2, 1, 1, 0]
    assert seen["ana"][0].string("job-originating-user-name") == "ana"
    at_sender = await door.ask(Operation.GET_JOBS, asked, peer="192.0.2.7", tls=False)
    assert at_sender.job.string("job-originating-user-name") == "private"
    assert at_sender.job.string("job-uri") == f"ipp://print.example.org:631/ipp/print/open/{ana}"


async def test_names_are_kept_in_no_answer(door: IppHouse) -> None:
    await door.held(user="ana")
    await door.ask(Operation.GET_JOBS, _ALL, user="ana")
    assert b"Salaries" not in repr(vars(door.door.kept_lists)).encode()
