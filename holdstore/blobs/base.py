"""What a place for containers must do; blobs are written once, under hex names, and never changed."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from holdstore.container import Buffer


class Range(NamedTuple):
    """A part of a blob, in bytes."""

    offset: int
    length: int


class BlobWriter(Protocol):
    """One blob on its way in. Nothing is visible under its name before commit has returned.

    Every method raises StoreFull or StoreFailed; after that the blob is gone and only abort is allowed.
    """

    async def write(self, pieces: Sequence[Buffer], *, behind: int = 0) -> None:
        """Append; the pieces may be changed again once this has returned.

        Args:
            behind: only begin to write, and return when no more than so many calls' pieces are still to be
                written, these among them. They may be changed again when that many further calls have
                returned; one of those raises what goes wrong with them. After abort, once it has
                called `let_go`.
        """

    async def commit(self, pieces: Sequence[Buffer] = ()) -> None:
        """Append the last pieces and make the blob durable under its name before returning.

        Once begun it is not cancelled. A name that exists already is an error, never overwritten.
        """

    async def abort(self, let_go: Callable[[], None]) -> None:
        """Leave nothing behind; allowed at any time, also when cancelled; does nothing after commit.

        Args:
            let_go: called in the loop's thread when no piece is written from any more. That is before this
                returns, unless a disk hangs: then when it goes on, or never. It must not raise.
        """


class BlobReader(Protocol):
    """One blob, open; it stays readable when it is deleted meanwhile."""

    size_bytes: int

    async def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end. Raises StoreFailed."""

    async def scan(self, ranges: Iterable[Range], look: Callable[[Range, memoryview], None]) -> None:
        """Read ranges in any order, several at a time, and show each to `look`, in any thread.

        `look` sees fewer bytes than the range has only at the end; the memory is used again afterwards.
        Ends at the first error: StoreFailed, or what `look` raised.
        """

    async def aclose(self) -> None:
        """Release what is held open."""


class BlobStore(Protocol):
    """A place where containers lie. Names are lower-case hex of 4 to 64 digits, unique for all time."""

    def create(self, name: str) -> BlobWriter:
        """A writer for a new blob; nothing touches the medium before its first write or commit."""

    async def open(self, name: str) -> BlobReader | None:
        """The blob, or None if there is none. Raises StoreFailed."""

    async def delete(self, names: Collection[str]) -> int:
        """Delete; absent names are fine. Returns how many were there. Raises StoreFailed."""

    async def names(self) -> list[str]:
        """The names of all blobs, in no order; also foreign ones. Raises StoreFailed."""

    async def remove_unfinished(self) -> int:
        """Remove what writers left behind that never committed; only while none is at work."""

    def free_bytes(self) -> int | None:
        """Room left on the medium, or None if it has no such bound."""
