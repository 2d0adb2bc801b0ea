"""The gate: every check, in its order, with words that say what to do next; one grant or none."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from policy.rules import RuleSource
from protocols.ipp.values import enum, integer, keyword
from spoold.model.errors import (
    NotAuthorized,
    NotFound,
    NotPossible,
    PrinterNotReady,
    ProofTooOld,
    RefusedByPolicy,
    SpoolError,
    Unavailable,
)
from spoold.model.ids import new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal, Role
from spoold.model.printer import Printer
from spoold.model.queue import Release
from spoold.model.template import encoded, template_of
from spoold.records.queue_orders import Order
from spoold.release.gate import PROOF_S, NeedsApproval
from tests.support.identities import open_database
from tests.support.memory_printer import for_ever
from tests.support.release_house import House, attributes_by_name, open_house, queue


async def refused(house: House, job_id: object, error: type[SpoolError], **by: object) -> str:
    """Try a release that must be refused, and return the words."""
    who = by.get("who") or house.person("ana")
    with pytest.raises(error) as caught:
        await house.desk.release(who, job_id, by.get("at", "lobby"))  # type: ignore[arg-type]
    assert type(caught.value) is error
    assert caught.value.public.endswith((".", "!"))
    return caught.value.public


async def test_a_job_of_somebody_else_does_not_exist(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        eve = house.person("eve")
        mine = await refused(house, job.id, NotFound, who=eve)
        nobody = await refused(house, new_job_id(), NotFound, who=eve)
        assert mine == nobody
        assert house.memory("lobby").calls == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR])
async def test_staff_may_look_but_not_release(role: Role, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        words = await refused(house, job.id, NotAuthorized, who=house.person("olga", role=role))
        assert "owner" in words
        assert await house.grants(job) == []


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.HELD])
async def test_only_a_held_job_goes(state: JobState, tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        job = await house.add_job(house.person("ana"), state=state)
        grant_free = house.service.gate
        with pytest.raises(NotPossible):
            await grant_free.admit(house.person("ana"), job.id, "lobby")
        assert await house.grants(job) == []
        assert house.memory("lobby").calls == []


@pytest.mark.parametrize(
    ("age_s", "goes"), [(0, True), (PROOF_S - 1, True), (PROOF_S + 1, False), (-30, False)]
)
async def test_the_proof_is_fresh(age_s: float, goes: bool, tmp_path: Path) -> None:
    """A proof from the future was made before somebody set the clock back: it has no age."""
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        ana = house.person("ana", age_s=age_s)
        if goes:
            await house.desk.release(ana, job.id, "lobby")
        else:
            assert "password" in await refused(house, job.id, ProofTooOld, who=ana)
            assert house.memory("lobby").calls == []


async def test_the_printer_belongs_to_the_queue(tmp_path: Path) -> None:
    printers = [Printer(name, "folder:/nowhere") for name in ("lobby", "floor-2", "office")]
    async with open_house(tmp_path, printers=printers, queues=[queue("secure", "lobby", "floor-2")]) as house:
        job = await house.add_job(house.person("ana"))
        for name in ("office", "nowhere", ""):
            words = await refused(house, job.id, NotPossible, at=name)
            assert "lobby or floor-2" in words


async def test_a_queue_that_is_gone_releases_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), queue="old")
        assert "does not exist any more" in await refused(house, job.id, NotPossible)


async def test_the_preferred_printer_is_taken(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        view = await house.desk.release_and_wait(ana, job.id, None, 60)
        assert (view.job.state, view.job.printer) == (JobState.COMPLETED, "lobby")


async def test_a_jam_refuses_with_reason_and_a_better_printer(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        house.memory("lobby").reasons = ("media-jam-error", "toner-low")
        words = await refused(house, job.id, PrinterNotReady)
        assert "Paper is jammed." in words
        assert "still held" in words
        assert "floor-2 (Floor 2)" in words
        assert "toner" not in words.lower()
        assert (await house.job(job)).state is JobState.HELD


async def test_without_a_better_printer_the_words_say_to_mend_it(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        house.memory("lobby").reasons = ("media-empty",)
        house.memory("floor-2").accepting = False
        words = await refused(house, job.id, PrinterNotReady)
        assert "out of paper" in words
        assert "floor-2" not in words
        assert "then release the job again" in words


async def test_others_are_asked_at_the_same_time(tmp_path: Path, autojump_clock: MockClock) -> None:
    names = ["lobby", *(f"floor-{number}" for number in range(10))]
    printers = [Printer(name, "folder:/nowhere") for name in names]
    async with open_house(tmp_path, printers=printers) as house:
        job = await house.add_job(house.person("ana"))
        house.memory("lobby").silent = True
        for name in names[1:-1]:
            house.memory(name).before["status"] = for_ever
        started = trio.current_time()
        words = await refused(house, job.id, PrinterNotReady)
        assert names[-1] in words
        assert trio.current_time() - started <= 3.1


async def test_a_silent_printer_is_refused_soon(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        house.memory("lobby").before["status"] = for_ever
        started = trio.current_time()
        assert "does not answer" in await refused(house, job.id, PrinterNotReady)
        assert trio.current_time() - started <= 3.1


async def test_the_policy_is_asked_at_release(tmp_path: Path) -> None:
    rules = [RuleSource("Not here", 'printer.name == "lobby"', stage="release", deny="Print it upstairs.")]
    async with open_house(tmp_path, rules=rules) as house:
        job = await house.add_job(house.person("ana"))
        assert await refused(house, job.id, RefusedByPolicy) == "Print it upstairs."
        await house.desk.release(house.person("ana"), job.id, "floor-2")


async def test_a_rule_that_fails_refuses(tmp_path: Path) -> None:
    rules = [RuleSource("Long ones", "document.pages > 100", stage="release", deny="Too long.")]
    async with open_house(tmp_path, rules=rules) as house:
        job = await house.add_job(house.person("ana"), pages=None)
        assert "Long ones" in await refused(house, job.id, RefusedByPolicy)


async def test_what_the_policy_wants_approved_is_not_released(tmp_path: Path) -> None:
    rules = [RuleSource("Ask first", "true", stage="release", hold="Ask Bert.")]
    async with open_house(tmp_path, rules=rules) as house:
        job = await house.add_job(house.person("ana"))
        assert "Ask Bert." in await refused(house, job.id, NeedsApproval)
        assert house.memory("lobby").paper == []


async def test_what_the_policy_sets_reaches_the_printer(tmp_path: Path, autojump_clock: MockClock) -> None:
    rules = [
        RuleSource(
            "Save paper",
            "true",
            stage="release",
            set_attributes={"sides": "two-sided-long-edge", "copies": 1},
        )
    ]
    async with open_house(tmp_path, rules=rules) as house:
        ana = house.person("ana")
        asked = (keyword("sides", "one-sided"), integer("copies", 9), keyword("media", "iso_a4_210x297mm"))
        job = await house.add_job(ana, template=asked)
        await house.desk.release_and_wait(ana, job.id, "lobby", 60)
        told = attributes_by_name(house.memory("lobby").jobs[0].ticket.attributes)
        assert told["sides"].first == "two-sided-long-edge"
        assert told["copies"].first == 1
        assert told["media"].first == "iso_a4_210x297mm"
        assert attributes_by_name(template_of(await house.job(job)))["copies"].first == 1


async def test_finishing_waits_for_its_machine(tmp_path: Path) -> None:
    """An empty stapler stops only who wants staples."""
    async with open_house(tmp_path) as house:
        house.memory("lobby").reasons = ("stapler-empty",)
        stapled = await house.add_job(house.person("ana"), template=(enum("finishings", 4),))
        assert "stapler is empty" in await refused(house, stapled.id, PrinterNotReady)
        plain = await house.add_job(house.person("ana"), template=(enum("finishings", 3),))
        await house.desk.release(house.person("ana"), plain.id, "lobby")


async def test_an_unclaimed_job_becomes_its_releasers(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(None, claimed="Ana")
        ana = house.person("ana")
        await house.desk.release_and_wait(ana, job.id, "lobby", 60)
        assert (await house.job(job)).owner_id == ana.id


async def test_what_one_row_says_after_the_gate(tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        grant = await house.service.gate.admit(ana, job.id, "floor-2")
        now = await house.job(job)
        assert (now.state, now.printer, now.attempt) == (JobState.RELEASING, "floor-2", 1)
        assert (now.token, now.released_by) == (grant.token, ana.id)
        assert len(grant.token) == 32
        [row] = await house.grants(job)
        assert (row.id, row.user_id, row.printer, row.consumed_at) == (grant.id, ana.id, "floor-2", None)
        assert (row.expires_at - row.granted_at).total_seconds() == 120


async def race(house: House, races: int) -> None:
    """Release jobs twice at the same time, at two printers."""

    async def release(job: Job, refusals: list[SpoolError], at: str) -> None:
        try:
            await house.desk.release(house.person("ana"), job.id, at)
        except NotPossible as error:
            refusals.append(error)

    for _ in range(races):
        job = await house.add_job(house.person("ana"))
        refusals: list[SpoolError] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(release, job, refusals, "lobby")
            nursery.start_soon(release, job, refusals, "floor-2")
        assert len(refusals) == 1
        assert len(await house.grants(job)) == 1
        assert (await house.settled(job)).state is JobState.COMPLETED
    papers = [*house.memory("lobby").paper, *house.memory("floor-2").paper]
    assert len(papers) == len({token for token, _ in papers}) == races


@pytest.mark.parametrize("real", [False, True], ids=["inline", "writer-thread"])
async def test_of_many_releases_at_once_one_prints(real: bool, tmp_path: Path) -> None:
    """1,000 jobs, each released by two requests at the same time."""
    if real:
        with open_database(tmp_path / "spoold.db") as database:
            async with open_house(tmp_path, database=database) as house:
                await race(house, 100)
    else:
        async with open_house(tmp_path) as house:
            await race(house, 900)


async def test_what_is_changed_while_the_printer_is_asked_is_not_let_go(tmp_path: Path) -> None:
    """The rules were asked about the job as it was, and its owner was told that it is as it is now."""
    rule = RuleSource("Copies", "job.copies > 1", stage="release", deny="One copy is enough.")
    async with open_house(tmp_path, rules=[rule], running=False) as house:
        job = await house.add_job(house.person("ana"), template=(integer("copies", 1),))

        async def change() -> None:
            template = encoded((integer("copies", 99),))
            await house.service.ledger.change(job.id, [JobState.HELD], template=template)

        house.memory("lobby").before["status"] = change
        with pytest.raises(NotPossible):
            await house.service.gate.admit(house.person("ana"), job.id, "lobby")
        assert await house.grants(job) == []
        with pytest.raises(RefusedByPolicy, match="One copy"):
            await house.service.gate.admit(house.person("ana"), job.id, "lobby")


async def test_what_its_owner_holds_while_the_printer_is_asked_waits(tmp_path: Path) -> None:
    queues = (queue("quick", "lobby", release=Release.ON_ARRIVAL),)
    async with open_house(tmp_path, queues=queues, running=False) as house:
        ana = house.person("ana")
        job = await house.add_job(ana, queue="quick", on_arrival=True)

        async def hold() -> None:
            await house.desk.hold(ana, job.id)

        house.memory("lobby").before["status"] = hold
        with pytest.raises(NotPossible):
            await house.service.gate.admit_on_arrival(job.id, ana)
        assert await house.grants(job) == []


async def test_nothing_leaves_a_queue_that_is_paused_while_the_printer_is_asked(tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        job = await house.add_job(house.person("ana"))

        async def pause() -> None:
            orders = house.service.gate.orders
            await orders.give(house.database, "secure", Order.PAUSE, actor="olga", now=house.clock.now())

        house.memory("lobby").before["status"] = pause
        with pytest.raises(NotPossible, match="paused"):
            await house.service.gate.admit(house.person("ana"), job.id, "lobby")
        assert await house.grants(job) == []


async def test_a_site_that_changes_counts_at_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        only = replace(house.site.queues["secure"], printers=("floor-2",))
        house.change_site(queues={"secure": only})
        assert "floor-2" in await refused(house, job.id, NotPossible)


# -- the account as its provider has it at this moment


async def test_a_directory_that_cannot_be_asked_releases_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))

        async def down(_principal: Principal) -> Principal:
            raise Unavailable("The directory does not answer. Try again later.")

        house.confirm = down
        assert "directory" in await refused(house, job.id, Unavailable)
        assert (await house.job(job)).state is JobState.HELD
        assert await house.grants(job) == []
        assert house.memory("lobby").calls == []


async def test_who_was_closed_or_renamed_in_the_directory_loses_the_release(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        owned = await house.add_job(house.person("ana"))
        unclaimed = await house.add_job(None, claimed="ana")

        async def closed(principal: Principal) -> Principal:
            raise NotAuthorized("Your account is closed. Ask an administrator.", user=principal.id)

        async def renamed(principal: Principal) -> Principal:
            return replace(principal, name="ana.b")

        house.confirm = closed
        assert "closed" in await refused(house, owned.id, NotAuthorized)
        house.confirm = renamed
        await refused(house, unclaimed.id, NotFound)
        await house.desk.release(house.person("ana"), owned.id, "lobby")


async def test_rules_see_the_groups_of_this_moment(tmp_path: Path) -> None:
    rule = RuleSource(name="left", when='"left" in user.groups', stage="release", deny="You have left.")
    async with open_house(tmp_path, rules=(rule,)) as house:
        job = await house.add_job(house.person("ana"))

        async def left(principal: Principal) -> Principal:
            return replace(principal, groups=frozenset({"left"}))

        house.confirm = left
        assert await refused(house, job.id, RefusedByPolicy) == "You have left."


async def test_whom_the_job_does_not_concern_the_directory_is_not_asked_about(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        asked: list[str] = []

        async def asking(principal: Principal) -> Principal:
            asked.append(principal.name)
            return principal

        house.confirm = asking
        await refused(house, job.id, NotFound, who=house.person("eve"))
        await refused(house, job.id, ProofTooOld, who=house.person("ana", age_s=PROOF_S + 1))
        assert asked == []
