"""Draws documents for printers that take only dots: Ghostscript and a fitter, each behind walls of its own.

Two processes for one rendering. The first takes the document into memory and becomes Ghostscript; its pages
go through a pipe to the second, which checks them, writes the headers that the printer wants, and counts.
From there they come here, and a bounded part of them waits until the printer takes it: when the printer is
slow, all of it is, and nothing lies on a disk.
"""

import contextlib
import os
import shutil
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

import structlog
import trio

from protocols.raster.headers import PWG_FORMAT, Space
from spoold.documents.plan import RenderPlan, fitting_of, ghostscript_arguments
from spoold.documents.process import Ended, WorkerProcess, refit_command, render_command
from spoold.documents.rendering_words import FAULTS, MISSING_WORDS, why_ended
from spoold.documents.worker.wire import (
    FRAME_HEAD_BYTES,
    Frame,
    RenderFault,
    WireError,
    read_fault,
    read_frame_head,
    read_page,
)

__all__ = ["Renderer", "Rendering", "RenderingFailed", "RenderingLimits", "ghostscript"]

log = structlog.get_logger()

# What else a service manager says the program is called changes nothing.
_SEARCHED = "/usr/bin:/usr/local/bin:/bin"
# The program has closed its pipe; it needs no longer to be gone as well.
_EXIT_S = 5.0


_PROBE = (
    b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    b"2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n"
    b"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]/Resources<<>>>>\nendobj\n"
    b"xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \n0000000105 00000 n \n"
    b"trailer\n<</Root 1 0 R/Size 4>>\nstartxref\n182\n%%EOF\n"
)


class RenderingFailed(Exception):  # noqa: N818 - it reads as what happened
    """There are no (more) pages. `words` say why, as a part of a sentence; nothing of the document."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True)
class RenderingLimits:
    """How long and how much. What the processes may use is in `worker.render` and `worker.refit`."""

    max_renderings: int = 4
    """Each is a Ghostscript, 50 to 400 MiB of the service's memory, until its printer has taken all pages."""
    max_wait_s: float = 60.0
    """For a free one: its owner stands at the printer and waits as long as for a busy printer."""
    start_timeout_s: float = 15.0
    page_timeout_s: float = 60.0
    """Without anything new, while there is room for it. Bad pages take some seconds; printers wait 120 s."""
    max_document_bytes: int = 256 * 1024 * 1024
    """It lies in memory as a whole."""
    ahead_bytes: int = 8 * 1024 * 1024
    """Prepared before it is needed. A document that fits is complete before its first octet is sent."""
    ahead_s: float = 5.0
    """With a page ready, the printer is not kept waiting longer than this for the rest."""


async def _once(document: bytes) -> AsyncGenerator[bytes]:
    yield document


def ghostscript() -> str | None:
    """Return where Ghostscript is, None when it is not installed."""
    return shutil.which("gs", path=_SEARCHED)


class Renderer:
    """Makes renderings, a few at a time. `program` is Ghostscript, if not the one that is installed."""

    def __init__(self, limits: RenderingLimits | None = None, *, program: str | None = None) -> None:
        self._limits = limits or RenderingLimits()
        self._program = program
        self._slots = trio.CapacityLimiter(self._limits.max_renderings)

    @property
    def program(self) -> str | None:
        """Where Ghostscript is; looked for each time, because it can be installed while the daemon runs."""
        return self._program or ghostscript()

    async def probe(self) -> str | None:
        """Draw a harmless page; returns why that did not work, None when it did."""
        plan = RenderPlan(PWG_FORMAT, Space.SGRAY, (72, 72), (2540, 2540), pages=1)
        try:
            async with self.render(plan, _once(_PROBE)) as rendering:
                await rendering.prepared()
        except RenderingFailed as error:
            return error.words
        return None

    @contextlib.asynccontextmanager
    async def render(self, plan: RenderPlan, chunks: AsyncIterator[bytes]) -> AsyncGenerator["Rendering"]:
        """Draw one document, read from `chunks`. Whatever is left of it ends with the context.

        Raises RenderingFailed when it cannot begin, and what the body raises, as it is.
        """
        program = self.program
        if program is None:
            raise RenderingFailed(MISSING_WORDS)
        if not plan.is_possible:
            raise RenderingFailed("pages of that size cannot be drawn")
        slot = object()
        with trio.move_on_after(self._limits.max_wait_s) as waiting:
            await self._slots.acquire_on_behalf_of(slot)
        if waiting.cancelled_caught:
            raise RenderingFailed("too many documents are being converted at once")
        rendering: Rendering | None = None
        failure: Exception | None = None
        try:
            rendering = Rendering(plan, self._limits, *_start(plan, program, self._limits))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(rendering.run, chunks)
                try:
                    yield rendering
                except Exception as error:  # noqa: BLE001 - the nursery would wrap it into a group
                    failure = error
                nursery.cancel_scope.cancel()
        finally:
            if rendering is not None:
                await rendering.end()
            self._slots.release_on_behalf_of(slot)
        if failure is not None:
            raise failure


