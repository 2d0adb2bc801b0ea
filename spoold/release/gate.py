"""The gate: may this person have this job out at this printer, now? Every no says why and what to do next."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import structlog
from sqlalchemy import Connection

from policy.decision import Decision
from protocols.ipp.values import Attribute
from spoold.database import archive, obligations
from spoold.model import obligation, watermark
from spoold.model.access import Action, Standing, may
from spoold.model.approval import approved_rules
from spoold.model.errors import (
    NotAuthorized,
    NotFound,
    NotPossible,
    ProofTooOld,
    RefusedByPolicy,
)
from spoold.model.ids import JobId, UserId, new_token
from spoold.model.job import Job
from spoold.model.jobstate import IllegalTransition, JobEvent, JobState
from spoold.model.obligation import Obligation
from spoold.model.principal import JobProof, Method, Principal
from spoold.model.printer import Printer
from spoold.model.queue import Queue, Release
from spoold.model.site import CurrentSite
from spoold.model.template import encoded, with_settings
from spoold.printers.directory import PrinterDirectory
from spoold.records import approvals
from spoold.records.queue_orders import QueueOrders
from spoold.release.asking import HOLD, Asking, Question, readable_template
from spoold.release.destination import Destination, Destinations, called, list_of
from spoold.release.grant import Grant, GrantBook
from spoold.release.ledger import Ledger
from spoold.release.offers import offered_places, places_of
from spoold.release.ties import Ties

log = structlog.get_logger()

# A person at a printer signs in, reads a list and taps: two minutes.
# After a longer time somebody else may stand there.
PROOF_S = 120.0
# The clocks of one machine agree; a proof from later than this was made before the clock was set back.
PROOF_FROM_LATER_S = 1.0
# Grants of jobs that go by themselves; no account has this id (accounts are UUIDs).
ON_ARRIVAL_USER = UserId("on-arrival")
# And of jobs that somebody let go who knew the PIN, and was not otherwise proven.
PIN_USER = UserId("pin")
_NO_ACCOUNT = frozenset({ON_ARRIVAL_USER, PIN_USER})
# Said to owners and to whoever acts for them: nobody vouches for the owner now.
GONE = "The account of this job is closed, or its owner has to sign in at the portal again."

# The person as the provider of the account has it now; raises `NotAuthorized` when it is closed there, and
# `Unavailable` when the provider cannot be asked: then nothing is released.
Confirm = Callable[[Principal], Awaitable[Principal]]
# The account of an id as it is now, None when it is gone or closed.
FindOwner = Callable[[UserId], Awaitable[Principal | None]]

_WHY_NOT_HELD = {
    JobState.RECEIVING: "The job is still arriving; wait until it is complete.",
    JobState.INSPECTING: "The job is still being looked at; try again in a moment.",
    JobState.WAITING_APPROVAL: "The job waits for somebody to approve it.",
    JobState.RELEASING: "The job is already on its way to the printer.",
    JobState.PRINTING: "The job is being printed already.",
    JobState.UNKNOWN: "Nobody can know whether this job was printed. Look at the printer; "
    "if nothing is there, take the job back and release it again.",
    JobState.COMPLETED: "The job has been printed.",
    JobState.CANCELED: "The job was canceled; print the document again.",
    JobState.EXPIRED: "The job waited too long and was destroyed; print the document again.",
    JobState.ABORTED: "The job was refused when it arrived; it cannot be released.",
    JobState.QUARANTINED: "What was stored of this job is damaged; print the document again.",
}


_WAITS_NOW = "It waits for approval now; release it again once it is approved."


class NeedsApproval(RefusedByPolicy):
    """A rule wants the job approved before it is released; it waits for that now."""

    kind = "needs-approval"


@dataclass(frozen=True, slots=True)
class Gate:
    """Decides on releases and writes the grant."""

    ledger: Ledger
    site: CurrentSite
    printers: PrinterDirectory
    grants: GrantBook
    confirm: Confirm
    people: FindOwner
    orders: QueueOrders = field(default_factory=QueueOrders)

    async def admit(self, principal: Principal, job_id: JobId, printer: str | None) -> Grant:
        """Check everything and let the job go; returns the grant, which is durable.

        Nothing is awaited after the grant was written: a caller that gets it can act on it.

        Args:
            printer: where; None means the first printer of the job's queue that this person may use.

        Raises:
            NotFound: no such job for this person.
            NotAuthorized: the person may see the job but not release it.
            NotPossible: the job is not held, or not at that printer.
            ProofTooOld: the sign-in is too long ago.
            Unavailable: the directory that knows the person cannot be asked.
            PrinterNotReady: with the reason, and a better printer when there is one.
            RefusedByPolicy: in the words of the rule.
            NeedsApproval: a rule wants it approved; it waits for that now.
        """
        job = await self.ledger.job(job_id)
        ties = Ties(self.ledger)
        also = await ties.of(principal, job)
        _check_permission(principal, job, also)
        _check_held(job)
        self._check_proof(principal.proven_at, user=principal.id)
        principal = await self.confirm(principal)
        # The role or the name may have changed with it.
        _check_permission(principal, job, also)
        chosen = self._printer_for(job, printer, principal)
        self._check_station(principal, job, chosen)
        if job.owned_by(principal):
            grant = await self._admit(job, chosen, principal, principal.id)
        else:
            grant = await self._admit(job, chosen, await self._owner_of(job), principal.id, principal)
        log.info("released", job=str(job.id), printer=chosen.name, user=principal.id)
        return grant

    async def admit_by_pin(self, proof: JobProof, printer: str | None) -> Grant:
        """Let the job of a proof go; printer and policy are asked as ever, about the job's owner.

        Raises:
            As `admit`.
        """
        job = await self.ledger.job(proof.job_id)
        _check_held(job)
        self._check_proof(proof.proven_at, user=PIN_USER)
        owner = None if proof.owner is None else proof.owner.id
        if (job.attempt, job.owner_id) != (proof.attempt, owner):
            raise NotPossible("The job has just changed; look again.", job=str(job.id))
        chosen = self._printer_for(job, printer)
        grant = await self._admit(job, chosen, proof.owner, PIN_USER)
        log.info("released-by-pin", job=str(job.id), printer=chosen.name)
        return grant

    async def admit_on_arrival(self, job_id: JobId, principal: Principal | None) -> Grant:
        """Let a job go whose queue does not wait for its owner; printer and policy are asked as ever.

        Args:
            principal: the account that owns the job, looked up now; None while the job is unclaimed.

        Raises:
            As `admit`.
        """
        job = await self.ledger.job(job_id)
        _check_held(job)
        queue = self._queue_of(job)
        if not job.on_arrival or queue.release is not Release.ON_ARRIVAL:
            raise NotPossible("This job waits for its owner to release it.", job=str(job_id))
        self.orders.check_passing(job.queue, job.created_at)
        if job.owner_id is not None and (principal is None or principal.id != job.owner_id):
            raise NotAuthorized(GONE, job=str(job_id))
        chosen = self._printer_for(job, None)
        actor = ON_ARRIVAL_USER if principal is None else principal.id
        return await self._admit(job, chosen, principal, actor)

    async def _owner_of(self, job: Job) -> Principal:
        """Return the owner for whom somebody else releases; a closed account lets nothing go."""
        owner = None if job.owner_id is None else await self.people(job.owner_id)
        if owner is None:
            raise NotAuthorized(GONE, job=str(job.id))
        return owner

    async def _admit(
        self,
        job: Job,
        printer: Printer,
        owner: Principal | None,
        actor: UserId,
        delegate: Principal | None = None,
    ) -> Grant:
        self.orders.check_running(job.queue)
        template = readable_template(job)
        documents, decided = await self.ledger.evidence(job.id)
        asked = await self.ledger.obligations(job.id)
        obligation.check_met(asked, job.id, archives=self.site().archive is not None)
        approved = approved_rules(decided, job, delegate or owner)
        question = Question(job, documents, template, printer, approved)
        # A delegate is who stands at the printer and the owner is whose job it is: rules may be about both.
        people = [owner] if delegate is None else [delegate, owner]
        asking = Asking(self.site, self.ledger.clock)
        found = await Destinations(self.site, self.printers).find(
            question, lambda asked: asking.ask(asked, people)
        )
        if Obligation.WATERMARK in asked | _asks(found.decision):
            watermark.check_possible(documents, job.id)
        if found.decision.verdict == HOLD:
            await self._hold_for_approval(job, found.decision, actor)
        releaser = delegate or owner
        if found.because and releaser is not None and releaser.station is not None:
            # A proof at a station is one for the printer beside it.
            raise NotPossible(
                f"A rule of this site sends this job to {called(found.printer)}. Release it there.",
                job=str(job.id),
            )
        return await self._let_go(job, found, actor, template, asked, delegate=delegate)

    async def _hold_for_approval(self, job: Job, decision: Decision, actor: UserId) -> NoReturn:
        """Have a held job wait for somebody's approval, which only a rule about the release asked for."""
        words = decision.message or "The rules of this site want this job approved first."

        def want(connection: Connection, moved: Job) -> None:
            now = self.ledger.clock.now()
            approvals.want(connection, moved.id, decision.holding, decision.approvers, now)

        try:
            await self.ledger.move(
                job.id,
                JobEvent.NEEDS_APPROVAL,
                words=words,
                actor=actor,
                then=want,
                check=lambda current: _check_unchanged(current, job),
            )
        except IllegalTransition as error:
            raise NotPossible(_WHY_NOT_HELD[error.state], job=str(job.id)) from None
        raise NeedsApproval(f"{words} {_WAITS_NOW}", job=str(job.id), rule=decision.rule)

    # -- the checks, in order --

    def _check_proof(self, proven_at: datetime, *, user: UserId) -> None:
        age_s = (self.ledger.clock.now() - proven_at).total_seconds()
        if not -PROOF_FROM_LATER_S <= age_s <= PROOF_S:
            raise ProofTooOld(
                "You signed in a while ago. Enter your password again to release the job.",
                user=user,
                age_s=round(age_s),
            )

    def _check_station(self, principal: Principal, job: Job, printer: Printer) -> None:
        """Refuse what a proof at a release station is not good for: other printers, queues without badges."""
        if principal.station is not None:
            station = self.site().stations.get(principal.station)
            if station is None or station.printer != printer.name:
                raise NotPossible("This station releases at its own printer only.", job=str(job.id))
        if principal.method is Method.BADGE and not self._queue_of(job).badges:
            raise NotAuthorized(
                "A badge is not enough for this job. Sign in with your password to release it.",
                job=str(job.id),
            )

    def _queue_of(self, job: Job) -> Queue:
        queue = self.site().queues.get(job.queue)
        if queue is None:
            raise NotPossible(
                "The queue this job was sent to does not exist any more; print the document to another one.",
                job=str(job.id),
            )
        return queue

    def _printer_for(self, job: Job, name: str | None, principal: Principal | None = None) -> Printer:
        self._queue_of(job)
        known = places_of(self.site(), job)
        offered = known if principal is None else offered_places(self.site(), job, principal)
        # A printer that is not for this person may be named all the same: the refusal says whom it is for.
        for printer in known if name is not None else offered or known:
            if name in {None, printer.name}:
                return printer
        places = list_of(printer.name for printer in offered)
        advice = f" It can be released at {places}." if places else ""
        raise NotPossible(f"This job cannot be released at that printer.{advice}", job=str(job.id))

    async def _let_go(
        self,
        job: Job,
        destination: Destination,
        actor: UserId,
        template: Sequence[Attribute],
        asked: frozenset[str],
        *,
        delegate: Principal | None,
    ) -> Grant:
        """Move the job and write the grant, in one transaction."""
        given: list[Grant] = []
        printer, decision = destination.printer, destination.decision
        wanted, terms = asked | _asks(decision), self.site().archive
        obligation.check_met(wanted, job.id, archives=terms is not None)

        def give(connection: Connection, moved: Job) -> None:
            if delegate is not None:
                Ties(self.ledger).check(connection, delegate, moved)
            if wanted != asked or decision.watermark:
                obligations.add(connection, moved.id, wanted, watermarks=decision.watermark)
            if terms is not None and Obligation.ARCHIVE in wanted:
                archive.set_terms(connection, moved.id, terms)
            ready_at_s = destination.ready_at_s
            given.append(
                self.grants.give(connection, moved, actor, printer.name, ready_at_s=ready_at_s, asked=wanted)
            )

        def unchanged(current: Job) -> None:
            _check_unchanged(current, job)
            self.orders.check_running(job.queue)

        changes: dict[str, Any] = {}
        if job.owner_id is None and actor not in _NO_ACCOUNT:
            changes["owner_id"] = actor
        if decision.set_attributes:
            changes["template"] = encoded(with_settings(template, decision.set_attributes))
        by = "" if delegate is None else f" by {delegate.name}, for its owner"
        because = f", because {destination.because}" if destination.because else ""
        try:
            await self.ledger.move(
                job.id,
                JobEvent.GRANTED,
                words=f"Released to {called(printer)}{by}{because}.",
                actor=actor,
                then=give,
                check=unchanged,
                printer=printer.name,
                attempt=job.attempt + 1,
                token=new_token(),
                released_by=actor,
                remote_job_id=None,
                all_bytes_at=None,
                impressions=None,
                processing_at=self.ledger.clock.now(),
                **changes,
            )
        except IllegalTransition as error:
            raise NotPossible(_WHY_NOT_HELD[error.state], job=str(job.id)) from None
        return given[0]


