"""Schedules mean on every minute of the week what they say."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.holidays import parse_calendar
from policy.schedule import (
    MINUTES_PER_DAY,
    WEEKDAYS,
    Period,
    Schedule,
    ScheduleError,
    parse_period,
    parse_schedule,
    time_zone,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = 7 * MINUTES_PER_DAY


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def is_open(period: Period, local: datetime) -> bool:
    return Schedule((period,)).is_open(local)


def at(day: str, time: str) -> datetime:
    hour, minute = time.split(":")
    return MONDAY + timedelta(days=WEEKDAYS.index(day), hours=int(hour), minutes=int(minute))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("Mon-Fri 08:00-17:00", ["Mon 08:00", "Fri 16:59"], ["Mon 07:59", "Fri 17:00", "Sat 09:00"]),
        ("Sat,Sun", ["Sat 00:00", "Sun 23:59"], ["Fri 23:59", "Mon 00:00"]),
        ("08:00-12:00", ["Mon 08:00", "Sun 11:59"], ["Wed 12:00"]),
        ("Mon 08:00-12:00,13:00-17:00", ["Mon 11:59", "Mon 13:00"], ["Mon 12:30", "Tue 09:00"]),
        ("Fri 22:00-06:00", ["Fri 22:00", "Sat 05:59"], ["Fri 05:00", "Sat 06:00", "Sat 22:00"]),
        ("Sun 22:00-06:00", ["Sun 23:00", "Mon 05:00"], ["Sun 05:00"]),
        ("Fri-Mon 10:00-11:00", ["Fri 10:00", "Sun 10:30", "Mon 10:59"], ["Tue 10:00", "Thu 10:00"]),
        ("Mon 20:00-24:00", ["Mon 23:59"], ["Tue 00:00"]),
        ("mon-FRI 00:00-24:00", ["Mon 00:00", "Fri 23:59"], ["Sat 00:00"]),
        (" Mon - Fri  08:00 - 17:00 ", ["Tue 08:00"], ["Sun 08:00"]),
    ],
)
def test_a_period_is_open_when_it_says(text: str, inside: list[str], outside: list[str]) -> None:
    period = parse_period(text)
    for moment in inside:
        assert is_open(period, at(*moment.split())), moment
    for moment in outside:
        assert not is_open(period, at(*moment.split())), moment


@st.composite
def periods(draw: st.DrawFn) -> tuple[str, set[int]]:
    """A period as text, and the minutes of the week it covers, found by walking it minute by minute."""
    first, last = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    start = draw(st.integers(0, MINUTES_PER_DAY - 1))
    end = draw(st.integers(0, MINUTES_PER_DAY).filter(lambda minute: minute != start))
    covered: set[int] = set()
    day = first
    while True:
        minute = start
        while minute != end:
            covered.add((day * MINUTES_PER_DAY + minute) % WEEK)
            minute += 1
            if minute == MINUTES_PER_DAY and end != MINUTES_PER_DAY:
                minute, covered = (
                    0,
                    covered | {((day + 1) * MINUTES_PER_DAY + early) % WEEK for early in range(end)},
                )
                break
        if day == last:
            break
        day = (day + 1) % 7
    return f"{WEEKDAYS[first]}-{WEEKDAYS[last]} {clock(start)}-{clock(end)}", covered


@settings(deadline=None)
@given(periods(), st.lists(st.integers(0, WEEK - 1), min_size=1, max_size=50))
def test_a_period_covers_the_minutes_between_its_ends(
    example: tuple[str, set[int]], minutes: list[int]
) -> None:
    text, covered = example
    period = parse_period(text)
    for minute in minutes:
        moment = MONDAY + timedelta(minutes=minute, seconds=59)
        assert is_open(period, moment) == (minute in covered), f"{text} at {moment}"


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_period_or_a_schedule_error(text: str) -> None:
    try:
        result: Period | ScheduleError = parse_period(text)
    except ScheduleError as error:
        result = error
    assert str(result)


@pytest.mark.parametrize(
    ("text", "message", "suggestion"),
    [
        ("", "must be days and times", None),
        ("Monday 08:00-17:00", '"Monday" is no day', "Mon"),
        ("Mno 08:00-17:00", '"Mno" is no day', "Mon"),
        ("Mon 8:00-17:00", '"8:00" is no time of day', "08:00"),
        ("Mon 08:00-25:00", '"25:00" is no time of day', None),
        ("Mon 08:00", "times are a range", None),
        ("Mon 08:00-08:00", "same minute", None),
        ("Mon 24:00-06:00", "can only end", "00:00-06:00"),
        ("Mon\N{EN DASH}Fri 08:00-17:00", "hyphen", "Mon-Fri 08:00-17:00"),
        ("Mon Tue 08:00-17:00", "must be days and times", None),
        ("Mon Tue", "then times", None),
        ("08:00-17:00 Mon", "then times", None),
        ("Mon-", '"" is no day', None),
        ("Mon 12:60-13:00", '"12:60" is no time', None),
    ],
)
def test_mistakes_say_what_was_meant(text: str, message: str, suggestion: str | None) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_period(text)
    assert message in str(caught.value)
    assert caught.value.suggestion == suggestion


def test_a_schedule_is_open_when_any_of_its_periods_is() -> None:
    schedule = parse_schedule(["Mon-Fri 08:00-17:00", "Sat 09:00-12:00"])
    assert schedule.is_open(at("Sat", "10:00"))
    assert not schedule.is_open(at("Sun", "10:00"))


def test_an_empty_schedule_is_never_open() -> None:
    assert not parse_schedule([]).is_open(at("Mon", "10:00"))


def test_daylight_saving_follows_the_wall_clock() -> None:
    period = parse_period("Sun 02:30-03:30")
    paris = ZoneInfo("Europe/Paris")
    # 29 March 2026: at 01:00 UTC the clocks go from 02:00 to 03:00, so 02:30 never is and 03:15 is.
    assert not is_open(period, datetime(2026, 3, 29, 0, 45, tzinfo=UTC).astimezone(paris))
    assert is_open(period, datetime(2026, 3, 29, 1, 15, tzinfo=UTC).astimezone(paris))


def test_the_hour_that_comes_twice_is_open_twice() -> None:
    # 25 October 2026: at 01:00 UTC the clocks go from 03:00 back to 02:00.
    period = parse_period("Sun 02:30-03:00")
    paris = ZoneInfo("Europe/Paris")
    utc = [datetime(2026, 10, 25, hour, 45, tzinfo=UTC).astimezone(paris) for hour in (0, 1, 2)]
    assert [is_open(period, moment) for moment in utc] == [True, True, False]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        # The night in which the clocks go forward ends at 04:00 UTC, the one in which they go back at 05:00.
        (datetime(2026, 3, 29, 3, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 4, 0, tzinfo=UTC), False),
        (datetime(2026, 10, 25, 4, 59, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 5, 0, tzinfo=UTC), False),
    ],
)
def test_a_night_ends_by_the_wall_clock_when_the_clocks_change(moment: datetime, *, expected: bool) -> None:
    night = parse_period("Sat 22:00-06:00")
    assert is_open(night, moment.astimezone(ZoneInfo("Europe/Paris"))) is expected


HOLIDAYS = {
    "public": parse_calendar(["2026-12-25"]),
    "school": parse_calendar(["2026-12-21 to 2027-01-01"]),
}


@pytest.mark.parametrize(
    ("entries", "moment", "is_open"),
    [
        # 25 December 2026 is a Friday.
        (["Mon-Fri 08:00-17:00"], "2026-12-25 10:00", False),
        (["Mon-Fri 08:00-17:00"], "2026-12-18 10:00", True),
        (["Mon-Fri 08:00-17:00"], "2026-12-22 10:00", False),
        (["Mon-Fri 08:00-17:00", "except public"], "2026-12-22 10:00", True),
        (["Mon-Fri 08:00-17:00", "except public"], "2026-12-25 10:00", False),
        (["Mon-Fri 08:00-17:00", "except public,school"], "2026-12-22 10:00", False),
        (["Mon-Fri 08:00-17:00", "except public", "except school"], "2026-12-22 10:00", False),
        (["Mon-Fri 08:00-17:00", "except nothing"], "2026-12-25 10:00", True),
        (["Mon-Fri 08:00-17:00", "Hol 10:00-12:00"], "2026-12-25 11:00", True),
        (["Mon-Fri 08:00-17:00", "Hol 10:00-12:00"], "2026-12-25 13:00", False),
        (["Sat,Sun,Hol"], "2026-12-25 13:00", True),
        (["08:00-17:00"], "2026-12-25 13:00", False),
        # What begins on a day belongs to that day.
        (["Thu 22:00-06:00", "except public"], "2026-12-25 05:00", True),
        (["Fri 22:00-06:00", "except public"], "2026-12-26 05:00", False),
        (["Hol 22:00-06:00", "except public"], "2026-12-26 05:00", True),
    ],
)
def test_holidays_close_a_schedule_unless_it_says_otherwise(
    entries: list[str], moment: str, *, is_open: bool
) -> None:
    local = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert parse_schedule(entries).is_open(local, HOLIDAYS) is is_open


@pytest.mark.parametrize("entry", ["except", "except ,", "except nothing,public"])
def test_an_exception_names_calendars(entry: str) -> None:
    with pytest.raises(ScheduleError, match="names the calendars"):
        parse_schedule([entry])


def test_holidays_are_no_days_of_a_range() -> None:
    with pytest.raises(ScheduleError, match="Mon-Fri,Hol"):
        parse_period("Fri-Hol")


def test_time_zones_are_known_by_name() -> None:
    assert time_zone("Europe/Paris") == ZoneInfo("Europe/Paris")


@pytest.mark.parametrize("name", ["Europe/Pariss", "", "../etc/passwd", "/etc/localtime", "Europe", "a\0b"])
def test_an_unknown_time_zone_is_an_error(name: str) -> None:
    with pytest.raises(ScheduleError, match="no time zone"):
        time_zone(name)
