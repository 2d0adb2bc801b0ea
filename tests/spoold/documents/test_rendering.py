"""Documents drawn by the real Ghostscript behind real walls: pages, sizes, sides, and all that ends badly."""

import signal
import subprocess
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from holdstore.errors import HoldStoreError
from protocols.raster.headers import PWG_FORMAT, URF_FORMAT, Space
from spoold.documents.plan import RenderPlan, size_in_hundredths
from spoold.documents.rendering import Renderer, RenderingFailed, RenderingLimits, ghostscript
from tests.support import pdfs
from tests.support.children import child_pids
from tests.support.rasters import Page, unpacked

SAMPLES = Path(__file__).parent / "samples"
A4 = (21000, 29700)
WAIT_S = 120.0
# Where a time is the point of a test, it is in that test: the machine may be busy.
PATIENT = RenderingLimits(start_timeout_s=WAIT_S, page_timeout_s=WAIT_S, max_wait_s=WAIT_S)


def plan(**changes: object) -> RenderPlan:
    """An A4 page in gray at 72 dpi, unless said otherwise."""
    fields: dict[str, object] = {
        "target": PWG_FORMAT,
        "space": Space.SGRAY,
        "resolution": (72, 72),
        "size": A4,
        "size_name": "iso_a4_210x297mm",
    }
    return RenderPlan(**(fields | changes))  # type: ignore[arg-type]


async def pieces(octets: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(octets), 65536):
        yield octets[start : start + 65536]


async def drawn(octets: bytes, wanted: RenderPlan, renderer: Renderer | None = None) -> bytes:
    """Draw a document completely."""
    with trio.fail_after(WAIT_S):
        async with (renderer or Renderer(PATIENT)).render(wanted, pieces(octets)) as rendering:
            await rendering.prepared()
            result = b"".join([piece async for piece in rendering.chunks()])
            assert rendering.complete
            assert rendering.size_bytes == len(result)
    assert rendering.ended is not None
    return result


async def failure(octets: bytes, wanted: RenderPlan, renderer: Renderer | None = None) -> str:
    """Draw a document that cannot be drawn; returns why."""
    with pytest.raises(RenderingFailed) as caught:
        await drawn(octets, wanted, renderer)
    return caught.value.words


