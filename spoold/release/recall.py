"""Recall: taking a job back from a printer, and finding out whether that worked."""

import enum
from dataclasses import dataclass

import structlog
import trio

from spoold.printers.base import NoSuchRemoteJob, PrinterProblem, RemoteJob, RemoteState
from spoold.release.attempt import Attempt

log = structlog.get_logger()

# Telling the printer comes before closing the connection: a printer that loses its sender prints what it has
# (measured with ippeveprinter 2.4.2). A printer that does not listen is not waited for longer than this.
TELL_S = 10.0
# PaperCut's users know this wait; after it nobody knows (docs/design.md, recall).
CONFIRM_S = 30.0
ASK_AGAIN_S = 1.0
# A printer that went on in spite of the first Cancel-Job is told again.
TELL_AGAIN_S = 5.0


class Outcome(enum.StrEnum):
    """What a recall came to."""

    PRINTED = "printed"  # the printer completed the job, and all of it had been sent
    TAKEN_BACK = "taken-back"  # canceled with nothing printed, or nothing had been sent
    IN_DOUBT = "in-doubt"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a recall came to, and what the printer counted."""

    outcome: Outcome
    impressions: int | None = None


async def tell(attempt: Attempt) -> None:
    """Ask the printer to cancel the job, on another connection than the document's; never raises."""
    with trio.move_on_after(TELL_S) as scope:
        try:
            await _cancel(attempt)
        except PrinterProblem as problem:
            log.info("recall-told", job=str(attempt.job.id), problem=str(problem))
    if scope.cancelled_caught:
        log.info("recall-told", job=str(attempt.job.id), problem="no answer")


async def settle(attempt: Attempt, within_s: float = CONFIRM_S) -> Settlement:
    """Find out how the job ended at the printer, telling it again while it goes on.

    Call it after the document's connection was closed.
    """
    last: RemoteJob | None = None
    with trio.move_on_after(within_s):
        last = await _wait_for_end(attempt)
    return judge(attempt, last)


def judge(attempt: Attempt, last: RemoteJob | None) -> Settlement:
    """Return what follows from the last thing a printer said of a job; None: it said nothing."""
    impressions = None if last is None else last.impressions
    if last is not None and last.state is RemoteState.COMPLETED and attempt.all_bytes:
        return Settlement(Outcome.PRINTED, impressions)
    if attempt.sent_bytes == 0:
        # Whatever it says it did, it did not have the document.
        return Settlement(Outcome.TAKEN_BACK, 0)
    canceled = last is not None and last.state in {RemoteState.CANCELED, RemoteState.ABORTED}
    # A printer that does not count cannot say that nothing came out.
    if canceled and impressions == 0:
        return Settlement(Outcome.TAKEN_BACK, 0)
    return Settlement(Outcome.IN_DOUBT, impressions)


async def _wait_for_end(attempt: Attempt) -> RemoteJob | None:
    told_s = trio.current_time()
    while True:
        try:
            found = await _look(attempt)
            if found is None or found.state.final:
                return found
            if trio.current_time() - told_s >= TELL_AGAIN_S:
                told_s = trio.current_time()
                await _cancel(attempt)
        except NoSuchRemoteJob:
            return None
        except PrinterProblem as problem:
            log.debug("recall-waits", job=str(attempt.job.id), problem=str(problem))
        await trio.sleep(ASK_AGAIN_S)


async def _look(attempt: Attempt) -> RemoteJob | None:
    if attempt.remote_id is None:
        found = await attempt.adapter.find(attempt.ticket)
        if found is not None:
            attempt.remote_id = found.remote_id
        return found
    try:
        return await attempt.adapter.progress(attempt.ticket, attempt.remote_id)
    except NoSuchRemoteJob:
        # Some printers number a job anew when it moves to their history.
        return await attempt.adapter.find(attempt.ticket)


async def _cancel(attempt: Attempt) -> None:
    if attempt.remote_id is None:
        found = await attempt.adapter.find(attempt.ticket)
        if found is None:
            return
        attempt.remote_id = found.remote_id
    await attempt.adapter.cancel(attempt.ticket, attempt.remote_id)
