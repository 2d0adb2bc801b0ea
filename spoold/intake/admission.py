"""Whether there is room for one more job: free space, open bodies, held jobs of one person or address."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf

import structlog
import trio
from sqlalchemy import Connection

from spoold.database import jobs
from spoold.database.engine import Database
from spoold.intake.submission import Submission
from spoold.model.errors import Busy, Unavailable
from spoold.model.job import Job
from spoold.records.queue_orders import QueueOrders
from spoold.runtime.limits import DaemonLimits

log = structlog.get_logger()

# Rows that refused strangers leave between two recounts: people learn why, and nobody fills the disk.
MAX_NOTES_PER_ADDRESS = 20
# Counting 50,000 rows takes 35 ms of the database: often enough to be fair, rare enough not to be felt.
RECOUNT_EVERY_S = 15.0
# A disk does not fill up within a second as long as min_free is a gigabyte; under load it saves two system
# calls a job, each of which lets go of the interpreter lock.
SPACE_KNOWN_FOR_S = 1.0


class Admission:
    """Counts what is held by whom and says no before anything is written.

    The counts are of the last recount plus what was accepted since; a release in between frees its
    place at the next recount. A bound on abuse need not be exact, only cheap and never too high for long.
    """

    def __init__(
        self,
        *,
        limits: DaemonLimits,
        free_bytes: Callable[[], int | None],
        total_bytes: Callable[[], int],
        orders: QueueOrders | None = None,
    ) -> None:
        self._limits = limits
        self._orders = orders if orders is not None else QueueOrders()
        self._free_bytes = free_bytes
        self._total_bytes = total_bytes
        self._held: Counter[tuple[str, str]] = Counter()
        self._bodies = trio.CapacityLimiter(limits.max_intake_bodies)
        self._noted: Counter[str] = Counter()
        self._missing_bytes = 0
        self._space_known_at_s = -inf

    def check(self, submission: Submission) -> None:
        """Raise if there is no room for a job of this sender.

        Raises:
            NotAccepting: an operator has closed the queue.
            Unavailable: the disk is nearly full; clients keep their jobs and come again.
            Busy: this person or address holds too many jobs.
        """
        self._orders.check_accepting(submission.queue.name)
        if submission.principal is None:
            self.check_address(submission.peer)
        else:
            self._check(("person", submission.principal.id), self._limits.max_held_jobs_per_user)

    def check_address(self, peer: str) -> None:
        """Raise if there is no room for a job from this address, whoever will be named in it; as `check`."""
        self._check(("address", peer), self._limits.max_unclaimed_jobs_per_address)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for any job, whoever sends it."""
        return self._look_for_space() > 0

    def may_note(self, submission: Submission) -> bool:
        """Tell whether a refusal of this sender may leave a row; strangers get few of them at a time."""
        if submission.principal is not None:
            return True
        self._noted[submission.peer] += 1
        return self._noted[submission.peer] <= MAX_NOTES_PER_ADDRESS

    def _check(self, key: tuple[str, str], bound: int) -> None:
        missing = self._look_for_space()
        if missing > 0:
            raise Unavailable(
                "The spooler's disk is nearly full; your job waits on your computer.", missing=missing
            )
        if self._held[key] >= bound:
            raise Busy(
                f"{self._held[key]} of your jobs are already waiting here; release or delete some of them.",
                bound=bound,
                by=key[0],
            )

    def count(self, job: Job) -> None:
        """Count a job that was just accepted."""
        self._held[_key_of(job)] += 1

    @asynccontextmanager
    async def body(self) -> AsyncIterator[None]:
        """Hold one of the places for documents that are coming in; raises `Busy` when all are taken."""
        try:
            self._bodies.acquire_on_behalf_of_nowait(token := object())
        except trio.WouldBlock:
            raise Busy("Too many documents are arriving at once; try again in a moment.") from None
        try:
            yield
        finally:
            self._bodies.release_on_behalf_of(token)

    async def run(self, database: Database) -> None:
        """Recount for ever."""
        while True:
            try:
                self._held = await database.read(_held_jobs)
                self._noted.clear()
            except Unavailable as error:
                log.warning("not-recounted", **error.fields)
            await trio.sleep(RECOUNT_EVERY_S)

    def _look_for_space(self) -> int:
        """Return how many bytes must become free before a job is taken; 0 or less when there is room."""
        now_s = trio.current_time()
        if now_s - self._space_known_at_s >= SPACE_KNOWN_FOR_S:
            free = self._free_bytes()
            required = self._limits.required_free_bytes(self._total_bytes())
            self._missing_bytes = 0 if free is None else required - free
            self._space_known_at_s = now_s
        return self._missing_bytes


def _key_of(job: Job) -> tuple[str, str]:
    return ("person", job.owner_id) if job.owner_id is not None else ("address", job.peer)


def _held_jobs(connection: Connection) -> Counter[tuple[str, str]]:
    held: Counter[tuple[str, str]] = Counter()
    for owner_id, peer, count in jobs.count_live_by_sender(connection):
        held["person" if owner_id else "address", owner_id or peer] += count
    return held
