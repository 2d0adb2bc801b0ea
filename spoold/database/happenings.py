"""What has happened to jobs lately, read from their time lines for whoever subscribed to it."""

from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from spoold.database.prepared import Prepared
from spoold.database.schema import job_events, jobs
from spoold.model.job import Claim
from spoold.model.jobstate import JobEvent

# Lines looked through at most for one answer: at 500 jobs a second ten seconds' worth.
MAX_LOOK_BACK = 10_000
_STATE_EVENTS = frozenset(event.value for event in JobEvent)


class Happening(NamedTuple):
    """One line of a job's time line, with what is known of the job now.

    Args:
        seq: grows with every line of any job.
        event: as in the time line: "accepted", an event of the state table, or a note.
        state: the job's state now; `followed_by` events may lie in between.
        followed_by: the next change of the same job's state that was read with it; empty when there is none.
    """

    seq: int
    at_us: int
    event: str
    words: str
    number: int
    state: str
    claim: Claim
    template: bytes
    impressions: int | None
    followed_by: str = ""


def newest(connection: Connection) -> int:
    """Return the `seq` of the newest line; 0 when there is none."""
    return int(_NEWEST.run(connection).fetchone()[0])


def happenings(
    connection: Connection, queue: str, after: int, *, job: int | None = None, limit: int
) -> list[Happening]:
    """Return lines after this one of jobs in this queue, oldest first; those long ago are left out.

    Args:
        job: only those of the job with this "job-id".
    """
    if job is None:
        # Without this bound a client that comes back after a week would have a week read.
        after = max(after, newest(connection) - MAX_LOOK_BACK)
        cursor = _OF_QUEUE.run(connection, {"of_queue": queue, "beyond": after, "most": limit})
    else:
        cursor = _OF_JOB.run(connection, {"of_queue": queue, "beyond": after, "most": limit, "of_job": job})
    found = [_happening(row) for row in cursor]
    followers: dict[int, str] = {}
    for place in range(len(found) - 1, -1, -1):
        one = found[place]
        found[place] = one._replace(followed_by=followers.get(one.number, ""))
        if one.event in _STATE_EVENTS:
            followers[one.number] = one.event
    return found


def _happening(row: tuple[Any, ...]) -> Happening:
    seq, at_us, event, words, number, state, owner_id, claimed_name, peer, template, impressions = row
    claim = Claim(owner_id, claimed_name, peer)
    return Happening(seq, at_us, event, words, number, state, claim, template, impressions)


_NEWEST = Prepared(select(func.coalesce(func.max(job_events.c.seq), 0)))
_BEYOND: BindParameter[int] = bindparam("beyond")
_LINES = (
    select(
        job_events.c.seq,
        job_events.c.at_us,
        job_events.c.event,
        job_events.c.words,
        jobs.c.number,
        jobs.c.state,
        jobs.c.owner_id,
        jobs.c.claimed_name,
        jobs.c.peer,
        jobs.c.template,
        jobs.c.impressions,
    )
    .select_from(job_events.join(jobs, jobs.c.id == job_events.c.job_id))
    .where(job_events.c.seq > _BEYOND, jobs.c.queue == bindparam("of_queue"))
    .order_by(job_events.c.seq)
    .limit(bindparam("most"))
)
_OF_QUEUE = Prepared(_LINES)
_OF_JOB = Prepared(_LINES.where(jobs.c.number == bindparam("of_job")))
