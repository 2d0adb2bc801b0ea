"""What pages and API of approval and delegation have in common: their desks, moments and scopes as typed."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from spoold.database.approvals import Scope
from spoold.doors.web.portal import Portal
from spoold.model.errors import NotFound, NotPossible
from spoold.release.decisions import Decisions

# For how long a code is good: hours, and what the form calls them.
LIVES_HOURS = (1, 4, 24, 7 * 24, 30 * 24)


def decisions_of(portal: Portal) -> Decisions:
    """Return the desks.

    Raises:
        NotFound: this portal has none.
    """
    if portal.decisions is None:
        raise NotFound("Approval and delegation are not used here.")
    return portal.decisions


def end_of_day(typed: str, portal: Portal) -> datetime:
    """Return the end of a day of the site's own time, as a date field sends it.

    Raises:
        NotPossible: it is no date.
    """
    try:
        day = date.fromisoformat(typed.strip())
    except ValueError:
        raise NotPossible("Choose the last day.") from None
    zone = portal.site().policy.timezone
    if day.year > portal.clock.now().year + 2:
        raise NotPossible("Choose a day that is not so far away.")
    return datetime.combine(day, time(), tzinfo=zone) + timedelta(days=1)


def today(portal: Portal) -> date:
    """Return the day it is at the site."""
    zone = portal.site().policy.timezone
    return portal.clock.now().astimezone(zone).date()


def moment_of(typed: str) -> datetime:
    """Return a moment that a program sends.

    Raises:
        NotPossible: it is none, or names no time zone.
    """
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise NotPossible("A moment is written like 2026-11-30T18:00:00+01:00.") from None
    if moment.tzinfo is None:
        raise NotPossible("A moment names its time zone, as in 2026-11-30T18:00:00+01:00.")
    return moment.astimezone(ZoneInfo("UTC"))


def count_of(typed: str, words: str) -> int:
    """Return a number somebody typed.

    Raises:
        NotPossible: it is none; in these words.
    """
    text = typed.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise NotPossible(words)
    return int(text)


def scope_of(queue: str, rule: str, people: str, pages: str) -> Scope:
    """Return the scope of a code from a form's fields; an empty one does not matter."""
    return Scope(
        queues=(queue,) if queue else (),
        rules=(rule,) if rule else (),
        people=tuple(people.replace(",", " ").split()),
        max_pages=count_of(pages, "Write the pages as a number.") if pages.strip() else None,
    )
