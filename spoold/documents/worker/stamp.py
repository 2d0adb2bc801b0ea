"""Stamps words on every page of a PDF, with pikepdf, behind the same walls as everything that parses.

The only module of spoold that imports pikepdf; it runs in the locked-in worker only. What was on a page
becomes one object that is drawn first: whatever state it leaves behind, the words are drawn from a state of
their own. All boxes become the one that is to be printed, so that no reader cuts the words off; and where a
page has annotations, which are drawn over it, the words are the last of them as well.
"""

import io
import logging
import math
import os
import sys
import warnings
from decimal import Decimal
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Encryption, Name, Pdf, Stream, StreamDecodeLevel

from spoold.documents.worker import sandbox
from spoold.documents.worker.layout import lay_out
from spoold.documents.worker.wire import (
    MAX_PAGES,
    Ready,
    Reason,
    StampAnswer,
    decode_words,
    encode_ready,
    encode_stamped,
)

_STDIN, _STDOUT = 0, 1
_READ_BYTES = 1024 * 1024
_PIPE_BYTES = 64 * 1024
EXIT_DONE, EXIT_NO_SANDBOX = 0, 3
LIMITS = sandbox.Limits(
    # A page costs about a millisecond; what was compressed badly is compressed again.
    cpu_s=60,
    # The document, its stamped copy, and room for either to grow.
    address_space_bytes=1024 * 1024 * 1024,
)
# Where a page names no box, or none that has an area (ISO 32000-1 requires one): what readers take then.
_LETTER = (0.0, 0.0, 612.0, 792.0)
_MIN_SIDE = 1.0
_MAX_SIDE = 1_000_000.0
# A tree of pages that is deeper is none.
_MAX_DEPTH = 100
# By what readers could see another page than the one that the words were laid out for.
_OTHERWISE = ("/BleedBox", "/TrimBox", "/ArtBox", "/UserUnit")
# Printed, and nobody can move it (ISO 32000-1, table 165: Print, ReadOnly, Locked).
_FLAGS = 4 | 64 | 128

Box = tuple[float, float, float, float]


def main(required_landlock_abi: int, max_bytes: int) -> None:
    """Live one worker's life: words and document from stdin, the stamped one to stdout. Does not return."""
    sandbox.step_back()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    warm_up()
    try:
        abi = sandbox.lock_down(required_landlock_abi=required_landlock_abi, limits=LIMITS)
    except sandbox.SandboxError as error:
        _write(encode_ready(Ready(ok=False, reason=str(error))))
        os._exit(EXIT_NO_SANDBOX)
    # A late import is an error that the parser can live with, not a killed process.
    sys.meta_path.clear()
    sys.path_hooks.clear()
    _write(encode_ready(Ready(ok=True, landlock_abi=abi)))
    answer, stamped = _read_and_stamp(max_bytes)
    _write(encode_stamped(answer))
    _write(stamped.getbuffer())
    os._exit(EXIT_DONE)


def warm_up() -> None:
    """Use the parser once, so that what it loads late is loaded before the walls go up."""
    with Pdf.new() as blank:
        for _ in range(2):
            blank.add_blank_page(page_size=(72, 72))
        blank.pages[1].obj["/Annots"] = Array([Dictionary(Type=Name.Annot, Subtype=Name.Square)])
        for encryption in (Encryption(owner="it", R=4), Encryption(owner="it", R=6), False):
            document = io.BytesIO()
            blank.save(document, encryption=encryption)
            stamp(document, ("words",))
    attempt(io.BytesIO(b"%PDF-1.4 nothing"), ("words",))


def _read_and_stamp(max_bytes: int) -> tuple[StampAnswer, io.BytesIO]:
    nothing = io.BytesIO()
    try:
        head = b""
        while b"\n" not in head and (piece := os.read(_STDIN, _READ_BYTES)):
            head += piece
        words, _, rest = head.partition(b"\n")
        document = io.BytesIO()
        document.write(rest)
        while piece := os.read(_STDIN, _READ_BYTES):
            if document.tell() + len(piece) > max_bytes:
                return StampAnswer(reason=Reason.TOO_LARGE), nothing
            document.write(piece)
        return attempt(document, decode_words(words))
    except MemoryError:
        return StampAnswer(reason=Reason.MEMORY), nothing


