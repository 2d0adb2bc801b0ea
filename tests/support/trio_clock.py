"""A Clock that follows trio's, so that a MockClock moves everything together."""

from datetime import datetime, timedelta

import trio

from tests.support.clock import START


class TrioClock:
    """A `spoold.runtime.clock.Clock` on trio's time; its wall hand can be set apart."""

    def __init__(self) -> None:
        # Asked from the database's thread too, where trio.current_time is not to be had.
        self._clock = trio.lowlevel.current_clock()
        self._base_s = self._clock.current_time()
        self._stepped = timedelta()

    def now(self) -> datetime:
        return START + timedelta(seconds=self._clock.current_time() - self._base_s) + self._stepped

    def monotonic_s(self) -> float:
        return 1000.0 + self._clock.current_time() - self._base_s

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock; the monotonic clock does not notice."""
        self._stepped += timedelta(seconds=seconds)
