"""Threads for a disk: work is begun at once and waited for later; writing goes on behind receiving."""

import errno
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import trio

T = TypeVar("T")


class Errand(Generic[T]):
    """One piece of work in a thread."""

    __slots__ = ("_after", "_done", "_error", "_result", "_running", "_then", "_token", "_work")

    def __init__(self, work: Callable[[], T], after: "Errand[Any] | None" = None) -> None:
        self._work = work
        self._after = after
        self._running = threading.Lock()
        self._running.acquire()
        self._token = trio.lowlevel.current_trio_token()
        self._done = trio.Event()
        self._then: tuple[Callable[[], None], ...] = ()
        self._result: Any = None
        self._error: BaseException | None = None

    async def ended(self) -> None:
        """Wait until the work has ended, well or not."""
        await self._done.wait()

    def then(self, call: Callable[[], None]) -> None:
        """Have something called in the loop's thread once the work has ended, well or not."""
        if self._done.is_set():
            call()
        else:
            self._then += (call,)

    async def result(self) -> T:
        """Wait for the work, even when cancelled: it cannot be stopped half-way. Raises what it raised."""
        with trio.CancelScope(shield=True):
            await self._done.wait()
        if self._error is not None:
            raise self._error
        result: T = self._result
        return result

    def run(self, ended: Callable[["Errand[Any]"], None]) -> None:
        """Do the work; for the thread."""
        if self._after is not None:
            # A thread has it already, because it was begun before this.
            with self._after._running:
                self._after = None
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - carried to the task that waits and raised there
            self._error = error
        self._running.release()
        # The loop may be gone: then nobody waits.
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(ended, self)

    def fail(self, error: OSError) -> None:
        """End it undone; in the loop's thread."""
        self._error = error
        self._running.release()
        self._done.set()

    def tell(self) -> None:
        """Wake up who waits; in the loop's thread."""
        self._done.set()
        for call in self._then:
            call()


class DiskThreads:
    """A few threads, started as they are needed and kept. Each hop costs less than one by `trio.to_thread`.

    Args:
        most: how many pieces of work run at the same time; more wait their turn.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._started = 0
        self._unfinished = 0
        self._waiting: queue.SimpleQueue[Errand[Any] | None] = queue.SimpleQueue()

    def begin(self, work: Callable[[], T], after: Errand[Any] | None = None) -> Errand[T]:
        """Have blocking work done in a thread; returns at once.

        Args:
            after: what was begun here before and must have ended, well or not, before this is done.
        """
        errand = Errand(work, after)
        if self._unfinished >= self._started < self._most and not self._start() and not self._started:
            errand.fail(OSError(errno.EAGAIN, "no thread can be started"))
            return errand
        self._unfinished += 1
        self._waiting.put(errand)
        return errand

    def _start(self) -> bool:
        """Start one more thread; False when the system has none to give: then those that run do the work."""
        arguments = (self._waiting, self._ended)
        try:
            threading.Thread(target=_serve, args=arguments, name="disk", daemon=True).start()
        except RuntimeError:
            return False
        self._started += 1
        return True

    def close(self) -> None:
        """Let the threads end when they have done what was begun."""
        for _ in range(self._started):
            self._waiting.put(None)
        self._started = 0

    def _ended(self, errand: Errand[Any]) -> None:
        self._unfinished -= 1
        errand.tell()


def _serve(waiting: "queue.SimpleQueue[Errand[Any] | None]", ended: Callable[[Errand[Any]], None]) -> None:
    while (errand := waiting.get()) is not None:
        errand.run(ended)
        del errand
