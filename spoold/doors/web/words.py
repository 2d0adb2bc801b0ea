"""What the portal calls things: states, times, sizes. Pure."""

from datetime import datetime
from types import MappingProxyType

from spoold.model.jobstate import AT_PRINTER, FINAL, JobState

_S = JobState

STATE_WORDS: MappingProxyType[JobState, str] = MappingProxyType(
    {
        _S.RECEIVING: "Arriving",
        _S.INSPECTING: "Being checked",
        _S.WAITING_APPROVAL: "Waiting for approval",
        _S.HELD: "Ready to release",
        _S.RELEASING: "On its way to the printer",
        _S.PRINTING: "Printing",
        _S.UNKNOWN: "Check the printer",
        _S.COMPLETED: "Printed",
        _S.CANCELED: "Deleted",
        _S.EXPIRED: "Expired",
        _S.ABORTED: "Refused",
        _S.QUARANTINED: "Damaged",
    }
)

EVENT_WORDS: MappingProxyType[str, str] = MappingProxyType(
    {
        "accepted": "Accepted",
        "sealed": "Sealed",
        "permitted": "Held",
        "needs-approval": "Waiting for approval",
        "approved": "Approved",
        "refused": "Refused",
        "granted": "Released",
        "not-ready": "Printer not ready",
        "first-byte": "Printing",
        "recalled": "Taken back from the printer",
        "confirmed": "Printed",
        "no-proof": "Outcome not known",
        "returned": "Held again",
        "canceled": "Deleted",
        "expired": "Expired",
        "damaged": "Damaged",
    }
)


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


def is_in_doubt(state: JobState) -> bool:
    """Tell whether only its owner can say what became of the job."""
    return state is _S.UNKNOWN


def event_words(event: str) -> str:
    """Return what a line of a time line is called."""
    return EVENT_WORDS.get(event, event.replace("-", " ").capitalize())


def time_left(seconds: int) -> str:
    """Return a duration in words: "3 h 12 min", "4 min", "less than a minute"."""
    if seconds < 60:
        return "less than a minute"
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes = rest // 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"


def pages(count: int | None) -> str:
    """Return "1 page", "12 pages", or that nobody could count them."""
    if count is None:
        return "pages not known"
    return "1 page" if count == 1 else f"{count:,} pages"


def clock_time(moment: datetime, now: datetime) -> str:
    """Return the local time of a moment, with the day when it is not today."""
    local = moment.astimezone()
    today = now.astimezone().date()
    return f"{local:%H:%M}" if local.date() == today else f"{local.day} {local:%b, %H:%M}"
