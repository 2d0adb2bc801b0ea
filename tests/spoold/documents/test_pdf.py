"""The parser's own judgement, without a process around it: counts, sizes, encryption, damage."""

import io
from pathlib import Path

import pytest

from spoold.documents.worker import pdf
from spoold.documents.worker.wire import MAX_PAGE_SIZES, Answer, Reason
from tests.support import pdfs

SAMPLES = Path(__file__).parent / "samples"


def inspect(document: bytes) -> Answer:
    return pdf.inspect(io.BytesIO(document))


@pytest.mark.parametrize(
    ("name", "pages", "sizes", "encrypted"),
    [
        ("chromium-3-pages-a4.pdf", 3, ((595.0, 841.9),), False),
        ("ghostscript-2-pages-letter-a4-landscape.pdf", 2, ((612.0, 792.0), (842.0, 595.0)), False),
        ("ghostscript-2-pages-owner-password.pdf", 2, ((612.0, 792.0), (842.0, 595.0)), True),
        ("ghostscript-2-pages.pclm", 2, ((612.0, 792.0), (842.0, 596.0)), False),
    ],
)
def test_documents_of_real_programs(
    name: str, pages: int, sizes: tuple[tuple[float, float], ...], encrypted: bool
) -> None:
    assert inspect((SAMPLES / name).read_bytes()) == Answer(
        pages=pages, page_sizes=sizes, encrypted=encrypted, broken=False
    )


def test_a_real_document_behind_a_password() -> None:
    document = (SAMPLES / "ghostscript-2-pages-user-password.pdf").read_bytes()
    assert inspect(document) == Answer(encrypted=True, reason=Reason.PASSWORD)


@pytest.mark.parametrize("pages", [1, 2, 1999, 2000])
def test_pages_are_counted_up_to_the_limit(pages: int) -> None:
    assert inspect(pdfs.pdf(pages)) == Answer(
        pages=pages, page_sizes=(pdfs.A4,), encrypted=False, broken=False
    )


def test_above_the_limit_the_document_speaks_for_itself() -> None:
    answer = inspect(pdfs.pdf(2001))
    assert answer.pages == 2001
    assert answer.reason is Reason.TOO_MANY_PAGES


@pytest.mark.parametrize("count", [-1, 0, 2000, 5_000_000, 10**12])
def test_above_the_limit_an_unbelievable_count_is_not_repeated(count: int) -> None:
    """Fewer than were walked, or more than the file has objects."""
    answer = inspect(pdfs.pdf(2001, count=count))
    assert answer.pages is None
    assert answer.reason is Reason.TOO_MANY_PAGES


@pytest.mark.parametrize("count", [-1, 0, 7, 10**9])
def test_a_lying_count_is_not_believed(count: int) -> None:
    assert inspect(pdfs.pdf(3, count=count)).pages == 3


def test_different_sizes_are_listed_once_in_order() -> None:
    answer = inspect(pdfs.pdf(5, sizes=[pdfs.LETTER, pdfs.A4, pdfs.LETTER]))
    assert answer.page_sizes == (pdfs.LETTER, pdfs.A4)


@pytest.mark.parametrize(("sizes", "listed"), [(MAX_PAGE_SIZES, MAX_PAGE_SIZES), (40, MAX_PAGE_SIZES)])
def test_the_list_of_sizes_is_bounded(sizes: int, listed: int) -> None:
    answer = inspect(pdfs.pdf(40, sizes=[(100.0 + each, 200.0) for each in range(sizes)]))
    assert answer.pages == 40
    assert len(answer.page_sizes) == listed


@pytest.mark.parametrize(
    ("entries", "size"),
    [
        (b"/Rotate 90", (842.0, 595.0)),
        (b"/Rotate 180", (595.0, 842.0)),
        (b"/Rotate -90", (842.0, 595.0)),
        (b"/UserUnit 2", (1190.0, 1684.0)),
    ],
)
def test_sizes_are_as_the_page_is_looked_at(entries: bytes, size: tuple[float, float]) -> None:
    assert inspect(pdfs.pdf(page_entries=entries)).page_sizes == (size,)


