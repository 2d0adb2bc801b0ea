"""Words on every page, however its sender turned, cut, covered or broke it: Ghostscript says what is seen."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoold.documents.worker.layout import encoded, lay_out
from spoold.documents.worker.stamp import attempt, stamp
from spoold.documents.worker.wire import Reason
from tests.support import pdfs
from tests.support.seen import pictures_of, words_of

SAMPLES = Path(__file__).parent / "samples"
WORDS = "For amelie at 14:05"
FONT = b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
COVER = b"/Annots[<</Type/Annot/Subtype/Square/F 4/Rect[0 0 595 842]/C[1 1 1]/IC[1 1 1]/AP<</N 5 0 R>>>>]"


def stamped(document: bytes, *words: str) -> bytes:
    """Stamp a document that can be stamped."""
    _, made = stamp(io.BytesIO(document), words or (WORDS,))
    return made.getvalue()


def of_content(content: bytes, entries: bytes = b"", box: bytes = b"0 0 595 842") -> bytes:
    """Make one page with this content; object 5 paints everything white."""
    return pdfs.assemble(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[4 0 R]/Count 1/MediaBox[%b]%b>>" % (box, FONT),
            3: pdfs.stream(content),
            4: b"<</Type/Page/Parent 2 0 R/Contents 3 0 R%b>>" % entries,
            5: pdfs.stream(
                b"1 g 0 0 595 842 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<<>>"
            ),
        }
    )


BODY = b"BT /F1 12 Tf 200 400 Td (the body) Tj ET"


@pytest.mark.parametrize("turned", [0, 90, 180, 270, -90, 450])
@pytest.mark.parametrize("box", [b"0 0 595 842", b"-300 -400 295 442", b"595 842 0 0"])
def test_words_stand_at_the_foot_of_a_turned_page(tmp_path: Path, turned: int, box: bytes) -> None:
    document = stamped(of_content(b"", b"/Rotate %d" % turned, box))
    (page,) = pictures_of(document, tmp_path)
    assert (page.width > page.height) == (turned % 180 != 0)
    assert page.ink(0.9, 1.0) > 100
    assert page.ink(0.0, 0.9) == 0
    assert WORDS in words_of(document, tmp_path)[0]


@pytest.mark.parametrize("options", [(), ("-dUseCropBox",), ("-dUseTrimBox",), ("-dUseBleedBox",)])
def test_no_box_cuts_the_words_off(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A reader that prints one box and a reader that prints another see the same page."""
    entries = (
        b"/Rotate 90/CropBox[100 300 400 500]/TrimBox[200 350 300 450]/BleedBox[0 0 1 1]/ArtBox[0 0 1 1]"
    )
    (page,) = pictures_of(stamped(of_content(BODY, entries)), tmp_path, *options)
    assert (page.width, page.height) == (200, 300)
    assert page.ink(0.75, 1.0) > 50


@pytest.mark.parametrize(
    ("entries", "size"),
    [
        (b"/CropBox[9000 9000 9100 9100]", (595, 842)),
        (b"/CropBox[0 0 0 0]", (595, 842)),
        (b"/MediaBox[1 2]", (612, 792)),
        (b"/MediaBox[0 0 1e30 1e30]", (612, 792)),
        (b"/MediaBox(none)", (612, 792)),
        (b"/UserUnit 2", (1190, 1684)),
        (b"/UserUnit 0", (595, 842)),
        (b"/Rotate 45", (595, 842)),
    ],
)
def test_what_a_page_says_of_its_size_is_believed_within_reason(
    tmp_path: Path, entries: bytes, size: tuple[int, int]
) -> None:
    (page,) = pictures_of(stamped(of_content(b"", entries)), tmp_path)
    assert (page.width, page.height) == size
    assert page.ink(0.9, 1.0) > 100


@pytest.mark.parametrize(
    "content",
    [
        b"Q Q Q 1 0 0 1 5000 5000 cm q",
        b"q q q 0 0 0 0 re W n 0.001 0 0 0.001 0 0 cm",
        b"0 0 1 1 re W n",
        b"1 g 0 0 595 842 re f",
        b"BT /F1 12 Tf 3 Tr",
        b"3 Tr Q",
        b"0 g 0 0 595 842 re f",
        b"/Nothing Do (unfinished",
    ],
)
def test_nothing_that_a_page_draws_hides_the_words(tmp_path: Path, content: bytes) -> None:
    document = stamped(of_content(content))
    (page,) = pictures_of(document, tmp_path)
    foot = page.dots[-(page.width * 40) :]
    assert min(foot) < 160
    assert max(foot) > 230
    assert WORDS in words_of(document, tmp_path)[0]


