"""What the portal calls things, in the language of the page: states, times, sizes."""

from datetime import date as Date  # noqa: N812 - a function here is called date
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from policy.masking import masked_name
from spoold.doors.web.language import ENGLISH, marked, ngettext, speech
from spoold.doors.web.language import gettext as _
from spoold.model.jobstate import AT_PRINTER, FINAL, JobState
from spoold.release.views import JobView

_S = JobState

STATE_WORDS: MappingProxyType[JobState, str] = MappingProxyType(
    {
        _S.RECEIVING: marked("Arriving"),
        _S.INSPECTING: marked("Being checked"),
        _S.WAITING_APPROVAL: marked("Waiting for approval"),
        _S.HELD: marked("Ready to release"),
        _S.RELEASING: marked("On its way to the printer"),
        _S.PRINTING: marked("Printing"),
        _S.UNKNOWN: marked("Check the printer"),
        _S.COMPLETED: marked("Printed"),
        _S.CANCELED: marked("Deleted"),
        _S.EXPIRED: marked("Expired"),
        _S.ABORTED: marked("Refused"),
        _S.QUARANTINED: marked("Damaged"),
    }
)

EVENT_WORDS: MappingProxyType[str, str] = MappingProxyType(
    {
        "accepted": marked("Accepted"),
        "sealed": marked("Sealed"),
        "permitted": marked("Held"),
        "needs-approval": marked("Waiting for approval"),
        "delegated": marked("Somebody else may release it"),
        "delegation-ended": marked("Only its owner may release it"),
        "approved": marked("Approved"),
        "refused": marked("Refused"),
        "granted": marked("Released"),
        "not-ready": marked("Printer not ready"),
        "first-byte": marked("Printing"),
        "recalled": marked("Taken back from the printer"),
        "confirmed": marked("Printed"),
        "no-proof": marked("Outcome not known"),
        "returned": marked("Held again"),
        "claimed": marked("Claimed"),
        "canceled": marked("Deleted"),
        "expired": marked("Expired"),
        "damaged": marked("Damaged"),
    }
)


def title(view: JobView) -> str:
    """Return what a job is called: its document's name, or its number where nobody may see that."""
    number = view.job.number
    return _("Job %(number)s", number=number) if view.title == masked_name(number) else view.title


def tone(state: JobState) -> str:
    """Return the colour family of a state: ready, busy, alert, good or over."""
    if state is _S.HELD:
        return "ready"
    if state in {_S.UNKNOWN, _S.QUARANTINED, _S.ABORTED}:
        return "alert"
    if state is _S.COMPLETED:
        return "good"
    return "over" if state in FINAL else "busy"


def may_release(state: JobState) -> bool:
    """Tell whether releasing makes sense in this state."""
    return state is _S.HELD


def may_delete(state: JobState) -> bool:
    """Tell whether deleting makes sense in this state."""
    return state not in FINAL


def is_over(state: JobState) -> bool:
    """Tell whether the job has ended."""
    return state in FINAL


def is_at_printer(state: JobState) -> bool:
    """Tell whether a printer may hold part of the document."""
    return state in AT_PRINTER


def is_waiting(state: JobState) -> bool:
    """Tell whether somebody else is to decide first."""
    return state is _S.WAITING_APPROVAL


def is_in_doubt(state: JobState) -> bool:
    """Tell whether only its owner can say what became of the job."""
    return state is _S.UNKNOWN


def state_words(state: JobState) -> str:
    """Return what a state is called."""
    return _(STATE_WORDS[state])


def event_words(event: str) -> str:
    """Return what a line of a time line is called."""
    known = EVENT_WORDS.get(event)
    return event.replace("-", " ").capitalize() if known is None else _(known)


def time_left(seconds: int) -> str:
    """Return a duration in words: "3 h 12 min", "4 min", "less than a minute"."""
    if seconds < 60:
        return _("less than a minute")
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes = rest // 60
    if days:
        return _("%(days)s d %(hours)s h", days=days, hours=hours) if hours else _("%(days)s d", days=days)
    if hours and minutes:
        return _("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes)
    return _("%(hours)s h", hours=hours) if hours else _("%(minutes)s min", minutes=minutes)


def pages(count: int | None) -> str:
    """Return "1 page", "12 pages", or that nobody could count them."""
    if count is None:
        return _("pages not known")
    return ngettext("%(shown)s page", "%(shown)s pages", count, shown=number(count))


def number(count: int) -> str:
    """Return a number with its digits in groups."""
    if (code := speech().code) == ENGLISH or -1_000 < count < 1_000:
        return f"{count:,}"
    from babel.numbers import format_decimal  # noqa: PLC0415 - Babel, only where it is needed

    return format_decimal(count, locale=code)


def clock_time(moment: datetime, now: datetime) -> str:
    """Return the local time of a moment, with the day when it is not today."""
    local = moment.astimezone()
    time = f"{local:%H:%M}"
    if local.date() == now.astimezone().date():
        return time
    return f"{day(local)}, {time}"


def day(moment: datetime) -> str:
    """Return the local day of a moment, without the year: "3 Feb"."""
    local = moment.astimezone()
    if (code := speech().code) == ENGLISH:
        return f"{local.day} {local:%b}"
    return _by_skeleton("MMMd", local.date(), code)


def date(moment: datetime) -> str:
    """Return the local day of a moment with its year: "3 Feb 2027"."""
    local = moment.astimezone()
    if (code := speech().code) == ENGLISH:
        return f"{local.day} {local:%b %Y}"
    return _by_skeleton("yMMMd", local.date(), code)


# A page full of jobs names a few days many times; each costs more than the rest of its line.
@lru_cache(maxsize=256)
def _by_skeleton(skeleton: str, of: Date, code: str) -> str:
    """Return a day as a language writes it (CLDR, date field symbols)."""
    from babel.dates import format_skeleton  # noqa: PLC0415 - Babel, only where it is needed

    return format_skeleton(skeleton, of, locale=code)
