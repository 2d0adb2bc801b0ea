"""The walker through raster documents, against documents packed by the tests, Ghostscript's, and garbage."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from protocols.raster.headers import PWG_FORMAT, URF_FORMAT, PageSettings, Space, write_urf_file
from protocols.raster.walk import Event, PageBegin, PageBody, PageEnd, RasterWalker, TooManyPagesError
from tests.support.rasters import Page, document, header, unpacked

SAMPLE = Path(__file__).parents[2] / "spoold/documents/samples/ghostscript-2-pages-letter-a4-landscape.pdf"


@st.composite
def pages(draw: st.DrawFn, *, spaces: tuple[Space, ...] = (Space.SGRAY, Space.SRGB)) -> list[Page]:
    found = []
    for _ in range(draw(st.integers(1, 3))):
        head = header(draw(st.integers(1, 300)), draw(st.integers(1, 12)), draw(st.sampled_from(spaces)))
        colors = st.sampled_from([b"\x00", b"\xff", b"a"])
        line = st.lists(colors, min_size=head.line_bytes, max_size=head.line_bytes).map(b"".join)
        lines = draw(st.lists(line, min_size=1, max_size=3))
        found.append(Page(head, tuple(lines[number % len(lines)] for number in range(head.height))))
    return found


def walk(octets: bytes, *, piece: int = 1 << 20, max_pages: int = 100) -> tuple[RasterWalker, list[Event]]:
    """Walk through to the end; bodies are copied, because they are gone with the next piece."""
    walker, events = RasterWalker(max_pages=max_pages), []
    for start in range(0, len(octets), piece):
        for event in walker.receive_data(octets[start : start + piece]):
            copied = PageBody(memoryview(bytes(event.octets))) if isinstance(event, PageBody) else event
            events.append(copied)
    walker.finish()
    return walker, events


@given(pages(), st.sampled_from([PWG_FORMAT, URF_FORMAT]), st.integers(1, 100))
def test_pages_are_found_however_the_octets_come(made: list[Page], kind: str, piece: int) -> None:
    octets = document(kind, made)
    walker, events = walk(octets, piece=piece)
    assert (walker.format, walker.pages) == (kind, len(made))
    sizes = [(event.header.width, event.header.height) for event in events if isinstance(event, PageBegin)]
    assert sizes == [(page.header.width, page.header.height) for page in made]
    assert sum(isinstance(event, PageEnd) for event in events) == len(made)
    body = b"".join(bytes(event.octets) for event in events if isinstance(event, PageBody))
    heads = len(octets) - len(body)
    assert heads == (4 + 1796 * len(made) if kind == PWG_FORMAT else 12 + 32 * len(made))
    assert [page.lines for page in unpacked(octets)] == [page.lines for page in made]


@given(pages(spaces=(Space.BLACK,)))
def test_black_is_packed_by_eight_dots(made: list[Page]) -> None:
    assert walk(document(PWG_FORMAT, made))[0].pages == len(made)


@given(pages(), st.sampled_from([PWG_FORMAT, URF_FORMAT]), st.data())
def test_a_document_that_was_cut_is_not_complete(made: list[Page], kind: str, data: st.DataObject) -> None:
    octets = document(kind, made)
    whole = {0}
    at = 4 if kind == PWG_FORMAT else 12
    for page in made:
        at += len(document(kind, [page])) - (4 if kind == PWG_FORMAT else 12)
        whole.add(at)
    cut = data.draw(st.integers(0, len(octets) - 1))
    if cut in whole - {0}:
        assert walk(octets[:cut])[0].pages < len(made)
        return
    with pytest.raises(RemoteProtocolError):
        walk(octets[:cut])


@given(st.sampled_from([b"RaS2", b"UNIRAST\0\0\0\0\1", b""]), st.binary(max_size=4000), st.integers(1, 700))
def test_garbage_is_refused_and_never_more(magic: bytes, octets: bytes, piece: int) -> None:
    with pytest.raises(RemoteProtocolError):
        walk(magic + octets[:3999], piece=piece, max_pages=2)


@given(pages(), st.sampled_from([PWG_FORMAT, URF_FORMAT]), st.data())
def test_changed_octets_are_refused_or_still_pages(made: list[Page], kind: str, data: st.DataObject) -> None:
    octets = bytearray(document(kind, made))
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= data.draw(st.integers(1, 255))
    try:
        walker, _ = walk(bytes(octets), max_pages=10)
    except RemoteProtocolError:
        return
    assert 1 <= walker.pages <= 10


def test_urf_fills_lines_with_white_and_pwg_does_not() -> None:
    page = Page(header(40, 2), (bytes(40), bytes(40)))
    urf, pwg = document(URF_FORMAT, [page]), document(PWG_FORMAT, [page])
    filled = bytes([1, 128])
    assert walk(urf[: 12 + 32] + filled)[0].pages == 1
    with pytest.raises(RemoteProtocolError, match="packed"):
        walk(pwg[: 4 + 1796] + filled)


def test_a_line_that_is_too_long_is_refused() -> None:
    head = document(PWG_FORMAT, [Page(header(10, 1), (bytes(10),))])[:1800]
    with pytest.raises(RemoteProtocolError, match="longer"):
        walk(head + bytes([0, 100, 0]))


def test_pages_are_bounded() -> None:
    octets = document(URF_FORMAT, [Page(header(1, 1), (b"x",))] * 4)
    with pytest.raises(TooManyPagesError):
        walk(octets, max_pages=3)
    assert walk(octets, max_pages=4)[0].pages == 4


def test_no_pages_are_no_document() -> None:
    for octets in (b"", b"RaS2", write_urf_file(0)):
        with pytest.raises(RemoteProtocolError):
            walk(octets)


@pytest.mark.parametrize(("device", "kind"), [("pwgraster", PWG_FORMAT), ("urf", URF_FORMAT)])
def test_what_ghostscript_makes_is_understood(tmp_path: Path, device: str, kind: str) -> None:
    made = tmp_path / "made"
    command = ["gs", "-q", "-dSAFER", f"-sDEVICE={device}", "-r72", "-o", str(made), str(SAMPLE)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    octets = made.read_bytes()
    walker, _ = walk(octets, piece=1000)
    assert (walker.format, walker.pages) == (kind, 2)
    read = unpacked(octets)
    assert [len(page.lines) for page in read] == [page.header.height for page in read]
    if kind == PWG_FORMAT:
        # Written anew from what was read, it says the same.
        again = document(kind, read, PageSettings())
        assert [page.lines for page in unpacked(again)] == [page.lines for page in read]
