"""Schedules: times of the week such as "Mon-Fri 08:00-17:00", in the site's time zone; closed on holidays."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo

from policy.holidays import Calendar
from policy.suggestion import closest

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# How a period says that it is meant for holidays, and its number after those of the week.
HOLIDAY, HOLIDAY_DAY = "Hol", 7
DAYS = (*WEEKDAYS, HOLIDAY)
# How a schedule says which calendars close it; without it all do.
EXCEPT, NOTHING = "except", "nothing"
NO_HOLIDAYS: Mapping[str, Calendar] = MappingProxyType({})
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
        days: 0 is Monday, 7 a holiday whatever day of the week it is.
        spans: (first minute, minute after the last) of the day; a span whose end is not after its
            start runs over midnight and belongs to the day it starts on.
    """

    days: frozenset[int]
    spans: tuple[tuple[int, int], ...]

    def contains(self, minute: int, today: int, yesterday: int) -> bool:
        """Return whether a minute of the day lies in one of the spans.

        Args:
            today, yesterday: which of the days they are.
        """
        for start, end in self.spans:
            if start < end:
                if today in self.days and start <= minute < end:
                    return True
            elif (today in self.days and minute >= start) or (yesterday in self.days and minute < end):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Schedule:
    """Periods of which any opens the schedule.

    Args:
        closed_by: names of the calendars whose days count as holidays; None means all of them.
    """

    periods: tuple[Period, ...]
    closed_by: frozenset[str] | None = None

    def is_open(self, local: datetime, holidays: Mapping[str, Calendar] = NO_HOLIDAYS) -> bool:
        """Return whether the schedule is open at a local time, to the minute.

        On a holiday only periods for holidays are open; what begins on a day belongs to that day.
        """
        minute = local.hour * 60 + local.minute
        day = local.date()
        today, yesterday = self._kind(day, holidays), self._kind(day - timedelta(days=1), holidays)
        return any(period.contains(minute, today, yesterday) for period in self.periods)

    def _kind(self, day: date, holidays: Mapping[str, Calendar]) -> int:
        for name, calendar in holidays.items():
            if (self.closed_by is None or name in self.closed_by) and calendar.contains(day):
                return HOLIDAY_DAY
        return day.weekday()


def parse_schedule(texts: Iterable[str]) -> Schedule:
    """Parse a schedule; raises ScheduleError at the first entry that cannot be read."""
    periods: list[Period] = []
    closed_by: frozenset[str] | None = None
    for text in texts:
        named = calendars_of(text)
        if named is None:
            periods.append(parse_period(text))
        else:
            closed_by = (closed_by or frozenset()) | named
    return Schedule(tuple(periods), closed_by)


def calendars_of(text: str) -> frozenset[str] | None:
    """Return the calendars that "except public,school" names; None if the entry is a period."""
    word, _, rest = text.strip().partition(" ")
    if word != EXCEPT:
        return None
    named = frozenset(name.strip() for name in rest.split(",") if name.strip())
    if not named or (NOTHING in named and len(named) > 1):
        raise ScheduleError(
            f'names the calendars that close it, as in "{EXCEPT} public", or "{EXCEPT} {NOTHING}"'
        )
    return named - {NOTHING}


def parse_period(text: str) -> Period:
    """Parse one period: days, times or both.

    "Sat,Sun", "08:00-12:00,13:00-17:00", "Fri 22:00-06:00" and "Hol 10:00-12:00" are periods: days alone
    mean the whole day, times alone every day but holidays, and the end is not included. 24:00 is midnight.
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
        if HOLIDAY_DAY in {start, end}:
            if dash:
                raise ScheduleError(f'"{HOLIDAY}" is no day of the week: write "Mon-Fri,{HOLIDAY}"')
            days.add(HOLIDAY_DAY)
            continue
        days.update(day % 7 for day in range(start, end + 1 if end >= start else end + 8))
    return frozenset(days)


def _day(text: str) -> int:
    if text.capitalize() in DAYS:
        return DAYS.index(text.capitalize())
    raise ScheduleError(
        f'"{text[:20]}" is no day of the week (Mon, Tue, ... Sun) and not "{HOLIDAY}"',
        closest(text[:3], DAYS),
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