def reference(octets: bytes, tmp_path: Path, *arguments: str) -> list[Page]:
    """Draw a document by Ghostscript outside, without any of our parts."""
    source, made = tmp_path / "in.pdf", tmp_path / "out.pwg"
    source.write_bytes(octets)
    command = [
        "gs",
        "-q",
        "-dSAFER",
        "-sDEVICE=pwgraster",
        "-dNEWPDF=false",
        *arguments,
        "-o",
        str(made),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return unpacked(made.read_bytes())


GRAY = ("-dcupsColorSpace=18", "-dcupsBitsPerPixel=8", "-dcupsBitsPerColor=8")
COLOR = ("-dcupsColorSpace=19", "-dcupsBitsPerPixel=24", "-dcupsBitsPerColor=8")
BLACK = ("-dcupsColorSpace=3", "-dcupsBitsPerPixel=1", "-dcupsBitsPerColor=1")


@pytest.mark.parametrize(
    ("space", "arguments"), [(Space.SGRAY, GRAY), (Space.SRGB, COLOR), (Space.BLACK, BLACK)]
)
async def test_pages_are_dot_for_dot_what_ghostscript_draws_outside(
    tmp_path: Path, space: Space, arguments: tuple[str, ...]
) -> None:
    octets = (SAMPLES / "chromium-3-pages-a4.pdf").read_bytes()
    found = unpacked(await drawn(octets, plan(space=space, resolution=(150, 150), pages=3)))
    wanted = reference(octets, tmp_path, "-r150", "-g1240x1754", "-dFIXEDMEDIA", "-dFitPage", *arguments)
    assert len(found) == 3
    assert [page.lines for page in found] == [page.lines for page in wanted]
    assert any(set(line) - {255} for line in found[0].lines), "nothing is on the page"
    head = found[0].header
    assert (head.width, head.height, head.space, head.resolution) == (1240, 1754, space, (150, 150))
    assert (head.total_pages, head.page_size) == (3, (595, 842))


@pytest.mark.parametrize("space", [Space.SGRAY, Space.SRGB])
async def test_urf_has_the_same_dots(space: Space) -> None:
    octets = (SAMPLES / "chromium-3-pages-a4.pdf").read_bytes()
    urf = unpacked(await drawn(octets, plan(target=URF_FORMAT, space=space, pages=3)))
    pwg = unpacked(await drawn(octets, plan(space=space, pages=3)))
    assert [page.lines for page in urf] == [page.lines for page in pwg]
    assert (urf[0].header.total_pages, urf[0].header.resolution) == (3, (72, 72))


async def test_every_page_comes_out_as_large_as_the_medium() -> None:
    """Letter, then A4 across: fitted and turned, because that is the paper that is fed."""
    octets = (SAMPLES / "ghostscript-2-pages-letter-a4-landscape.pdf").read_bytes()
    found = unpacked(await drawn(octets, plan(size=size_in_hundredths(pdfs.LETTER))))
    assert [(page.header.width, page.header.height) for page in found] == [(612, 792)] * 2


@pytest.mark.parametrize(
    ("box", "rotate", "corner"),
    [
        (b"0 0 595 842", 0, "bottom left"),
        (b"0 0 595 842", 180, "top right"),
        (b"0 0 842 595", 0, "bottom right"),
        (b"0 0 842 595", 180, "top left"),
        # Turned, it is a page across, and those are turned the other way to fit onto the paper.
        (b"0 0 595 842", 90, "bottom left"),
        (b"0 0 595 842", 270, "top right"),
        (b"0 0 842 595", 90, "top left"),
        (b"0 0 842 595", 270, "bottom right"),
    ],
)
async def test_pages_lie_on_the_paper_as_they_are_looked_at(box: bytes, rotate: int, corner: str) -> None:
    octets = drawing(b"0 g 0 0 100 50 re f", size=box, entries=b"/Rotate %d" % rotate)
    (page,) = unpacked(await drawn(octets, plan(pages=1)))
    first, last, left, right = ink(page.lines)
    where = ("top" if first < 50 else "bottom") + (" left" if left < 50 else " right")
    assert where == corner
    assert {last - first + 1, right - left + 1} == {100, 50}


async def test_only_the_pages_that_were_asked_for() -> None:
    wanted = plan(pages=9, ranges=((2, 3), (8, 12)))
    assert wanted.sides == 4
    assert len(unpacked(await drawn(pdfs.pdf(9), wanted))) == 4


@pytest.mark.parametrize(("duplex", "sides"), [(False, 6), (True, 8)])
async def test_copies_begin_on_a_sheet_of_their_own(duplex: bool, sides: int) -> None:
    wanted = plan(pages=3, copies=2, duplex=duplex)
    octets = (SAMPLES / "chromium-3-pages-a4.pdf").read_bytes()
    found = unpacked(await drawn(octets, wanted))
    # The last back side of all copies is left to the printer.
    assert wanted.sides == len(found) == (7 if duplex else 6) <= sides
    second = found[4:] if duplex else found[3:]
    assert [page.lines for page in second] == [page.lines for page in found[:3]]
    assert all(page.header.duplex is duplex for page in found)


def mirrored(page: Page, *, across: bool, along: bool) -> tuple[bytes, ...]:
    lines = page.lines[::-1] if along else page.lines
    return tuple(line[::-1] if across else line for line in lines)


def ink(lines: tuple[bytes, ...]) -> tuple[int, int, int, int]:
    """The box around everything that is not white."""
    rows = [number for number, line in enumerate(lines) if set(line) - {255}]
    columns = [at for at in range(len(lines[0])) if any(line[at] != 255 for line in lines)]
    return rows[0], rows[-1], columns[0], columns[-1]


@pytest.mark.parametrize(
    ("sheet_back", "tumble", "across", "along"),
    [
        ("normal", False, False, False),
        ("rotated", False, True, True),
        ("rotated", True, False, False),
        ("manual-tumble", False, False, False),
        ("manual-tumble", True, True, True),
        ("flipped", False, False, True),
        ("flipped", True, True, False),
    ],
)
async def test_back_sides_are_turned_as_the_printer_says(
    sheet_back: str, tumble: bool, across: bool, along: bool
) -> None:
    square = b"0 0 0 rg 50 60 200 100 re f"
    octets = drawing(square, pages=2)
    result = await drawn(octets, plan(pages=2, duplex=True, tumble=tumble, sheet_back=sheet_back))
    front, back = unpacked(result)
    wanted = ink(mirrored(front, across=across, along=along))
    assert all(abs(one - other) <= 1 for one, other in zip(ink(back.lines), wanted, strict=True))
    # What the header of the back side says: PWG 5102.4, CrossFeedTransform and FeedTransform.
    second = result.rfind(b"PwgRaster\0")
    stated = [int.from_bytes(result[second + at : second + at + 4], "big", signed=True) for at in (456, 460)]
    assert stated == [-1 if across else 1, -1 if along else 1]


def drawing(content: bytes, *, pages: int = 1, size: bytes = b"0 0 595 842", entries: bytes = b"") -> bytes:
    """A PDF with this content on each page."""
    kids = b" ".join(b"%d 0 R" % (10 + page) for page in range(pages))
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, pages),
        3: pdfs.stream(content),
    }
    for page in range(pages):
        objects[10 + page] = b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Contents 3 0 R%b>>" % (size, entries)
    return pdfs.assemble(objects)


