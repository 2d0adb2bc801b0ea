"""Queues that print on arrival: no owner is waited for, but printer and rules are asked all the same."""

from datetime import timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from policy.rules import RuleSource
from protocols.ipp.values import date_time
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, Unavailable
from spoold.model.ids import UserId
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal, Role
from spoold.model.queue import Release
from spoold.printers.base import PrinterUnreachable
from spoold.records.queue_orders import Order
from spoold.release.arrivals import RETRY_S
from spoold.release.gate import ON_ARRIVAL_USER
from tests.support.memory_printer import failing
from tests.support.release_house import PRINTERS, open_house, queue

QUEUES = [queue("direct", "lobby", release=Release.ON_ARRIVAL), queue("secure", "lobby")]


async def test_a_job_goes_by_itself(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES) as house:
        await trio.sleep(1)
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        await house.service.on_arrival(job)
        await trio.sleep(0.5)
        ended = await house.settled(job)
        assert ended.state is JobState.COMPLETED
        [grant] = await house.grants(job)
        assert (grant.user_id, grant.printer) == ("id-ana", "lobby")
        assert grant.consumed_at is not None


async def test_an_unclaimed_job_goes_and_stays_unclaimed(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES) as house:
        job = await house.add_job(None, claimed="ana", queue="direct", on_arrival=True)
        await house.service.on_arrival(job)
        await trio.sleep(0.5)
        ended = await house.settled(job)
        assert (ended.state, ended.owner_id) == (JobState.COMPLETED, None)
        assert (await house.grants(job))[0].user_id == ON_ARRIVAL_USER


async def test_other_jobs_wait_for_their_owner(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES) as house:
        plain = await house.add_job(house.person("ana"), queue="secure")
        # The queue has become one that waits since the job arrived.
        changed = await house.add_job(house.person("ana"), queue="secure", on_arrival=True)
        await house.service.on_arrival(changed)
        await trio.sleep(3 * RETRY_S)
        for job in (plain, changed):
            assert (await house.job(job)).state is JobState.HELD
        assert house.memory("lobby").jobs == []


async def test_a_printer_that_is_not_ready_is_waited_for(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES) as house:
        house.memory("lobby").reasons = ("media-empty",)
        jobs = [
            await house.add_job(
                house.person("ana"), queue="direct", on_arrival=True, documents=[b"%%PDF %d" % n]
            )
            for n in range(3)
        ]
        await house.service.on_arrival(jobs[0])
        await trio.sleep(5 * RETRY_S)
        waiting = await house.job(jobs[0])
        assert waiting.state is JobState.HELD
        assert "out of paper" in waiting.reason
        said = [event.event for event in await house.service.ledger.timeline(jobs[0].id)]
        assert said.count("waits") == 1
        house.memory("lobby").reasons = ("none",)
        await trio.sleep(2 * RETRY_S)
        assert [document for _, document in house.memory("lobby").paper] == [b"%PDF 0", b"%PDF 1", b"%PDF 2"]


async def test_jobs_of_before_a_restart_go_too(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES, running=False) as house:
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            await trio.sleep(1)
            assert (await house.settled(job)).state is JobState.COMPLETED
            nursery.cancel_scope.cancel()


async def test_once_a_byte_was_sent_the_owner_decides(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES) as house:
        printer = house.memory("lobby")
        printer.prints = False
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        await house.service.on_arrival(job)
        await trio.sleep(3)
        printer.reasons = ("media-jam",)
        assert (await house.settled(job)).state is JobState.HELD
        printer.reasons, printer.prints = ("none",), True
        await trio.sleep(20 * RETRY_S)
        assert (await house.job(job)).state is JobState.HELD
        assert len(printer.jobs) == 1
        view = await house.desk.release_and_wait(house.person("ana"), job.id, None, 60)
        assert view.job.state is JobState.COMPLETED


async def test_trouble_before_the_first_byte_is_tried_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, queues=QUEUES) as house:
        gone = PrinterUnreachable("The printer cannot be reached.")
        house.memory("lobby").before["create"] = failing(gone, times=3)
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        await house.service.on_arrival(job)
        await trio.sleep(6 * RETRY_S)
        ended = await house.settled(job)
        assert ended.state is JobState.COMPLETED
        assert ended.attempt == 4


async def test_it_ends_with_the_job(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES) as house:
        house.memory("lobby").silent = True
        soon = house.clock.now() + timedelta(seconds=100)
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True, expires_at=soon)
        await house.service.on_arrival(job)
        await trio.sleep(120)
        house.memory("lobby").silent = False
        await trio.sleep(60)
        assert (await house.job(job)).state is JobState.EXPIRED
        assert house.memory("lobby").jobs == []