def attempt(document: io.BytesIO, words: tuple[str, ...]) -> tuple[StampAnswer, io.BytesIO]:
    """Stamp a document; never raises for what is in it."""
    nothing = io.BytesIO()
    try:
        pages, stamped = stamp(document, words)
    except pikepdf.PasswordError:
        return StampAnswer(reason=Reason.PASSWORD), nothing
    except MemoryError:
        return StampAnswer(reason=Reason.MEMORY), nothing
    except Exception:  # noqa: BLE001
        # The edge of a parser that meets hostile bytes. Texts of exceptions quote the document: none is kept.
        return StampAnswer(reason=Reason.BROKEN), nothing
    if not 0 < pages <= MAX_PAGES:
        return StampAnswer(reason=Reason.BROKEN), nothing
    return StampAnswer(pages, stamped.getbuffer().nbytes), stamped


def stamp(document: io.BytesIO, words: tuple[str, ...]) -> tuple[int, io.BytesIO]:
    """Return the number of pages and the document with words on each of them, without encryption.

    Raises:
        pikepdf.PasswordError: it cannot be read without a password.
        Exception: whatever pikepdf raises about a damaged document.
    """
    document.seek(0)
    made = io.BytesIO()
    with pikepdf.open(document) as pdf:
        font = pdf.make_indirect(
            Dictionary(
                Type=Name.Font,
                Subtype=Name.Type1,
                BaseFont=Name("/Courier-Bold"),
                Encoding=Name.WinAnsiEncoding,
            )
        )
        stamper = _Stamper(pdf, font, words)
        pages = list(pdf.pages)
        for page in pages:
            stamper.stamp(page)
        # What is packed stays as it is, whatever packed it.
        pdf.save(made, encryption=False, stream_decode_level=StreamDecodeLevel.none)
    return len(pages), made


class _Stamper:
    """Draws the same words on pages of whatever size."""

    def __init__(self, pdf: Pdf, font: Any, words: tuple[str, ...]) -> None:
        self._pdf = pdf
        self._font = font
        self._words = words
        self._drawn: dict[tuple[float, float], Any] = {}

    def stamp(self, page: pikepdf.Page) -> None:
        """Put the words on a page and make its boxes one."""
        box, turned, unit = _box_of(page), _rotation_of(page), _unit_of(page)
        # Its content is read when the document is written: from a copy, which keeps what stood on the page.
        before = pikepdf.Page(self._pdf.make_indirect(Dictionary(dict(page.obj.items()))))
        inside = before.as_form_xobject(handle_transformations=False)
        inside["/BBox"] = Array(_numbers(box))
        # The page keeps its group: the same page is composed of the same things.
        if "/Group" in inside:
            del inside["/Group"]
        for name in _OTHERWISE:
            if name in page.obj:
                del page.obj[name]
        page.obj["/MediaBox"] = Array(_numbers(box))
        # Inherited ones would count.
        page.obj["/CropBox"] = Array(_numbers(box))
        page.obj["/Rotate"] = turned
        if unit != 1.0:
            page.obj["/UserUnit"] = _numbers((unit,))[0]
        over = self._over(box, turned, unit)
        resources = Dictionary(XObject=Dictionary(P=self._pdf.make_indirect(inside), W=over))
        page.obj["/Resources"] = resources
        page.obj["/Contents"] = self._pdf.make_stream(b"q /P Do Q\nq /W Do Q\n")
        self._put_over_annotations(page, box, over)

    def _over(self, box: Box, turned: int, unit: float) -> Any:
        """Return the words as an object in the page's own coordinates."""
        left, bottom, right, top = box
        width, height = (right - left) * unit, (top - bottom) * unit
        upright = (height, width) if turned in (90, 270) else (width, height)
        matrix = {
            0: (1, 0, 0, 1, left, bottom),
            90: (0, 1, -1, 0, right, bottom),
            180: (-1, 0, 0, -1, right, top),
            270: (0, -1, 1, 0, left, top),
        }[turned]
        scaled = (*(number / unit for number in matrix[:4]), *matrix[4:])
        return self._object(
            b" ".join(b"%.6f" % number for number in scaled) + b" cm /W Do",
            _numbers(box),
            Dictionary(XObject=Dictionary(W=self._words_on(*upright))),
        )

    def _words_on(self, width: float, height: float) -> Any:
        key = (round(width, 2), round(height, 2))
        if key not in self._drawn:
            content = lay_out(self._words, width, height).operators()
            resources = Dictionary(Font=Dictionary(F=self._font))
            self._drawn[key] = self._object(content, _numbers((0, 0, width, height)), resources)
        return self._drawn[key]

    def _object(self, content: bytes, box: list[Decimal], resources: Any) -> Any:
        made = Stream(
            self._pdf,
            content,
            Type=Name.XObject,
            Subtype=Name.Form,
            BBox=Array(box),
            Resources=resources,
        )
        return self._pdf.make_indirect(made)

    def _put_over_annotations(self, page: pikepdf.Page, box: Box, over: Any) -> None:
        annotations = page.obj.get("/Annots")
        if annotations is None:
            return
        if not isinstance(annotations, Array):
            del page.obj["/Annots"]
            return
        if len(annotations) == 0:
            return
        last = Dictionary(
            Type=Name.Annot,
            Subtype=Name.Stamp,
            Rect=Array(_numbers(box)),
            F=_FLAGS,
            AP=Dictionary(N=over),
        )
        page.obj["/Annots"] = Array([*annotations, self._pdf.make_indirect(last)])


