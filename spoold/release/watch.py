"""The watch: looks at the printer every second while it has a job, and stops the job in time."""

import trio

from spoold.model.printer import PrinterStatus
from spoold.printers.base import PrinterProblem, RemoteJob, RemoteState
from spoold.printers.directory import PrinterDirectory
from spoold.release.attempt import Attempt, Cause, Trouble

LOOK_S = 1.0
# Small printers serve one connection at a time and do not answer while they take a document.
UNKNOWN_FOR_S = 15.0
# With a healthy status: longer than this no printer makes a sender wait that still wants the document.
STALLED_FOR_S = 120.0
# All of it was handed over and the printer prints, but has not answered: a long job, not a longer one.
UNANSWERED_FOR_S = 1800.0


async def watch(attempt: Attempt, printers: PrinterDirectory) -> None:
    """Look until the attempt is decided."""
    known_s = trio.current_time()
    while not attempt.halted:
        await trio.sleep(LOOK_S)
        if await _is_stalled(attempt):
            attempt.control.stop(Trouble(Cause.STALLED, "The printer stopped taking the document."))
            return
        status = await printers.status(attempt.adapter.name)
        if status.state != "unknown":
            known_s = trio.current_time()
        elif trio.current_time() - known_s < UNKNOWN_FOR_S:
            continue
        if status.ready:
            attempt.status_at_s = trio.current_time()
        elif not await _is_past_caring(attempt, status):
            attempt.control.stop(Trouble(Cause.PRINTER, status.why))


async def _is_stalled(attempt: Attempt) -> bool:
    now_s = trio.current_time()
    if attempt.preparing:
        # It is we who make the printer wait; stamping and drawing end in time by their own limits.
        return False
    if not attempt.created or attempt.all_bytes or now_s - attempt.progress_at_s < STALLED_FOR_S:
        return False
    if attempt.handed_over_at_s is None or now_s - attempt.handed_over_at_s >= UNANSWERED_FOR_S:
        return True
    # Some printers answer when the last page is out. While they say that they print, they are not stalled.
    remote = await _ask(attempt)
    if remote is None or remote.state is not RemoteState.PROCESSING:
        return True
    attempt.progress_at_s = now_s
    return False


async def _ask(attempt: Attempt) -> RemoteJob | None:
    if attempt.remote_id is None:
        return None
    try:
        return await attempt.adapter.progress(attempt.ticket, attempt.remote_id)
    except PrinterProblem:
        return None


async def _is_past_caring(attempt: Attempt, status: PrinterStatus) -> bool:
    """Tell whether the job needs nothing more of the printer: all of it is on paper, or it has ended.

    The last sheet may be what emptied the tray. Taking the job back then would call printed what is
    printed, but tell its owner otherwise.
    """
    if not attempt.all_bytes or status.state == "unknown":
        return False
    if not status.blocking and status.state != "stopped":
        # It takes no new jobs; ours it has.
        return True
    remote = await _ask(attempt)
    if remote is None:
        return False
    if remote.state.final:
        return True
    expected = attempt.expected_impressions
    return expected is not None and remote.impressions is not None and remote.impressions >= expected > 0