# -- what ends badly --


@pytest.mark.parametrize(
    "octets",
    [b"", b"%PDF-1.4\nnothing", pdfs.pdf(2)[:200], pdfs.encrypted("secret"), b"\0" * 100_000],
    ids=["empty", "no-objects", "cut", "password", "zeros"],
)
async def test_a_document_without_pages_says_so(octets: bytes) -> None:
    words = await failure(octets, plan())
    assert any(one in words for one in ("damaged or protected", "no readable pages")), words


async def test_another_number_of_pages_than_was_counted_is_a_failure() -> None:
    assert "4 pages, but 3" in await failure(pdfs.pdf(3), plan(pages=4))
    assert "more pages than were counted" in await failure(pdfs.pdf(3), plan(pages=2))


async def test_a_document_of_which_only_the_end_is_bad_does_not_count_as_complete() -> None:
    octets = pdfs.pdf(3)
    cut = octets.replace(b"12 0 obj", b"13 0 obj")
    assert "3 pages" in await failure(cut, plan(pages=3))


async def test_a_document_that_is_too_large_is_not_taken_in() -> None:
    renderer = Renderer(replace(PATIENT, max_document_bytes=1000))
    assert await failure(pdfs.pdf(50), plan(), renderer) == "it is too large to be converted"


async def test_a_page_that_never_ends_is_stopped() -> None:
    """A form that draws itself many times, each of which does the same: 10^9 rectangles."""
    forms = {
        20 + level: pdfs.stream(
            b"/F Do " * 10 if level < 9 else b"0 0 9 9 re f",
            b"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</XObject<</F %d 0 R>>>>" % (21 + level),
        )
        for level in range(10)
    }
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R/Resources<</XObject<</F 20 0 R>>>>>>"
    )
    octets = pdfs.assemble(
        {
            1: b"<</Type/Catalog/Pages 2 0 R>>",
            2: b"<</Type/Pages/Kids[10 0 R]/Count 1>>",
            3: pdfs.stream(b"/F Do"),
            10: page,
            **forms,
        }
    )
    renderer = Renderer(replace(PATIENT, page_timeout_s=1.0))
    assert "took too long" in await failure(octets, plan(), renderer)


