"""Memory for sealed segments on their way to a file: page-aligned, used again, bounded in number."""

import mmap

from holdstore.container import PAGE_BYTES, SEALED_SEGMENT_BYTES

# One write to the disk. Below 1 MiB a disk is slower, above 4 MiB nothing is gained (measured), and a
# document of a megabyte goes in one.
BATCH_BYTES = 2 * 1024 * 1024
# Room for the segment that crosses the end of a batch.
CAPACITY_BYTES = BATCH_BYTES + -(-SEALED_SEGMENT_BYTES // PAGE_BYTES) * PAGE_BYTES
# Every document on its way in has one. With a second one it is received while the first is written, with a
# third one the disk finds the next there when it has finished: without it, it waited for a fifth of the time.
MAX_BATCHES = 3
# Second and third ones at a time: they keep any disk busy.
MAX_FURTHER = 8
# Kept for the next documents: memory that was touched before costs no page faults.
MAX_KEPT = 8


class Batches:
    """Gives and takes back batches. All its memory holds is ciphertext."""

    def __init__(self) -> None:
        self._free: list[memoryview] = []
        self._further = 0

    def take(self) -> memoryview:
        """A batch of CAPACITY_BYTES that begins on a page."""
        return self._free.pop() if self._free else memoryview(mmap.mmap(-1, CAPACITY_BYTES))

    def take_further(self) -> memoryview | None:
        """A further batch for the same document, or None while there are too many."""
        if self._further >= MAX_FURTHER:
            return None
        self._further += 1
        return self.take()

    def give_back(self, batch: memoryview) -> None:
        """Take a batch back that nobody writes from any more."""
        if len(self._free) < MAX_KEPT:
            self._free.append(batch)

    def give_back_further(self, batch: memoryview) -> None:
        """Take a further batch back."""
        self._further -= 1
        self.give_back(batch)
