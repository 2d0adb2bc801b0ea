"""What rules want on every page is on every page that a printer gets, or no printer gets any."""

import contextlib
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from policy.rules import RuleSource
from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import Attribute, keyword, mime
from spoold.database import obligations, records
from spoold.documents.stamping import Stamped, Stamper, StampingLimits
from spoold.model.errors import RefusedByPolicy
from spoold.model.ids import UserId
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.obligation import Obligation
from spoold.model.printer import Printer
from spoold.model.watermark import NO_PDF_WORDS
from spoold.printers.base import PrinterProblem
from spoold.printers.notebook import Notebook
from spoold.release.verification import MAX_OPEN_READERS, open_document
from spoold.release.watch import STALLED_FOR_S
from tests.support import pdfs
from tests.support.rasters import unpacked
from tests.support.release_house import TITLE_MARKER, House, open_house, queue
from tests.support.seen import words_of

LOBBY = Printer("lobby", "ipp://lobby.example/ipp/print")
DOTS_ONLY = (
    mime("document-format-supported", "image/pwg-raster"),
    keyword("media-supported", "iso_a4_210x297mm"),
    keyword("media-default", "iso_a4_210x297mm"),
    keyword("pwg-raster-document-type-supported", "sgray_8"),
)
FITS = (
    mime("document-format-supported", "application/pdf"),
    keyword("print-scaling-supported", "none", "fit", "auto-fit"),
)
CUTS = (
    mime("document-format-supported", "application/pdf"),
    keyword("print-scaling-supported", "none", "fill"),
    keyword("sides-supported", "one-sided"),
)
WHO = RuleSource(
    "Who", "true", "release", watermark="Printed by {user} at {printer}, job {job}, {date} {time}"
)


async def notebook_of(*said: Attribute) -> Notebook:
    """What the printer in the lobby has said of itself."""
    notebook = Notebook()
    await notebook.learn(LOBBY, Group(GroupTag.PRINTER, said))
    return notebook


async def released(house: House, job: Job, printer: str = "lobby") -> Job:
    await house.desk.release(house.person("ana"), job.id, printer)
    await house.service.ended(job.id)
    return await house.job(job)


async def texts_about(house: House, job: Job, event: str) -> list[str]:
    found = await house.database.read(lambda connection: records.events_of(connection, job.id))
    return [one.words for one in found if one.event == event]


async def test_who_where_and_when_stand_on_every_page(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=[WHO]) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(3)], pages=3)
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED, ended.reason
        [(_, paper)] = house.memory("lobby").paper
        assert ended.processing_at is not None
        when = f"{ended.processing_at.astimezone(house.site.policy.timezone):%Y-%m-%d %H:%M}"
        expected = f"Printed by ana at lobby, job {ended.number}, {when}"
        pages = words_of(paper, tmp_path)
        assert len(pages) == 3
        assert all(expected in page for page in pages)
        assert TITLE_MARKER.encode() not in paper
        assert await texts_about(house, job, "watermark") == [
            "The words that the rules of this site want are on every page."
        ]


async def test_the_document_stays_as_it_was_sent(tmp_path: Path) -> None:
    async def refuse() -> None:
        raise PrinterProblem("The printer has no paper.")

    async with open_house(tmp_path, rules=[WHO]) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(2)], pages=2)
        house.memory("lobby").before["create"] = refuse
        assert (await released(house, job)).state is JobState.HELD
        assert len(await texts_about(house, job, "watermark")) == 1
        [document] = await house.service.ledger.documents(job.id)
        async with open_document(house.store, document) as reader:
            assert b"".join([piece async for piece in reader.chunks()]) == pdfs.pdf(2)


async def test_a_printer_that_takes_dots_only_gets_the_words_as_dots(tmp_path: Path) -> None:
    notebook = await notebook_of(*DOTS_ONLY)
    async with open_house(tmp_path, printers=(LOBBY,), rules=[WHO], notebook=notebook) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(2)], pages=2)
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED, ended.reason
        [(_, paper)] = house.memory("lobby").paper
        pages = unpacked(paper)
        assert len(pages) == 2
        for page in pages:
            tenth = len(page.lines) // 10
            assert any(min(line) < 160 for line in page.lines[-tenth:])
            assert all(min(line) == 255 for line in page.lines[:-tenth])


