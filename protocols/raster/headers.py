"""Headers of the two raster formats: what a page says of itself, read strictly and written anew.

PWG raster is "RaS2PwgRaster" and, for each page, 1,796 octets of big-endian fields (PWG 5102.4, 4.3). URF is
"UNIRAST", a page count, and 32 octets for each page; it has no published specification, the fields are those
that libcups reads and writes. Behind the header both pack lines in the same way: see `walk`.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from protocols.errors import LocalProtocolError, RemoteProtocolError

PWG_FORMAT = "image/pwg-raster"
URF_FORMAT = "image/urf"
PWG_MAGIC = b"RaS2"
URF_MAGIC = b"UNIRAST\x00"
PWG_PAGE_BYTES = 1796
URF_PAGE_BYTES = 32
URF_FILE_BYTES = len(URF_MAGIC) + 4
_MEDIA_CLASS = b"PwgRaster\x00"

MAX_DOTS = 200_000
"""Along one side: three and a half metres at 1,440 dpi."""
MAX_RESOLUTION = 10_000
"""Dots per inch; photo printers go up to 5,760."""
MAX_LINE_BYTES = 4 * 1024 * 1024
"""Of one unpacked line: `MAX_DOTS` of five 32-bit colours."""


class Space(IntEnum):
    """Colour spaces that printers take, by their numbers in PWG raster (PWG 5102.4, table 7)."""

    BLACK = 3
    SGRAY = 18
    SRGB = 19
    ADOBE_RGB = 20


# Octet offsets of PWG 5102.4, table 3. All numbers are unsigned 32-bit, transforms signed.
_DUPLEX, _RESOLUTION, _COPIES, _PAGE_SIZE, _TUMBLE = 272, 276, 340, 352, 368
_WIDTH, _HEIGHT, _BITS_COLOR, _BITS_PIXEL, _BYTES_LINE = 372, 376, 384, 388, 392
_ORDER, _SPACE, _COLORS = 396, 400, 420
_TOTAL, _CROSS_FEED, _FEED, _IMAGE_BOX, _QUALITY = 452, 456, 460, 464, 484
_SIZE_NAME = 1732
_MAX_NAME_BYTES = 63

# libcups' list for the second octet of a URF page: W (0: sGray), SRGB, Lab, AdobeRGB, gray, RGB, CMYK.
_URF_SPACES = {Space.SGRAY: 0, Space.SRGB: 1, Space.ADOBE_RGB: 3}
_URF_COLORS = (1, 3, 3, 3, 1, 3, 4)
_URF_NEVER = 1  # one side only; 2: short edge, 3: long edge


@dataclass(frozen=True, slots=True)
class PageHeader:
    """What one page says of itself.

    Args:
        width, height: in dots.
        bits_per_pixel: 1, or a multiple of 8.
        space: the number of the colour space in its own format.
        colors: components of a dot.
        resolution: dots per inch across and along the feed.
        total_pages: of the document; 0 when the writer did not know.
        page_size: width and height in points, as stated; zeros in URF, which states dots only.
    """

    width: int
    height: int
    bits_per_pixel: int
    space: int
    colors: int
    resolution: tuple[int, int]
    duplex: bool = False
    tumble: bool = False
    total_pages: int = 0
    page_size: tuple[int, int] = (0, 0)

    @property
    def line_bytes(self) -> int:
        """Octets of one unpacked line."""
        return (self.width * self.bits_per_pixel + 7) // 8

    @property
    def unit_bytes(self) -> int:
        """Octets of what is packed as one unit: a dot, or eight dots of one bit."""
        return max(1, self.bits_per_pixel // 8)

    @property
    def points(self) -> tuple[float, float]:
        """Width and height in points, from dots and resolution, to a tenth."""
        across, along = self.resolution
        return round(self.width * 72 / across, 1), round(self.height * 72 / along, 1)


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What a writer adds to the dots of a page.

    Args:
        size_name: the medium (PWG 5101.1), in PWG raster only.
        cross_feed, feed: 1, or -1 where the sides are mirrored along that direction.
        quality: "print-quality": 0 (the printer's default), 3, 4 or 5.
    """

    total_pages: int = 0
    duplex: bool = False
    tumble: bool = False
    size_name: str = ""
    cross_feed: int = 1
    feed: int = 1
    quality: int = 0


def read_pwg_page(octets: bytes) -> PageHeader:
    """Read the header of a PWG raster page.

    Raises:
        RemoteProtocolError: it is no such header, or its fields contradict each other.
    """
    if len(octets) != PWG_PAGE_BYTES or not octets.startswith(_MEDIA_CLASS):
        raise RemoteProtocolError("a page does not begin with a PWG raster header")
    width, height = _number(octets, _WIDTH), _number(octets, _HEIGHT)
    header = PageHeader(
        width=width,
        height=height,
        bits_per_pixel=_number(octets, _BITS_PIXEL),
        space=_number(octets, _SPACE),
        colors=_number(octets, _COLORS),
        resolution=(_number(octets, _RESOLUTION), _number(octets, _RESOLUTION + 4)),
        duplex=_number(octets, _DUPLEX) != 0,
        tumble=_number(octets, _TUMBLE) != 0,
        total_pages=_number(octets, _TOTAL),
        page_size=(_number(octets, _PAGE_SIZE), _number(octets, _PAGE_SIZE + 4)),
    )
    if _number(octets, _ORDER) != 0:
        raise RemoteProtocolError("a page's colours do not lie together")  # 5102.4: chunky is the only order
    if _number(octets, _BITS_COLOR) * header.colors != header.bits_per_pixel:
        raise RemoteProtocolError("a page's colours and bits do not agree")
    _check(header)
    if _number(octets, _BYTES_LINE) != header.line_bytes:
        raise RemoteProtocolError("a page's width and line length do not agree")
    return header


