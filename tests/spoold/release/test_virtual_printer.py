"""Against a real ippeveprinter: documents arrive as they were sent, and trouble costs no paper."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from protocols.ipp.values import integer, keyword
from protocols.tls import spki_pin
from spoold.model.errors import PrinterNotReady
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.printer import Printer
from spoold.printers.directory import make_adapter
from tests.support.identities import open_database
from tests.support.release_house import TITLE_MARKER, House, open_house
from tests.support.virtual_printer import VirtualPrinter, virtual_printer

SMALL = b"%PDF-1.4 " + bytes(range(256)) * 40
# Larger than what the kernel's buffers between the two take, so that it is under way for a while.
LARGE = b"%PDF-1.4 " + bytes(range(256)) * (48 * 4096)
WAIT_S = 120.0


@dataclass
class Floor:
    """A house with two real printers."""

    house: House
    lobby: VirtualPrinter
    upstairs: VirtualPrinter

    async def add(self, **settings: object) -> Job:
        return await self.house.add_job(self.house.person("ana"), **settings)  # type: ignore[arg-type]

    async def release(self, job: Job, at: str = "lobby") -> None:
        await self.house.desk.release(self.house.person("ana"), job.id, at)

    async def ended(self, job: Job) -> Job:
        with trio.fail_after(WAIT_S):
            return await self.house.settled(job)

    async def until(self, job: Job, state: JobState) -> None:
        with trio.fail_after(WAIT_S):
            while (await self.house.job(job)).state is not state:
                await trio.sleep(0.02)


@asynccontextmanager
async def floor(root: Path, *, secure: bool = False) -> AsyncIterator[Floor]:
    async with AsyncExitStack() as stack:
        lobby = await stack.enter_async_context(virtual_printer(root / "lobby", secure=secure))
        upstairs = await stack.enter_async_context(virtual_printer(root / "upstairs"))
        pin = spki_pin(await lobby.leaf()) if secure else None
        printers = (
            Printer("lobby", lobby.uri, "Lobby", pin=pin),
            Printer("upstairs", upstairs.uri, "Upstairs"),
        )
        database = stack.enter_context(open_database(root / "spoold.db"))
        house = await stack.enter_async_context(
            open_house(root, printers=printers, make=make_adapter, database=database, files=True)
        )
        yield Floor(house, lobby, upstairs)


@pytest.mark.parametrize("secure", [False, True], ids=["ipp", "ipps"])
async def test_a_document_arrives_byte_for_byte_as_its_owner_asked(secure: bool, tmp_path: Path) -> None:
    asked = (
        integer("copies", 3),
        keyword("sides", "two-sided-long-edge"),
        keyword("media", "iso_a4_210x297mm"),
    )
    async with floor(tmp_path, secure=secure) as here:
        job = await here.add(documents=[SMALL], template=asked)
        await here.release(job)
        ended = await here.ended(job)
        assert ended.state is JobState.COMPLETED, ended.reason
        [sheet] = here.lobby.paper()
        assert sheet.document == SMALL
        assert sheet.attributes["IPP_COPIES"] == "3"
        assert sheet.attributes["IPP_SIDES"] == "two-sided-long-edge"
        assert sheet.attributes["IPP_MEDIA"] == "iso_a4_210x297mm"
        assert sheet.attributes["CONTENT_TYPE"] == "application/pdf"
        # Nothing the printer was told names the document or its owner.
        told = json.dumps(dict(sheet.attributes))
        assert TITLE_MARKER not in told
        assert "ana" not in sheet.attributes["IPP_JOB_ORIGINATING_USER_NAME"]


async def test_a_large_document_arrives_byte_for_byte(tmp_path: Path) -> None:
    async with floor(tmp_path) as here:
        job = await here.add(documents=[LARGE])
        await here.release(job)
        assert (await here.ended(job)).state is JobState.COMPLETED
        [sheet] = here.lobby.paper()
        assert sheet.document == LARGE


@pytest.mark.parametrize("trouble", ["media-jam", "media-empty", "frozen", "gone"])
async def test_a_printer_in_trouble_refuses_at_once_and_names_a_better_one(
    trouble: str, tmp_path: Path
) -> None:
    async with floor(tmp_path) as here:
        job = await here.add()
        if trouble == "media-jam":
            await here.lobby.panel("+media-jam")
        elif trouble == "media-empty":
            here.lobby.take_paper()
        elif trouble == "frozen":
            here.lobby.freeze()
        else:
            here.lobby.vanish()
        with trio.fail_after(WAIT_S), pytest.raises(PrinterNotReady) as refusal:
            await here.release(job)
        words = {
            "media-jam": "Paper is jammed.",
            "media-empty": "The printer is out of paper.",
            "frozen": "The printer does not answer.",
            "gone": "The printer cannot be reached.",
        }
        assert words[trouble] in refusal.value.public
        assert "upstairs (Upstairs)" in refusal.value.public
        assert (await here.house.job(job)).state is JobState.HELD
        await here.release(job, "upstairs")
        assert (await here.ended(job)).state is JobState.COMPLETED
        assert (len(here.lobby.paper()), len(here.upstairs.paper())) == (0, 1)


async def test_a_printer_jammed_with_somebody_elses_job_refuses(tmp_path: Path) -> None:
    async with floor(tmp_path) as here:
        first, second = await here.add(), await here.add()
        here.lobby.jam()
        await here.release(first)
        await here.until(first, JobState.PRINTING)
        with trio.fail_after(WAIT_S):
            while "media-jam-warning" not in await here.lobby.reasons():
                await trio.sleep(0.02)
        with pytest.raises(PrinterNotReady, match="Paper is jammed"):
            await here.release(second)
        assert (await here.ended(first)).state is JobState.HELD


async def test_a_jam_after_release_holds_the_job_and_clearing_it_prints_nothing(tmp_path: Path) -> None:
    async with floor(tmp_path) as here:
        job = await here.add()
        here.lobby.jam()
        await here.release(job)
        ended = await here.ended(job)
        assert ended.state is JobState.HELD
        assert "Paper is jammed." in ended.reason
        here.lobby.clear()
        await trio.sleep(3)
        assert here.lobby.paper() == []
        # A new release, and only that, prints it.
        await here.release(job)
        assert (await here.ended(job)).state is JobState.COMPLETED
        assert len(here.lobby.paper()) == 1


async def test_the_owner_cancels_a_job_in_the_printer(tmp_path: Path) -> None:
    async with floor(tmp_path) as here:
        job = await here.add()
        here.lobby.slow(30)
        await here.release(job)
        await here.until(job, JobState.PRINTING)
        with trio.fail_after(WAIT_S):
            view = await here.house.desk.cancel(here.house.person("ana"), job.id)
        assert view.job.state is JobState.CANCELED
        assert here.lobby.paper() == []


async def test_a_job_that_the_printer_aborts(tmp_path: Path) -> None:
    async with floor(tmp_path) as here:
        job = await here.add()
        here.lobby.fail("out of toner\n")
        await here.release(job)
        ended = await here.ended(job)
        assert ended.state in {JobState.HELD, JobState.UNKNOWN}
        assert "aborted" in ended.reason
        assert here.lobby.paper() == []


async def test_a_printer_killed_in_mid_document(tmp_path: Path) -> None:
    async with floor(tmp_path) as here:
        job = await here.add(documents=[LARGE])
        here.lobby.freeze()
        here.lobby.thaw()
        await here.release(job)
        await here.until(job, JobState.PRINTING)
        here.lobby.vanish()
        ended = await here.ended(job)
        assert ended.state in {JobState.HELD, JobState.UNKNOWN}
        assert here.lobby.paper() == []
        assert len(await here.house.grants(job)) == 1


async def test_a_printer_that_freezes_while_it_prints(tmp_path: Path) -> None:
    """Nobody can know what a printer does that does not answer: the owner is told to look."""
    async with floor(tmp_path) as here:
        job = await here.add()
        here.lobby.slow(5)
        await here.release(job)
        await here.until(job, JobState.PRINTING)
        with trio.fail_after(WAIT_S):
            while (await here.house.job(job)).all_bytes_at is None:
                await trio.sleep(0.02)
        here.lobby.freeze()
        await trio.sleep(8)
        here.lobby.thaw()
        # It came back before anybody gave up: the job was followed to its end.
        assert (await here.ended(job)).state is JobState.COMPLETED
        assert len(here.lobby.paper()) == 1


async def test_a_printer_with_another_certificate_gets_nothing(tmp_path: Path) -> None:
    async with floor(tmp_path, secure=True) as here:
        job = await here.add()
        impostor = Printer("lobby", here.lobby.uri, pin="sha256:" + "00" * 32)
        here.house.change_site(printers=dict(here.house.site.printers) | {"lobby": impostor})
        with pytest.raises(PrinterNotReady, match="another certificate"):
            await here.release(job)
        assert here.lobby.paper() == []


async def test_what_the_printer_says_it_is(tmp_path: Path) -> None:
    async with floor(tmp_path) as here:
        adapter = here.house.directory.adapter("lobby")
        assert adapter is not None
        described = await adapter.describe()
        assert described.make_and_model.endswith("Printer")
