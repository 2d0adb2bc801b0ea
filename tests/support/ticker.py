"""Measures how late the event loop is: what a client of the daemon would feel as a pause."""

from pathlib import Path

import trio

INTERVAL_S = 0.01
_STATISTICS = Path("/proc/thread-self/schedstat")


class Ticker:
    """Wakes up every 10 ms, as far as it is let, and remembers how late it was.

    What the machine's other programs take of its processors is not the loop's delay, and is left out.
    """

    def __init__(self) -> None:
        self.delays_s: list[float] = []

    async def run(self) -> None:
        """Tick until cancelled. Needs the real clock."""
        while True:
            before_s, due = _waited_s(), trio.current_time() + INTERVAL_S
            await trio.sleep_until(due)
            late_s = trio.current_time() - due
            self.delays_s.append(late_s - (_waited_s() - before_s))

    @property
    def worst_s(self) -> float:
        """The longest delay so far."""
        return max(self.delays_s, default=0.0)


def _waited_s() -> float:
    """Return how long this thread was ready to run and had no processor (sched-stats.rst, schedstat)."""
    return int(_STATISTICS.read_text("ascii").split()[1]) / 1e9
