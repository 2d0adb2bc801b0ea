"""Mutates a corpus of byte strings, the same way every time for the same seed."""

import random
from collections.abc import Callable, Iterator, Sequence

# Lengths that parsers get wrong: zero, signs, one below and above a width's end.
EDGE_8 = (0x00, 0x01, 0x0A, 0x0D, 0x20, 0x7F, 0x80, 0xFE, 0xFF)
EDGE_16 = (0x0000, 0x0001, 0x00FF, 0x0100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)
EDGE_32 = (0x00000000, 0x00000001, 0x0000FFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# Most inputs stay near the corpus; a few carry many changes at once.
MAX_CHANGES = 6
REPEATS = (2, 3, 8, 64, 512)


class Mutator:
    """An endless source of inputs derived from a corpus.

    Args:
        seed: equal seeds and corpora give equal inputs, so a failure is named by (seed, index).
        corpus: well-formed and odd inputs to start from; must not be empty.
        tokens: words of the protocol that are inserted now and then (keywords, tags, line ends).
        max_bytes: no input is longer than this.
    """

    def __init__(
        self,
        seed: int,
        corpus: Sequence[bytes],
        *,
        tokens: Sequence[bytes] = (),
        max_bytes: int = 1024 * 1024,
    ) -> None:
        if not corpus:
            raise ValueError("a mutator needs at least one input to start from")
        self._random = random.Random(seed)
        self._corpus = tuple(corpus)
        self._tokens = tuple(tokens)
        self._max_bytes = max_bytes
        self._changes: tuple[Callable[[bytearray], None], ...] = (
            self._flip_bit,
            self._set_byte,
            self._set_length_8,
            self._set_length_16,
            self._set_length_32,
            self._nudge_byte,
            self._truncate,
            self._remove,
            self._insert,
            self._splice,
            self._repeat,
            self._overwrite,
            self._insert_token,
        )

    def mutations(self) -> Iterator[bytes]:
        """Yield inputs for ever: first the corpus as it stands, then its mutations."""
        yield from self._corpus
        choice = self._random.choice
        while True:
            yield self.mutate(choice(self._corpus))

    def mutate(self, data: bytes) -> bytes:
        """Return `data` with one to `MAX_CHANGES` changes."""
        work = bytearray(data)
        # Squaring favours few changes: an input with one wrong length reaches deeper than noise.
        count = 1 + int(self._random.random() ** 2 * MAX_CHANGES)
        for _ in range(count):
            self._random.choice(self._changes)(work)
        return bytes(work[: self._max_bytes])

    def _position(self, work: bytearray, width: int = 1) -> int | None:
        room = len(work) - width + 1
        return int(self._random.random() * room) if room > 0 else None

    def _flip_bit(self, work: bytearray) -> None:
        at = self._position(work)
        if at is not None:
            work[at] ^= 1 << self._random.getrandbits(3)

    def _set_byte(self, work: bytearray) -> None:
        at = self._position(work)
        if at is not None:
            work[at] = self._random.getrandbits(8)

    def _nudge_byte(self, work: bytearray) -> None:
        at = self._position(work)
        if at is not None:
            work[at] = (work[at] + self._random.choice((-2, -1, 1, 2))) & 0xFF

    def _set_length_8(self, work: bytearray) -> None:
        at = self._position(work)
        if at is not None:
            work[at] = self._random.choice(EDGE_8)

    def _set_length_16(self, work: bytearray) -> None:
        at = self._position(work, 2)
        if at is not None:
            # Half the time a length that is true of the rest of the input, off by a little.
            length = len(work) - at - 2 + self._random.randint(-2, 2)
            value = length if self._random.getrandbits(1) else self._random.choice(EDGE_16)
            work[at : at + 2] = (value & 0xFFFF).to_bytes(2, "big")

    def _set_length_32(self, work: bytearray) -> None:
        at = self._position(work, 4)
        if at is not None:
            work[at : at + 4] = self._random.choice(EDGE_32).to_bytes(4, "big")

    def _truncate(self, work: bytearray) -> None:
        at = self._position(work)
        if at is not None:
            del work[at:]

    def _span(self, work: bytearray) -> tuple[int, int]:
        start = int(self._random.random() * (len(work) + 1))
        return start, min(len(work), start + self._random.choice((1, 2, 4, 8, 16, 64, 256)))

    def _remove(self, work: bytearray) -> None:
        start, end = self._span(work)
        del work[start:end]

    def _insert(self, work: bytearray) -> None:
        at = int(self._random.random() * (len(work) + 1))
        work[at:at] = self._random.randbytes(self._random.choice((1, 2, 4, 8, 32)))

    def _splice(self, work: bytearray) -> None:
        other = self._random.choice(self._corpus)
        start = int(self._random.random() * (len(other) + 1))
        work[int(self._random.random() * (len(work) + 1)) :] = other[start:]

    def _overwrite(self, work: bytearray) -> None:
        start, end = self._span(work)
        source, _ = self._span(work)
        work[start:end] = work[source : source + end - start]

    def _repeat(self, work: bytearray) -> None:
        start, end = self._span(work)
        times = self._random.choice(REPEATS)
        if len(work) + (end - start) * times <= self._max_bytes:
            work[end:end] = work[start:end] * times

    def _insert_token(self, work: bytearray) -> None:
        if self._tokens:
            at = int(self._random.random() * (len(work) + 1))
            work[at:at] = self._random.choice(self._tokens)
