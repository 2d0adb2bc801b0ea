"""Documents in job commands: what they asked for in IPP's words, and what they are inside."""

import pytest

from protocols.appsocket.pjl import UEL
from protocols.ipp.values import Resolution, enum, integer, keyword, resolution
from spoold.documents.sniff import sniff
from spoold.documents.unwrap import Ticket, Unwrapper
from spoold.model.errors import UnsupportedDocument

PDF = b"%PDF-1.7\n%%EOF\n"
PCL = b"\x1bE\x1b&l1XHello\x0c\x1bE"


def unwrapped(commands: str, document: bytes = PDF) -> tuple[bytes, str, Ticket]:
    """Return the document inside, its format and what was asked for."""
    unwrapper = Unwrapper()
    stream = UEL + "".join(f"@PJL {line}\r\n" for line in commands.splitlines()).encode() + document + UEL
    kept = unwrapper.receive_data(stream) + unwrapper.finish()
    ticket = Ticket()
    unwrapper.fill(ticket)
    return kept, unwrapper.format(sniff(kept)), ticket


@pytest.mark.parametrize(
    ("commands", "template"),
    [
        ("", ()),
        ("SET COPIES=3", (integer("copies", 3),)),
        ("SET QTY=2\nSET COPIES=1", (integer("copies", 2),)),
        ("SET COPIES=1", ()),
        ("SET COPIES=0", ()),
        ("SET COPIES=99999", (integer("copies", 999),)),
        ("SET COPIES=MANY", ()),
        ("SET DUPLEX=OFF", (keyword("sides", "one-sided"),)),
        ("SET DUPLEX=ON", (keyword("sides", "two-sided-long-edge"),)),
        ("SET DUPLEX=ON\nSET BINDING=SHORTEDGE", (keyword("sides", "two-sided-short-edge"),)),
        ("SET BINDING=SHORTEDGE", ()),
        ("SET PAPER=A4", (keyword("media", "iso_a4_210x297mm"),)),
        ('SET PAPER="LETTER"', (keyword("media", "na_letter_8.5x11in"),)),
        ("SET PAPER=PAPYRUS", ()),
        ("SET RENDERMODE=GRAYSCALE", (keyword("print-color-mode", "monochrome"),)),
        ("SET RENDERMODE=COLOR", (keyword("print-color-mode", "color"),)),
        ("SET ECONOMODE=ON", (enum("print-quality", 3),)),
        ("SET RESOLUTION=600", (resolution("printer-resolution", Resolution(600, 600)),)),
        ("SET OUTBIN=OPTIONALOUTBIN1\nSET BITSPERPIXEL=4", ()),
    ],
)
def test_settings_become_attributes_of_the_job(commands: str, template: tuple[object, ...]) -> None:
    kept, found, ticket = unwrapped(commands)
    assert (kept, found) == (PDF, "application/pdf")
    assert ticket.template == template


def test_the_job_s_name_is_kept_out_of_what_is_logged() -> None:
    _, _, ticket = unwrapped('JOB NAME="Salaries 2026"')
    assert ticket.job_name == "Salaries 2026"
    assert "Salaries" not in repr(ticket)


def test_a_bare_document_asks_for_nothing() -> None:
    unwrapper = Unwrapper()
    assert unwrapper.receive_data(PDF) + unwrapper.finish() == PDF
    ticket = Ticket()
    unwrapper.fill(ticket)
    assert ticket == Ticket()
    assert unwrapper.format("application/pdf") == "application/pdf"


@pytest.mark.parametrize(
    ("language", "document", "mime"),
    [
        ("PDF", PDF, "application/pdf"),
        ("POSTSCRIPT", b"%!PS-Adobe-3.0\nshowpage\n", "application/postscript"),
        ("PCL", PCL, "application/vnd.hp-PCL"),
        ("PCL", b"text is PCL, too\n", "application/vnd.hp-PCL"),
        ("PCLXL", b") HP-PCL XL;2;0\n\xd1X", "application/vnd.hp-PCLXL"),
        ("JPEG", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("AUTO", PDF, "application/pdf"),
        ("TEXT", b"a letter\n", "text/plain"),
    ],
)
def test_the_format_is_that_of_the_language_inside(language: str, document: bytes, mime: str) -> None:
    kept, found, _ = unwrapped(f"ENTER LANGUAGE={language}", document)
    assert (kept, found) == (document, mime)


@pytest.mark.parametrize(
    ("language", "document"),
    [
        ("PDF", b"%!PS\n"),
        ("POSTSCRIPT", PDF),
        ("PCL", PDF),
        ("PCLXL", PCL),
        ("ACL", b"\x00\x01firmware"),
        ("PRESCRIBE", b"!R! EXIT;\n"),
    ],
)
def test_a_language_that_is_not_inside_is_refused(language: str, document: bytes) -> None:
    with pytest.raises(UnsupportedDocument, match=f"announced as {language}") as caught:
        unwrapped(f"ENTER LANGUAGE={language}", document)
    assert "print it as PDF" in caught.value.public


@pytest.mark.parametrize(
    ("commands", "document"),
    [
        ('FSDELETE NAME="0:/x"', PDF),
        ("WNVRAM ADDRESS=1 DATA=1", PDF),
        ("ENTER LANGUAGE=PCL", PCL + UEL + b"@PJL ENTER LANGUAGE=PCL\n" + PCL),
        ("COMMENT " + "x" * 5_000, PDF),
    ],
    ids=range(4),
)
def test_what_no_print_job_needs_is_refused_with_words(commands: str, document: bytes) -> None:
    with pytest.raises(UnsupportedDocument, match="cannot be printed safely") as caught:
        unwrapped(commands, document)
    assert "Print it again as PDF" in caught.value.public