def read_urf_page(octets: bytes, total_pages: int) -> PageHeader:
    """Read the header of a URF page; `total_pages` is what the file header said.

    Raises:
        RemoteProtocolError: it is no such header, or its fields contradict each other.
    """
    if len(octets) != URF_PAGE_BYTES:
        raise RemoteProtocolError("a page does not begin with a URF header")
    bits, space, duplex = octets[:3]
    width, height, resolution = struct.unpack(">3I", octets[12:24])
    if space >= len(_URF_COLORS):
        raise RemoteProtocolError("a page has no known colour space")
    header = PageHeader(
        width=width,
        height=height,
        bits_per_pixel=bits,
        space=space,
        colors=_URF_COLORS[space],
        resolution=(resolution, resolution),
        duplex=duplex > _URF_NEVER,
        tumble=duplex == 2,
        total_pages=total_pages,
    )
    if bits % header.colors:
        raise RemoteProtocolError("a page's colours and bits do not agree")
    _check(header)
    return header


def write_pwg_page(page: PageHeader, settings: PageSettings) -> bytes:
    """Write the header of a PWG raster page for the dots that `page` describes.

    Raises:
        LocalProtocolError: the medium's name is none.
    """
    name = settings.size_name.encode("ascii", "replace")
    if len(name) > _MAX_NAME_BYTES:
        raise LocalProtocolError("the name of the medium is too long")
    octets = bytearray(PWG_PAGE_BYTES)
    octets[: len(_MEDIA_CLASS)] = _MEDIA_CLASS
    octets[_SIZE_NAME : _SIZE_NAME + len(name)] = name
    across, along = page.resolution
    points = (round(page.width * 72 / across), round(page.height * 72 / along))
    for offset, numbers in (
        (_DUPLEX, (int(settings.duplex),)),
        (_RESOLUTION, page.resolution),
        (_COPIES, (1,)),  # copies are the job's affair (5102.4, 4.3.2: 0 or 1 means the job's)
        (_PAGE_SIZE, points),
        (_TUMBLE, (int(settings.tumble),)),
        (_WIDTH, (page.width, page.height)),
        (_BITS_COLOR, (page.bits_per_pixel // page.colors, page.bits_per_pixel, page.line_bytes)),
        (_SPACE, (page.space,)),
        (_COLORS, (page.colors,)),
        (_TOTAL, (settings.total_pages,)),
        (_IMAGE_BOX, (0, 0, page.width, page.height)),
        (_QUALITY, (settings.quality,)),
    ):
        struct.pack_into(f">{len(numbers)}I", octets, offset, *numbers)
    struct.pack_into(">2i", octets, _CROSS_FEED, settings.cross_feed, settings.feed)
    return bytes(octets)


def write_urf_file(total_pages: int) -> bytes:
    """Write the beginning of a URF document; 0 pages means that nobody knows yet."""
    return URF_MAGIC + struct.pack(">I", total_pages)


def write_urf_page(page: PageHeader, settings: PageSettings) -> bytes:
    """Write the header of a URF page for the dots that `page`, a PWG raster page, describes.

    Raises:
        LocalProtocolError: URF has no such colour space, or no two different resolutions.
    """
    space = _URF_SPACES.get(Space(page.space)) if page.space in set(Space) else None
    if space is None or page.resolution[0] != page.resolution[1]:
        raise LocalProtocolError("URF has no such pages")
    duplex = (2 if settings.tumble else 3) if settings.duplex else _URF_NEVER
    head = struct.pack(">4B", page.bits_per_pixel, space, duplex, settings.quality or 4)
    return head + bytes(8) + struct.pack(">3I", page.width, page.height, page.resolution[0]) + bytes(8)


def _number(octets: bytes, offset: int) -> int:
    return int.from_bytes(octets[offset : offset + 4], "big")


def _check(header: PageHeader) -> None:
    """Hold what both formats have in common against what a page can be."""
    if not (0 < header.width <= MAX_DOTS and 0 < header.height <= MAX_DOTS):
        raise RemoteProtocolError("a page's size is none")
    if not all(0 < dots <= MAX_RESOLUTION for dots in header.resolution):
        raise RemoteProtocolError("a page's resolution is none")
    bits = header.bits_per_pixel
    if not (bits == 1 or (bits % 8 == 0 and 0 < bits <= 240)) or header.colors < 1:
        raise RemoteProtocolError("a page's depth is none")
    if header.line_bytes > MAX_LINE_BYTES:
        raise RemoteProtocolError("a page's lines are too long")