def _asks(decision: Decision) -> frozenset[str]:
    """Return what a decision at release asks of the stages that follow."""
    wanted = {
        Obligation.MASK: decision.mask,
        Obligation.WATERMARK: bool(decision.watermark),
        Obligation.ARCHIVE: decision.archive,
    }
    return frozenset(one for one, is_asked in wanted.items() if is_asked)


def _check_permission(principal: Principal, job: Job, also: frozenset[Standing]) -> None:
    if may(principal, Action.RELEASE, job, also=also):
        return
    if may(principal, Action.READ_JOB, job):
        raise NotAuthorized("Only the owner of a job can release it.", job=str(job.id), user=principal.id)
    # The same words as for a job that does not exist: its id must not become a way to ask.
    raise NotFound("There is no such job.", job=str(job.id), user=principal.id)


def _check_unchanged(current: Job, job: Job) -> None:
    # Between the first look and now it may have been released, changed hands or come back; or its
    # owner has changed what the rules were asked about, or was told that it waits.
    if _looked_at(current) != _looked_at(job):
        raise NotPossible("The job has just changed; look again.", job=str(job.id))


def _looked_at(job: Job) -> tuple[object, ...]:
    return job.attempt, job.owner_id, job.on_arrival, job.template


def _check_held(job: Job) -> None:
    if job.state is not JobState.HELD:
        raise NotPossible(_WHY_NOT_HELD[job.state], job=str(job.id), state=job.state.value)