async def test_the_rules_apply(tmp_path: Path, autojump_clock: MockClock) -> None:
    rules = [RuleSource("No guests", '!("staff" in user.groups)', stage="release", deny="Staff only.")]
    async with open_house(tmp_path, queues=QUEUES, rules=rules) as house:
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        await house.service.on_arrival(job)
        await trio.sleep(3)
        waiting = await house.job(job)
        assert (waiting.state, waiting.reason) == (JobState.HELD, "Staff only.")


async def test_an_account_that_is_gone_prints_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS) as house:
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        house.accounts.clear()
        await house.service.on_arrival(job)
        await trio.sleep(3)
        assert "account" in (await house.job(job)).reason
        assert house.memory("lobby").jobs == []


async def test_a_directory_that_cannot_be_asked_prints_nothing_until_it_can(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS) as house:
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        found = house.service.arrivals.people

        async def down(_user_id: UserId) -> Principal | None:
            raise Unavailable("The directory cannot be asked at this moment. Try again in a few minutes.")

        house.service.arrivals.people = down
        await house.service.on_arrival(job)
        await trio.sleep(25)
        waiting = await house.job(job)
        assert waiting.state is JobState.HELD
        assert "directory cannot be asked" in waiting.reason
        assert house.memory("lobby").jobs == []
        house.service.arrivals.people = found
        await trio.sleep(25)
        assert (await house.job(job)).state is JobState.COMPLETED


async def test_a_job_that_asked_for_a_time_waits_for_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES) as house:
        later = house.clock.now() + timedelta(hours=1)
        job = await house.add_job(
            house.person("ana"),
            queue="direct",
            on_arrival=True,
            template=(date_time("job-hold-until-time", later),),
        )
        await house.service.on_arrival(job)
        await trio.sleep(3590)
        assert (await house.job(job)).state is JobState.HELD
        await trio.sleep(30)
        assert (await house.settled(job)).state is JobState.COMPLETED
        [printed] = house.memory("lobby").jobs
        assert "job-hold-until-time" not in {attribute.name for attribute in printed.ticket.attributes}


async def test_new_jobs_wait_while_an_operator_says_so(tmp_path: Path, autojump_clock: MockClock) -> None:
    """What arrived before goes on; what arrives from then on goes when the order is lifted."""
    async with open_house(tmp_path, queues=QUEUES) as house:
        orders, now = house.service.gate.orders, house.clock.now()
        house.memory("lobby").silent = True
        before = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        await house.service.on_arrival(before)
        await orders.give(house.database, "direct", Order.HOLD_NEW, actor="id-oskar", now=now)
        await trio.sleep(1)
        after = await house.add_job(
            house.person("ana"), queue="direct", on_arrival=True, created_at=house.clock.now()
        )
        await house.service.on_arrival(after)
        house.memory("lobby").silent = False
        await trio.sleep(2 * RETRY_S)
        assert (await house.job(after)).state is JobState.HELD
        assert "operator" in (await house.job(after)).reason
        await orders.lift(house.database, "direct", Order.HOLD_NEW, actor="id-oskar", now=house.clock.now())
        house.service.arrivals.announce()
        await trio.sleep(2 * RETRY_S)
        assert (await house.job(after)).state is JobState.COMPLETED


async def test_nothing_leaves_a_paused_queue(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES) as house:
        orders, now = house.service.gate.orders, house.clock.now()
        await orders.give(house.database, "direct", Order.PAUSE, actor="id-oskar", now=now)
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        await house.service.on_arrival(job)
        await trio.sleep(2 * RETRY_S)
        assert (await house.job(job)).state is JobState.HELD
        assert house.memory("lobby").jobs == []


async def test_its_owner_may_hold_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    """It then waits for them, however ready the printer is."""
    async with open_house(tmp_path, queues=QUEUES) as house:
        house.memory("lobby").silent = True
        job = await house.add_job(house.person("ana"), queue="direct", on_arrival=True)
        await house.service.on_arrival(job)
        with pytest.raises(NotFound):
            await house.desk.hold(house.person("ben"), job.id)
        with pytest.raises(NotAuthorized):
            await house.desk.hold(house.person("oskar", role=Role.OPERATOR), job.id)
        await house.desk.hold(house.person("ana"), job.id)
        house.memory("lobby").silent = False
        await trio.sleep(3 * RETRY_S)
        assert house.memory("lobby").jobs == []
        view = await house.desk.release_and_wait(house.person("ana"), job.id, None, 60)
        assert view.job.state is JobState.COMPLETED
        with pytest.raises(NotPossible):
            await house.desk.hold(house.person("ana"), job.id)
