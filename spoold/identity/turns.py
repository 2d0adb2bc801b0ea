"""Whose turn it is to have a password checked, where more wait than can be: whoever is least likely to guess.

In the order of arrival, a flood of guesses from many addresses would keep everybody from signing in: the
queue is always full, and whoever comes is sent away. Here the queue is ordered by what is known of the place:
first those who have signed in from there before, then places without failures, and so on. Where there is no
more room, whoever stands last goes.
"""

import bisect
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import trio

from spoold.model.errors import Busy

# Whoever is overtaken more often is sent away: without that, a wait behind others would have no end.
MAX_OVERTAKEN = 32
# Before everybody: people at their usual places, and what no stranger asks for (a new password's hash).
FIRST = 0

_rank: ContextVar[int] = ContextVar("rank of the check", default=FIRST)


@contextmanager
def ranked(rank: int) -> Iterator[None]:
    """Have the checks inside wait in this place; the lowest comes first.

    What is known of the place does not go through every provider's hands: it is said here, around them.
    """
    token = _rank.set(rank)
    try:
        yield
    finally:
        _rank.reset(token)


@dataclass(order=True, slots=True)
class _Waiting:
    rank: int
    number: int
    ended: trio.Event = field(default_factory=trio.Event, compare=False)
    has_turn: bool = field(default=False, compare=False)
    overtaken: int = field(default=0, compare=False)


class Turns:
    """Lets a few go at a time; the others wait, the lowest rank first, then the order of arrival.

    Args:
        at_once: how many go at a time.
        waiting: how many more may wait.
    """

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._free = at_once
        self._room = waiting
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it for as long as this lasts.

        Raises:
            Busy: there is no room, or others took it.
        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(_Waiting(_rank.get(), next(self._numbers)))
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, mine: _Waiting) -> None:
        self._line_up(mine)
        try:
            await mine.ended.wait()
        except trio.Cancelled:
            if mine.has_turn:
                self._pass_on()
            elif not mine.ended.is_set():
                self._waiting.remove(mine)
            raise
        if not mine.has_turn:
            raise Busy("Too many people are signing in at this moment. Try again in a few seconds.")

    def _line_up(self, mine: _Waiting) -> None:
        place = bisect.bisect(self._waiting, mine)
        for one in self._waiting[place:]:
            one.overtaken += 1
        self._waiting.insert(place, mine)
        gone = [one for one in self._waiting if one.overtaken > MAX_OVERTAKEN]
        if not gone and len(self._waiting) > self._room:
            gone = self._waiting[-1:]
        for one in gone:
            self._waiting.remove(one)
            one.ended.set()

    def _pass_on(self) -> None:
        if self._waiting:
            following = self._waiting.pop(0)
            following.has_turn = True
            following.ended.set()
        else:
            self._free += 1
