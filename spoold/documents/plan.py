"""What a rendering is to be: format, dots and sides for one printer, in words for Ghostscript."""

import json
import math
from dataclasses import asdict, dataclass

from protocols.raster.headers import PWG_FORMAT, URF_FORMAT, Space
from spoold.documents.worker.refit import Fitting
from spoold.documents.worker.render import DOCUMENT_PATH, KIND_PDF

MAX_PAGES = 10_000
"""Sides of one rendering, copies included: a day of a fast printer."""
MAX_SIDE_DOTS = 60_000
"""A0 is 47,000 dots long at 1,000 dpi. Sizes come from job and printer, never from the document."""
MAX_PAGE_DOTS = 600_000_000
"""A2 at 600 dpi has 140 million. Work grows with it, whatever is on the page."""

_BITS = {Space.BLACK: 1, Space.SGRAY: 8, Space.SRGB: 24}


@dataclass(frozen=True)
class RenderPlan:
    """One document's way to one printer.

    Args:
        target: PWG_FORMAT or URF_FORMAT.
        space: the colours the printer takes.
        resolution: dots per inch across and along the feed.
        size: of the medium, width and height in hundredths of millimetres, as it is fed.
        size_name: its name (PWG 5101.1).
        pages: of the document as counted before; None when nobody knows.
        ranges: pages to print, first and last, in rising order; empty means all.
        copies: of the whole document, each beginning on a new sheet.
        duplex, tumble: both sides; bound at the short edge.
        sheet_back: "pwg-raster-document-sheet-back": how back sides are turned.
        fit: scale pages that are larger or smaller than the medium.
        quality: "print-quality", 0 for the printer's default.
        kind: of the document: KIND_PDF or KIND_JPEG.
    """

    target: str
    space: Space
    resolution: tuple[int, int]
    size: tuple[int, int]
    size_name: str = ""
    pages: int | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    copies: int = 1
    duplex: bool = False
    tumble: bool = False
    sheet_back: str = "normal"
    fit: bool = True
    quality: int = 0
    kind: str = KIND_PDF

    @property
    def dots(self) -> tuple[int, int]:
        """Width and height of a page in dots."""
        width, height = (
            round(side * dots / 2540) for side, dots in zip(self.size, self.resolution, strict=True)
        )
        return width, height

    @property
    def bits_per_pixel(self) -> int:
        """Bits of a dot."""
        return _BITS[self.space]

    @property
    def is_possible(self) -> bool:
        """Whether a page of this size can be drawn at all."""
        width, height = self.dots
        return 0 < width <= MAX_SIDE_DOTS and 0 < height <= MAX_SIDE_DOTS and width * height <= MAX_PAGE_DOTS

    @property
    def pages_of_copy(self) -> int | None:
        """Sides of one copy, without the empty back that ends it; None while the pages are unknown."""
        if self.pages is None or not self.ranges:
            return self.pages
        return sum(max(0, min(last, self.pages) - first + 1) for first, last in self.ranges)

    @property
    def sides(self) -> int | None:
        """Sides of all copies; an odd copy of a two-sided job is given an empty back but the last."""
        pages = self.pages_of_copy
        if pages is None:
            return None
        return pages * self.copies + (self.copies - 1) * (pages % 2 if self.duplex else 0)

    @property
    def max_pages(self) -> int:
        """Sides after which the program is not believed any more."""
        return MAX_PAGES if self.sides is None else min(self.sides, MAX_PAGES)


def ghostscript_arguments(plan: RenderPlan) -> tuple[str, ...]:
    """Return Ghostscript's arguments: safer mode, one fixed page, PWG raster to stdout."""
    width, height = plan.dots
    bits, colors = plan.bits_per_pixel, 3 if plan.space is Space.SRGB else 1
    ranges = ",".join(f"{first}-{last}" for first, last in plan.ranges)
    fixed = (
        *("-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-dNOPROMPT", "-dNOPLATFONTS"),
        # Of two readers of PDF the older one: the newer forgets /Rotate when it fits pages (10.00).
        "-dNEWPDF=false",
        # Where lists of large pages are kept: no file can be made.
        *("-sBandListStorage=memory", "-sstdout=%stderr", "-sDEVICE=pwgraster", "-sOutputFile=%stdout"),
        *(f"-r{plan.resolution[0]}x{plan.resolution[1]}", f"-g{width}x{height}", "-dFIXEDMEDIA"),
        *(f"-dcupsColorSpace={plan.space.value}", f"-dcupsBitsPerColor={bits // colors}"),
        *(f"-dcupsBitsPerPixel={bits}", "-dPrinted=true"),
    )
    options = (*(("-dFitPage",) if plan.fit else ()), *((f"-sPageList={ranges}",) if ranges else ()))
    turned = back_side(plan).procedure
    turn = ("-c", turned, "-f") if turned else ()
    # A copy with an odd number of sides is given an empty back.
    between = ("-c", "currentpagedevice/PageCount get 2 mod 1 eq{showpage}if", "-f") if plan.duplex else ()
    document = (DOCUMENT_PATH,)
    return (*fixed, *options, *turn, *document, *((*between, *document) * (plan.copies - 1)))


def fitting_of(plan: RenderPlan) -> str:
    """Return what the worker is told that fits the pages."""
    back = back_side(plan)
    return json.dumps(
        asdict(
            Fitting(
                target=plan.target,
                max_pages=plan.max_pages,
                total_pages=plan.sides or 0,
                duplex=plan.duplex,
                tumble=plan.tumble,
                size_name=plan.size_name,
                quality=plan.quality,
                back_cross_feed=back.cross_feed,
                back_feed=back.feed,
            )
        )
    )


@dataclass(frozen=True)
class BackSide:
    """How back sides are turned: for the header of the page, and for the program that draws it."""

    cross_feed: int = 1
    feed: int = 1

    @property
    def procedure(self) -> str:
        """PostScript that turns every second page; empty when nothing is turned."""
        if (self.cross_feed, self.feed) == (1, 1):
            return ""
        # BeginPage is given the number of pages before this one (PLRM 3, 6.2.6).
        size = "currentpagedevice /PageSize get"
        right = f"{size} 0 get" if self.cross_feed == -1 else "0"
        up = f"{size} 1 get" if self.feed == -1 else "0"
        turn = f"{right} {up} translate {self.cross_feed} {self.feed} scale"
        return f"<</BeginPage{{2 mod 1 eq{{{turn}}}if}}>>setpagedevice"


def back_side(plan: RenderPlan) -> BackSide:
    """Return how back sides are turned for this printer (PWG 5102.4: CrossFeedTransform, FeedTransform)."""
    if not plan.duplex:
        return BackSide()
    match plan.sheet_back, plan.tumble:
        case ("flipped", False):
            return BackSide(1, -1)
        case ("flipped", True):
            return BackSide(-1, 1)
        case ("rotated", False) | ("manual-tumble", True):
            return BackSide(-1, -1)
        case _:
            return BackSide()


def size_in_hundredths(points: tuple[float, float]) -> tuple[int, int]:
    """Return a size in hundredths of millimetres, from points."""
    width, height = (math.floor(side * 2540 / 72 + 0.5) for side in points)
    return width, height


FORMATS = frozenset({PWG_FORMAT, URF_FORMAT})
"""What can be made."""