@pytest.mark.parametrize(
    "box",
    [
        b"[]",
        b"[0 0 1]",
        b"[0 0 0 0]",
        b"[0 0 /A 1]",
        b"(text)",
        b"null",
        b"[0 0 1e99 1]",
        b"[0 0 9 0 R 1]",
        b"7",
    ],
)
def test_a_senseless_box_leaves_the_page_counted_without_a_size(box: bytes) -> None:
    document = pdfs.assemble(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            3: b"<</Type/Page/Parent 2 0 R/MediaBox %b>>" % box,
        }
    )
    assert inspect(document) == Answer(pages=1, encrypted=False, broken=False)


def test_size_and_rotation_are_inherited_and_overridden() -> None:
    document = pdfs.assemble(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[3 0 R 5 0 R]/Count 2/MediaBox 6 0 R/Rotate 90>>",
            3: b"<</Type/Pages/Parent 2 0 R/Kids[4 0 R]/Count 1/Rotate 0>>",
            4: b"<</Type/Page/Parent 3 0 R>>",
            5: b"<</Type/Page/Parent 2 0 R/MediaBox[10 20 110 320]>>",
            6: b"[0 0 595 842]",
        }
    )
    assert inspect(document).page_sizes == ((595.0, 842.0), (300.0, 100.0))


def test_a_page_named_twice_counts_twice() -> None:
    """Printers print it twice."""
    assert inspect(pdfs.with_object_stream(pages=2)).pages == 2


def test_objects_in_a_compressed_stream_are_found() -> None:
    assert inspect(pdfs.with_object_stream()) == Answer(
        pages=1, page_sizes=(pdfs.A4,), encrypted=False, broken=False
    )


def test_the_last_revision_of_an_edited_document_counts() -> None:
    document = pdfs.incremental_update(pdfs.pdf(3), b"<</Type/Catalog/Pages<</Kids[10 0 R]/Count 1>>>>")
    assert inspect(document).pages == 1


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
def test_every_standard_encryption_is_recognised(algorithm: str) -> None:
    assert inspect(pdfs.encrypted("", algorithm=algorithm, pages=2)).pages == 2
    assert inspect(pdfs.encrypted("", algorithm=algorithm)).encrypted is True
    assert inspect(pdfs.encrypted("geheim", algorithm=algorithm)) == Answer(
        encrypted=True, reason=Reason.PASSWORD
    )


def test_a_security_handler_of_another_kind_is_encryption_too() -> None:
    """Encrypted for certificates: no password opens it."""
    document = pdfs.pdf().replace(b"/Root 1 0 R", b"/Root 1 0 R/Encrypt<</Filter/Adobe.PubSec/V 4>>")
    assert inspect(document) == Answer(encrypted=True, reason=Reason.PASSWORD)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"%PDF-1.4",
        b"%PDF-1.4\n%%EOF",
        b"no PDF at all",
        pdfs.pdf()[:200],
        pdfs.assemble({1: b"<</Type/Catalog>>"}),
        pdfs.assemble({1: b"<</Type/Catalog/Pages 9 0 R>>"}),
        pdfs.assemble({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[]/Count 1>>"}),
        pdfs.assemble({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[9 0 R]/Count 1>>"}),
        pdfs.assemble({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids 7/Count 1>>"}),
        pdfs.assemble({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Page>>"}),
        pdfs.page_tree_cycle(),
    ],
)
def test_damage_is_said(document: bytes) -> None:
    answer = inspect(document)
    assert answer.pages is None
    assert answer.broken is True
    assert answer.reason is Reason.BROKEN


def test_a_lost_cross_reference_table_is_repaired() -> None:
    document = pdfs.pdf(2)
    at = document.rindex(b"startxref")
    assert inspect(document[:at] + b"startxref\n7\n%%EOF\n").pages == 2


@pytest.mark.parametrize("depth", [98, 99])
def test_depth_up_to_the_limit(depth: int) -> None:
    assert inspect(pdfs.deep_page_tree(depth)).pages == 1


def test_depth_above_the_limit() -> None:
    assert inspect(pdfs.deep_page_tree(pdf.MAX_DEPTH + 1)) == Answer(reason=Reason.LIMIT)


def test_nodes_without_pages_are_bounded() -> None:
    document = pdfs.page_tree_fan_out(leaf=b"<</Type/Pages/Kids[]/Count 0>>")
    assert inspect(document) == Answer(reason=Reason.LIMIT)
