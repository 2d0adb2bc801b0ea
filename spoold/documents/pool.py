"""Runs document workers: one process per document, a few at a time, the next one always ready to read.

A worker needs 130 ms of a processor to load the parser. While `keep_warm` runs, workers are copies of a
template that has it loaded, and the next one is there and locked in before its document comes. Whatever a
worker does or does not do, the caller gets an Inspection.
"""

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import structlog
import trio

from spoold.documents.inspection import Inspection, SandboxState, unknown
from spoold.documents.process import Ended, WorkerProcess, worker_command
from spoold.documents.template import Template, TemplateLostError
from spoold.documents.worker.wire import (
    MAX_DOCUMENT_BYTES,
    MAX_RASTER_BYTES,
    Answer,
    Reason,
    WireError,
    decode_answer,
)

__all__ = ["PoolLimits", "WorkerPool"]

_log = structlog.get_logger()


def _default_workers() -> int:
    """As many as there are processors, but four at most: each may take 512 MiB of the service's memory."""
    return max(1, min(4, len(os.sched_getaffinity(0))))


@dataclass(frozen=True)
class PoolLimits:
    """How long and how many. What a worker may use of the machine is in `worker.sandbox.Limits`."""

    max_workers: int = field(default_factory=_default_workers)
    start_timeout_s: float = 10.0
    """Loading the parser takes 0.1 s; a machine that needs 10 s has other troubles."""
    deadline_s: float = 15.0
    """From the first byte to the answer, the kernel's 10 s of processor time and some waiting included."""
    max_wait_s: float = 30.0
    """How long a document waits for a free worker: two deadlines, then its pages stay unknown."""
    restart_pause_s: float = 5.0
    """Before another worker is started ahead, when the last one could not be or died idle."""
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    max_raster_bytes: int = MAX_RASTER_BYTES

    def max_bytes(self, mime: str) -> int:
        """Return how long a document of a format may be to be read."""
        return self.max_raster_bytes if mime in _WALKED_FORMATS else self.max_document_bytes


_WALKED_FORMATS = frozenset({"image/pwg-raster", "image/urf"})
"""Read in passing, not kept."""
_TEXTS = {
    Reason.PASSWORD: "the document is protected by a password",
    Reason.BROKEN: "the document is damaged",
    Reason.LIMIT: "the document needs more work to read than is allowed",
    Reason.MEMORY: "the document needs more memory to read than is allowed",
    Reason.TOO_LARGE: "the document is too large to be inspected",
    Reason.TOO_MANY_PAGES: "the document has more pages than are counted",
}


