"""Has words stamped on every page of a PDF, by a worker behind walls of its own.

The worker takes the whole document into its memory, stamps it, and says how it went before the first octet
of the result leaves it. What waits for the printer waits there: nothing lies on a disk, or in the daemon.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

import structlog
import trio

from spoold.documents.process import WorkerProcess, stamp_command
from spoold.documents.worker.wire import (
    Reason,
    StampAnswer,
    WireError,
    decode_stamped,
    encode_words,
)
from spoold.model.watermark import MAX_DOCUMENT_BYTES

__all__ = ["Stamped", "Stamper", "StampingFailed", "StampingLimits"]

log = structlog.get_logger()

# More are not a watermark any more, and leave no room for the document.
MAX_WORDS = 8
_PIECE_BYTES = 64 * 1024
_LOST = "the stamping was interrupted"
_REASONS = {
    Reason.PASSWORD: "it is protected by a password; print it without one",
    Reason.MEMORY: "it needs more memory than is allowed",
    Reason.TOO_LARGE: "it is larger than 128 MiB; print it in parts",
}
_DAMAGED = "it is damaged, or no PDF; print it anew, as PDF"


class StampingFailed(Exception):  # noqa: N818 - it reads as what happened
    """There is no stamped document. `words` say why, as a part of a sentence; nothing of the document."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True)
class StampingLimits:
    """How long and how much. What the process may use is in `worker.stamp`."""

    max_stampings: int = 8
    """Each is 40 MiB and its document twice, until its printer has taken it."""
    max_bytes: int = 512 * 1024 * 1024
    """All documents in work and what is made of them. With eight times 40 MiB that is 832 MiB, which leaves
    room in the service's 2 GiB; two of the longest fit, and a third waits."""
    max_wait_s: float = 60.0
    """For a free one, as for a rendering."""
    start_timeout_s: float = 15.0
    """Loading the parser takes a third of a second."""
    stamp_timeout_s: float = 90.0
    """A page takes a millisecond; the worker is killed after 60 s of processor time."""
    piece_timeout_s: float = 30.0
    """The result lies ready: only a worker that is stuck does not hand it over."""
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    """What is longer is refused before it comes here, where its length is known."""


