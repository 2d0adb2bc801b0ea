"""Memory for sealed segments on their way to a file: page-aligned, used again, bounded in number."""

import mmap

from holdstore.container import PAGE_BYTES, SEALED_SEGMENT_BYTES

# One write to the disk. Below 1 MiB a disk is slower, above 4 MiB nothing is gained (measured), and a
# document of a megabyte goes in one.
BATCH_BYTES = 2 * 1024 * 1024
# Room for the segment that crosses the end of a batch.
CAPACITY_BYTES = BATCH_BYTES + -(-SEALED_SEGMENT_BYTES // PAGE_BYTES) * PAGE_BYTES
# Every document on its way in has one; a second one lets it be received while the first is written. These
# many second ones at a time keep the disk busy.
MAX_SECOND = 8
# Kept for the next documents: memory that was touched before costs no page faults.
MAX_KEPT = 8


class Batches:
    """Gives and takes back batches. All its memory holds is ciphertext."""

    def __init__(self) -> None:
        self._free: list[memoryview] = []
        self._second = 0

    def take(self) -> memoryview:
        """A batch of CAPACITY_BYTES that begins on a page."""
        return self._free.pop() if self._free else memoryview(mmap.mmap(-1, CAPACITY_BYTES))

    def take_second(self) -> memoryview | None:
        """A second batch for the same document, or None while too many have one."""
        if self._second >= MAX_SECOND:
            return None
        self._second += 1
        return self.take()

    def give_back(self, batch: memoryview) -> None:
        """Take a batch back that nobody writes from any more."""
        if len(self._free) < MAX_KEPT:
            self._free.append(batch)

    def give_back_second(self, batch: memoryview) -> None:
        """Take a second batch back."""
        self._second -= 1
        self.give_back(batch)
