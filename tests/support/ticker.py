"""Measures how late the event loop is: what a client of the daemon would feel as a pause."""

import trio

INTERVAL_S = 0.01


class Ticker:
    """Wakes up every 10 ms, as far as it is let, and remembers how late it was."""

    def __init__(self) -> None:
        self.delays_s: list[float] = []

    async def run(self) -> None:
        """Tick until cancelled. Needs the real clock."""
        while True:
            due = trio.current_time() + INTERVAL_S
            await trio.sleep_until(due)
            self.delays_s.append(trio.current_time() - due)

    @property
    def worst_s(self) -> float:
        """The longest delay so far."""
        return max(self.delays_s, default=0.0)