@dataclass
class Stamped:
    """One stamped document in its worker's memory: how many pages and octets it has."""

    pages: int
    size_bytes: int
    _worker: WorkerProcess
    _limits: StampingLimits

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Yield it, as fast as it is wanted; once.

        Raises:
            StampingFailed: the rest will not come.
        """
        rest = self.size_bytes
        while rest:
            piece = b""
            with trio.move_on_after(self._limits.piece_timeout_s):
                piece = await self._worker.receive_some()
            if not piece or len(piece) > rest:
                raise StampingFailed(_LOST)
            rest -= len(piece)
            yield piece


class _Room:
    """So many at a time, and so many bytes; whoever came first is let in first, however much it takes.

    One that takes everything would else wait for as long as small ones keep coming.
    """

    def __init__(self, places: int, size_bytes: int) -> None:
        self._places = places
        self._free_bytes = size_bytes
        self._queue: list[tuple[int, trio.Event]] = []

    async def enter(self, size_bytes: int) -> None:
        """Wait for a place and the bytes. More than there are at all would wait for ever."""
        turn = (size_bytes, trio.Event())
        self._queue.append(turn)
        self._let_in()
        try:
            await turn[1].wait()
        except trio.Cancelled:
            if turn[1].is_set():
                self.leave(size_bytes)
            else:
                self._queue.remove(turn)
                self._let_in()
            raise

    def leave(self, size_bytes: int) -> None:
        """Make room for who comes next."""
        self._places += 1
        self._free_bytes += size_bytes
        self._let_in()

    def _let_in(self) -> None:
        while self._queue and self._places and self._queue[0][0] <= self._free_bytes:
            size_bytes, let_in = self._queue.pop(0)
            self._places -= 1
            self._free_bytes -= size_bytes
            let_in.set()


class Stamper:
    """Stamps documents, a few at a time."""

    def __init__(self, limits: StampingLimits | None = None, command: tuple[str, ...] | None = None) -> None:
        """Keep what bounds it; `command` starts another worker than the usual one."""
        self._limits = limits or StampingLimits()
        self._command = command or stamp_command(self._limits.max_document_bytes)
        self._room = _Room(self._limits.max_stampings, self._limits.max_bytes)

    @contextlib.asynccontextmanager
    async def stamp(
        self,
        words: Sequence[str],
        chunks: AsyncIterator[bytes],
        *,
        pages: int | None = None,
        size_bytes: int | None = None,
    ) -> AsyncGenerator[Stamped]:
        """Stamp one document, read from `chunks`; the worker ends with the context.

        Args:
            words: each begins a line.
            pages: as counted before; None when nobody knows.
            size_bytes: the document's; None when nobody knows, which counts as the longest.

        Raises:
            StampingFailed: it cannot be stamped. What `chunks` and the body raise, as it is.
        """
        if not 0 < len(words) <= MAX_WORDS:
            raise StampingFailed(f"the rules want {len(words)} watermarks on it, and {MAX_WORDS} can be")
        longest = self._limits.max_document_bytes
        if size_bytes is not None and size_bytes > longest:
            raise StampingFailed(_REASONS[Reason.TOO_LARGE])
        taken_bytes = 2 * (longest if size_bytes is None else size_bytes)
        with trio.move_on_after(self._limits.max_wait_s) as waiting:
            await self._room.enter(taken_bytes)
        if waiting.cancelled_caught:
            raise StampingFailed("too many documents are being stamped at once")
        worker: WorkerProcess | None = None
        answer = StampAnswer()
        try:
            worker = _start(self._command)
            answer = await self._hear(worker, words, chunks)
            if pages is not None and answer.pages != pages:
                raise StampingFailed(f"it has {pages} pages, but {answer.pages} were found; print it anew")
            yield Stamped(answer.pages or 0, answer.size_bytes or 0, worker, self._limits)
        finally:
            if worker is not None:
                ended = await worker.end()
                log.info("stamping-ended", pages=answer.pages, cpu_s=round(ended.cpu_s, 2))
            self._room.leave(taken_bytes)

    async def _hear(
        self, worker: WorkerProcess, words: Sequence[str], chunks: AsyncIterator[bytes]
    ) -> StampAnswer:
        """Send the document and hear how it went."""
        try:
            await self._check_locked_in(worker)
            with trio.move_on_after(self._limits.stamp_timeout_s):
                await _feed(worker, words, chunks)
                answer = decode_stamped(await worker.answer())
                if answer.reason is not None:
                    raise StampingFailed(_REASONS.get(answer.reason, _DAMAGED))
                return answer
            raise StampingFailed("stamping it took too long")
        except WireError:
            raise StampingFailed(_LOST) from None
        finally:
            # An async generator that is dropped in the middle would be finished by the garbage collector.
            if (close := getattr(chunks, "aclose", None)) is not None:
                with trio.CancelScope(shield=True):
                    await close()

    async def _check_locked_in(self, worker: WorkerProcess) -> None:
        with trio.move_on_after(self._limits.start_timeout_s):
            ready = await worker.ready()
            if not ready.ok:
                raise StampingFailed(f"the stamping could not be locked in: {ready.reason}")
            return
        raise StampingFailed("the stamping did not start in time")


def _start(command: tuple[str, ...]) -> WorkerProcess:
    try:
        return WorkerProcess.start(command)
    except OSError as error:
        raise StampingFailed("the stamping could not be started") from error


async def _feed(worker: WorkerProcess, words: Sequence[str], chunks: AsyncIterator[bytes]) -> None:
    try:
        await worker.feed(encode_words(tuple(words)))
        async for chunk in chunks:
            for start in range(0, len(chunk), _PIECE_BYTES):
                await worker.feed(chunk[start : start + _PIECE_BYTES])
        await worker.end_of_document()
    except trio.BrokenResourceError:
        # It reads no more: why, its answer tells, or that there is none.
        return