class WorkerPool:
    """Inspects documents in sandboxed workers.

    Works as it stands; with `keep_warm` running in a nursery each worker costs 5 ms and not 130. `command`
    says how a worker is started, each anew, if not as `worker_command` does.
    """

    def __init__(self, limits: PoolLimits | None = None, *, command: tuple[str, ...] | None = None) -> None:
        self._limits = limits or PoolLimits()
        self._command = command or worker_command()
        self._is_copied = command is None
        self._template: Template | None = None
        self._slots = trio.CapacityLimiter(self._limits.max_workers)
        self._spare: WorkerProcess | None = None
        self._spare_taken = trio.Event()
        self.last_state: SandboxState | None = None
        """What the worker started last said of its sandbox; None before the first. For health."""
        self.last_ended: Ended | None = None
        """How the worker that read a document last ended: what it cost."""

    @property
    def has_warm_worker(self) -> bool:
        """Tell whether the next document finds a worker that is locked in and waiting."""
        return self._spare is not None

    @property
    def template_pid(self) -> int | None:
        """Return the process id of what workers are copied from, None while there is none."""
        return None if self._template is None else self._template.pid

    async def inspect(self, chunks: AsyncIterator[bytes], mime: str) -> Inspection:
        """Send a document's bytes through a worker. Every trouble of the worker is an answer with a reason.

        `chunks` should come from a store, not from a client's socket: its pauses count against the
        deadline and hold a worker. Only errors of `chunks` itself are raised. It is closed in the end.
        """
        try:
            with trio.move_on_after(self._limits.max_wait_s) as waiting:
                await self._slots.acquire()
            if waiting.cancelled_caught:
                return unknown(mime, "too many documents are being inspected at once")
            try:
                return await self._inspect_in_slot(chunks, mime)
            finally:
                self._slots.release()
        finally:
            # An async generator that is dropped in the middle would be finished by the garbage collector.
            if (close := getattr(chunks, "aclose", None)) is not None:
                await close()

    def too_large(self, mime: str, size_bytes: int) -> Inspection | None:
        """Return the answer about a document that no worker reads to its end, None for any other.

        Who knows the size can ask here first and need not open hundreds of megabytes for nothing.
        """
        return unknown(mime, _TEXTS[Reason.TOO_LARGE]) if size_bytes > self._limits.max_bytes(mime) else None

    async def state(self) -> SandboxState:
        """Start a worker and hear whether it could lock itself in. It reads nothing."""
        started = await self._start()
        if isinstance(started, SandboxState):
            return started
        worker, state = started
        await worker.end()
        return state

    async def keep_warm(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a template and one worker started ahead until cancelled; then kill them. One at a time."""
        task_status.started()
        template = self._template = Template() if self._is_copied else None
        try:
            await self._keep_a_spare()
        finally:
            self._template = None
            if template is not None:
                await template.end()

    async def _keep_a_spare(self) -> None:
        while True:
            started = await self._start()
            if isinstance(started, SandboxState):
                # Nothing gets better by asking every millisecond.
                await trio.sleep(self._limits.restart_pause_s)
                continue
            worker, _ = started
            self._spare, self._spare_taken = worker, trio.Event()
            try:
                await self._until_taken_or_dead(worker)
            finally:
                if self._spare is worker:
                    self._spare = None
                    await worker.end()
            if not self._spare_taken.is_set():
                _log.warning("document worker died idle")
                await trio.sleep(self._limits.restart_pause_s)

    async def _until_taken_or_dead(self, worker: WorkerProcess) -> None:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                try:
                    await worker.exited()
                except OSError:
                    # No descriptor is left to watch it with. Whoever takes it sees whether it is alive.
                    return
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            await self._spare_taken.wait()
            nursery.cancel_scope.cancel()

    async def _take(self) -> WorkerProcess | SandboxState:
        """Take the worker started ahead, or start one."""
        spare, self._spare = self._spare, None
        if spare is not None:
            self._spare_taken.set()
            if spare.is_alive():
                return spare
            await spare.end()
        started = await self._start()
        return started if isinstance(started, SandboxState) else started[0]

    async def _start(self) -> tuple[WorkerProcess, SandboxState] | SandboxState:
        """Start a worker and wait for its first line. A SandboxState alone is a refusal with its reason."""
        try:
            worker = await self._new_process()
        except OSError as error:
            return self._refused(f"the document worker could not be started: {error.strerror}")
        ready, reason = None, "the document worker did not start in time"
        try:
            with trio.move_on_after(self._limits.start_timeout_s):
                ready = await worker.ready()
        except WireError:
            reason = "the document worker ended before it was ready"
        finally:
            if ready is None or not ready.ok:
                await worker.end()
        if ready is None:
            return self._refused(reason)
        if not ready.ok:
            return self._refused(f"no sandbox: {ready.reason}")
        self.last_state = SandboxState(ok=True, landlock_abi=ready.landlock_abi)
        return worker, self.last_state

    async def _new_process(self) -> WorkerProcess:
        """A copy of the template, or a process of its own where there is none."""
        if self._template is not None:
            try:
                return await self._template.copy()
            except TemplateLostError as error:
                _log.warning("document worker template lost", reason=str(error))
        return WorkerProcess.start(self._command)

    def _refused(self, reason: str) -> SandboxState:
        state = SandboxState(ok=False, reason=reason)
        if state != self.last_state:  # once, not for every document
            _log.error("documents cannot be inspected", reason=reason)
        self.last_state = state
        return state

    async def _inspect_in_slot(self, chunks: AsyncIterator[bytes], mime: str) -> Inspection:
        taken = await self._take()
        if isinstance(taken, SandboxState):
            return unknown(mime, f"documents are not inspected: {taken.reason}")
        conversation = _Conversation(taken, self._limits, self._limits.max_bytes(mime))
        try:
            await conversation.hold(chunks)
        finally:
            ended = self.last_ended = await taken.end()
        if conversation.source_error is not None:
            raise conversation.source_error
        if conversation.answer is not None:
            return _inspection(conversation.answer, mime)
        reason = "reading the document took too long" if conversation.timed_out else _why_lost(ended)
        _log.warning(
            "document worker lost",
            reason=reason,
            signal=ended.signal,
            exit_code=ended.exit_code,
            cpu_s=round(ended.cpu_s, 2),
            stderr_bytes=ended.stderr_bytes,
        )
        return unknown(mime, reason)


class _Conversation:
    """One document's way through one worker. Afterwards at most one of the three results is set."""

    def __init__(self, worker: WorkerProcess, limits: PoolLimits, max_bytes: int) -> None:
        self._worker = worker
        self._limits = limits
        self._max_bytes = max_bytes
        self.answer: Answer | None = None
        self.source_error: Exception | None = None
        self.timed_out = False

    async def hold(self, chunks: AsyncIterator[bytes]) -> None:
        """Send the document and hear the answer, both at once, until there is one or the deadline passes."""
        with trio.move_on_after(self._limits.deadline_s) as deadline:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._worker.discard_errors)
                nursery.start_soon(self._listen, nursery.cancel_scope)
                await self._feed(chunks)
                if self.source_error is not None or self.answer is not None:
                    nursery.cancel_scope.cancel()
        self.timed_out = deadline.cancelled_caught

    async def _feed(self, chunks: AsyncIterator[bytes]) -> None:
        sent = 0
        try:
            async for chunk in chunks:
                sent += len(chunk)
                if sent > self._max_bytes:
                    self.answer = Answer(reason=Reason.TOO_LARGE)
                    return
                await self._send(chunk)
        except Exception as error:  # noqa: BLE001
            # The source's own error, such as a damaged container: carried past the nursery, which would
            # wrap it into a group, and raised to the caller as it was.
            self.source_error = error
            return
        await self._worker.end_of_document()

    async def _send(self, chunk: bytes) -> None:
        try:
            await self._worker.feed(chunk)
        except trio.BrokenResourceError:
            # It no longer reads: it has answered already, or is dead. `_listen` finds out which, and
            # cancels this wait.
            await trio.sleep_forever()

    async def _listen(self, conversation: trio.CancelScope) -> None:
        try:
            self.answer = decode_answer(await self._worker.answer())
        except WireError:
            self.answer = None
        conversation.cancel()


def _inspection(answer: Answer, mime: str) -> Inspection:
    return Inspection(
        format=mime,
        pages=answer.pages,
        page_sizes=answer.page_sizes,
        encrypted=answer.encrypted,
        broken=answer.broken,
        known=answer.pages is not None and answer.reason is None,
        reason=None if answer.reason is None else _TEXTS[answer.reason],
    )


def _why_lost(ended: Ended) -> str:
    """Say why a worker gave no answer, from how it ended."""
    match ended.signal:
        case signal.SIGXCPU:
            return "reading the document took more processor time than is allowed"
        case signal.SIGSYS:
            return "the document made its reader try something it must not do"
        case None:
            return "the document's reader ended without an answer"
        case _:
            return "the document's reader was killed"
