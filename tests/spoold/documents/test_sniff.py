"""Formats by their first bytes: what real programs write, what merely looks alike, and what senders claim."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spoold.documents.sniff import SNIFF_BYTES, Sniffer, agree, mismatch, sniff
from tests.support import pdfs

SAMPLES = Path(__file__).parent / "samples"
OCTETS = "application/octet-stream"
PDF = "application/pdf"
PS = "application/postscript"
PCL = "application/vnd.hp-PCL"
PCL_XL = "application/vnd.hp-PCLXL"
UEL = b"\x1b%-12345X"


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", PDF),
        (b"%PDF-2.0\r\n", PDF),
        (b"%PDF-", PDF),
        (b"%PDF-1.3\n%PCLm 1.0\n4 0 obj", "application/PCLm"),
        (b"%PDF-1.3\r\n%PCLm 1.0\r\n", "application/PCLm"),
        (b"%!PS-Adobe-3.0\n%%Title: x", PS),
        (b"%!\n", PS),
        (b"\x04%!PS-Adobe-3.0\r\n", PS),
        (b"\xc5\xd0\xd3\xc6\x1e\x00\x00\x00", PS),
        (UEL + b"@PJL JOB\r\n@PJL ENTER LANGUAGE=POSTSCRIPT\r\n%!PS", PCL),
        (UEL + b"@PJL ENTER LANGUAGE=PDF\r\n%PDF-1.7\n", PCL),
        (b'@PJL FSUPLOAD NAME="0:\\..\\etc"\r\n', PCL),
        (b"\x1bE\x1b&l0O\x1b&l2A", PCL),
        (b"\x1b&l1X", PCL),
        (b"\x1b*t300R", PCL),
        (b"\x1b%0B", PCL),
        (b") HP-PCL XL;2;0;Comment", PCL_XL),
        (b"( HP-PCL XL;1;1;", PCL_XL),
        (b"RaS2PwgRaster\x00" + bytes(50), "image/pwg-raster"),
        (b"RaS2" + bytes(60), "application/vnd.cups-raster"),
        (b"RaS3" + bytes(60), "application/vnd.cups-raster"),
        (b"3SaR" + bytes(60), "application/vnd.cups-raster"),
        (b"tSaR" + bytes(60), "application/vnd.cups-raster"),
        (b"UNIRAST\x00\x00\x00\x00\x01", "image/urf"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"),
        (b"GIF89a\x01\x00", "image/gif"),
        (b"II*\x00\x08\x00", "image/tiff"),
        (b"PK\x03\x04\x14\x00\x06\x00", OCTETS),
        (b"\x1f\x8b\x08\x00", OCTETS),
        (b"", OCTETS),
        (bytes(100), OCTETS),
        (b"\x7fELF\x02\x01\x01", OCTETS),
        (b"\x1b@\x1b(G\x01\x00", OCTETS),
    ],
)
def test_signatures(head: bytes, mime: str) -> None:
    assert sniff(head) == mime


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("chromium-3-pages-a4.pdf", PDF),
        ("ghostscript-2-pages-letter-a4-landscape.pdf", PDF),
        ("ghostscript-2-pages-user-password.pdf", PDF),
        ("ghostscript-2-pages.pclm", "application/PCLm"),
    ],
)
def test_documents_of_real_programs(name: str, mime: str) -> None:
    assert sniff((SAMPLES / name).read_bytes()) == mime


@pytest.mark.parametrize(
    "junk",
    [
        b"\n",
        b"\r\n\r\n",
        b"\xef\xbb\xbf",
        b"\x00" * 8,
        b"\x01\x02\x03binary",
        b"Content-Type: application/pdf\r\nContent-Length: 9\r\n\r\n",
        b"\n" * (1024 - len(b"%PDF-1.7")),
    ],
)
def test_a_pdf_may_stand_behind_some_junk(junk: bytes) -> None:
    """ISO 32000-1 Annex H, note 13."""
    assert sniff(junk + pdfs.pdf()) == PDF


def test_a_pdf_header_after_the_first_kibibyte_is_none() -> None:
    head = b"\n" * 1017 + b"%PDF-1.7\n"
    assert sniff(head) == "text/plain"


@pytest.mark.parametrize(
    ("junk", "mime"),
    [
        (UEL, PCL),
        (b"%!PS\n", PS),
        (b"\x1bE\n", PCL),
        (b"\x1b@\r\n", OCTETS),
        (b"\n" + UEL + b"\n", OCTETS),
        (b"GIF89a\n", "image/gif"),
        (b"\xff\xd8\xff\n", "image/jpeg"),
    ],
)
def test_what_a_printer_would_act_on_first_wins_over_a_pdf_behind_it(junk: bytes, mime: str) -> None:
    assert sniff(junk + pdfs.pdf()) == mime


@pytest.mark.parametrize(
    "text",
    [
        b"hello",
        b"one\ntwo\r\n\tthree\x0cfour",
        "Grüße, naïve Straße, 日本語".encode(),
        "Grüße".encode("latin-1") + b" aus Wien\n",
        "Привет, как дела? ".encode("cp1251") * 20,
        b"bold\b\b\b\bbold",
        b"\xef\xbb\xbfmarked",
        b"A letter about %PDF-1.7 and %! in it\n",
        b"%\n%PDF",
        b"x" + ("ä" * SNIFF_BYTES).encode(),
        b"x" + ("€" * SNIFF_BYTES).encode(),
    ],
)
def test_text(text: bytes) -> None:
    assert sniff(text) == "text/plain"


@pytest.mark.parametrize(
    "data",
    [
        "hello".encode("utf-16"),
        b"hello\x00world",
        b"hello\x1b[1mworld",
        b"hello\x7f",
        b"\x80\x81\x82\xfe\xff" * 100,
        b"MZ\x90\x00\x03",
    ],
)
def test_not_text(data: bytes) -> None:
    assert sniff(data) == OCTETS


def test_only_the_beginning_counts() -> None:
    assert sniff(b"a" * SNIFF_BYTES + b"\x00") == "text/plain"
    assert sniff(b"a" * (SNIFF_BYTES - 1) + b"\x00") == OCTETS


class TestSniffer:
    def test_it_decides_when_the_head_is_complete(self) -> None:
        sniffer = Sniffer()
        sniffer.receive_data(b"%PDF-1.7\n" + b" " * (SNIFF_BYTES - 10))
        undecided = sniffer.format
        sniffer.receive_data(b"  and more")
        assert (undecided, sniffer.format) == (None, PDF)
        sniffer.receive_data(b"\x00")
        assert sniffer.finish() == PDF

    def test_it_decides_at_the_end_of_a_short_document(self) -> None:
        sniffer = Sniffer()
        for byte in b"UNIRAST\x00":
            sniffer.receive_data(bytes([byte]))
        undecided = sniffer.format
        assert sniffer.finish() == "image/urf"
        assert (undecided, sniffer.format) == (None, "image/urf")

    @settings(deadline=None)
    @given(st.binary(max_size=200), st.integers(1, 50))
    def test_pieces_make_no_difference(self, data: bytes, piece: int) -> None:
        sniffer = Sniffer()
        for start in range(0, len(data), piece):
            sniffer.receive_data(memoryview(data)[start : start + piece])
        assert sniffer.finish() == sniff(data)


@settings(deadline=None)
@given(st.binary(max_size=SNIFF_BYTES + 10))
def test_any_bytes_have_a_format(data: bytes) -> None:
    assert "/" in sniff(data)


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (None, PDF),
        ("", PDF),
        (OCTETS, PDF),
        ("application/octet-stream; x=y", OCTETS),
        (PDF, PDF),
        ("Application/PDF", PDF),
        ("application/pdf; version=1.7", PDF),
        ("application/x-pdf", PDF),
        (PDF, "application/PCLm"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("text/html", "text/plain"),
        ("image/jpg", "image/jpeg"),
        ("application/vnd.hp-PCL", PCL),
        ("application/vnd.hp-PCL", PCL_XL),
        ("application/vnd.hp-PCLXL", PCL),
        ("application/x-pcl", PCL),
        ("image/pwg-raster", "image/pwg-raster"),
        ("image/urf", "image/urf"),
        (PS, PS),
    ],
)
def test_declarations_that_fit(declared: str | None, found: str) -> None:
    assert agree(declared, found)
    assert mismatch(declared, found) is None


@pytest.mark.parametrize(
    ("declared", "found", "reason"),
    [
        (PDF, PS, "the document was declared as application/pdf but is application/postscript"),
        (PDF, PCL, "the document was declared as application/pdf but is application/vnd.hp-PCL"),
        (PS, PCL, "the document was declared as application/postscript but is application/vnd.hp-PCL"),
        ("text/plain", PS, "the document was declared as text/plain but is application/postscript"),
        ("text/plain", PCL, "the document was declared as text/plain but is application/vnd.hp-PCL"),
        (PDF, "text/plain", "the document was declared as application/pdf but is text/plain"),
        (PDF, OCTETS, "the document was declared as application/pdf but does not look like it"),
        ("application/PCLm", PDF, "the document was declared as application/pclm but is application/pdf"),
        ("image/jpeg", "image/png", "the document was declared as image/jpeg but is image/png"),
        (
            "application/oxps",
            OCTETS,
            "the document was declared as application/oxps but does not look like it",
        ),
        ("x\r\ny: z", PDF, "the document was declared as something else but is application/pdf"),
        ("a/" + "b" * 300, PDF, "the document was declared as something else but is application/pdf"),
        ("\u202efdp/noitacilppa", PDF, "the document was declared as something else but is application/pdf"),
    ],
)
def test_declarations_that_do_not_fit_say_why(declared: str, found: str, reason: str) -> None:
    assert not agree(declared, found)
    assert mismatch(declared, found) == reason