def test_an_annotation_does_not_cover_the_words(tmp_path: Path) -> None:
    (page,) = pictures_of(stamped(of_content(BODY, COVER)), tmp_path)
    assert page.ink(0.9, 1.0) > 100
    assert page.ink(0.0, 0.9) == 0, "the annotation is still drawn"


@pytest.mark.parametrize("entries", [b"/Annots[]", b"/Annots(none)", b"/Annots 99 0 R"])
def test_annotations_that_are_none_do_no_harm(tmp_path: Path, entries: bytes) -> None:
    assert WORDS in words_of(stamped(of_content(BODY, entries)), tmp_path)[0]


def test_what_was_on_the_page_is_drawn_as_before(tmp_path: Path) -> None:
    for name in ("chromium-3-pages-a4.pdf", "ghostscript-2-pages-letter-a4-landscape.pdf"):
        octets = (SAMPLES / name).read_bytes()
        before, after = pictures_of(octets, tmp_path), pictures_of(stamped(octets), tmp_path)
        assert len(before) == len(after) > 1
        for old, new in zip(before, after, strict=True):
            rows = old.width * (old.height - 50)
            assert (old.width, old.height, old.dots[:rows]) == (new.width, new.height, new.dots[:rows])
            assert new.ink(0.94, 1.0) > old.ink(0.94, 1.0)


def test_every_page_has_the_words_however_many_share_a_content(tmp_path: Path) -> None:
    document = pdfs.pdf(7, sizes=[pdfs.A4, (842.0, 595.0), (300.0, 200.0)], text="body", page_entries=FONT)
    pages = words_of(stamped(document), tmp_path)
    assert len(pages) == 7
    assert all(WORDS in page and "body" in page for page in pages)


def test_one_page_object_that_is_two_pages_has_the_words_twice(tmp_path: Path) -> None:
    document = pdfs.assemble(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[4 0 R 4 0 R]/Count 2/MediaBox[0 0 595 842]%b>>" % FONT,
            3: pdfs.stream(BODY),
            4: b"<</Type/Page/Parent 2 0 R/Contents 3 0 R>>",
        }
    )
    pages = words_of(stamped(document), tmp_path)
    assert [(WORDS in page, "the body" in page) for page in pages] == [(True, True)] * 2


def test_each_word_of_several_rules_is_a_line(tmp_path: Path) -> None:
    (page,) = words_of(stamped(of_content(b""), WORDS, "Für Müller €"), tmp_path)
    assert page.index(WORDS) < page.index("Für Müller €")


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_document_that_everybody_may_open_is_stamped_and_not_encrypted(
    tmp_path: Path, algorithm: str
) -> None:
    document = stamped(pdfs.encrypted(algorithm=algorithm))
    assert b"/Encrypt" not in document
    assert WORDS in words_of(document, tmp_path)[0]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (pdfs.encrypted("secret"), Reason.PASSWORD),
        (b"", Reason.BROKEN),
        (b"\x1b%-12345X@PJL ENTER LANGUAGE=PCL\r\n\x1bE", Reason.BROKEN),
        (b"%!PS-Adobe-3.0\nshowpage\n", Reason.BROKEN),
        (pdfs.pdf(0), Reason.BROKEN),
        (pdfs.page_tree_cycle(), Reason.BROKEN),
    ],
)
def test_what_cannot_be_stamped_is_said(document: bytes, reason: Reason) -> None:
    answer, made = attempt(io.BytesIO(document), (WORDS,))
    assert (answer.pages, answer.size_bytes, answer.reason, made.getvalue()) == (None, None, reason, b"")


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=12), st.integers(0, 700), st.integers(0, 60))
def test_a_damaged_document_is_stamped_or_refused_and_never_raises(
    junk: bytes, place: int, removed: int
) -> None:
    octets = of_content(BODY, COVER)
    answer, made = attempt(io.BytesIO(octets[:place] + junk + octets[place + removed :]), (WORDS,))
    assert (answer.reason is None) == bool(answer.pages) == bool(made.getvalue())


@given(
    st.lists(st.text(min_size=1, max_size=300).filter(str.strip), min_size=1, max_size=8),
    st.floats(20, 20_000),
    st.floats(20, 20_000),
)
def test_words_fit_into_every_page(words: list[str], width: float, height: float) -> None:
    layout = lay_out(tuple(words), width, height)
    widest = max((len(line) for line in layout.lines), default=0)
    if layout.size > 0.5:
        assert widest * 0.6 * layout.size <= width
        assert layout.margin + len(layout.lines) * layout.size * 1.25 <= height
    assert layout.operators().isascii()


def test_letters_that_a_printer_has_not_are_made_simpler() -> None:
    assert encoded("Müller, Dvořák, 王\n") == b"M\xfcller, Dvor\xe1k, ??"