def _start(plan: RenderPlan, program: str, limits: RenderingLimits) -> tuple[WorkerProcess, WorkerProcess]:
    """Start both processes with a pipe from the first to the second, whose other ends are nobody's."""
    command = render_command(program, limits.max_document_bytes, ghostscript_arguments(plan), kind=plan.kind)
    reader, writer = os.pipe()
    try:
        drawing = WorkerProcess.start(command, stdout=writer)
        try:
            return drawing, WorkerProcess.start(refit_command(fitting_of(plan)), stdin=reader)
        except OSError:
            drawing.kill()
            raise
    except OSError as error:
        raise RenderingFailed("the converter could not be started") from error
    finally:
        os.close(reader)
        os.close(writer)


class Rendering:
    """One document on its way through Ghostscript: what is ready of it, and how it went."""

    def __init__(
        self, plan: RenderPlan, limits: RenderingLimits, drawing: WorkerProcess, fitting: WorkerProcess
    ) -> None:
        self.plan = plan
        self.pages = 0
        """Sides that are ready."""
        self.complete = False
        """Whether all of it is ready, and right."""
        self.ended: tuple[Ended, Ended] | None = None
        """How Ghostscript and the fitter ended."""
        self._limits = limits
        self._drawing, self._fitting = drawing, fitting
        self._ready: deque[bytes] = deque()
        self._ready_bytes = 0
        self._all_bytes = 0
        self._failure: str | None = None
        self._source_error: Exception | None = None
        self._changed = trio.Event()

    @property
    def pids(self) -> tuple[int, int]:
        """Ghostscript's process id and the fitter's."""
        return self._drawing.pid, self._fitting.pid

    @property
    def size_bytes(self) -> int | None:
        """How long the result is; None while nobody knows."""
        return self._all_bytes if self.complete else None

    async def prepared(self) -> None:
        """Wait until enough is ready to begin sending: all of it, or a good part with one page at least.

        Raises:
            RenderingFailed: there will be nothing.
        """
        with trio.move_on_after(self._limits.page_timeout_s * 2):
            while self.pages == 0 and not self._is_over:
                await self._change()
        with trio.move_on_after(self._limits.ahead_s):
            while not self._is_over and self._ready_bytes < self._limits.ahead_bytes:
                await self._change()
        if self.pages == 0 and not self._is_over:
            self._fail("converting the first page took too long")
        self._raise_failure()

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield the result, as it becomes ready; once.

        Raises:
            RenderingFailed: the rest will not come.
        """
        while True:
            self._raise_failure()
            if self._ready:
                piece = self._ready.popleft()
                self._ready_bytes -= len(piece)
                self._notify()
                yield piece
            elif self.complete:
                return
            else:
                await self._change()

    async def run(self, chunks: AsyncIterator[bytes]) -> None:
        """Feed, hear, and keep the processes' complaints from blocking them; raises nothing."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._drawing_says)
                nursery.start_soon(self._feed, chunks)
                await self._fitting_says(nursery)
                nursery.cancel_scope.cancel()
        finally:
            # An async generator that is dropped in the middle would be finished by the garbage collector.
            if (close := getattr(chunks, "aclose", None)) is not None:
                with trio.CancelScope(shield=True):
                    await close()

    async def end(self) -> None:
        """Kill what still runs and reap both processes."""
        ended = await self._drawing.end(), await self._fitting.end()
        if self.ended is None:
            self.ended = ended
        self._notify()

    # -- the processes --

    async def _drawing_says(self) -> None:
        """Hear whether the walls of the first process stand; what Ghostscript says after that is counted."""
        if await self._is_locked_in(self._drawing):
            await self._drawing.discard_errors()

    async def _fitting_says(self, nursery: trio.Nursery) -> None:
        if not await self._is_locked_in(self._fitting):
            return
        nursery.start_soon(self._fitting.discard_errors)
        try:
            await self._read_frames()
        except WireError:
            self._fail("the converter was lost")

    async def _is_locked_in(self, worker: WorkerProcess) -> bool:
        ready, reason = None, "the converter did not start in time"
        try:
            with trio.move_on_after(self._limits.start_timeout_s):
                ready = await worker.ready()
        except WireError:
            reason = "the converter ended before it was ready"
        if ready is not None and ready.ok:
            return True
        self._fail(reason if ready is None else f"the converter could not be locked in: {ready.reason}")
        return False

    async def _feed(self, chunks: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in chunks:
                await self._drawing.feed(chunk)
        except trio.BrokenResourceError:
            # It reads no more: why, its end tells.
            return
        except Exception as error:  # noqa: BLE001
            # The source's own error, such as a damaged container: carried past the nursery, which would
            # wrap it into a group, and raised to the caller as it was.
            self._source_error = error
            self._fail("the document could not be read")
            return
        await self._drawing.end_of_document()

    async def _read_frames(self) -> None:
        """Take frame by frame until the end, a fault, or silence; waits while enough is ready."""
        heard = bytearray()
        while not self._is_over:
            kind, content = await self._frame(heard)
            match kind:
                case Frame.DOCUMENT:
                    await self._keep(content)
                case Frame.PAGE:
                    self._count(content)
                case Frame.END:
                    await self._conclude(None)
                case Frame.FAULT:
                    await self._conclude(read_fault(content))

    async def _frame(self, heard: bytearray) -> tuple[Frame, bytes]:
        kind, length = read_frame_head(await self._take(heard, FRAME_HEAD_BYTES))
        return kind, await self._take(heard, length)

    async def _take(self, heard: bytearray, count: int) -> bytes:
        while len(heard) < count:
            piece = b""
            with trio.move_on_after(self._limits.page_timeout_s) as waiting:
                piece = await self._fitting.receive_some()
            if waiting.cancelled_caught:
                self._fail("converting a page took too long")
                raise WireError("nothing came for too long")
            if not piece:
                raise WireError("the worker ended in mid-frame")
            heard += piece
        taken = bytes(heard[:count])
        del heard[:count]
        return taken

    async def _keep(self, content: bytes) -> None:
        self._ready.append(content)
        self._ready_bytes += len(content)
        self._all_bytes += len(content)
        self._notify()
        while self._ready_bytes >= self._limits.ahead_bytes and not self._is_over:
            await self._change()

    def _count(self, content: bytes) -> None:
        page, plan = read_page(content), self.plan
        if (page.width, page.height) != plan.dots or page.bits_per_pixel != plan.bits_per_pixel:
            self._fail("the converter made other pages than it was asked for")
        self.pages += 1
        self._notify()

    async def _conclude(self, fault: RenderFault | None) -> None:
        """Decide by the fitter's last word, by how Ghostscript ended, and by the number of pages."""
        with trio.move_on_after(_EXIT_S):
            await self._drawing.exited()
        ended = await self._drawing.end()
        expected = self.plan.sides
        why = why_ended(ended) if fault is not RenderFault.TOO_MANY_PAGES else None
        if fault is None and why is None and expected in (None, self.pages):
            self.complete = True
            self._notify()
            return
        if why is None:
            why = f"it has {expected} pages, but {self.pages} came out" if fault is None else FAULTS[fault]
        self._fail(why)
        log.warning(
            "rendering-failed",
            reason=why,
            pages=self.pages,
            exit_code=ended.exit_code,
            signal=ended.signal,
            cpu_s=round(ended.cpu_s, 2),
            stderr_bytes=ended.stderr_bytes,
        )

    # -- what the others wait for --

    @property
    def _is_over(self) -> bool:
        return self.complete or self._failure is not None

    def _fail(self, why: str) -> None:
        self._failure = self._failure or why
        self._notify()

    def _raise_failure(self) -> None:
        if self._source_error is not None:
            raise self._source_error
        if self._failure is not None:
            raise RenderingFailed(self._failure)

    async def _change(self) -> None:
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
