"""Set-Job-Attributes: the owner changes how a held job is printed; everything of a request or nothing."""

from pathlib import Path

import pytest

from policy.rules import RuleSource
from protocols.ipp.message import Attribute, Value
from protocols.ipp.operations import Operation
from protocols.ipp.tags import ValueTag
from protocols.ipp.values import collection, integer, keyword, name_, range_
from spoold.doors.ipp.job_attributes import SETTABLE
from spoold.model.jobstate import JobState
from spoold.model.template import template_of
from tests.support.ipp_door import IppHouse, Reply, open_ipp

NOT_POSSIBLE, VALUES, NOT_SETTABLE, NOT_AUTHORIZED, CONFLICT = 0x0404, 0x040B, 0x0413, 0x0403, 0x040E
_ALL = keyword("requested-attributes", "all")
_TWO_SIDED = keyword("sides", "two-sided-long-edge")


async def change(door: IppHouse, number: int, *settings: Attribute, user: str | None = "ana") -> Reply:
    return await door.ask(Operation.SET_JOB_ATTRIBUTES, job=number, template=settings, user=user)


async def shown(door: IppHouse, number: int, *names: str) -> list[object]:
    job = (await door.ask(Operation.GET_JOB_ATTRIBUTES, _ALL, job=number, user="ana")).job
    found = [job.get(name) for name in names]
    return [None if one is None else one.first for one in found]


async def test_the_owner_changes_a_held_job(door: IppHouse) -> None:
    number = await door.held(user="ana")
    settings = (_TWO_SIDED, integer("copies", 3), range_("page-ranges", (1, 2)))
    assert (await change(door, number, *settings)).status == 0
    assert await shown(door, number, "sides", "copies", "page-ranges") == ["two-sided-long-edge", 3, (1, 2)]
    assert (await change(door, number, integer("copies", 1))).status == 0
    assert await shown(door, number, "sides", "copies") == ["two-sided-long-edge", 1]
    job = await door.job(number)
    assert job.state is JobState.HELD


async def test_what_is_deleted_is_the_queue_s_default_again(door: IppHouse) -> None:
    number = await door.held(user="ana")
    await change(door, number, integer("copies", 3))
    nothing = Attribute("copies", (Value(ValueTag.DELETE_ATTRIBUTE, None),))
    assert (await change(door, number, nothing)).status == 0
    assert await shown(door, number, "copies") == [1]


async def test_a_new_name_is_sealed_like_the_old(door: IppHouse) -> None:
    number = await door.held(user="ana")
    assert (await change(door, number, name_("job-name", "Pensions 2026"))).status == 0
    assert await shown(door, number, "job-name") == ["Pensions 2026"]
    reply = await door.ask(Operation.GET_JOB_ATTRIBUTES, _ALL, job=number, user="oskar")
    assert reply.job.string("job-name") == "private"
    assert b"Pensions" not in ((await door.job(number)).private or b"")


async def test_the_change_is_recorded_without_its_values(door: IppHouse) -> None:
    number = await door.held(user="ana")
    await change(door, number, name_("job-name", "Pensions 2026"), _TWO_SIDED)
    entry = (await door.audit())[-1]
    assert (entry["kind"], entry["actor"]) == ("job-changed", "id-ana")
    assert entry["attributes"] == ["job-name", "sides"]
    job = await door.job(number)
    line = (await door.door.desk.service.ledger.timeline(job.id))[-1]
    assert (line.event, "Pensions" in line.words) == ("changed", False)


async def test_all_or_nothing(door: IppHouse) -> None:
    """RFC 3380 4.2.3: one that cannot be changed, and none is."""
    number = await door.held(user="ana")
    fixed = await change(door, number, _TWO_SIDED, integer("job-id", 7))
    assert fixed.status == NOT_SETTABLE
    assert [(one.name, one.values[0].tag) for one in fixed.unsupported] == [("job-id", ValueTag.NOT_SETTABLE)]
    wrong = keyword("sides", "five-sided")
    refused = await change(door, number, integer("copies", 2), wrong)
    assert (refused.status, refused.unsupported.attributes) == (VALUES, (wrong,))
    assert await shown(door, number, "sides", "copies") == ["one-sided", 1]


@pytest.mark.parametrize("state", sorted(set(JobState) - {JobState.HELD}))
async def test_only_a_held_job_can_be_changed(door: IppHouse, state: JobState) -> None:
    number = await door.held(user="ana")
    await door.put(number, state)
    assert (await change(door, number, _TWO_SIDED)).status == NOT_POSSIBLE


@pytest.mark.parametrize("user", ["oskar", "ada"])
async def test_nobody_changes_another_s_job(door: IppHouse, user: str) -> None:
    number = await door.held(user="ana")
    assert (await change(door, number, _TWO_SIDED, user=user)).status == NOT_AUTHORIZED
    assert (await change(door, number, _TWO_SIDED, user=None)).http == 401


async def test_the_password_is_checked_anew(door: IppHouse) -> None:
    number = await door.held(user="ana")
    await change(door, number, _TWO_SIDED)
    assert door.people.asked[-1] == ("ana", True)


async def test_what_a_rule_sets_stays_set(tmp_path: Path) -> None:
    grey = RuleSource("grey", "true", "accept", set_attributes={"print-color-mode": "monochrome"})
    async with open_ipp(tmp_path, rules=[grey]) as door:
        number = await door.held(user="ana")
        assert (await change(door, number, keyword("print-color-mode", "color"))).status == 0
        assert await shown(door, number, "print-color-mode") == ["monochrome"]


async def test_what_a_rule_refuses_changes_nothing(tmp_path: Path) -> None:
    few = RuleSource("few", "job.copies > 10", "accept", deny="Too many.")
    async with open_ipp(tmp_path, rules=[few]) as door:
        number = await door.held(user="ana")
        reply = await change(door, number, integer("copies", 11))
        assert (reply.status, reply.words) == (VALUES, "Too many.")
        assert await shown(door, number, "copies") == [1]


async def test_clients_are_told_what_can_be_changed(door: IppHouse) -> None:
    asked = keyword("requested-attributes", "job-settable-attributes-supported")
    printer = (await door.ask(Operation.GET_PRINTER_ATTRIBUTES, asked)).printer
    assert printer.strings("job-settable-attributes-supported") == SETTABLE


async def test_paper_is_asked_for_in_one_way(door: IppHouse) -> None:
    """What is set last counts: a printer that was sent both would choose by itself."""
    number = await door.held(user="ana")
    column = collection("media-col", (keyword("media-size-name", "iso_a3_297x420mm"),))
    plain = keyword("media", "iso_a4_210x297mm")
    for setting in (plain, column, plain, column):
        assert (await change(door, number, setting)).status == 0
        asked = [one for one in template_of(await door.job(number)) if one.name.startswith("media")]
        assert asked == [setting]
    reply = await change(door, number, plain, column)
    assert (reply.status, reply.unsupported.attributes) == (CONFLICT, (plain, column))


async def test_a_rule_on_paper_holds_whatever_way_it_is_changed(tmp_path: Path) -> None:
    rule = RuleSource("no A3", 'job.media == "iso_a3_297x420mm"', "accept", deny="Not on A3.")
    size = collection("media-size", (integer("x-dimension", 29700), integer("y-dimension", 42000)))
    async with open_ipp(tmp_path, rules=[rule]) as door:
        number = await door.held(user="ana")
        for setting in (keyword("media", "custom_a_297x420mm"), collection("media-col", (size,))):
            assert (await change(door, number, setting)).words == "Not on A3."
