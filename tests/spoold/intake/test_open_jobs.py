"""Jobs whose documents never come, and jobs that a crash left undecided."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import trio

from policy.engine import compile_rules
from policy.rules import RuleSource
from policy.setting import Setting
from protocols.ipp.values import integer
from spoold.database import jobs
from spoold.intake import open_jobs
from spoold.intake.open_jobs import MULTIPLE_OPERATION_TIMEOUT, OpenJobs
from spoold.intake.rows import seal_job
from spoold.intake.submission import Incoming
from spoold.model.ids import UserId
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal
from spoold.model.template import template_of
from tests.support.intake_house import IntakeHouse, incoming
from tests.support.release_house import person

LARGE = b"A line of a long letter.\n" * 8_000
PATIENCE_S = MULTIPLE_OPERATION_TIMEOUT.total_seconds()


def watcher(house: IntakeHouse, *known: Principal) -> OpenJobs:
    """Return a watcher in whose house these people have accounts; Ana if nobody is named."""
    accounts = {one.id: one for one in known or (person("ana"),)}

    async def people(user_id: UserId) -> Principal | None:
        return accounts.get(user_id)

    return OpenJobs(
        intake=house.intake,
        database=house.database,
        clock=house.clock,
        site=lambda: house.site,
        people=people,
    )


async def row(house: IntakeHouse, job: Job) -> Job:
    found = await house.database.read(lambda connection: jobs.job_by_id(connection, job.id))
    assert found is not None
    return found


async def sealed_by_a_crash(house: IntakeHouse, *, copies: int = 2) -> Job:
    """A job of Ana's that was sealed, but not decided on, when the daemon ended."""
    submission = house.submission(person("ana"), template=(integer("copies", copies),))
    job = await house.intake.create_job(submission)
    job = await house.intake.add_document(job, submission, incoming(LARGE), last=False)
    now = house.clock.now()
    return await house.database.write(lambda connection: seal_job(connection, job.id, "id-ana", now))


async def test_a_job_that_waits_too_long_is_aborted_and_leaves_nothing() -> None:
    house = IntakeHouse()
    submission = house.submission(person("ana"))
    job = await house.intake.create_job(submission)
    job = await house.intake.add_document(job, submission, incoming(LARGE), last=False)
    house.clock.advance(PATIENCE_S)
    await watcher(house).sweep()
    assert (await row(house, job)).state is JobState.RECEIVING
    house.clock.advance(0.001)
    await watcher(house).sweep()
    ended = await row(house, job)
    assert (ended.state, ended.private, ended.wrapped_key) == (JobState.ABORTED, None, None)
    assert "completely" in ended.reason
    assert house.blobs.contents == {}


async def test_the_wait_begins_anew_with_each_document() -> None:
    house = IntakeHouse()
    submission = house.submission()
    job = await house.intake.create_job(submission)
    for _ in range(3):
        house.clock.advance(PATIENCE_S - 1)
        job = await house.intake.add_document(job, submission, incoming(b"a line\n"), last=False)
    await watcher(house).sweep()
    assert (await row(house, job)).state is JobState.RECEIVING


async def test_a_document_that_is_arriving_may_take_its_time(nursery: trio.Nursery) -> None:
    """A large plan over a slow line; that it does not stall is for the HTTP server to see."""
    house = IntakeHouse()
    submission = house.submission()
    job = await house.intake.create_job(submission)
    rest = trio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"a line\n"
        await rest.wait()

    async def send() -> None:
        await house.intake.add_document(job, submission, Incoming(slowly()), last=True)

    nursery.start_soon(send)
    await trio.testing.wait_all_tasks_blocked()
    house.clock.advance(10 * PATIENCE_S)
    await watcher(house).sweep()
    assert (await row(house, job)).state is JobState.RECEIVING
    rest.set()
    await trio.testing.wait_all_tasks_blocked()
    assert (await row(house, job)).state is JobState.HELD


async def test_held_jobs_are_not_its_business() -> None:
    house = IntakeHouse()
    job = await house.intake.submit(house.submission(person("ana")), incoming(LARGE))
    house.clock.advance(timedelta(days=1).total_seconds())
    await watcher(house).sweep()
    assert (await row(house, job)).state is JobState.HELD


