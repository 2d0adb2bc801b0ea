"""Schedules: times of the week such as "Mon-Fri 08:00-17:00", in the site's time zone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from policy.facts import WEEKDAYS
from policy.suggestion import closest

MINUTES_PER_DAY = 24 * 60
TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
EXAMPLE = '"Mon-Fri 08:00-17:00"'


class ScheduleError(ValueError):
    """A period cannot be read; `suggestion` is what was probably meant."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Period:
    """Spans of time on some days of the week.

    Args:
        days: 0 is Monday.
        spans: (first minute, minute after the last) of the day; a span whose end is not after its
            start runs over midnight and belongs to the day it starts on.
    """

    days: frozenset[int]
    spans: tuple[tuple[int, int], ...]

    def contains(self, local: datetime) -> bool:
        """Return whether the local time, to the minute, lies in one of the spans."""
        minute = local.hour * 60 + local.minute
        today = local.weekday() in self.days
        yesterday = (local.weekday() - 1) % 7 in self.days
        for start, end in self.spans:
            if start < end:
                if today and start <= minute < end:
                    return True
            elif (today and minute >= start) or (yesterday and minute < end):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Schedule:
    """Periods of which any opens the schedule."""

    periods: tuple[Period, ...]

    def is_open(self, local: datetime) -> bool:
        """Return whether the schedule is open at a local time."""
        return any(period.contains(local) for period in self.periods)


def parse_schedule(texts: Iterable[str]) -> Schedule:
    """Parse a schedule; raises ScheduleError at the first period that cannot be read."""
    return Schedule(tuple(parse_period(text) for text in texts))


def parse_period(text: str) -> Period:
    """Parse one period: days, times or both.

    "Sat,Sun", "08:00-12:00,13:00-17:00" and "Fri 22:00-06:00" are periods: days alone mean the whole
    day, times alone every day, and the end is not included. 24:00 is midnight.
    """
    plain = text.replace("\N{EN DASH}", "-").replace("\N{EM DASH}", "-")
    if plain != text:
        raise ScheduleError("ranges are written with a hyphen", plain)
    parts = re.sub(r"\s*([,-])\s*", r"\1", text.strip()).split()
    if not 1 <= len(parts) <= 2:
        raise ScheduleError(f"must be days and times such as {EXAMPLE}")
    times = parts.pop() if parts[-1][0].isdigit() else None
    if len(parts) > 1:
        raise ScheduleError(f"must be days and then times such as {EXAMPLE}")
    days = _days(parts[0]) if parts else frozenset(range(7))
    spans = tuple(_span(part) for part in times.split(",")) if times else ((0, MINUTES_PER_DAY),)
    return Period(days, spans)


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = _day(first)
        end = _day(last) if dash else start
        days.update(day % 7 for day in range(start, end + 1 if end >= start else end + 8))
    return frozenset(days)


def _day(text: str) -> int:
    if text.capitalize() in WEEKDAYS:
        return WEEKDAYS.index(text.capitalize())
    raise ScheduleError(
        f'"{text[:20]}" is no day of the week (Mon, Tue, ... Sun)', closest(text[:3], WEEKDAYS)
    )


def _span(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not dash:
        raise ScheduleError(f"times are a range, as in {EXAMPLE}")
    start, end = _minute(first), _minute(last)
    if start == end:
        raise ScheduleError("begins and ends at the same minute; the whole day is written without times")
    if start == MINUTES_PER_DAY:
        raise ScheduleError("24:00 can only end a range", f"00:00-{last}")
    return start, end


def _minute(text: str) -> int:
    if not (match := TIME.fullmatch(text)):
        padded = f"0{text}"
        raise ScheduleError(
            f'"{text[:20]}" is no time of day from 00:00 to 24:00', padded if TIME.fullmatch(padded) else None
        )
    return int(match[1]) * 60 + int(match[2]) if match[1] else MINUTES_PER_DAY


def time_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name; ScheduleError if this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        # In this order: a directory's name, a name that leads out of the zones, an unknown name.
        raise ScheduleError(f'there is no time zone named "{name[:100]}"') from None
