"""Gives the pages that Ghostscript draws the headers that the printer wants, and counts them.

Reads PWG raster from stdin, walks through it without unpacking, and writes frames to stdout: document octets
in the wanted format, and a frame for each complete page with what the page was. Ghostscript may have been
taken over by the document, so its output is read as strictly as any stranger's, in a worker of its own that
can open nothing.
"""

import json
import os
from dataclasses import dataclass

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.raster.headers import (
    PWG_FORMAT,
    PWG_MAGIC,
    URF_FORMAT,
    PageHeader,
    PageSettings,
    write_pwg_page,
    write_urf_file,
    write_urf_page,
)
from protocols.raster.walk import PageBegin, PageBody, RasterWalker, TooManyPagesError
from spoold.documents.worker import sandbox
from spoold.documents.worker.wire import (
    MAX_FRAME_BYTES,
    Frame,
    Ready,
    RenderFault,
    encode_ready,
    frame_head,
    page_frame,
)

_STDIN, _STDOUT = 0, 1
_READ_BYTES = 1024 * 1024
EXIT_DONE, EXIT_NO_SANDBOX = 0, 3
LIMITS = sandbox.Limits(
    # A page costs 1 to 500 ms, by how much is on it; the program before this one has as much.
    cpu_s=300,
    address_space_bytes=256 * 1024 * 1024,
)


@dataclass(frozen=True)
class Fitting:
    """What the pages become.

    Args:
        target: PWG_FORMAT or URF_FORMAT.
        max_pages: more are refused.
        back_cross_feed, back_feed: PageSettings of every second page of a two-sided job.
    """

    target: str
    max_pages: int
    total_pages: int = 0
    duplex: bool = False
    tumble: bool = False
    size_name: str = ""
    quality: int = 0
    back_cross_feed: int = 1
    back_feed: int = 1

    def settings(self, page_number: int) -> PageSettings:
        """Return what is written into the header of a page; pages count from 1."""
        is_back = self.duplex and page_number % 2 == 0
        return PageSettings(
            total_pages=self.total_pages,
            duplex=self.duplex,
            tumble=self.tumble,
            size_name=self.size_name,
            quality=self.quality,
            cross_feed=self.back_cross_feed if is_back else 1,
            feed=self.back_feed if is_back else 1,
        )


def main(required_landlock_abi: int, fitting: str) -> None:
    """Live one worker's life: `fitting` is a Fitting's fields as JSON. Does not return."""
    sandbox.step_back()
    wanted = Fitting(**json.loads(fitting))
    try:
        abi = sandbox.lock_down(required_landlock_abi=required_landlock_abi, limits=LIMITS)
    except sandbox.SandboxError as error:
        _write(encode_ready(Ready(ok=False, reason=str(error))))
        os._exit(EXIT_NO_SANDBOX)
    _write(encode_ready(Ready(ok=True, landlock_abi=abi)))
    try:
        _refit(wanted)
        _write(frame_head(Frame.END, 0))
    except TooManyPagesError:
        _fault(RenderFault.TOO_MANY_PAGES)
    except (RemoteProtocolError, LocalProtocolError):
        _fault(RenderFault.DAMAGED)
    except MemoryError:
        _fault(RenderFault.MEMORY)
    os._exit(EXIT_DONE)


def _refit(wanted: Fitting) -> None:
    walker = RasterWalker(max_pages=wanted.max_pages)
    page: PageHeader | None = None
    while piece := os.read(_STDIN, _READ_BYTES):
        for event in walker.receive_data(piece):
            if isinstance(event, PageBegin):
                page = event.header
                _document(_header(wanted, page, walker.pages + 1))
            elif isinstance(event, PageBody):
                _document(event.octets)
            elif page is not None:
                _write(page_frame(page.width, page.height, page.bits_per_pixel, page.space))
    if walker.format != PWG_FORMAT:
        raise RemoteProtocolError("the program has drawn nothing")
    walker.finish()


def _header(wanted: Fitting, page: PageHeader, number: int) -> bytes:
    settings = wanted.settings(number)
    first = number == 1
    if wanted.target == URF_FORMAT:
        return (write_urf_file(wanted.total_pages) if first else b"") + write_urf_page(page, settings)
    return (PWG_MAGIC if first else b"") + write_pwg_page(page, settings)


def _document(octets: bytes | memoryview) -> None:
    for start in range(0, len(octets), MAX_FRAME_BYTES):
        piece = octets[start : start + MAX_FRAME_BYTES]
        _write(frame_head(Frame.DOCUMENT, len(piece)))
        _write(piece)


def _fault(fault: RenderFault) -> None:
    word = fault.value.encode("ascii")
    _write(frame_head(Frame.FAULT, len(word)) + word)


def _write(octets: bytes | memoryview) -> None:
    """Write all of it; the pipe's reader is the parent, whose death is also ours."""
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(_STDOUT, rest) :]
