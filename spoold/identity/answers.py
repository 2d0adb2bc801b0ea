"""What providers said of people, for a while: of many questions about one person at once, one is asked."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from spoold.model.ids import UserId
from spoold.runtime.clock import Clock

T = TypeVar("T")


class Answers(Generic[T]):
    """Remembers one answer for each person.

    Args:
        most: people whose answers are remembered; whoever was asked about longest ago goes first.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        # The answer, and until when it counts on the monotonic clock.
        self._answers: OrderedDict[UserId, tuple[T, float]] = OrderedDict()
        self._asking: dict[UserId, trio.Lock] = {}

    async def of(
        self, user_id: UserId, ask: Callable[[], Awaitable[tuple[T, float]]], *, fits: Callable[[T], bool]
    ) -> T:
        """Return what is remembered of somebody, or ask.

        Args:
            ask: returns an answer, and for how many seconds it counts; what it raises is not remembered.
            fits: whether a remembered answer is one to this question.
        """
        if (answer := self._remembered(user_id, fits)) is not None:
            return answer
        asking = self._asking.setdefault(user_id, trio.Lock())
        try:
            async with asking:
                if (answer := self._remembered(user_id, fits)) is not None:
                    return answer
                return await self._ask(user_id, ask)
        finally:
            if not asking.locked():
                self._asking.pop(user_id, None)

    def _remembered(self, user_id: UserId, fits: Callable[[T], bool]) -> T | None:
        answer, until_s = self._answers.get(user_id, (None, 0.0))
        return answer if answer is not None and until_s > self._clock.monotonic_s() and fits(answer) else None

    async def _ask(self, user_id: UserId, ask: Callable[[], Awaitable[tuple[T, float]]]) -> T:
        answer, good_s = await ask()
        self._answers.pop(user_id, None)
        self._answers[user_id] = answer, self._clock.monotonic_s() + good_s
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
        return answer
