"""The desk: the one counter where every door asks about jobs, releases and cancels them."""

from collections.abc import Collection
from dataclasses import dataclass

import trio

from policy.explain import Explanation
from spoold.database import jobs
from spoold.database.records import JobEventRow
from spoold.keys.words import PrivateWords
from spoold.model.access import Action, Standing, may
from spoold.model.errors import NotAuthenticated, NotAuthorized, NotFound, NotPossible
from spoold.model.ids import JobId
from spoold.model.job import Job
from spoold.model.jobstate import AT_PRINTER, FINAL, LIVE, IllegalTransition, JobEvent, JobState
from spoold.model.principal import Method, Principal
from spoold.model.site import CurrentSite
from spoold.printers.directory import PrinterDirectory
from spoold.release.explaining import Explaining
from spoold.release.offers import usable_printers
from spoold.release.pins import PinDesk
from spoold.release.service import ReleaseService
from spoold.release.ties import NO_TIE, Ties
from spoold.release.views import JobView, PrinterView, job_view

# More jobs than a person can read; finished ones are forgotten after `site.forget_after`.
MAX_LISTED = 1_000
# A cancel may meet the job between two states once; more often is somebody else's quarrel about it.
_CANCEL_TRIES = 3


@dataclass(frozen=True, slots=True)
class Desk:
    """What doors may ask for. Every method takes the proven person and refuses in words."""

    service: ReleaseService
    site: CurrentSite
    words: PrivateWords
    printer_directory: PrinterDirectory
    pins: PinDesk

    @property
    def ties(self) -> Ties:
        """What people are to jobs that are not theirs."""
        return Ties(self.service.ledger)

    async def jobs(
        self, principal: Principal, *, states: Collection[JobState] | None = None
    ) -> list[JobView]:
        """Return the person's own jobs, oldest first, and those the person may release for others.

        For operators and administrators everybody's.
        """
        everybody = may(principal, Action.READ_JOB)
        found = await self.service.ledger.database.read(
            lambda connection: jobs.list_jobs(
                connection,
                states=states,
                owner_id=None if everybody else principal.id,
                claimed_name=None if everybody else principal.name,
                newest_first=True,
                limit=MAX_LISTED,
            )
        )
        own = [self._view(job, principal) for job in reversed(found) if may(principal, Action.READ_JOB, job)]
        return _merged(own, await self._entrusted(principal, states))

    async def job(self, principal: Principal | None, job_id: JobId) -> JobView:
        """Return one job.

        Raises:
            NotFound: there is none, or not for this person.
        """
        job, also = await self._readable(principal, job_id)
        return self._view(job, principal, also)

    async def release(self, principal: Principal, job_id: JobId, printer: str | None) -> JobView:
        """Let a job go; returns as soon as it is on its way.

        Args:
            printer: where; None means the first printer of its queue that the person may use.

        Raises:
            SpoolError: everything that `Gate.admit` can say.
        """
        self.service.check_open()
        grant = await self.service.gate.admit(principal, job_id, printer)
        self.service.start(grant)
        return await self.job(principal, job_id)

    async def release_and_wait(
        self, principal: Principal, job_id: JobId, printer: str | None, deadline_s: float
    ) -> JobView:
        """Let a job go and wait until it has left the printer's hands, or for `deadline_s` seconds.

        The release goes on when the time is over.
        """
        self.service.check_open()
        grant = await self.service.gate.admit(principal, job_id, printer)
        self.service.start(grant)
        with trio.move_on_after(deadline_s):
            await self.service.ended(job_id)
        return await self.job(principal, job_id)

    async def cancel(self, principal: Principal, job_id: JobId) -> JobView:
        """Cancel a job and destroy its documents; at a printer it is taken back first.

        Raises:
            NotFound: no such job for this person.
            NotAuthorized: it may be seen but not canceled.
            NotPossible: it has ended already.
        """
        job, also = await self._readable(principal, job_id)
        if not may(principal, Action.CANCEL, job, also=also):
            raise NotAuthorized("Only the owner of a job can cancel it.", job=str(job_id))
        words = "Canceled by its owner." if job.owned_by(principal) else "Canceled by an operator."
        for _ in range(_CANCEL_TRIES):
            if job.state in FINAL:
                raise NotPossible(f"The job has ended already: {job.reason}", job=str(job_id))
            if job.state in AT_PRINTER:
                job = await self.service.cancel(job_id, actor=principal.id, words=words)
                if job.state in FINAL | AT_PRINTER:
                    return self._view(job, principal)
            try:
                job = await self.service.ledger.move(
                    job_id, JobEvent.CANCELED, words=words, actor=principal.id
                )
            except IllegalTransition:
                job = await self.service.ledger.job(job_id)
            else:
                return self._view(job, principal)
        raise NotPossible("The job keeps changing; look again.", job=str(job_id))

    async def hold(self, principal: Principal, job_id: JobId) -> JobView:
        """Have a job wait for its owner that would go by itself as soon as its printer is ready.

        Raises:
            NotFound, NotAuthorized: as `cancel`.
            NotPossible: it has gone on meanwhile.
        """
        job, also = await self._readable(principal, job_id)
        if not may(principal, Action.HOLD, job, also=also):
            raise NotAuthorized("Only the owner of a job can hold it.", job=str(job_id))
        ledger, words = self.service.ledger, "Held by its owner; waiting to be released."
        if not await ledger.change(job_id, [JobState.HELD], on_arrival=False, reason=words):
            raise NotPossible("The job is not waiting any more.", job=str(job_id))
        await ledger.note(job_id, "held", words)
        return await self.job(principal, job_id)

    async def take_back(self, principal: Principal, job_id: JobId) -> JobView:
        """Hold a job again of which nobody knows whether it was printed.

        Raises:
            NotFound, NotAuthorized: as `cancel`.
            NotPossible: the job is not in doubt.
        """
        job, also = await self._readable(principal, job_id)
        if not may(principal, Action.HOLD, job, also=also):
            raise NotAuthorized("Only the owner of a job can take it back.", job=str(job_id))
        try:
            moved = await self.service.ledger.move(
                job_id,
                JobEvent.RETURNED,
                words="Taken back by its owner; waiting to be released again.",
                actor=principal.id,
            )
        except IllegalTransition:
            raise NotPossible("There is no doubt about this job.", job=str(job_id)) from None
        return self._view(moved, principal)

    async def printers(self, principal: Principal) -> list[PrinterView]:
        """Return the printers that this person may use with their live status, in the configuration's order.

        Operators and administrators are shown the others as well: they look after them.

        Raises:
            NotAuthenticated: nobody was proven.
        """
        if not may(principal, Action.READ_PRINTERS):
            raise NotAuthenticated("Sign in to see the printers.")
        statuses = await self.printer_directory.statuses()
        # Root at the command line is no person: no printer is for them or not.
        is_root = principal.method is Method.CONTROL_SOCKET
        usable = frozenset(statuses) if is_root else usable_printers(self.site(), principal)
        everything = may(principal, Action.READ_JOB)
        return [
            PrinterView(printer, statuses[name], self.printer_directory.description(name), name in usable)
            for name, printer in self.site().printers.items()
            if name in statuses and (everything or name in usable)
        ]

    async def timeline(self, principal: Principal, job_id: JobId) -> list[JobEventRow]:
        """Return what happened to a job, oldest first.

        Raises:
            NotFound: there is none, or not for this person.
        """
        await self._readable(principal, job_id)
        return await self.service.ledger.timeline(job_id)

    async def explain(
        self, principal: Principal, job_id: JobId, printer: str | None = None
    ) -> tuple[Explanation, Explanation]:
        """Return what the rules say about a job: of its acceptance, and of a release now.

        Args:
            printer: where; the first printer of its queue when None.

        Raises:
            NotFound: there is none, or not for this person.
            NotPossible, Unavailable: as `Explaining.explain`.
        """
        job, _ = await self._readable(principal, job_id)
        gate = self.service.gate
        explaining = Explaining(self.service.ledger, self.site, self.printer_directory, gate.people)
        return await explaining.explain(job, principal, printer)

    async def _readable(self, principal: Principal | None, job_id: JobId) -> tuple[Job, frozenset[Standing]]:
        """Return a job and what the person is to it besides its owner."""
        job = await self.service.ledger.job(job_id)
        also = await self.ties.of(principal, job)
        if not may(principal, Action.READ_JOB, job, also=also):
            raise NotFound("There is no such job.", job=str(job_id))
        return job, also

    async def _entrusted(self, principal: Principal, states: Collection[JobState] | None) -> list[JobView]:
        """Return the live jobs that others let this person release."""
        found = await self.ties.entrusted(principal, MAX_LISTED)
        wanted = LIVE if states is None else LIVE & frozenset(states)
        return [self._view(job, principal, also) for job, also in found if job.state in wanted]

    def _view(self, job: Job, viewer: Principal | None, also: frozenset[Standing] = NO_TIE) -> JobView:
        now = self.service.ledger.clock.now()
        return job_view(job, viewer, site=self.site(), words=self.words, now=now, also=also)


def _merged(own: list[JobView], entrusted: list[JobView]) -> list[JobView]:
    """Return both in order of arrival, each job once: as somebody who may release it."""
    if not entrusted:
        return own
    views = {view.job.id: view for view in (*own, *entrusted)}
    return sorted(views.values(), key=lambda view: view.job.number)
