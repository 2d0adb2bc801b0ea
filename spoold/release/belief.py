"""Belief: whether the wall clock is believed so far that what people wait for or keep is destroyed by it."""

from datetime import datetime, timedelta

from spoold.runtime.clock import Clock

# A machine whose clock has no battery is put right within minutes of having a network. Copies are kept for
# days at least, so that an hour costs nothing.
STEADY = timedelta(hours=1)
# Schools close for a summer; a longer time without any record is rather a wrong clock.
LONGEST_GAP = timedelta(days=60)
# After a longer gap somebody should have seen by then what the date is, or the network is back.
STEADY_AFTER_GAP = timedelta(days=7)


class Belief:
    """Weighs the wall clock: by how long nobody has set it, and by the time of the last record before.

    Args:
        clock: the clock to weigh.
        last_record: when, by the wall clock of then, the newest audit record of an earlier run was written;
            None if there is none.
    """

    def __init__(self, clock: Clock, last_record: datetime | None) -> None:
        self._clock = clock
        self._last_record = last_record
        self._started_s = self._steady_since_s = clock.monotonic_s()

    def stepped(self) -> None:
        """Take note that the wall clock was set: waiting begins anew."""
        self._steady_since_s = self._clock.monotonic_s()

    def doubts(self, now: datetime) -> bool:
        """Tell whether a wall clock that says `now` does not fit what was recorded before this run."""
        if self._last_record is None:
            return False
        start = now - timedelta(seconds=self._clock.monotonic_s() - self._started_s)
        return not timedelta() <= start - self._last_record <= LONGEST_GAP

    def ends_jobs(self, now: datetime) -> bool:
        """Tell whether `now` may end what waits: at once where it is not doubted.

        Whoever sent a job can send it again, and wants it gone in time: this waits for the network, not
        for somebody to see that the date is wrong.
        """
        return not self.doubts(now) or self._steady() >= STEADY

    def ends_copies(self, now: datetime) -> bool:
        """Tell whether `now` may destroy copies, which nobody can make again."""
        return self._steady() >= (STEADY_AFTER_GAP if self.doubts(now) else STEADY)

    def _steady(self) -> timedelta:
        return timedelta(seconds=self._clock.monotonic_s() - self._steady_since_s)
