"""Paper at the door: rules see what a printer would be told, in whatever form a client asks for it."""

from pathlib import Path

import pytest

from policy.rules import RuleSource
from protocols.ipp.message import Attribute
from protocols.ipp.operations import Operation
from protocols.ipp.values import boolean, collection, integer, keyword, unsupported
from spoold.model.jobstate import JobState
from spoold.model.template import template_of
from tests.support.ipp_door import TEXT, IppHouse, open_ipp

VALUES, CONFLICT, IGNORED = 0x040B, 0x040E, 0x0001
CREATIONS = (Operation.VALIDATE_JOB, Operation.CREATE_JOB, Operation.PRINT_JOB)
A4, A3 = (21000, 29700), (29700, 42000)
POSTERS = RuleSource("Posters", 'job.media == "iso_a3_297x420mm"', hold="Ask the press office.")


def column(*members: Attribute) -> Attribute:
    return collection("media-col", members)


def sheet(size: tuple[int, int]) -> Attribute:
    return collection("media-size", (integer("x-dimension", size[0]), integer("y-dimension", size[1])))


@pytest.mark.parametrize(
    "asked",
    [
        keyword("media", "iso_a3_297x420mm"),
        keyword("media", "custom_poster_297x420mm"),
        column(sheet(A3)),
        column(sheet((42000, 29700)), keyword("media-type", "stationery")),
        column(keyword("media-size-name", "iso_a3_297x420mm"), keyword("media-source", "auto")),
        column(sheet(A3), keyword("media-size-name", "iso_a3_297x420mm")),
    ],
)
async def test_a_rule_about_paper_holds_every_job_that_asks_for_it(asked: Attribute, tmp_path: Path) -> None:
    async with open_ipp(tmp_path, rules=[POSTERS]) as door:
        await door.ask(Operation.PRINT_JOB, template=[asked], document=[TEXT])
        await door.ask(Operation.PRINT_JOB, template=[column(sheet(A4))], document=[TEXT])
        assert [job.state for job in await door.jobs()] == [JobState.WAITING_APPROVAL, JobState.HELD]


@pytest.mark.parametrize("operation", CREATIONS)
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("iso_a4_210x297mm", column(sheet(A3))),
        ("iso_a4_210x297mm", column(keyword("media-size-name", "iso_a3_297x420mm"))),
        ("iso_a4_210x297mm", column(keyword("media-size", "iso_a4_210x297mm"))),
    ],
)
async def test_paper_that_is_asked_for_in_two_ways_is_refused(
    door: IppHouse, operation: Operation, name: str, other: Attribute
) -> None:
    """One of the two would be what rules see, and the other what comes out."""
    both = (keyword("media", name), other)
    reply = await door.ask(operation, template=both, document=[TEXT])
    assert (reply.status, reply.unsupported.attributes) == (CONFLICT, both)
    assert "send one of them" in reply.words
    assert await door.jobs() == []


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        (column(sheet(A3)), column(sheet(A3))),
        (column(sheet((29680, 42010))), column(sheet((29680, 42010)))),
        (column(sheet((42001, 29699))), column(sheet((42001, 29699)))),
        (
            column(keyword("media-type", "stationery")),
            column(keyword("media-type", "stationery"), keyword("media-size-name", "iso_a3_297x420mm")),
        ),
    ],
)
async def test_paper_that_is_asked_for_twice_alike_is_one_wish(
    tmp_path: Path, other: Attribute, kept: Attribute
) -> None:
    """Clients that say everything they know, twice over, lose no job for it."""
    async with open_ipp(tmp_path, rules=[POSTERS]) as door:
        both = (keyword("media", "iso_a3_297x420mm"), other)
        insisting = boolean("ipp-attribute-fidelity", True)
        assert (await door.ask(Operation.PRINT_JOB, insisting, template=both, document=[TEXT])).status == 0
        (job,) = await door.jobs()
        assert (job.state, template_of(job)) == (JobState.WAITING_APPROVAL, (kept,))


async def test_a_tray_as_paper_is_left_out_beside_a_media_col(door: IppHouse) -> None:
    asked = (keyword("media", "main-tray"), column(sheet(A4)))
    reply = await door.ask(Operation.PRINT_JOB, template=asked, document=[TEXT])
    assert (reply.status, reply.unsupported.attributes) == (IGNORED, asked[:1])
    (job,) = await door.jobs()
    assert template_of(job) == asked[1:]


async def test_a_size_of_ones_own_and_its_name_are_the_same_in_round_numbers(door: IppHouse) -> None:
    receipt = column(sheet((7188, 19989)), keyword("media-size-name", "custom_receipt_2.83x7.87in"))
    reply = await door.ask(Operation.PRINT_JOB, template=[receipt], document=[TEXT])
    assert reply.status == 0
    (job,) = await door.jobs()
    assert template_of(job) == (receipt,)


async def test_what_nobody_knows_of_paper_is_not_kept(door: IppHouse) -> None:
    """A printer may have its own idea of a key; rules have none."""
    known = (sheet(A4), keyword("media-type", "stationery"))
    asked = column(keyword("media-key", "a3-letterhead"), *known)
    reply = await door.ask(Operation.PRINT_JOB, template=[asked], document=[TEXT])
    assert reply.status == IGNORED
    assert reply.unsupported.attributes == (column(unsupported("media-key")),)
    (job,) = await door.jobs()
    assert template_of(job) == (column(*known),)


@pytest.mark.parametrize("operation", CREATIONS)
async def test_who_insists_on_paper_that_nobody_knows_is_refused(
    door: IppHouse, operation: Operation
) -> None:
    asked = column(keyword("media-key", "a3-letterhead"), sheet(A4))
    insisting = boolean("ipp-attribute-fidelity", True)
    assert (await door.ask(operation, insisting, template=[asked], document=[TEXT])).status == VALUES
    insisting = keyword("job-mandatory-attributes", "media-col")
    assert (await door.ask(operation, insisting, template=[asked], document=[TEXT])).status == VALUES
    assert await door.jobs() == []
