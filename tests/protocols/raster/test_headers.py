"""Headers of PWG raster and URF: what is written can be read, what cannot be is refused."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.raster.headers import (
    MAX_DOTS,
    MAX_LINE_BYTES,
    PWG_PAGE_BYTES,
    URF_PAGE_BYTES,
    PageHeader,
    PageSettings,
    Space,
    read_pwg_page,
    read_urf_page,
    write_pwg_page,
    write_urf_file,
    write_urf_page,
)
from tests.support.rasters import header

SPACES = st.sampled_from([Space.BLACK, Space.SGRAY, Space.SRGB])
SETTINGS = PageSettings(
    total_pages=7, duplex=True, tumble=True, size_name="iso_a4_210x297mm", cross_feed=-1, feed=-1, quality=5
)


@given(st.integers(1, MAX_DOTS), st.integers(1, MAX_DOTS), SPACES, st.integers(1, 5000), st.booleans())
def test_a_pwg_header_survives(width: int, height: int, space: Space, dots: int, duplex: bool) -> None:
    page = header(width, height, space, dots=dots)
    found = read_pwg_page(write_pwg_page(page, PageSettings(total_pages=3, duplex=duplex)))
    assert (found.width, found.height, found.space, found.resolution) == (width, height, space, (dots, dots))
    assert (found.duplex, found.tumble, found.total_pages) == (duplex, False, 3)
    assert found.line_bytes == page.line_bytes


@given(st.integers(1, MAX_DOTS), st.integers(1, MAX_DOTS), st.integers(1, 5000))
def test_a_urf_header_survives(width: int, height: int, dots: int) -> None:
    page = header(width, height, Space.SRGB, dots=dots)
    found = read_urf_page(write_urf_page(page, SETTINGS), 7)
    assert (found.width, found.height, found.bits_per_pixel, found.colors) == (width, height, 24, 3)
    assert (found.duplex, found.tumble, found.total_pages, found.resolution) == (True, True, 7, (dots, dots))


def test_a_pwg_header_lies_where_the_standard_says() -> None:
    """Offsets of PWG 5102.4, table 3, written out here once more."""
    octets = write_pwg_page(header(2480, 3508, Space.SRGB), SETTINGS)
    assert len(octets) == PWG_PAGE_BYTES
    fields = {
        offset: struct.unpack(">i", octets[offset : offset + 4])[0]
        for offset in (
            272,
            276,
            280,
            352,
            356,
            368,
            372,
            376,
            384,
            388,
            392,
            396,
            400,
            420,
            452,
            456,
            460,
            484,
        )
    }
    assert fields == {
        272: 1, 276: 300, 280: 300, 352: 595, 356: 842, 368: 1, 372: 2480, 376: 3508, 384: 8, 388: 24,
        392: 7440, 396: 0, 400: 19, 420: 3, 452: 7, 456: -1, 460: -1, 484: 5,
    }  # fmt: skip
    assert octets[:10] == b"PwgRaster\0"
    assert octets[1732:1749] == b"iso_a4_210x297mm\0"


def test_a_urf_header_lies_where_libcups_reads_it() -> None:
    octets = write_urf_page(header(2480, 3508), PageSettings(duplex=True, quality=3))
    assert len(octets) == URF_PAGE_BYTES
    assert octets[:4] == bytes([8, 0, 3, 3])
    assert struct.unpack(">3I", octets[12:24]) == (2480, 3508, 300)
    assert write_urf_file(2) == b"UNIRAST\0\0\0\0\2"


def changed(offset: int, number: int) -> bytes:
    octets = bytearray(write_pwg_page(header(100, 100, Space.SRGB), PageSettings()))
    struct.pack_into(">I", octets, offset, number)
    return bytes(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        bytes(PWG_PAGE_BYTES),
        changed(372, 0),
        changed(376, 2**32 - 1),
        changed(276, 0),
        changed(384, 7),
        changed(388, 12),
        changed(392, 1),
        changed(396, 1),
        changed(420, 0),
    ],
)
def test_what_contradicts_itself_is_refused(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_pwg_page(octets)


@pytest.mark.parametrize("first", [bytes([8, 99, 1, 4]), bytes([0, 0, 1, 4]), bytes([25, 1, 1, 4])])
def test_what_is_no_urf_page_is_refused(first: bytes) -> None:
    rest = write_urf_page(header(10, 10), PageSettings())[4:]
    with pytest.raises(RemoteProtocolError):
        read_urf_page(first + rest, 0)


@given(st.binary(min_size=PWG_PAGE_BYTES, max_size=PWG_PAGE_BYTES))
def test_any_octets_are_a_header_or_refused(octets: bytes) -> None:
    found = []
    with contextlib.suppress(RemoteProtocolError):
        found.append(read_pwg_page(b"PwgRaster\0" + octets[10:]))
    with contextlib.suppress(RemoteProtocolError):
        found.append(read_urf_page(octets[:32], 0))
    assert all(0 < one.line_bytes <= MAX_LINE_BYTES for one in found)


def test_urf_has_no_black_and_no_two_resolutions() -> None:
    for page in (
        header(8, 8, Space.BLACK),
        PageHeader(8, 8, 8, Space.SGRAY, 1, (300, 600)),
    ):
        with pytest.raises(LocalProtocolError):
            write_urf_page(page, PageSettings())


def test_a_name_that_does_not_fit_is_ours_to_mend() -> None:
    with pytest.raises(LocalProtocolError):
        write_pwg_page(header(8, 8), PageSettings(size_name="x" * 64))


def test_points_come_from_dots() -> None:
    assert header(2480, 3508).points == (595.2, 841.9)
