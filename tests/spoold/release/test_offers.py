"""Printers are offered to those whom groups at queues, printers and paper let use them; to nobody else."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from trio.testing import MockClock

from policy.access import Access
from policy.engine import compile_rules
from policy.rules import RuleSource
from policy.setting import Setting
from protocols.ipp.values import Attribute, collection, integer, keyword
from spoold.model.errors import PrinterNotReady, RefusedByPolicy
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal, Role
from spoold.model.printer import Printer
from spoold.release.offers import NOT_FOR_YOU
from tests.support.release_house import House, open_house

LETTERHEAD = (collection("media-col", (keyword("media-type", "stationery-letterhead"),)),)
A3 = collection("media-size", (integer("x-dimension", 29700), integer("y-dimension", 42000)))
STAFF = {"lobby": ["staff"]}


def restrict(house: House, access: Access, *rules: RuleSource) -> None:
    """What a reload with groups does."""
    house.change_site(policy=compile_rules(rules, Setting(access=access), "UTC"))


async def offered(house: House, who: Principal) -> list[str]:
    return [view.printer.name for view in await house.desk.printers(who)]


@pytest.mark.parametrize(
    ("access", "ana_may", "mia_may"),
    [
        (Access(), ("lobby", "floor-2"), ("lobby", "floor-2")),
        (Access(printers=STAFF), ("floor-2",), ("lobby", "floor-2")),
        (Access(queues={"secure": ["staff"]}), (), ("lobby", "floor-2")),
        (Access(queues={"other": ["staff"]}), ("lobby", "floor-2"), ("lobby", "floor-2")),
        (
            Access(media={"floor-2": {"stationery-letterhead": ["staff"]}}),
            ("lobby",),
            ("lobby", "floor-2"),
        ),
        (Access(media={"floor-2": {"labels": ["staff"]}}), ("lobby", "floor-2"), ("lobby", "floor-2")),
    ],
)
async def test_a_job_may_come_out_where_its_owner_may_print(
    access: Access, ana_may: tuple[str, ...], mia_may: tuple[str, ...], tmp_path: Path
) -> None:
    async with open_house(tmp_path) as house:
        restrict(house, access)
        for who, places in ((house.person("ana"), ana_may), (house.person("mia", "staff"), mia_may)):
            job = await house.add_job(who, template=LETTERHEAD)
            view = await house.desk.job(who, job.id)
            assert view.printers == places
            assert (*view.printers, *view.barred) == places + tuple(
                name for name in ("lobby", "floor-2") if name not in places
            )
            assert view.no_printer == ("" if places else NOT_FOR_YOU)
            assert [one.printers for one in await house.desk.jobs(who)] == [places]


async def test_a_job_of_a_queue_without_printers_is_not_called_restricted(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        restrict(house, Access(printers=STAFF))
        ana = house.person("ana")
        job = await house.add_job(ana, queue="gone")
        view = await house.desk.job(ana, job.id)
        assert (view.printers, view.no_printer) == ((), "")


async def test_a_delegate_is_offered_what_the_delegate_may_use(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        restrict(house, Access(printers=STAFF))
        mia, ben = await house.account("mia", "staff"), await house.account("ben")
        job = await house.add_job(mia)
        await house.decisions.delegations.give(mia, "ben", house.clock.now() + timedelta(hours=1))
        assert (await house.desk.job(ben, job.id)).printers == ("floor-2",)
        assert (await house.desk.job(mia, job.id)).printers == ("lobby", "floor-2")


async def test_staff_see_where_the_jobs_of_others_can_go(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        restrict(house, Access(printers=STAFF))
        job = await house.add_job(house.person("ana"))
        olga = house.person("olga", role=Role.OPERATOR)
        assert (await house.desk.job(olga, job.id)).printers == ("lobby", "floor-2")


@pytest.mark.parametrize(
    ("queues", "printers", "seen"),
    [
        ({}, STAFF, ["floor-2"]),
        ({"secure": ["staff"]}, {}, []),
        ({"secure": ["guests"]}, {}, ["lobby", "floor-2"]),
    ],
)
async def test_printers_are_listed_for_whom_they_are(
    queues: Mapping[str, list[str]], printers: Mapping[str, list[str]], seen: list[str], tmp_path: Path
) -> None:
    async with open_house(tmp_path) as house:
        restrict(house, Access(queues=queues, printers=printers))
        assert await offered(house, house.person("ana", "guests")) == seen
        # Who looks after printers sees all of them, and which are not for themselves.
        olga = house.person("olga", "guests", role=Role.OPERATOR)
        found = await house.desk.printers(olga)
        assert [view.printer.name for view in found] == ["lobby", "floor-2"]
        assert [view.printer.name for view in found if view.usable] == seen


async def test_a_printer_that_no_queue_leads_to_is_listed(tmp_path: Path) -> None:
    async with open_house(tmp_path, printers=[Printer("spare", "folder:/nowhere")], queues=[]) as house:
        restrict(house, Access(queues={"secure": ["staff"]}))
        assert await offered(house, house.person("ana")) == ["spare"]


async def test_without_a_name_the_first_printer_is_one_of_theirs(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        restrict(house, Access(printers=STAFF))
        ana, mia = house.person("ana"), house.person("mia", "staff")
        for who, place in ((ana, "floor-2"), (mia, "lobby")):
            job = await house.add_job(who)
            view = await house.desk.release_and_wait(who, job.id, None, 60)
            assert (view.job.state, view.job.printer) == (JobState.COMPLETED, place)


async def test_nobody_is_sent_on_to_a_printer_that_refuses_them(tmp_path: Path) -> None:
    never = RuleSource("Never", 'printer.name == "floor-2"', "release", deny="Never there.")
    async with open_house(tmp_path) as house:
        house.memory("lobby").reasons = ("media-jam-error",)
        ana = house.person("ana")
        for access, rules, better in (
            (Access(), (), "floor-2"),
            (Access(printers={"floor-2": ["staff"]}), (), None),
            (Access(), (never,), None),
        ):
            restrict(house, access, *rules)
            job = await house.add_job(ana)
            with pytest.raises(PrinterNotReady) as caught:
                await house.desk.release(ana, job.id, "lobby")
            assert caught.value.fields["better"] == better
            assert ("floor-2" in caught.value.public) == (better is not None)


@pytest.mark.parametrize(
    "asked",
    [
        keyword("media", "iso_a3_297x420mm"),
        keyword("media", "custom_poster_297x420mm"),
        collection("media-col", (keyword("media-size-name", "iso_a3_297x420mm"),)),
        collection("media-col", (A3, keyword("media-type", "stationery"))),
    ],
)
async def test_paper_that_is_restricted_by_its_size_is_so_in_every_form(
    asked: Attribute, tmp_path: Path
) -> None:
    async with open_house(tmp_path) as house:
        restrict(house, Access(media={"floor-2": {"iso_a3_297x420mm": ["staff"]}}))
        ana, mia = house.person("ana"), house.person("mia", "staff")
        job = await house.add_job(ana, template=(asked,))
        assert (await house.desk.job(ana, job.id)).printers == ("lobby",)
        with pytest.raises(RefusedByPolicy, match="is for members of"):
            await house.desk.release(ana, job.id, "floor-2")
        await house.desk.release(mia, (await house.add_job(mia, template=(asked,))).id, "floor-2")