async def test_every_document_of_a_job_is_stamped(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=[WHO]) as house:
        documents = [pdfs.pdf(2, size=(300 + number, 300)) for number in range(3)]
        job = await house.add_job(house.person("ana"), documents=documents, pages=2)
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED, ended.reason
        for _, paper in house.memory("lobby").paper:
            assert all("Printed by ana" in page for page in words_of(paper, tmp_path))
        assert len(house.memory("lobby").paper) == 3


async def test_a_job_keeps_no_room_while_it_waits_for_more(tmp_path: Path) -> None:
    """Eight jobs that each keep their first document's room would wait for each other's."""
    stamper = Stamper(StampingLimits(max_stampings=1, max_wait_s=120.0))
    async with open_house(tmp_path, rules=[WHO], stamper=stamper) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)] * 3)
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED, ended.reason
        assert len(house.memory("lobby").paper) == 3


@pytest.mark.parametrize("count", [2, MAX_OPEN_READERS + 1])
async def test_a_later_document_that_cannot_be_stamped_is_known_before_the_first_is_sent(
    tmp_path: Path, count: int
) -> None:
    async with open_house(tmp_path, rules=[WHO]) as house:
        documents = [*[pdfs.pdf(1)] * (count - 1), b"%PDF-1.4 nothing"]
        job = await house.add_job(house.person("ana"), documents=documents)
        ended = await released(house, job)
        assert ended.state is JobState.HELD, ended.reason
        assert "it is damaged, or no PDF; print it anew, as PDF." in ended.reason
        assert "Nothing was printed." in ended.reason
        assert house.memory("lobby").jobs == []


class SlowStamper(Stamper):
    """Takes longer than a printer that takes nothing is given, but stamps nothing."""

    @contextlib.asynccontextmanager
    async def stamp(
        self,
        words: Sequence[str],
        chunks: AsyncIterator[bytes],
        *,
        pages: int | None = None,
        size_bytes: int | None = None,
    ) -> AsyncGenerator[Stamped]:
        await trio.sleep(STALLED_FOR_S + 30)
        yield SlowlyStamped(pages=1, size_bytes=9, _worker=None, _limits=self._limits)  # type: ignore[arg-type]


class SlowlyStamped(Stamped):
    """What is made without a worker."""

    async def chunks(self) -> AsyncGenerator[bytes]:
        yield b"%PDF-1.4 "


async def test_while_a_later_document_is_stamped_the_printer_is_not_called_stalled(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, rules=[WHO], stamper=SlowStamper()) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)] * 2)
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED, ended.reason
        assert len(house.memory("lobby").paper) == 2


async def test_what_was_asked_at_acceptance_and_what_is_asked_now_both_stand_there(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=[WHO]) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)])
        await house.database.write(
            lambda connection: obligations.add(
                connection, job.id, [Obligation.WATERMARK], watermarks=["Confidential"]
            )
        )
        assert (await released(house, job)).state is JobState.COMPLETED
        [(_, paper)] = house.memory("lobby").paper
        [page] = words_of(paper, tmp_path)
        assert page.index("Confidential") < page.index("Printed by ana")


@pytest.mark.parametrize("asked", ["none", "fill", "fit", None])
async def test_pages_are_fitted_so_that_nothing_is_cut_off(tmp_path: Path, asked: str | None) -> None:
    template = () if asked is None else (keyword("print-scaling", asked),)
    notebook = await notebook_of(*FITS)
    async with open_house(tmp_path, printers=(LOBBY,), rules=[WHO], notebook=notebook) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)], template=template)
        assert (await released(house, job)).state is JobState.COMPLETED
        told = {one.name: one.first for one in house.memory("lobby").jobs[-1].ticket.attributes}
        assert told["print-scaling"] == "auto-fit"


