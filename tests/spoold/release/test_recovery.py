"""Recovery: what a crash left at a printer is found out, and never printed again by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
import trio
from trio.testing import MockClock

from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.printer import Printer
from spoold.printers.base import PrinterUnreachable, RemoteState, Ticket
from spoold.printers.directory import make_adapter
from tests.support.memory_printer import MemoryPrinter, PaperJob, failing
from tests.support.release_house import DOCUMENT, House, open_house

TOKEN = "5a" * 16


@asynccontextmanager
async def crashed(
    root: Path,
    state: JobState,
    at_printer: RemoteState | None,
    *,
    impressions: int | None = 0,
    all_bytes: bool = False,
    remote_id: int | None = 1,
) -> AsyncIterator[tuple[House, Job, MemoryPrinter]]:
    """A house that starts with a job as a crash may have left it, and a printer that has what it has."""
    async with open_house(root, running=False) as house:
        now = house.clock.now()
        job = await house.add_job(
            house.person("ana"),
            state=state,
            printer="lobby",
            token=TOKEN,
            attempt=1,
            remote_job_id=remote_id,
            first_byte_at=now if state is JobState.PRINTING else None,
            all_bytes_at=now if all_bytes else None,
        )
        printer = house.memory("lobby")
        if at_printer is not None:
            found = PaperJob(1, Ticket(TOKEN, "spoold"), state=at_printer, impressions=impressions)
            found.received.append(DOCUMENT)
            printer.jobs.append(found)
        yield house, job, printer


async def recovered(house: House, job: Job) -> Job:
    """Start the service, and return the job when it has been resolved."""
    async with trio.open_nursery() as nursery:
        await nursery.start(house.service.run)
        ended = await house.settled(job)
        nursery.cancel_scope.cancel()
    return ended


@pytest.mark.parametrize("remote_id", [1, None], ids=["id-known", "id-lost"])
@pytest.mark.parametrize("at_printer", [None, *RemoteState])
async def test_releasing_is_held_again_and_its_orphan_removed(
    at_printer: RemoteState | None, remote_id: int | None, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with crashed(tmp_path, JobState.RELEASING, at_printer, remote_id=remote_id) as (
        house,
        job,
        printer,
    ):
        ended = await recovered(house, job)
        assert ended.state is JobState.HELD
        assert "stopped before it sent the job" in ended.reason
        assert all(one.state.final for one in printer.jobs)
        assert printer.paper == []


CutOff: TypeAlias = tuple[RemoteState | None, int, JobState]


@pytest.mark.parametrize("remote_id", [1, None], ids=["id-known", "id-lost"])
@pytest.mark.parametrize(
    "case",
    [
        (RemoteState.PENDING, 0, JobState.HELD),
        (RemoteState.PROCESSING, 0, JobState.HELD),
        (RemoteState.STOPPED, 0, JobState.HELD),
        (RemoteState.CANCELED, 0, JobState.HELD),
        (RemoteState.ABORTED, 0, JobState.HELD),
        (RemoteState.PROCESSING, 1, JobState.UNKNOWN),
        (RemoteState.CANCELED, 1, JobState.UNKNOWN),
        (RemoteState.COMPLETED, 1, JobState.UNKNOWN),
        (None, 0, JobState.UNKNOWN),
    ],
)
async def test_a_document_cut_off_is_taken_back_or_in_doubt(
    case: CutOff, remote_id: int | None, tmp_path: Path, autojump_clock: MockClock
) -> None:
    at_printer, impressions, expected = case
    async with crashed(
        tmp_path, JobState.PRINTING, at_printer, impressions=impressions, remote_id=remote_id
    ) as (house, job, printer):
        ended = await recovered(house, job)
        assert ended.state is expected, ended.reason
        assert printer.paper == []
        assert "create" not in printer.calls
        assert "send" not in printer.calls


@pytest.mark.parametrize(
    ("at_printer", "impressions", "expected"),
    [
        (RemoteState.COMPLETED, 1, JobState.COMPLETED),
        (RemoteState.CANCELED, 0, JobState.HELD),
        (RemoteState.ABORTED, 1, JobState.UNKNOWN),
        (None, 0, JobState.UNKNOWN),
    ],
)
async def test_a_document_all_sent_is_asked_for(
    at_printer: RemoteState | None,
    impressions: int,
    expected: JobState,
    tmp_path: Path,
    autojump_clock: MockClock,
) -> None:
    async with crashed(tmp_path, JobState.PRINTING, at_printer, impressions=impressions, all_bytes=True) as (
        house,
        job,
        printer,
    ):
        ended = await recovered(house, job)
        assert ended.state is expected, ended.reason
        assert "send" not in printer.calls


async def test_a_document_all_sent_is_followed_to_its_end(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with crashed(tmp_path, JobState.PRINTING, RemoteState.PROCESSING, all_bytes=True) as (
        house,
        job,
        printer,
    ):
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            await trio.sleep(30)
            assert (await house.job(job)).state is JobState.PRINTING
            assert "cancel" not in printer.calls
            printer.put_out(printer.jobs[0])
            assert (await house.settled(job)).state is JobState.COMPLETED
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("state", "expected"),
    [(JobState.RELEASING, JobState.HELD), (JobState.PRINTING, JobState.UNKNOWN)],
)
async def test_a_printer_that_is_gone(
    state: JobState, expected: JobState, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with crashed(tmp_path, state, RemoteState.PROCESSING) as (house, job, printer):
        printer.vanish()
        began = trio.current_time()
        assert (await recovered(house, job)).state is expected
        assert trio.current_time() - began <= 45


@pytest.mark.parametrize(
    ("state", "expected"),
    [(JobState.RELEASING, JobState.HELD), (JobState.PRINTING, JobState.UNKNOWN)],
)
@pytest.mark.parametrize("all_bytes", [False, True])
async def test_a_printer_that_left_the_configuration(
    state: JobState, expected: JobState, all_bytes: bool, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with crashed(tmp_path, state, None, all_bytes=all_bytes) as (house, job, _):
        house.change_site(printers={})
        assert (await recovered(house, job)).state is expected


async def test_a_printer_that_answers_late(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with crashed(tmp_path, JobState.RELEASING, RemoteState.PENDING) as (house, job, printer):
        printer.before["find"] = failing(PrinterUnreachable("The printer cannot be reached."), times=10)
        assert (await recovered(house, job)).state is JobState.HELD
        assert printer.jobs[0].state is RemoteState.CANCELED


async def test_a_job_being_resolved_cannot_be_released(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with crashed(tmp_path, JobState.RELEASING, RemoteState.PENDING) as (house, job, printer):
        printer.before["find"] = lambda: trio.sleep(5)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            with pytest.raises(Exception, match="already on its way"):
                await house.desk.release(house.person("ana"), job.id, "lobby")
            assert (await house.settled(job)).state is JobState.HELD
            nursery.cancel_scope.cancel()


async def test_an_unfinished_attempt_never_keeps_its_expiry_waiting(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with crashed(tmp_path, JobState.RELEASING, None) as (house, job, _):
        past = house.clock.now() - timedelta(seconds=1)
        await house.service.ledger.change(job.id, [JobState.RELEASING], expires_at=past)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            await trio.sleep(30)
            assert (await house.job(job)).state is JobState.EXPIRED
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("out", [0, 1, 2])
async def test_a_folder_is_resolved_by_its_files(out: int, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for number in range(1, out + 1):
        (folder / f"{TOKEN}-{number}-of-2.pdf").write_bytes(DOCUMENT)
    if out < 2:
        (folder / f".{TOKEN}-{out + 1}-of-2.pdf.part").write_bytes(DOCUMENT[:10])
    printers = [Printer("lobby", f"folder:{folder}")]
    async with open_house(tmp_path, printers=printers, make=make_adapter, running=False) as house:
        now = house.clock.now()
        job = await house.add_job(
            house.person("ana"),
            documents=[DOCUMENT, DOCUMENT],
            state=JobState.PRINTING,
            printer="lobby",
            token=TOKEN,
            remote_job_id=1,
            first_byte_at=now,
            all_bytes_at=now if out == 2 else None,
        )
        ended = await recovered(house, job)
        assert ended.state is {0: JobState.HELD, 1: JobState.UNKNOWN, 2: JobState.COMPLETED}[out]
        assert not list(folder.glob(".*.part"))
        assert len(list(folder.glob("*.pdf"))) == out