def _box_of(page: pikepdf.Page) -> Box:
    """Return what is to be printed of a page: the part of it that is within its crop box."""
    media = _rectangle(_inherited(page, "/MediaBox")) or _LETTER
    crop = _rectangle(_inherited(page, "/CropBox"))
    if crop is None:
        return media
    both = (max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3]))
    return both if _has_area(both) else media


def _inherited(page: pikepdf.Page, name: str) -> Any:
    """Return an attribute that a page may take from the nodes above it (ISO 32000-1, 7.7.3.4)."""
    node: Any = page.obj
    for _ in range(_MAX_DEPTH):
        if not isinstance(node, Dictionary):
            return None
        found = node.get(name)
        if found is not None:
            return found
        node = node.get("/Parent")
    return None


def _rectangle(value: Any) -> Box | None:
    """Return a rectangle with its corners in order (ISO 32000-1, 7.9.5); None when it is none."""
    if not isinstance(value, Array) or len(value) != 4:
        return None
    sides = [_number(side) for side in value]
    if any(side is None or abs(side) > _MAX_SIDE for side in sides):
        return None
    x0, y0, x1, y1 = (side or 0.0 for side in sides)
    box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    return box if _has_area(box) else None


def _has_area(box: Box) -> bool:
    return box[2] - box[0] >= _MIN_SIDE and box[3] - box[1] >= _MIN_SIDE


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _rotation_of(page: pikepdf.Page) -> int:
    """Return by how much a page is turned clockwise: 0, 90, 180 or 270; anything else is nothing."""
    turned = _number(_inherited(page, "/Rotate")) or 0.0
    return int(turned) % 360 if turned % 90 == 0 else 0


def _unit_of(page: pikepdf.Page) -> float:
    """Return how many points a unit of the page is (ISO 32000-1, table 30: UserUnit)."""
    unit = _number(page.obj.get("/UserUnit")) or 1.0
    return unit if 0.01 <= unit <= 1000.0 else 1.0


def _numbers(box: tuple[float, ...]) -> list[Decimal]:
    return [Decimal(f"{number:.4f}") for number in box]


def _write(octets: bytes | memoryview) -> None:
    """Write all of it; the pipe's reader is the parent, whose death is also ours."""
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(_STDOUT, rest[:_PIPE_BYTES]) :]
