"""The inspector: which formats are looked into, and whether documents can be looked into at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocols.raster.headers import PWG_FORMAT, URF_FORMAT
from spoold.documents.inspection import Inspection, unknown
from spoold.documents.inspector import Inspector
from spoold.documents.pool import PoolLimits, WorkerPool
from spoold.documents.process import worker_command
from spoold.documents.worker.raster import MAX_PAGES_WALKED
from tests.support import hostile_workers as hostile
from tests.support import rasters
from tests.support.rasters import Page, header

SAMPLES = Path(__file__).parent / "samples"
# The machine may be busy with other tests; how long a worker is given is tested with the pool.
PATIENT = PoolLimits(start_timeout_s=120.0, deadline_s=120.0)


async def chunks(document: bytes) -> AsyncIterator[bytes]:
    yield document


async def never() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for chunk in nothing:
        yield chunk
    raise AssertionError("the document was read")


@pytest.mark.parametrize(
    ("name", "mime", "pages"),
    [
        ("chromium-3-pages-a4.pdf", "application/pdf", 3),
        ("ghostscript-2-pages-owner-password.pdf", "application/pdf", 2),
        ("ghostscript-2-pages.pclm", "application/PCLm", 2),
    ],
)
async def test_pdf_is_counted(name: str, mime: str, pages: int) -> None:
    found = await Inspector(WorkerPool(PATIENT)).inspect(mime, chunks((SAMPLES / name).read_bytes()))
    assert (found.format, found.pages, found.known, found.reason) == (mime, pages, True, None)


@pytest.mark.parametrize("kind", [PWG_FORMAT, URF_FORMAT])
async def test_raster_is_counted(kind: str) -> None:
    a4, letter = header(595, 842, dots=72), header(612, 792, dots=72)
    pages = [Page(one, (bytes(one.line_bytes),) * one.height) for one in (a4, letter, a4)]
    found = await Inspector(WorkerPool(PATIENT)).inspect(kind, chunks(rasters.document(kind, pages)))
    assert (found.format, found.pages, found.known, found.broken) == (kind, 3, True, False)
    assert found.page_sizes == ((595.0, 842.0), (612.0, 792.0))


@pytest.mark.parametrize(
    ("kind", "document"),
    [(PWG_FORMAT, b"RaS2PwgRaster\0" + bytes(5000)), (URF_FORMAT, b"UNIRAST\0\0\0\0\1" + bytes(100))],
)
async def test_damaged_raster_is_broken(kind: str, document: bytes) -> None:
    found = await Inspector(WorkerPool(PATIENT)).inspect(kind, chunks(document))
    assert (found.pages, found.known, found.broken) == (None, False, True)
    assert found.reason == "the document is damaged"


async def test_more_raster_pages_than_are_counted() -> None:
    page = Page(header(1, 1), (b"x",))
    found = await Inspector(WorkerPool(PATIENT)).inspect(
        URF_FORMAT, chunks(rasters.document(URF_FORMAT, [page] * (MAX_PAGES_WALKED + 1)))
    )
    assert (found.known, found.reason) == (False, "the document has more pages than are counted")


async def test_raster_may_be_longer_than_pdf() -> None:
    """It is walked through and not kept."""
    dots = 10_000
    line = bytes(range(256)) * (dots // 256 + 1)
    page = Page(header(dots, 5), tuple(line[shift : shift + dots] for shift in range(5)))
    one = rasters.document(PWG_FORMAT, [page])
    copies = 2100
    pool = WorkerPool(PATIENT)

    async def many() -> AsyncIterator[bytes]:
        yield one
        for _ in range(copies - 1):
            yield one[4:]

    found = await Inspector(pool).inspect(PWG_FORMAT, many())
    assert len(one) * copies > 100 * 1024 * 1024
    assert found.pages == copies


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png"])
async def test_a_picture_is_one_page_unread(mime: str) -> None:
    found = await Inspector(WorkerPool(PATIENT)).inspect(mime, never())
    assert found == Inspection(format=mime, pages=1, encrypted=False, known=True)


@pytest.mark.parametrize(
    "mime",
    [
        "application/postscript",
        "application/vnd.hp-PCL",
        "application/octet-stream",
        "image/gif",
        "image/tiff",
        "text/plain",
    ],
)
async def test_other_formats_are_not_counted_and_not_read(mime: str) -> None:
    found = await Inspector(WorkerPool(PATIENT)).inspect(mime, never())
    assert found == unknown(mime, "pages of this format are not counted")


@pytest.mark.parametrize("mime", ["application/pdf", "application/PCLm"])
def test_a_pdf_that_no_worker_reads_is_known_to_be_too_large(mime: str) -> None:
    inspector = Inspector(WorkerPool(PoolLimits(max_document_bytes=1000)))

    assert inspector.at_a_glance(mime, 1000) is None
    assert inspector.at_a_glance(mime, 1001) == unknown(mime, "the document is too large to be inspected")


async def test_the_probe_is_fine_where_documents_can_be_inspected() -> None:
    inspector = Inspector(WorkerPool(PATIENT))
    assert inspector.state is None
    state = await inspector.probe()
    assert state.ok
    assert state.reason is None
    assert inspector.state == state


async def test_the_probe_says_which_wall_is_missing() -> None:
    inspector = Inspector(WorkerPool(PATIENT, command=worker_command(required_landlock_abi=99)))
    state = await inspector.probe()
    assert not state.ok
    assert state.reason is not None
    assert "99 is required" in state.reason
    found = await inspector.inspect("application/pdf", never())
    assert not found.known
    assert found.reason == f"documents are not inspected: {state.reason}"


async def test_the_probe_notices_a_worker_that_starts_but_cannot_read() -> None:
    """As after an update of the C library that brings a system call the filter does not list."""
    state = await Inspector(WorkerPool(PATIENT, command=hostile.FORBIDDEN)).probe()
    assert not state.ok
    assert state.reason is not None
    assert state.reason.startswith("a harmless document was not read")


async def test_the_probe_does_not_trust_a_wrong_answer() -> None:
    state = await Inspector(WorkerPool(PATIENT, command=hostile.GOOD)).probe()
    assert not state.ok