@pytest.mark.parametrize("asked", ["none", "fill"])
@pytest.mark.parametrize("said", [(), CUTS], ids=["silent", "cuts"])
async def test_what_would_cut_the_words_off_is_not_told_to_a_printer_that_cannot_fit(
    tmp_path: Path, said: tuple[Attribute, ...], asked: str
) -> None:
    template = (keyword("print-scaling", asked), keyword("sides", "one-sided"))
    notebook = await notebook_of(*said) if said else None
    async with open_house(tmp_path, printers=(LOBBY,), rules=[WHO], notebook=notebook) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)], template=template)
        assert (await released(house, job)).state is JobState.COMPLETED
        told = {one.name: one.first for one in house.memory("lobby").jobs[-1].ticket.attributes}
        assert "print-scaling" not in told
        assert told["sides"] == "one-sided"


@pytest.mark.parametrize("kind", ["image/urf", "image/pwg-raster", "image/jpeg", "application/vnd.hp-PCL"])
async def test_what_is_no_pdf_is_refused_with_what_to_do(tmp_path: Path, kind: str) -> None:
    async with open_house(tmp_path, rules=[WHO]) as house:
        job = await house.add_job(house.person("ana"), kind=kind)
        with pytest.raises(RefusedByPolicy) as caught:
            await house.desk.release(house.person("ana"), job.id, "lobby")
        assert caught.value.public == NO_PDF_WORDS
        assert (await house.job(job)).state is JobState.HELD
        assert house.memory("lobby").jobs == []


@pytest.mark.parametrize(
    ("content", "pages", "words"),
    [
        (pdfs.encrypted("secret"), 1, "it is protected by a password; print it without one."),
        (b"%PDF-1.4 nothing", 1, "it is damaged, or no PDF; print it anew, as PDF."),
        (pdfs.pdf(2), 3, "it has 3 pages, but 2 were found; print it anew."),
    ],
)
async def test_what_cannot_be_stamped_stays_held_with_the_reason(
    tmp_path: Path, content: bytes, pages: int, words: str
) -> None:
    async with open_house(tmp_path, rules=[WHO]) as house:
        job = await house.add_job(house.person("ana"), documents=[content], pages=pages)
        ended = await released(house, job)
        assert ended.state is JobState.HELD
        assert words in ended.reason
        assert "Nothing was printed." in ended.reason
        assert house.memory("lobby").jobs == []


@pytest.mark.parametrize(
    "script", ["os._exit(1)", "os.kill(os.getpid(), 9)", "os.write(1, b'{\"ok\": false}\\n')"]
)
async def test_a_worker_that_fails_leaves_the_job_held(tmp_path: Path, script: str) -> None:
    stamper = Stamper(command=(sys.executable, "-c", f"import os; {script}"))
    async with open_house(tmp_path, rules=[WHO], stamper=stamper) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)])
        ended = await released(house, job)
        assert ended.state is JobState.HELD
        assert "they cannot be put on this document" in ended.reason
        assert house.memory("lobby").jobs == []


async def test_an_obligation_without_words_prints_nothing(tmp_path: Path) -> None:
    """No version of this writes such a row; if one is there, the page has no words and does not go."""
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)])
        await house.database.write(
            lambda connection: obligations.add(connection, job.id, [Obligation.WATERMARK])
        )
        assert (await released(house, job)).state is JobState.HELD
        assert house.memory("lobby").jobs == []


async def test_nobody_s_job_names_whom_its_sender_named(tmp_path: Path) -> None:
    async with open_house(tmp_path, rules=[WHO], queues=[queue("secure", "lobby")]) as house:
        job = await house.add_job(None, documents=[pdfs.pdf(1)], claimed="ana")
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED, ended.reason
        assert ended.owner_id != UserId("")
        [(_, paper)] = house.memory("lobby").paper
        assert "Printed by ana" in words_of(paper, tmp_path)[0]
