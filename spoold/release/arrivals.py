"""Arrivals: jobs of queues that print on arrival, released by themselves through the same gate."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
import trio

from protocols.errors import RemoteProtocolError
from spoold.database import jobs
from spoold.model.errors import NotFound, PrinterNotReady, SpoolError
from spoold.model.holding import held_until
from spoold.model.ids import JobId, UserId
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal
from spoold.model.template import template_of
from spoold.release.gate import Gate
from spoold.release.grant import Grant
from spoold.release.ledger import Ledger

log = structlog.get_logger()

# A printer that was not ready is looked at again after this time; it also finds jobs from before a restart.
RETRY_S = 10.0

Lookup = Callable[[UserId], Awaitable[Principal | None]]


@dataclass(slots=True)
class Arrivals:
    """Tries every waiting job of such queues, in order of arrival.

    A job is only tried while no byte of it was ever sent: once paper was possible its owner decides.

    Args:
        people: the account of an id as it is now; None when it is gone or disabled.
        start: what takes a grant to its printer.
    """

    ledger: Ledger
    gate: Gate
    people: Lookup
    start: Callable[[Grant], None]
    _wake: trio.Event = field(default_factory=trio.Event)

    def announce(self) -> None:
        """Say that a job has arrived."""
        self._wake.set()

    async def run(self) -> None:
        """Try whatever waits, at every arrival and every few seconds, until cancelled."""
        while True:
            self._wake = trio.Event()
            try:
                await self.look()
            except SpoolError as error:
                log.warning("arrivals-wait", **(error.fields | {"error": error.public}))
            with trio.move_on_after(RETRY_S):
                await self._wake.wait()

    async def look(self) -> int:
        """Try every waiting job once; returns how many were released."""
        held = await self.ledger.database.read(
            lambda connection: jobs.list_jobs(connection, states=[JobState.HELD], on_arrival=True)
        )
        # Two jobs for a printer that is not ready need not ask it twice.
        not_ready: set[str] = set()
        released = 0
        for job in held:
            if job.first_byte_at is None and job.queue not in not_ready and self._is_time(job):
                released += await self._try(job, not_ready)
        return released

    def _is_time(self, job: Job) -> bool:
        """Tell whether the time has come that the client asked to wait for."""
        try:
            until = held_until(template_of(job))
        except RemoteProtocolError:
            # The gate says so to the owner.
            return True
        return until is None or until <= self.ledger.clock.now()

    async def _try(self, job: Job, not_ready: set[str]) -> bool:
        try:
            principal = None if job.owner_id is None else await self.people(job.owner_id)
            grant = await self.gate.admit_on_arrival(job.id, principal)
        except PrinterNotReady as error:
            not_ready.add(job.queue)
            await self._say(job.id, job.reason, error.public)
            return False
        except NotFound:
            return False
        except SpoolError as error:
            await self._say(job.id, job.reason, error.public)
            return False
        self.start(grant)
        return True

    async def _say(self, job_id: JobId, before: str, words: str) -> None:
        """Tell the owner why the job still waits, once for each reason."""
        if words == before:
            return
        if await self.ledger.change(job_id, [JobState.HELD], reason=words):
            await self.ledger.note(job_id, "waits", words)
