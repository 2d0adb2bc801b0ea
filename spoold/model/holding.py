"""What a client asked about holding a job: until when, and released by what (RFC 8011 5.2.2, PWG 5100.11)."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo

from protocols.ipp.keywords import JobHoldUntil
from protocols.ipp.message import Attribute
from protocols.ipp.values import DateTime

HOLD_UNTIL, HOLD_UNTIL_TIME = "job-hold-until", "job-hold-until-time"
RELEASE_ACTION = "job-release-action"
BY_PIN, BY_OWNER, BY_NOBODY = "job-password", "owner-authorized", "none"
# How the attribute stands in an encoded group (RFC 8010 3.1.4): name, length of the value, value.
_BY_PIN_MARK = RELEASE_ACTION.encode() + len(BY_PIN).to_bytes(2, "big") + BY_PIN.encode()
_INDEFINITE_MARK = HOLD_UNTIL.encode() + len("indefinite").to_bytes(2, "big") + b"indefinite"
_TIME_MARK = HOLD_UNTIL_TIME.encode()

# Named times of day as CUPS has them, in the site's time zone: begin and end hour, the end not included.
_HOURS = {
    JobHoldUntil.DAY_TIME: (6, 18),
    JobHoldUntil.EVENING: (18, 6),
    JobHoldUntil.NIGHT: (18, 6),
    JobHoldUntil.SECOND_SHIFT: (16, 24),
    JobHoldUntil.THIRD_SHIFT: (0, 8),
}
_SATURDAY = 5


def awaits_pin(template: bytes) -> bool:
    """Tell whether the job of an encoded template has a PIN; lists ask this for every job they show."""
    return _BY_PIN_MARK in template


def asked_to_wait(template: bytes) -> bool:
    """Tell whether the sender of the job of an encoded template asked for it to be held."""
    return _INDEFINITE_MARK in template or _TIME_MARK in template


def held_until(template: Iterable[Attribute]) -> datetime | None:
    """Return when a job is to go by itself ("job-hold-until-time"); None when nothing was said of a time."""
    for attribute in template:
        if attribute.name == HOLD_UNTIL_TIME and isinstance(attribute.first, DateTime):
            return attribute.first.to_datetime()
    return None


def next_time(keyword: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Return when a named time of day begins, `now` while it lasts; None for a word that names none.

    Args:
        zone: the site's time zone, in which the names are meant.
    """
    local = now.astimezone(zone)
    if keyword == JobHoldUntil.WEEKEND:
        days = _SATURDAY - local.weekday()
        return now if days <= 0 else _at(local, days, 0)
    if keyword not in _HOURS:
        return None
    begin, end = _HOURS[JobHoldUntil(keyword)]
    inside = begin <= local.hour < end if begin < end else local.hour >= begin or local.hour < end
    if inside:
        return now
    return _at(local, 0 if local.hour < begin else 1, begin)


def _at(local: datetime, days: int, hour: int) -> datetime:
    return datetime.combine(local.date() + timedelta(days=days), time(hour), tzinfo=local.tzinfo)
