"""A clock that moves only when a test moves it."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday morning


class FakeClock:
    """A `spoold.runtime.clock.Clock` whose two hands a test moves, together or apart."""

    def __init__(self, start: datetime = START, monotonic_s: float = 1000.0) -> None:
        self._now = start
        self._monotonic_s = monotonic_s

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks move."""
        if seconds < 0:
            message = "time does not run backwards; use step_wall to set the wall clock"
            raise ValueError(message)
        self._now += timedelta(seconds=seconds)
        self._monotonic_s += seconds

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back; the monotonic clock does not notice."""
        self._now += timedelta(seconds=seconds)
