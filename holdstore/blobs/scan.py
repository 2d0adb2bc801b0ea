"""A scan: one file read by several threads, each piece looked at by the thread that read it."""

from collections.abc import Callable, Sequence

import trio

from holdstore import durable
from holdstore.blobs.base import Range
from holdstore.blobs.threads import DiskThreads


class Scan:
    """One scan of one open file.

    Args:
        fd: stays open until `run` has returned.
        ranges: what to read.
        look: called with each range and what was read of it, by several threads at the same time.
    """

    def __init__(self, fd: int, ranges: Sequence[Range], look: Callable[[Range, memoryview], None]) -> None:
        self._fd = fd
        self._look = look
        self._longest = max((part.length for part in ranges), default=0)
        self._count = len(ranges)
        # Threads take from one list; pop is one step of the interpreter, so no two get the same.
        self._left = list(reversed(ranges))

    async def run(self, threads: DiskThreads, most: int) -> None:
        """Scan with at most so many threads; returns when none of them is at work any more.

        Raises:
            OSError: the file cannot be read.
            whatever `look` raised first.
        """
        errands = [threads.begin(self._work) for _ in range(min(most, self._count))]
        try:
            for errand in errands:
                await errand.ended()
        finally:
            self._left.clear()
            with trio.CancelScope(shield=True):
                for errand in errands:
                    await errand.ended()
        for errand in errands:
            await errand.result()

    def _work(self) -> None:
        buffer = memoryview(bytearray(self._longest))
        try:
            while self._left:
                try:
                    part = self._left.pop()
                except IndexError:
                    return
                read = durable.read_into(self._fd, buffer[: part.length], part.offset)
                self._look(part, buffer[:read])
        except BaseException:
            self._left.clear()
            raise
