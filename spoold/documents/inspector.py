"""Answers how many pages a document has: PDF and raster by asking a worker, pictures by their nature."""

import io
from collections.abc import AsyncIterator

from spoold.documents.inspection import Inspection, SandboxState, unknown
from spoold.documents.pool import WorkerPool

__all__ = ["Inspection", "Inspector", "SandboxState"]

_PDF_FORMATS = frozenset({"application/pdf", "application/PCLm"})
"""PCLm is a PDF of one image per page with its own second line; its page tree reads the same."""
_RASTER_FORMATS = frozenset({"image/pwg-raster", "image/urf"})
_ONE_PAGE_FORMATS = frozenset({"image/jpeg", "image/png"})
"""One picture per file by definition, one page per picture (PWG 5100.13)."""

_PROBE = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2/MediaBox[0 0 595 842]>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R>>endobj\n"
    b"trailer<</Root 1 0 R/Size 4>>\nstartxref\n0\n%%EOF\n"
)


class Inspector:
    """Looks at documents whose format `sniff` has found. Never needed to print one."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    @property
    def state(self) -> SandboxState | None:
        """What is known of the sandbox without asking again; None before the first worker has started."""
        return self._pool.last_state

    def at_a_glance(self, mime: str, size_bytes: int = 0) -> Inspection | None:
        """Return what format and size alone tell, or None when the document has to be read."""
        if mime in _PDF_FORMATS or mime in _RASTER_FORMATS:
            return self._pool.too_large(mime, size_bytes)
        if mime in _ONE_PAGE_FORMATS:
            return Inspection(format=mime, pages=1, encrypted=False, known=True)
        return unknown(mime, "pages of this format are not counted")

    async def inspect(self, mime: str, chunks: AsyncIterator[bytes]) -> Inspection:
        """Inspect one document of the format `mime`.

        `chunks` is read for PDF and raster only, and closed by then; other formats leave it untouched.
        Raises nothing but what `chunks` raises.
        """
        return self.at_a_glance(mime) or await self._pool.inspect(chunks, mime)

    async def probe(self) -> SandboxState:
        """Find out whether documents can be inspected: lock a worker in and let it read a harmless PDF.

        The second half notices a system call table that a new C library has outgrown. Raises nothing.
        """
        state = await self._pool.state()
        if not state.ok:
            return state
        found = await self._pool.inspect(_pieces(_PROBE), "application/pdf")
        if found.known and found.pages == 2:
            return state
        return SandboxState(False, f"a harmless document was not read: {found.reason}", state.landlock_abi)


async def _pieces(document: bytes) -> AsyncIterator[bytes]:
    with io.BytesIO(document) as rest:
        while piece := rest.read(64):
            yield piece
