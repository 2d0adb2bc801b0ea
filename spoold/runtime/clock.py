"""The one place that reads clocks: wall time for people, monotonic time for durations."""

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")
BOOT_ID_VARIABLE = "SPOOLD_BOOT_ID"
# NTP slews and scheduling make the two clocks drift by milliseconds between observations, never by a second.
STEP_TOLERANCE_S = 1.0


class Clock(Protocol):
    """What the daemon asks for the time; tests pass a clock they control."""

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime, for display and records only."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds on a clock that is never set; comparable between processes of one boot."""
        ...


class SystemClock:
    """The machine's clocks.

    Durations use CLOCK_BOOTTIME: like CLOCK_MONOTONIC nobody can set it, and it also runs while the
    machine sleeps, so a grant or a session does not outlive its term over a suspend.
    """

    def now(self) -> datetime:
        """Return the wall clock as an aware UTC datetime."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds since boot, suspends included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


class ClockStepDetector:
    """Notices that the wall clock was set, by comparing it with the monotonic clock.

    Args:
        clock: the clock to watch.
        tolerance_s: a difference up to this is drift, not a step.
    """

    def __init__(self, clock: Clock, *, tolerance_s: float = STEP_TOLERANCE_S) -> None:
        self._clock = clock
        self._tolerance_s = tolerance_s
        self._wall = clock.now()
        self._monotonic_s = clock.monotonic_s()

    def observe(self) -> float:
        """Return by how many seconds the wall clock was set since the last call: 0.0 if it was not.

        Negative means it was set back.
        """
        wall, monotonic_s = self._clock.now(), self._clock.monotonic_s()
        step_s = (wall - self._wall).total_seconds() - (monotonic_s - self._monotonic_s)
        self._wall, self._monotonic_s = wall, monotonic_s
        return step_s if abs(step_s) > self._tolerance_s else 0.0


def boot_id(environ: Mapping[str, str], path: Path = BOOT_ID_PATH) -> str:
    """Return an id that changes with every boot; a monotonic reading means nothing under another one.

    The unit hands it over in an environment variable, because ProcSubset=pid hides /proc/sys. Where
    neither can be read a random id is returned: readings stored before this process then count as
    foreign, which is the safe side.
    """
    if given := environ.get(BOOT_ID_VARIABLE, "").strip():
        return given.replace("-", "").lower()
    try:
        return path.read_text("ascii").strip().replace("-", "").lower()
    except OSError:
        return secrets.token_hex(16)
