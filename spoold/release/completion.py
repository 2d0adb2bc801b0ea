"""Completion: following a job at the printer until the printer says how it ended."""

import trio

from spoold.printers.base import NoSuchRemoteJob, PrinterProblem, RemoteJob, RemoteState
from spoold.release.attempt import Attempt, Cause, Trouble

# A page is out in a second or two; the first looks come sooner, because a person is waiting.
FIRST_LOOK_S = 0.1
LOOK_S = 1.0
# A printer may be too busy to answer for a while; longer is a lost link (docs/design.md, recall).
LOST_AFTER_S = 15.0
# Printers say "held" for a moment while they take a job in; one that keeps it held would print it later.
HELD_AFTER_S = 10.0
_WAITING = frozenset({RemoteState.HELD, RemoteState.STOPPED})
# Nothing moves: no state, no impression. A long plot of one page takes minutes, never this.
STUCK_AFTER_S = 1800.0


async def follow(attempt: Attempt, remote: RemoteJob | None = None) -> None:
    """Ask for the job until it ends, then finish or stop the attempt.

    Args:
        remote: what the printer said last.
    """
    wait_s = FIRST_LOOK_S
    heard_s = changed_s = trio.current_time()
    while not attempt.halted:
        if remote is not None and _concluded(attempt, remote, trio.current_time() - changed_s):
            return
        await trio.sleep(wait_s)
        wait_s = min(LOOK_S, 2 * wait_s)
        before = remote
        try:
            remote = await _ask(attempt)
            heard_s = trio.current_time()
        except NoSuchRemoteJob:
            words = "The printer has forgotten the job."
            attempt.control.stop(Trouble(Cause.LINK, words))
            return
        except PrinterProblem as problem:
            if trio.current_time() - heard_s >= LOST_AFTER_S:
                attempt.control.stop(Trouble(Cause.LINK, problem.words))
                return
        if remote != before:
            changed_s = trio.current_time()


async def _ask(attempt: Attempt) -> RemoteJob:
    if attempt.remote_id is not None:
        return await attempt.adapter.progress(attempt.ticket, attempt.remote_id)
    found = await attempt.adapter.find(attempt.ticket)
    if found is None:
        raise NoSuchRemoteJob("The printer does not know the job.")
    attempt.remote_id = found.remote_id
    return found


def _concluded(attempt: Attempt, remote: RemoteJob, unchanged_s: float) -> bool:
    """Decide the attempt if what the printer says, or has not said for so long, decides it."""
    stop = attempt.control.stop
    if remote.state is RemoteState.COMPLETED:
        # The caller follows only jobs whose every byte was taken: the printer's word alone proves nothing.
        attempt.control.finish(remote)
    elif remote.state in {RemoteState.CANCELED, RemoteState.ABORTED}:
        how = "canceled" if remote.state is RemoteState.CANCELED else "aborted"
        stop(Trouble(Cause.PRINTER, f"The job was {how} at the printer."))
    elif remote.state in _WAITING and unchanged_s >= HELD_AFTER_S:
        stop(Trouble(Cause.PRINTER, "The printer holds the job back instead of printing it."))
    elif unchanged_s >= STUCK_AFTER_S:
        stop(Trouble(Cause.STALLED, "The printer makes no progress."))
    return attempt.halted
