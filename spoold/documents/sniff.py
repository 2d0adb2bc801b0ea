"""Decides a document's format by its first bytes, never by what its sender says alone.

A signature at the very first byte wins: it is what a printer that looks for itself goes by. Only where there
is none may a PDF header stand further in (ISO 32000-1, Annex H, note 13: within the first 1,024 bytes), as it
does behind stray line ends or a mail header. What no signature and no reading as text explains is
application/octet-stream: nothing spoold could be sure of.
"""

import re

__all__ = ["OCTET_STREAM", "SNIFF_BYTES", "Sniffer", "agree", "mismatch", "sniff"]

SNIFF_BYTES = 4096
"""How much of a document `sniff` looks at; more is ignored, less is fine when there is no more."""
OCTET_STREAM = "application/octet-stream"
_PDF = "application/pdf"
_PCLM = "application/PCLm"
_POSTSCRIPT = "application/postscript"
_PCL = "application/vnd.hp-PCL"
_PCL_XL = "application/vnd.hp-PCLXL"
_PWG_RASTER = "image/pwg-raster"
_CUPS_RASTER = "application/vnd.cups-raster"
_TEXT = "text/plain"

_PDF_HEADER_WITHIN = 1024
_PDF_HEADER = re.compile(rb"%PDF-\d\.\d")
_PCLM_SECOND_LINE = re.compile(rb"%PDF-\d\.\d[^\r\n]*(?:\r\n|\r|\n)%PCLm")
_BLANK = b"\t\n\x0b\x0c\r \x00\xef\xbb\xbf"
"""Line ends, spaces, NUL and the three bytes of a UTF-8 mark: nothing a printer would act on."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%!", _POSTSCRIPT),
    (b"\x04%!", _POSTSCRIPT),  # Windows drivers send the end of the job before, Ctrl-D
    (b"\xc5\xd0\xd3\xc6", _POSTSCRIPT),  # DOS EPS binary header, Adobe technical note 5002
    (b"\x1b%-12345X", _PCL),  # Universal Exit Language: PJL follows, whatever language it enters then
    (b"@PJL", _PCL),
    (b"\x1bE", _PCL),  # PCL 5 reset
    (b"\x1b&", _PCL),
    (b"\x1b*", _PCL),
    (b"\x1b(", _PCL),
    (b"\x1b)", _PCL),
    (b"\x1b%", _PCL),
    (b") HP-PCL XL", _PCL_XL),  # the three bindings of PCL XL: little endian, big endian, ASCII
    (b"( HP-PCL XL", _PCL_XL),
    (b"' HP-PCL XL", _PCL_XL),
    (b"RaS2PwgRaster\x00", _PWG_RASTER),  # PWG 5102.4, 4.2 and 4.3.1
    (b"RaSt", _CUPS_RASTER),
    (b"tSaR", _CUPS_RASTER),
    (b"RaS2", _CUPS_RASTER),
    (b"2SaR", _CUPS_RASTER),
    (b"RaS3", _CUPS_RASTER),
    (b"3SaR", _CUPS_RASTER),
    (b"UNIRAST\x00", "image/urf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"PK\x03\x04", OCTET_STREAM),  # ZIP: XPS, OpenXPS, office files; not told apart
    (b"\x1f\x8b", OCTET_STREAM),  # gzip
)

_ALIASES = {
    "application/x-pdf": "application/pdf",
    "application/ps": "application/postscript",
    "application/x-postscript": "application/postscript",
    "application/pcl": "application/vnd.hp-pcl",
    "application/x-pcl": "application/vnd.hp-pcl",
    "application/vnd.hp-pclxl": "application/vnd.hp-pcl",  # a PCL job may enter PCL XL later: one family
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-cups-raster": "application/vnd.cups-raster",
}
"""Other names that clients use, in small letters, by the name `sniff` uses, in small letters."""

_TEXT_CONTROLS = frozenset(b"\b\t\n\x0b\f\r")
"""What a line printer knows (RFC 1179 7.19, 7.28); an escape is a printer command, not text."""
_NOT_TEXT = bytes(sorted(set(range(32)) - _TEXT_CONTROLS | {127}))
_MIN_ASCII_SHARE = 10
"""Text in an 8-bit alphabet has at least one space or digit in ten bytes; compressed data without a single
control byte is nearly as unlikely."""


class Sniffer:
    """Collects the beginning of a stream, piece by piece, until the format is decided."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._format: str | None = None

    def receive_data(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the document; those after the first `SNIFF_BYTES` are ignored."""
        if self._format is None:
            self._head += data[: SNIFF_BYTES - len(self._head)]
            if len(self._head) == SNIFF_BYTES:
                self.finish()

    def finish(self) -> str:
        """Decide with what there is, because the document is at its end or its head is long enough."""
        if self._format is None:
            self._format = sniff(bytes(self._head))
            self._head.clear()
        return self._format

    @property
    def format(self) -> str | None:
        """The MIME type; None while the beginning is too short to decide."""
        return self._format


def sniff(head: bytes) -> str:
    """Name the format of a document that begins with `head` (its first SNIFF_BYTES, or all of it)."""
    head = head[:SNIFF_BYTES]
    if head.startswith(b"%PDF-"):
        return _PCLM if _PCLM_SECOND_LINE.match(head) else _PDF
    for signature, mime in _SIGNATURES:
        if head.startswith(signature):
            return mime
    if _has_pdf_header_further_in(head):
        return _PDF
    return _TEXT if _is_text(head) else OCTET_STREAM


def agree(declared: str | None, found: str) -> bool:
    """Tell whether what the sender declared fits what `sniff` found."""
    return mismatch(declared, found) is None


def mismatch(declared: str | None, found: str) -> str | None:
    """Say why a declared format does not fit the found one, or None when it does.

    No declaration and application/octet-stream (RFC 8011 5.4.21: find out yourself) fit everything. Any
    text type fits text. A declared format that could not be found in the document is refused: a printer
    that looks for itself might find something else again, past every rule about formats.
    """
    named = _canonical(declared)
    if named in ("", OCTET_STREAM) or named == _canonical(found):
        return None
    if found == _TEXT and named.startswith("text/"):
        return None
    if found == _PCLM and named == _PDF:
        return None
    if found == OCTET_STREAM:
        return f"the document was declared as {_presentable(named)} but does not look like it"
    return f"the document was declared as {_presentable(named)} but is {found}"


def _canonical(mime: str | None) -> str:
    """Reduce a MIME type to its name: no parameters, small letters (RFC 2045 5.1), the usual alias."""
    name = (mime or "").partition(";")[0].strip().lower()
    return _ALIASES.get(name, name)


def _presentable(name: str) -> str:
    """Repeat what the sender wrote only where it is a MIME type (RFC 6838 4.2)."""
    part = "[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
    return name if re.fullmatch(f"{part}/{part}", name) else "something else"


def _has_pdf_header_further_in(head: bytes) -> bool:
    """Find a PDF header behind junk; behind readable text only where a line begins.

    So a letter that mentions %PDF-1.7 stays a letter, and no printer command can hide before a PDF.
    """
    header = _PDF_HEADER.search(head[:_PDF_HEADER_WITHIN])
    if header is None:
        return False
    junk = head[: header.start()]
    if b"\x1b" in junk:
        return False
    return not junk.strip(_BLANK) or junk.endswith((b"\r", b"\n")) or not _is_text(junk)


def _is_text(head: bytes) -> bool:
    """Tell text from data: no control bytes but layout, and UTF-8 or mostly letters of one byte each."""
    if not head or head.translate(None, _NOT_TEXT) != head:
        return False
    if _is_utf8_beginning(head):
        return True
    ascii_bytes = sum(byte < 128 for byte in head)
    return ascii_bytes * _MIN_ASCII_SHARE >= len(head)


def _is_utf8_beginning(head: bytes) -> bool:
    """Accept UTF-8 whose last character is cut off by the end of `head`."""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and error.reason == "unexpected end of data"
    return True
