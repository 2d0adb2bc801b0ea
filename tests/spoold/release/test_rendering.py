"""What a printer does not take is drawn for it, by the real Ghostscript; the printer is one in memory."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from protocols.ipp.message import Group
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import Attribute, Resolution, integer, keyword, mime, range_, resolution
from spoold.database import records
from spoold.documents.rendering import Renderer, RenderingLimits
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.printer import Printer
from spoold.printers.notebook import Notebook
from tests.support import pdfs
from tests.support.rasters import unpacked
from tests.support.release_house import House, open_house

WAIT_S = 120.0
# The machine may be busy with other tests; how long is waited for what is tested with the renderer.
PATIENT = RenderingLimits(start_timeout_s=WAIT_S, page_timeout_s=WAIT_S, ahead_s=WAIT_S)
# A folder takes everything; this one is asked.
LOBBY = Printer("lobby", "ipp://lobby.example/ipp/print")
DOTS_ONLY = (
    mime("document-format-supported", "image/pwg-raster"),
    keyword("media-supported", "iso_a4_210x297mm"),
    keyword("media-default", "iso_a4_210x297mm"),
    keyword("pwg-raster-document-type-supported", "sgray_8"),
    resolution("pwg-raster-document-resolution-supported", Resolution(72, 72)),
    range_("copies-supported", (1, 1)),
)


async def notebook_of(*said: Attribute) -> Notebook:
    """What the printer in the lobby has said of itself."""
    notebook = Notebook()
    await notebook.learn(LOBBY, Group(GroupTag.PRINTER, said))
    return notebook


async def released(house: House, job: Job) -> Job:
    with trio.fail_after(WAIT_S):
        await house.desk.release(house.person("ana"), job.id, "lobby")
        await house.service.ended(job.id)
    return await house.job(job)


async def words_about(house: House, job: Job, event: str) -> list[str]:
    found = await house.database.read(lambda connection: records.events_of(connection, job.id))
    return [one.words for one in found if one.event == event]


def told(house: House) -> dict[str, object]:
    """Job Template attributes that the printer was told."""
    return {one.name: one.first for one in house.memory("lobby").jobs[-1].ticket.attributes}


async def test_a_printer_gets_dots_and_what_is_left_to_do(tmp_path: Path) -> None:
    template = (
        integer("copies", 2),
        range_("page-ranges", (2, 3)),
        keyword("sides", "one-sided"),
        keyword("print-scaling", "fit"),
    )
    async with open_house(
        tmp_path, printers=(LOBBY,), notebook=await notebook_of(*DOTS_ONLY), renderer=Renderer(PATIENT)
    ) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(4)], pages=4, template=template)
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED, ended.reason
        [(_, paper)] = house.memory("lobby").paper
        assert len(unpacked(paper)) == 4
        assert told(house) == {"sides": "one-sided"}
        assert house.memory("lobby").jobs[-1].ticket.formats == ("image/pwg-raster",)
        assert await words_about(house, job, "conversion") == [
            "lobby does not take application/pdf; it is being converted to PWG raster.",
            "Page 4 of 4 is ready.",
        ]


async def test_several_documents_are_drawn_one_after_the_other(tmp_path: Path) -> None:
    renderer = Renderer(replace(PATIENT, max_renderings=1, max_wait_s=WAIT_S))
    async with open_house(
        tmp_path, printers=(LOBBY,), notebook=await notebook_of(*DOTS_ONLY), renderer=renderer
    ) as house:
        documents = [pdfs.pdf(2, size=(300 + number, 300)) for number in range(3)]
        job = await house.add_job(house.person("ana"), documents=documents, pages=2)
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED, ended.reason
        assert [len(unpacked(paper)) for _, paper in house.memory("lobby").paper] == [2, 2, 2]


async def test_a_printer_that_takes_the_format_gets_the_document(tmp_path: Path) -> None:
    said = (mime("document-format-supported", "application/pdf", "image/pwg-raster"), *DOTS_ONLY[1:])
    async with open_house(
        tmp_path, printers=(LOBBY,), notebook=await notebook_of(*said), renderer=Renderer(PATIENT)
    ) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)])
        assert (await released(house, job)).state is JobState.COMPLETED
        assert [paper for _, paper in house.memory("lobby").paper] == [pdfs.pdf(1)]
        assert await words_about(house, job, "conversion") == []


async def test_of_a_printer_that_has_not_spoken_nothing_is_taken_for_granted(tmp_path: Path) -> None:
    async with open_house(tmp_path, printers=(LOBBY,)) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)])
        assert (await released(house, job)).state is JobState.COMPLETED
        assert [paper for _, paper in house.memory("lobby").paper] == [pdfs.pdf(1)]


@pytest.mark.parametrize(
    ("content", "pages", "words"),
    [
        (pdfs.pdf(2), 3, "it has 3 pages, but 2 came out"),
        (b"%PDF-1.4 nothing", None, "no readable pages came out of it"),
        (pdfs.encrypted("secret"), None, "it is damaged or protected"),
    ],
)
async def test_trouble_before_the_first_byte_holds_the_job(
    tmp_path: Path, content: bytes, pages: int | None, words: str
) -> None:
    async with open_house(
        tmp_path, printers=(LOBBY,), notebook=await notebook_of(*DOTS_ONLY), renderer=Renderer(PATIENT)
    ) as house:
        job = await house.add_job(house.person("ana"), documents=[content], pages=pages)
        ended = await released(house, job)
        assert ended.state is JobState.HELD
        assert "cannot be converted" in ended.reason
        assert words in ended.reason
        assert "Nothing was printed." in ended.reason
        assert house.memory("lobby").jobs == []


async def test_trouble_after_the_first_byte_takes_the_job_back(tmp_path: Path) -> None:
    """One page fewer than was counted, which only the end tells: by then the printer has most of it."""
    renderer = Renderer(replace(PATIENT, ahead_bytes=10_000))
    async with open_house(
        tmp_path, printers=(LOBBY,), notebook=await notebook_of(*DOTS_ONLY), renderer=renderer
    ) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(200)], pages=201)
        ended = await released(house, job)
        assert ended.state is JobState.HELD, ended.reason
        assert "201 pages, but 200 came out" in ended.reason
        assert "taken back from the printer" in ended.reason
        assert ended.first_byte_at is not None
        assert house.memory("lobby").calls.count("cancel") == 1
        assert house.memory("lobby").paper == []


async def test_a_long_document_is_told_of_a_few_times(tmp_path: Path) -> None:
    renderer = Renderer(replace(PATIENT, ahead_bytes=10_000))
    async with open_house(
        tmp_path, printers=(LOBBY,), notebook=await notebook_of(*DOTS_ONLY), renderer=renderer
    ) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(200)], pages=200)
        assert (await released(house, job)).state is JobState.COMPLETED
        lines = await words_about(house, job, "conversion")
        assert 5 < len(lines) <= 11
        assert all(line.endswith("of 200 is ready.") for line in lines[1:])


async def test_a_medium_that_cannot_be_drawn_holds_the_job(tmp_path: Path) -> None:
    said = (*DOTS_ONLY[:1], keyword("media-supported", "roll_road_9999x9999mm"),
            keyword("media-default", "roll_road_9999x9999mm"), *DOTS_ONLY[3:4],
            resolution("pwg-raster-document-resolution-supported", Resolution(2400, 2400)))  # fmt: skip
    async with open_house(
        tmp_path, printers=(LOBBY,), notebook=await notebook_of(*said), renderer=Renderer(PATIENT)
    ) as house:
        job = await house.add_job(house.person("ana"), documents=[pdfs.pdf(1)])
        ended = await released(house, job)
        assert ended.state is JobState.HELD
        assert "pages of that size cannot be drawn" in ended.reason
