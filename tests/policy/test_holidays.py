"""Holidays are the days that a calendar names, once or every year."""

from datetime import date

import pytest

from policy.holidays import HolidayError, parse_calendar


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("2026-12-25", [date(2026, 12, 25)], [date(2027, 12, 25), date(2026, 12, 24)]),
        ("12-25", [date(2026, 12, 25), date(2031, 12, 25)], [date(2026, 12, 26)]),
        (
            "2026-07-06 to 2026-08-29",
            [date(2026, 7, 6), date(2026, 8, 1), date(2026, 8, 29)],
            [date(2026, 7, 5), date(2026, 8, 30), date(2027, 8, 1)],
        ),
        ("12-24 to 01-01", [date(2026, 12, 31), date(2027, 1, 1)], [date(2026, 12, 23), date(2027, 1, 2)]),
        ("02-29", [date(2028, 2, 29)], [date(2027, 2, 28), date(2027, 3, 1)]),
    ],
)
def test_a_calendar_has_the_days_it_names(entry: str, inside: list[date], outside: list[date]) -> None:
    calendar = parse_calendar(["1999-01-01", entry])
    assert all(calendar.contains(day) for day in inside)
    assert not any(calendar.contains(day) for day in outside)


@pytest.mark.parametrize(
    ("entry", "message", "suggestion"),
    [
        ("Christmas", '"Christmas" is no day', None),
        ("2026-13-01", 'no day "2026-13-01"', None),
        ("2026-02-29", 'no day "2026-02-29"', None),
        ("02-30", 'no day "02-30"', None),
        ("2026-08-29 to 2026-07-06", "ends before it begins", "2026-07-06 to 2026-08-29"),
        ("2026-12-24 to 01-01", "both days need their year", None),
        ("2026-12-24 to 2026-12-25 to 2026-12-26", "a day or two", None),
        ("", "is no day", None),
    ],
)
def test_what_is_no_day_is_a_mistake(entry: str, message: str, suggestion: str | None) -> None:
    with pytest.raises(HolidayError) as caught:
        parse_calendar([entry])
    assert message in str(caught.value)
    assert caught.value.suggestion == suggestion
