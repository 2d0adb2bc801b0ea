"""Pictures for printers that take only dots: into a PDF as they are, and drawn like one."""

import io
import subprocess
from collections.abc import AsyncGenerator

import pypdf
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from protocols.raster.headers import PWG_FORMAT, Space
from spoold.documents.plan import RenderPlan
from spoold.documents.rendering import Renderer, RenderingFailed, RenderingLimits
from spoold.documents.worker.jpeg import (
    HEAD_BYTES,
    NoPictureError,
    Picture,
    Read,
    head_of,
    look_at,
    tail_of,
)
from spoold.documents.worker.render import KIND_JPEG
from tests.support import pdfs
from tests.support.rasters import unpacked

DEVICES = {"jpeg": 3, "jpeggray": 1, "jpegcmyk": 4}
# A dark bar along the left edge of a picture that is twice as high as wide.
BAR = b"0 g 0 0 20 200 re f"
# Long: the machine may be busy with other tests.
WAIT_S = 120.0
PATIENT = RenderingLimits(start_timeout_s=WAIT_S, page_timeout_s=WAIT_S, ahead_s=WAIT_S)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same picture in every number of colours, made by Ghostscript."""
    folder = tmp_path_factory.mktemp("pictures")
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 200]/Contents 3 0 R>>"
    (folder / "in.pdf").write_bytes(
        pdfs.assemble(
            {
                1: b"<</Type/Catalog/Pages 2 0 R>>",
                2: b"<</Type/Pages/Kids[10 0 R]/Count 1>>",
                3: pdfs.stream(BAR),
                10: page,
            }
        )
    )
    for device in DEVICES:
        files = [str(folder / device), str(folder / "in.pdf")]
        command = ["gs", "-q", "-dSAFER", f"-sDEVICE={device}", "-r72", "-o", *files]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return {device: (folder / device).read_bytes() for device in DEVICES}


def reading(octets: bytes) -> Read:
    return lambda at, count: octets[at : at + count]


def with_orientation(picture: bytes, orientation: int, *, order: str = "big") -> bytes:
    """Put an Exif block with this orientation behind the start of the picture."""
    mark = b"MM\x00*" if order == "big" else b"II*\x00"

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, "big" if order == "big" else "little")

    entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(orientation, 2) + bytes(2)
    block = b"Exif\x00\x00" + mark + number(8, 4) + number(1, 2) + entry + number(0, 4)
    return picture[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + picture[2:]


@pytest.mark.parametrize("device", sorted(DEVICES))
def test_size_and_colours_are_found(pictures: dict[str, bytes], device: str) -> None:
    found = look_at(reading(pictures[device]))
    assert (found.width, found.height, found.components) == (100, 200, DEVICES[device])


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 180), (6, 90), (8, 270), (2, 0), (99, 0)])
def test_which_way_is_up(pictures: dict[str, bytes], orientation: int, turn: int, order: str) -> None:
    assert look_at(reading(with_orientation(pictures["jpeg"], orientation, order=order))).turn == turn


def test_a_picture_in_a_pdf_is_a_pdf(pictures: dict[str, bytes]) -> None:
    octets = pictures["jpeg"]
    picture = look_at(reading(octets))
    head, tail = head_of(picture, len(octets)), tail_of(picture, len(octets))
    assert len(head) == HEAD_BYTES
    reader = pypdf.PdfReader(io.BytesIO(head + octets + tail), strict=True)
    (page,) = reader.pages
    assert (float(page.mediabox.width), float(page.mediabox.height)) == (100, 200)
    held = page["/Resources"]["/XObject"]["/P"]  # type: ignore[index]
    assert held._data == octets


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 5000,
        b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x00\x00\x01\x03",
        b"\xff\xd8\xff\xc0\x00\x0b\x0c\x00\x01\x00\x01\x03",
        b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x02",
        b"\x89PNG",
    ],
)
def test_what_is_no_picture_is_refused(octets: bytes) -> None:
    with pytest.raises(NoPictureError):
        look_at(reading(octets))


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_octets_are_a_picture_or_refused(octets: bytes, at: int) -> None:
    start = with_orientation(b"\xff\xd8", 6)
    mixed = start[:at] + octets + start[at:]
    try:
        found = look_at(reading(mixed))
    except NoPictureError:
        return
    assert 0 < found.width <= 65535
    assert len(head_of(found, 1 << 40)) == HEAD_BYTES


def test_a_huge_picture_is_a_page_of_a_size_that_pdf_has() -> None:
    tail = tail_of(Picture(65535, 10, 3), 1)
    assert b"/MediaBox[0 0 7200.0000 1.0986]" in tail


async def pieces(octets: bytes) -> AsyncGenerator[bytes]:
    yield octets


async def drawn(octets: bytes) -> list[bytes]:
    """Draw a picture on 100 by 200 dots of gray; returns the lines."""
    plan = RenderPlan(PWG_FORMAT, Space.SGRAY, (72, 72), (3528, 7056), pages=1, kind=KIND_JPEG)
    with trio.fail_after(WAIT_S):
        async with Renderer(PATIENT).render(plan, pieces(octets)) as rendering:
            await rendering.prepared()
            result = b"".join([piece async for piece in rendering.chunks()])
    (page,) = unpacked(result)
    return list(page.lines)


@pytest.mark.parametrize("device", sorted(DEVICES))
async def test_a_picture_is_drawn_as_it_is(pictures: dict[str, bytes], device: str) -> None:
    lines = await drawn(pictures[device])
    middle = lines[len(lines) // 2]
    assert max(middle[2:16]) < 60, "the bar is dark"
    assert min(middle[24:96]) > 200, "and the rest is not"


async def test_a_picture_is_turned_the_right_way_up(pictures: dict[str, bytes]) -> None:
    """Upside down: the bar is on the right."""
    lines = await drawn(with_orientation(pictures["jpeg"], 3))
    middle = lines[len(lines) // 2]
    assert max(middle[84:98]) < 60
    assert min(middle[4:76]) > 200


async def test_a_damaged_picture_says_so() -> None:
    with pytest.raises(RenderingFailed, match="no picture that can be drawn"):
        await drawn(b"\xff\xd8\xff\xe0 nothing of the kind")