@pytest.mark.parametrize("name", sorted(pdfs.BOMBS))
async def test_a_bomb_ends_inside_with_pages_or_words(name: str) -> None:
    """Whatever is in it: bounded in time and memory, and either every page is right or there are words."""
    renderer = Renderer(replace(PATIENT, page_timeout_s=3.0))
    low = plan(resolution=(18, 18))
    rendering = None
    began = time.monotonic()
    words = "none are needed"
    try:
        async with renderer.render(low, pieces(pdfs.BOMBS[name]())) as rendering:
            with trio.move_on_after(10):
                await rendering.prepared()
                async for _ in rendering.chunks():
                    pass
                assert rendering.complete
    except RenderingFailed as error:
        words = error.words
    assert words
    assert time.monotonic() - began < WAIT_S
    assert rendering is not None
    assert rendering.ended is not None


async def test_a_huge_page_is_drawn_on_the_medium_and_no_larger() -> None:
    found = unpacked(await drawn(pdfs.pdf(1, size=(1e7, 1e7)), plan()))
    assert [(page.header.width, page.header.height) for page in found] == [(595, 842)]


async def test_a_medium_that_cannot_be_drawn_is_refused() -> None:
    assert "size" in await failure(pdfs.pdf(1), plan(size=(10_000_000, 10_000_000)))


async def test_without_ghostscript_nothing_is_converted(tmp_path: Path) -> None:
    words = await failure(pdfs.pdf(1), plan(), Renderer(PATIENT, program=str(tmp_path / "no-such-program")))
    assert words == "Ghostscript could not be started"


async def test_what_the_source_raises_comes_through() -> None:
    async def damaged() -> AsyncGenerator[bytes]:
        yield b"%PDF-1.4\n"
        raise HoldStoreError("lost")

    async with Renderer(PATIENT).render(plan(), damaged()) as rendering:
        with pytest.raises(HoldStoreError):
            await rendering.prepared()


async def test_what_the_body_raises_comes_through_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Renderer(PATIENT).render(plan(), pieces(pdfs.pdf(1))):
            raise ZeroDivisionError


# -- bounds --


async def test_a_slow_printer_slows_everything_down() -> None:
    """Nothing is drawn ahead but a bounded part; when the rest is wanted, it comes."""
    noise = b"".join(b"%d %d 3 2 re f\n" % (7 * at % 590, 11 * at % 840) for at in range(3000))
    renderer = Renderer(replace(PATIENT, ahead_bytes=100_000, ahead_s=60))
    with trio.fail_after(WAIT_S):
        async with renderer.render(plan(pages=200), pieces(drawing(noise, pages=200))) as rendering:
            await rendering.prepared()
            before = rendering.pages
            # Both wait for their pipes: the one behind takes no more.
            while not all(is_waiting(pid) for pid in rendering.pids):
                await trio.sleep(0.01)
            assert rendering.pages <= before + 20 < 100
            assert rendering.size_bytes is None
            assert all(memory_bytes(pid) < 100 * 1024 * 1024 for pid in rendering.pids)
            result = b"".join([piece async for piece in rendering.chunks()])
    assert result.count(b"PwgRaster\0") == 200


def is_waiting(pid: int) -> bool:
    """Whether a process sleeps in the kernel (proc(5), state)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


def memory_bytes(pid: int) -> int:
    """The most that a running process has had since it was executed (proc(5), VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


async def test_no_process_outlives_its_rendering() -> None:
    """Cancelled in the middle, with both processes running."""
    before = child_pids()
    renderer = Renderer(replace(PATIENT, ahead_bytes=5_000))
    with trio.CancelScope() as scope:
        async with renderer.render(plan(), pieces(pdfs.pdf(500))) as rendering:
            await rendering.prepared()
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert rendering.ended is not None
    assert not rendering.complete
    assert rendering.ended[0].signal == signal.SIGKILL
    assert child_pids() <= before


async def test_renderings_wait_for_each_other_and_not_for_ever() -> None:
    renderer = Renderer(replace(PATIENT, max_renderings=1, max_wait_s=0.1))
    async with renderer.render(plan(), pieces(pdfs.pdf(1))):
        assert "too many" in await failure(pdfs.pdf(1), plan(), renderer)
    assert len(unpacked(await drawn(pdfs.pdf(1), plan(), renderer))) == 1


def test_ghostscript_is_here() -> None:
    assert ghostscript() is not None