async def test_it_looks_again_and_again(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    house = IntakeHouse()
    nursery.start_soon(watcher(house).run)
    for _ in range(2):
        job = await house.intake.create_job(house.submission())
        house.clock.advance(PATIENCE_S + 1)
        await trio.sleep(open_jobs.SWEEP_EVERY_S + 1)
        assert (await row(house, job)).state is JobState.ABORTED
    nursery.cancel_scope.cancel()


# -- after a crash


async def test_a_sealed_job_is_decided_on_and_held() -> None:
    """Its documents are all here; its sender never heard yes, but its owner need not print again."""
    house = IntakeHouse()
    job = await sealed_by_a_crash(house)
    assert job.state is JobState.INSPECTING
    await watcher(house).recover()
    held = await row(house, job)
    assert (held.state, held.owner_id, held.documents) == (JobState.HELD, "id-ana", 1)
    assert template_of(held) == (integer("copies", 2),)
    assert len(house.blobs.contents) == 1


async def test_a_rule_s_no_counts_after_a_crash_too() -> None:
    """A rule, say, that came with the restart."""
    house = IntakeHouse()
    refused, kept = await sealed_by_a_crash(house, copies=6), await sealed_by_a_crash(house, copies=5)
    rule = RuleSource("few", "job.copies > 5", deny="Not more than five copies.")
    house.site = replace(house.site, policy=compile_rules([rule], Setting(), "UTC"))
    await watcher(house).recover()
    ended = await row(house, refused)
    assert (ended.state, ended.reason) == (JobState.ABORTED, "Not more than five copies.")
    assert (await row(house, kept)).state is JobState.HELD
    assert len(house.blobs.contents) == 1


async def test_rules_ask_about_the_owner_as_the_account_is_now() -> None:
    """A crash makes nobody a stranger: what was sent by a member of the staff is still a member's."""
    rule = RuleSource("known people", '!("staff" in user.groups)', deny="Only staff may print here.")
    house = IntakeHouse()
    job = await sealed_by_a_crash(house)
    house.site = replace(house.site, policy=compile_rules([rule], Setting(), "UTC"))
    staff = replace(person("ana"), groups=frozenset({"staff"}))
    await watcher(house, staff).recover()
    assert (await row(house, job)).state is JobState.HELD


async def test_without_its_owner_s_account_nothing_is_decided() -> None:
    """Neither held nor destroyed on a guess: it waits for its expiry."""
    house = IntakeHouse()
    job = await sealed_by_a_crash(house)
    await watcher(house, person("ben")).recover()
    assert (await row(house, job)).state is JobState.INSPECTING


async def test_a_job_left_undecided_is_found_by_the_sweep() -> None:
    """Records that could not be written between sealing and deciding leave such a job without a crash."""
    house = IntakeHouse()
    job = await sealed_by_a_crash(house)
    await watcher(house).sweep()
    assert (await row(house, job)).state is JobState.HELD


async def test_a_job_whose_queue_is_gone_stays_until_it_expires() -> None:
    house = IntakeHouse()
    gone, other = await sealed_by_a_crash(house), await sealed_by_a_crash(house)
    await house.database.write(
        lambda connection: jobs.update_job(connection, gone.id, [JobState.INSPECTING], queue="gone")
    )
    await watcher(house).recover()
    assert (await row(house, gone)).state is JobState.INSPECTING
    assert (await row(house, other)).state is JobState.HELD


@pytest.mark.parametrize("state", [JobState.RECEIVING, JobState.HELD])
async def test_recovery_touches_nothing_else(state: JobState) -> None:
    """What was arriving is not over yet: a client that was only cut off from us may come back."""
    house = IntakeHouse()
    submission = house.submission()
    job = await house.intake.create_job(submission)
    if state is JobState.HELD:
        job = await house.intake.add_document(job, submission, incoming(LARGE), last=True)
    await watcher(house).recover()
    assert (await row(house, job)).state is state
