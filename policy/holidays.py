"""Holidays: named calendars of days such as "2026-12-25", "12-25" or "2026-07-06 to 2026-08-29"."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

DAY = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})", re.ASCII)
RANGE = re.compile(r"\s+to\s+")
# Decisions one after the other ask about the same few days.
_DAYS_REMEMBERED = 1024
# A leap year: a day that comes every year may be 29 February.
_LEAP_YEAR = 2024


class HolidayError(ValueError):
    """An entry of a calendar cannot be read; `suggestion` is what was probably meant."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Days that are holidays; two calendars are the same only if they are one.

    Args:
        spans: first and last day of each range of dates.
        yearly: first and last (month, day) of what comes every year; a range may lead into the next year.
    """

    spans: tuple[tuple[date, date], ...] = ()
    yearly: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()

    @lru_cache(maxsize=_DAYS_REMEMBERED)  # noqa: B019 - a reload leaves a calendar behind for these days
    def contains(self, day: date) -> bool:
        """Return whether the day is one of them."""
        if any(first <= day <= last for first, last in self.spans):
            return True
        found = (day.month, day.day)
        return any(
            first <= found <= last if first <= last else found >= first or found <= last
            for first, last in self.yearly
        )


def parse_calendar(texts: Iterable[str]) -> Calendar:
    """Parse a calendar; raises HolidayError at the first entry that cannot be read."""
    spans: list[tuple[date, date]] = []
    yearly: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for text in texts:
        first, last = parse_days(text)
        if isinstance(first, date) and isinstance(last, date):
            spans.append((first, last))
        elif isinstance(first, tuple) and isinstance(last, tuple):
            yearly.append((first, last))
    return Calendar(tuple(spans), tuple(yearly))


def parse_days(text: str) -> tuple[date, date] | tuple[tuple[int, int], tuple[int, int]]:
    """Parse one entry to its first and last day: dates, or (month, day) of every year."""
    parts = RANGE.split(text.strip())
    if len(parts) > 2:
        raise HolidayError('must be a day or two, such as "2026-07-06 to 2026-08-29"')
    first, last = _day(parts[0]), _day(parts[-1])
    if isinstance(first, date) and isinstance(last, date):
        if last < first:
            raise HolidayError("ends before it begins", f"{parts[-1]} to {parts[0]}")
        return first, last
    if isinstance(first, tuple) and isinstance(last, tuple):
        return first, last
    raise HolidayError("both days need their year, or neither has one")


def _day(text: str) -> date | tuple[int, int]:
    match = DAY.fullmatch(text)
    if match is None:
        raise HolidayError(f'"{text[:20]}" is no day such as "2026-12-25", or "12-25" for every year')
    year, month, day = (int(part) if part else _LEAP_YEAR for part in match.groups())
    try:
        found = date(year, month, day)
    except ValueError:
        raise HolidayError(f'there is no day "{text}"') from None
    return found if match[1] else (found.month, found.day)
