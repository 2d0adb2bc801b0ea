"""Counts the pages of a PWG raster or URF document and lists their sizes; unpacks and keeps none of it."""

from collections.abc import Iterator

from protocols.errors import RemoteProtocolError
from protocols.raster.walk import PageBegin, RasterWalker, TooManyPagesError, is_raster
from spoold.documents.worker.wire import MAX_PAGE_SIZES, MAX_POINTS, Answer, Reason

MAX_PAGES_WALKED = 20_000
"""A page can be 35 octets long. A phone sends tens, a print server some hundreds."""


def looks_like_raster(head: bytes) -> bool:
    """Tell from a document's first octets whether `inspect` is the one to read it."""
    return is_raster(head)


def inspect(pieces: Iterator[bytes]) -> Answer:
    """Walk through one document. Never raises for what is in it."""
    walker = RasterWalker(max_pages=MAX_PAGES_WALKED)
    sizes: dict[tuple[float, float], None] = {}
    try:
        for piece in pieces:
            for event in walker.receive_data(piece):
                if isinstance(event, PageBegin) and len(sizes) < MAX_PAGE_SIZES:
                    sizes[event.header.points] = None
        walker.finish()
    except TooManyPagesError:
        return Answer(encrypted=False, broken=False, reason=Reason.TOO_MANY_PAGES)
    except RemoteProtocolError:
        return Answer(encrypted=False, broken=True, reason=Reason.BROKEN)
    believable = tuple(size for size in sizes if all(0 < side <= MAX_POINTS for side in size))
    return Answer(pages=walker.pages, page_sizes=believable, encrypted=False, broken=False)
