"""A rule sends a job to another printer: the first that is ready, fits and is permitted, or none."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert
from trio.testing import MockClock

from policy.access import Access
from policy.engine import compile_rules
from policy.rules import RuleSource
from policy.setting import Setting
from protocols.ipp.values import keyword
from spoold.database.schema import obligations as table
from spoold.model.errors import NotPossible, PrinterNotReady, RefusedByPolicy, SpoolError
from spoold.model.jobstate import JobState
from spoold.model.printer import Printer
from spoold.model.station import Station
from spoold.release.gate import NeedsApproval
from tests.support.release_house import TITLE_MARKER, House, open_house, queue

PRINTERS = [
    Printer(name, "folder:/nowhere", name.title()) for name in ("lobby", "cheap", "spare", "elsewhere")
]
QUEUES = [queue("secure", "lobby", "cheap", "spare"), queue("open", "lobby", mask=False)]
CHEAP = RuleSource("Cheap", 'job.color_mode == "monochrome"', "release", redirect=("cheap", "spare"))
GREY = (keyword("print-color-mode", "monochrome"),)


async def refused(house: House, expected: type[SpoolError]) -> str:
    held = await house.add_job(house.person("ana"), template=GREY)
    with pytest.raises(expected) as caught:
        await house.desk.release(house.person("ana"), held.id, "lobby")
    assert all(house.memory(printer.name).paper == [] for printer in PRINTERS)
    return caught.value.public


async def test_a_rule_sends_the_job_to_its_first_printer_and_says_so(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[CHEAP]) as house:
        ana = house.person("ana")
        job = await house.add_job(ana, template=GREY)
        view = await house.desk.release_and_wait(ana, job.id, "lobby", 60)
        assert (view.job.state, view.job.printer) == (JobState.COMPLETED, "cheap")
        told = [event.words for event in await house.desk.timeline(ana, job.id)]
        assert 'Released to cheap (Cheap), because the rule "Cheap" sends it there.' in told


async def test_a_printer_of_the_rule_is_left_as_it_was_chosen(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[CHEAP]) as house:
        ana = house.person("ana")
        job = await house.add_job(ana, template=GREY)
        view = await house.desk.release_and_wait(ana, job.id, "spare", 60)
        assert view.job.printer == "spare"


async def test_what_is_not_ready_is_passed_over(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[CHEAP]) as house:
        house.memory("cheap").reasons = ("media-jam-error",)
        # Where nothing comes out nothing needs to be ready.
        house.memory("lobby").reasons = ("media-empty",)
        ana = house.person("ana")
        job = await house.add_job(ana, template=GREY)
        view = await house.desk.release_and_wait(ana, job.id, "lobby", 60)
        assert view.job.printer == "spare"


CHEAPEST = RuleSource("Cheapest", "true", "release", redirect=("lobby", "cheap", "spare"), prefer="cheapest")


@pytest.mark.parametrize(
    ("costs", "jammed", "way"),
    [
        # The order of the rule says nothing where costs differ, and the chosen one is no exception.
        ((60, 12, 8), (), ("lobby", "spare")),
        ((60, 12, 8), ("spare",), ("lobby", "cheap")),
        ((60, 12, 8), ("spare", "cheap"), ("cheap", "lobby")),
        ((60, 12, 8), (), ("spare", "spare")),
        # Where two cost the same, it stays at the chosen one, or goes to the first.
        ((60, 8, 8), (), ("spare", "spare")),
        ((60, 8, 8), (), ("lobby", "cheap")),
        # Of which nobody has said what it costs, that is the dearest.
        ((None, 12, None), (), ("lobby", "cheap")),
    ],
)
async def test_the_cheapest_that_is_ready_is_taken(
    costs: tuple[int | None, ...],
    jammed: tuple[str, ...],
    way: tuple[str, str],
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    chosen, place = way
    printers = [replace(printer, cost=cost) for printer, cost in zip(PRINTERS, (*costs, 1), strict=True)]
    async with open_house(tmp_path, queues=QUEUES, printers=printers, rules=[CHEAPEST]) as house:
        for name in jammed:
            house.memory(name).reasons = ("media-jam-error",)
        ana = house.person("ana")
        job = await house.add_job(ana)
        view = await house.desk.release_and_wait(ana, job.id, chosen, 60)
        assert (view.job.state, view.job.printer) == (JobState.COMPLETED, place)
        told = [event.words for event in await house.desk.timeline(ana, job.id)]
        assert any('because the rule "Cheapest"' in words for words in told) == (place != chosen)


async def test_a_rule_computes_with_what_a_page_costs(tmp_path: Path, autojump_clock: MockClock) -> None:
    dear = RuleSource(
        "Dear", "document.known && printer.cost * job.impressions > 5000", "release", deny="Too dear."
    )
    printers = [replace(printer, cost=50) for printer in PRINTERS]
    async with open_house(tmp_path, queues=QUEUES, printers=printers, rules=[dear]) as house:
        ana = house.person("ana")
        fine = await house.add_job(ana, pages=100)
        assert (await house.desk.release_and_wait(ana, fine.id, "lobby", 60)).job.printer == "lobby"
        long = await house.add_job(ana, pages=101)
        with pytest.raises(RefusedByPolicy, match="Too dear"):
            await house.desk.release(ana, long.id, "lobby")


async def test_without_a_printer_that_is_ready_the_job_stays(tmp_path: Path) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[CHEAP]) as house:
        house.memory("cheap").reasons = ("media-jam-error",)
        house.memory("spare").reasons = ("media-empty",)
        words = await refused(house, PrinterNotReady)
        assert "cheap (Cheap): Paper is jammed." in words
        assert "spare (Spare): " in words
        assert "still held" in words


async def test_rules_are_asked_again_about_the_other_printer(tmp_path: Path) -> None:
    closed = RuleSource("Closed", 'printer.name == "cheap"', "release", deny="Not at night.")
    only = RuleSource("Cheap", "true", "release", redirect=("cheap",))
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[closed, only]) as house:
        assert "cheap (Cheap): Not at night." in await refused(house, PrinterNotReady)


async def test_groups_of_the_other_printer_count(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS) as house:
        setting = Setting(access=Access(printers={"cheap": ["staff"]}))
        house.change_site(policy=compile_rules([CHEAP], setting, "UTC"))
        ana, mia = house.person("ana"), house.person("mia", "staff")
        job = await house.add_job(ana, template=GREY)
        assert (await house.desk.release_and_wait(ana, job.id, "lobby", 60)).job.printer == "spare"
        job = await house.add_job(mia, template=GREY)
        assert (await house.desk.release_and_wait(mia, job.id, "lobby", 60)).job.printer == "cheap"


async def test_groups_at_the_queue_and_the_printer_are_asked_at_release(tmp_path: Path) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS) as house:
        for access in (Access(queues={"secure": ["staff"]}), Access(printers={"lobby": ["staff"]})):
            house.change_site(policy=compile_rules([], Setting(access=access), "UTC"))
            assert 'is for members of "staff"' in await refused(house, RefusedByPolicy)


async def test_a_job_is_sent_on_once_only(tmp_path: Path, autojump_clock: MockClock) -> None:
    there = RuleSource("There", 'printer.name == "lobby"', "release", redirect=("cheap",))
    back = RuleSource("Back", 'printer.name == "cheap"', "release", redirect=("lobby",))
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[there, back]) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        assert (await house.desk.release_and_wait(ana, job.id, "lobby", 60)).job.printer == "cheap"


async def test_what_the_other_printer_wants_approved_waits(tmp_path: Path) -> None:
    ask = RuleSource("Ask", 'printer.name == "cheap"', "release", hold="Ask.")
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[ask, CHEAP]) as house:
        assert "Ask." in await refused(house, NeedsApproval)


async def test_a_rule_knows_whether_the_printer_is_ready(tmp_path: Path, autojump_clock: MockClock) -> None:
    spare = RuleSource("Spare", "!printer.ready", "release", redirect=("spare",))
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[spare]) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        assert (await house.desk.release_and_wait(ana, job.id, "lobby", 60)).job.printer == "lobby"
        house.memory("lobby").reasons = ("media-empty",)
        job = await house.add_job(ana)
        assert (await house.desk.release_and_wait(ana, job.id, "lobby", 60)).job.printer == "spare"


async def test_a_rule_masks_the_name_for_the_printer(tmp_path: Path, autojump_clock: MockClock) -> None:
    mask = RuleSource("Mask", '"staff" in user.groups', "release", mask=True)
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[mask]) as house:
        ana, mia = house.person("ana"), house.person("mia", "staff")
        for owner in (ana, mia):
            job = await house.add_job(owner, queue="open")
            await house.desk.release_and_wait(owner, job.id, None, 60)
        names = [name for name in house.memory("lobby").names if name]
        assert names == [TITLE_MARKER]
        assert [one.ticket.user_name for one in house.memory("lobby").jobs] == ["ana", "spoold"]


async def test_what_nothing_here_can_do_is_not_printed(tmp_path: Path) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)

        def ask(connection: Connection) -> None:
            connection.execute(insert(table).values(job_id=job.id.bytes, words="archive mask"))

        await house.database.write(ask)
        with pytest.raises(RefusedByPolicy, match="cannot do with your job"):
            await house.desk.release(ana, job.id, "lobby")
        assert (await house.job(job)).state is JobState.HELD


async def test_from_a_station_nothing_comes_out_elsewhere(tmp_path: Path) -> None:
    async with open_house(tmp_path, queues=QUEUES, printers=PRINTERS, rules=[CHEAP]) as house:
        house.change_site(stations={"front": Station("front", "lobby", ())})
        ana = replace(house.person("ana"), station="front")
        job = await house.add_job(ana, template=GREY)
        with pytest.raises(NotPossible, match=r"cheap \(Cheap\)\. Release it there"):
            await house.desk.release(ana, job.id, "lobby")
        assert house.memory("cheap").paper == []
