"""Decides what has to be stamped or drawn anew for a printer, and how; everything else goes as it is."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from protocols.raster.headers import PWG_FORMAT
from spoold.documents.inspector import Inspector
from spoold.documents.plan import RenderPlan
from spoold.documents.rendering import Renderer, Rendering, RenderingFailed
from spoold.documents.stamping import Stamped, Stamper, StampingFailed
from spoold.model.job import Document
from spoold.model.watermark import PDF
from spoold.printers.capabilities import Capabilities
from spoold.printers.directory import PrinterDirectory
from spoold.release.attempt import Attempt
from spoold.release.ledger import Ledger
from spoold.release.raster_plan import plan_of, target_of, told
from spoold.release.verification import open_document

log = structlog.get_logger()

NOTES_AT_MOST = 10
"""Lines in a job's time line about pages that are ready."""


class Readable(Protocol):
    """A document that was opened by who may open it (`spoold.release.forward`)."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield its octets."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """What is sent of one document.

    Args:
        size_bytes: None while nobody knows.
        chunks: gives the octets, once.
    """

    format: str
    size_bytes: int | None
    chunks: Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Renderings:
    """Has documents stamped where rules want it, and drawn for printers that do not take them."""

    ledger: Ledger
    printers: PrinterDirectory
    renderer: Renderer
    inspector: Inspector | None
    stamper: Stamper

    async def prepare(
        self, attempt: Attempt, verified: Mapping[int, Readable], stack: contextlib.AsyncExitStack
    ) -> None:
        """Plan what has to be done to a job, and begin with its first document; usually there is nothing.

        Until this returns the printer has not heard of the job. The ticket says afterwards what is sent.
        Of a job with words on every page, the other documents are stamped as well, and thrown away: what
        cannot be stamped costs no paper, and memory holds one of them at a time.

        Args:
            stack: keeps what was begun of the first document, to be closed before the second is sent. A job
                that held it longer would wait for room that another holds, which waits for this one.

        Raises:
            StampingFailed, RenderingFailed: it cannot be stamped, or drawn.
            HoldStoreError: a container cannot be read.
        """
        first = attempt.documents[0]
        reader: Readable | None = verified.get(first.number)
        if attempt.is_marked:
            for document in attempt.documents[1:]:
                await self._try_stamping(attempt, document, verified.get(document.number))
            if reader is None:
                reader = await stack.enter_async_context(open_document(self.ledger.store, first))
            reader = await stack.enter_async_context(self._stamped(attempt, first, reader))
            attempt.stamped[first.number] = reader
        abilities = self.printers.capabilities(attempt.adapter.name)
        if abilities is not None:
            await self._plan_all(attempt, verified, abilities)
        if first.number in attempt.plans and reader is not None:
            attempt.renderings[first.number] = await stack.enter_async_context(
                self._rendering(attempt, first, reader)
            )

    async def _try_stamping(self, attempt: Attempt, document: Document, reader: Readable | None) -> None:
        async with contextlib.AsyncExitStack() as stack:
            if reader is None:
                reader = await stack.enter_async_context(open_document(self.ledger.store, document))
            await stack.enter_async_context(self._stamping(attempt, document, reader))

    async def _plan_all(
        self, attempt: Attempt, verified: Mapping[int, Readable], abilities: Capabilities
    ) -> None:
        """Plan what has to be drawn, and have the ticket say so."""
        for document in attempt.documents:
            if document.format.lower() not in abilities.formats and target_of(document.format, abilities):
                reader = verified.get(document.number)
                attempt.plans[document.number] = await self._plan(attempt, document, reader, abilities)
        if not attempt.plans:
            return
        attempt.ticket = replace(
            attempt.ticket,
            attributes=told(attempt.ticket.attributes, abilities),
            formats=tuple(
                attempt.plans[one.number].target if one.number in attempt.plans else one.format
                for one in attempt.documents
            ),
        )

    @contextlib.asynccontextmanager
    async def source(self, attempt: Attempt, document: Document, reader: Readable) -> AsyncGenerator[Source]:
        """Give what is sent of a document: itself, stamped where rules want it, or what is drawn of that.

        Raises:
            StampingFailed, RenderingFailed: it cannot be stamped, or drawn.
        """
        async with contextlib.AsyncExitStack() as stack:
            attempt.preparing = True
            stack.callback(attempt.prepared)
            size_bytes, rendering = document.size_bytes, attempt.renderings.get(document.number)
            if attempt.is_marked and rendering is None:
                stamped = attempt.stamped.get(document.number)
                if stamped is None:
                    stamped = await stack.enter_async_context(self._stamped(attempt, document, reader))
                size_bytes, reader = stamped.size_bytes, stamped
            if document.number not in attempt.plans:
                attempt.prepared()
                yield Source(document.format, size_bytes, reader.chunks)
                return
            if rendering is None:
                rendering = await stack.enter_async_context(self._rendering(attempt, document, reader))
            attempt.prepared()
            yield Source(rendering.plan.target, rendering.size_bytes, lambda: self._noted(attempt, rendering))

    @contextlib.asynccontextmanager
    async def _stamped(
        self, attempt: Attempt, document: Document, reader: Readable
    ) -> AsyncGenerator[Stamped]:
        """Have every page of a document stamped; its owner's words stay out of log and time line."""
        async with self._stamping(attempt, document, reader) as stamped:
            words = "The words that the rules of this site want are on every page."
            await self.ledger.note(attempt.job.id, "watermark", words)
            yield stamped

    def _stamping(
        self, attempt: Attempt, document: Document, reader: Readable
    ) -> contextlib.AbstractAsyncContextManager[Stamped]:
        if document.format.lower() != PDF:
            raise StampingFailed("it is no PDF; print it as PDF")
        pages = document.pages if document.inspected else None
        return self.stamper.stamp(
            attempt.watermark, reader.chunks(), pages=pages, size_bytes=document.size_bytes
        )

    @contextlib.asynccontextmanager
    async def _rendering(
        self, attempt: Attempt, document: Document, reader: Readable
    ) -> AsyncGenerator[Rendering]:
        plan = attempt.plans[document.number]
        kind = "PWG raster" if plan.target == PWG_FORMAT else "URF"
        words = f"{attempt.adapter.name} does not take {document.format}; it is being converted to {kind}."
        await self.ledger.note(attempt.job.id, "conversion", words)
        async with self.renderer.render(plan, reader.chunks()) as rendering:
            await rendering.prepared()
            await self._note(attempt, rendering)
            yield rendering
        if rendering.ended is not None:
            drawing, fitting = rendering.ended
            log.info(
                "rendered",
                job=str(attempt.job.id),
                pages=rendering.pages,
                complete=rendering.complete,
                cpu_s=round(drawing.cpu_s + fitting.cpu_s, 2),
            )

    async def _noted(self, attempt: Attempt, rendering: Rendering) -> AsyncGenerator[bytes]:
        """Yield what is drawn, and write into the time line how far it is, a few times at most."""
        noted = rendering.pages
        step = max(1, -(-(rendering.plan.sides or 100 * NOTES_AT_MOST) // NOTES_AT_MOST))
        notes = 1
        async with contextlib.aclosing(rendering.chunks()) as chunks:
            async for piece in chunks:
                yield piece
                if rendering.pages >= noted + step and notes < NOTES_AT_MOST:
                    noted, notes = rendering.pages, notes + 1
                    await self._note(attempt, rendering)

    async def _note(self, attempt: Attempt, rendering: Rendering) -> None:
        of = "" if rendering.plan.sides is None else f" of {rendering.plan.sides}"
        await self.ledger.note(attempt.job.id, "conversion", f"Page {rendering.pages}{of} is ready.")

    async def _plan(
        self, attempt: Attempt, document: Document, reader: Readable | None, abilities: Capabilities
    ) -> RenderPlan:
        pages, broken, encrypted = document.pages, document.broken, document.encrypted
        if not document.inspected and self.inspector is not None and reader is not None:
            # Released before anybody looked into it: the count is needed to know that nothing is missing.
            found = await self.inspector.inspect(document.format, reader.chunks())
            pages = found.pages if found.known else None
            broken, encrypted = found.broken, found.encrypted
        if broken:
            raise RenderingFailed("it is damaged")
        if encrypted and pages is None:
            raise RenderingFailed("it is protected by a password")
        return plan_of(attempt.ticket.attributes, document.format, pages, abilities)


def failed_words(attempt: Attempt, error: RenderingFailed | StampingFailed) -> str:
    """Say to a job's owner why there is nothing for the printer."""
    if isinstance(error, StampingFailed):
        return (
            "The rules of this site want words on every page, and they cannot be put on this document: "
            f"{error.words}."
        )
    name = attempt.adapter.name
    return (
        f"{name} does not take the document as it is, and it cannot be converted: {error.words}. "
        "Another printer may take it."
    )
