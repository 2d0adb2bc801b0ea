"""A desk in memory: jobs and printers as a test arranges them, with the real rules about who may do what."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import trio

from policy.engine import compile_rules
from policy.explain import Explanation
from policy.facts import Facts, QueueFacts
from policy.masking import masked_name
from policy.rules import RuleSource  # noqa: TC001 - as every other of this file
from policy.setting import Setting
from spoold.database.records import JobEventRow
from spoold.identity.pins import Pin
from spoold.model.access import Action, may
from spoold.model.errors import NotAuthorized, NotFound, NotPossible, PrinterNotReady, ProofTooOld
from spoold.model.ids import JobId, UserId, canonical_name, new_job_id
from spoold.model.job import Job
from spoold.model.jobstate import FINAL, JobEvent, JobState, after
from spoold.model.principal import Principal
from spoold.model.printer import Printer, PrinterReason, PrinterStatus
from spoold.model.site import CurrentSite  # noqa: TC001 - as every other of this file
from spoold.printers.base import PrinterDescription
from spoold.release.gate import PROOF_S
from spoold.release.offers import offered_places, places_of, usable_printers
from spoold.release.pins import WRONG, Wanted, WrongPin
from spoold.release.views import JobView, PrinterView
from spoold.runtime.clock import Clock

JAM = PrinterReason("media-jam-error", True, "Paper is jammed.")


class FakeDesk:
    """Does what `spoold.release.desk.Desk` does, without a store, a database or a printer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[JobId, Job] = {}
        self._titles: dict[JobId, str] = {}
        self._events: defaultdict[JobId, list[JobEventRow]] = defaultdict(list)
        self._printers: dict[str, Printer] = {}
        self._statuses: dict[str, PrinterStatus] = {}
        self.released: list[tuple[JobId, str]] = []
        self.rules: list[RuleSource] = []
        # Where groups may be named at queues and printers; nowhere when None.
        self.site: CurrentSite | None = None
        self._pins = FakePins(self)

    @property
    def pins(self) -> "FakePins":
        """Releases by PIN."""
        return self._pins

    # -- what a test arranges

    def set_pin(self, job_id: JobId, pin: str) -> None:
        """Give a job a PIN."""
        self._pins.known[job_id] = pin

    def release_unproven(self, job_id: JobId, printer: str) -> Job:
        """What the gate does for somebody who knows the PIN."""
        self._check_ready(printer)
        self.released.append((job_id, printer))
        self._jobs[job_id] = replace(self._jobs[job_id], printer=printer)
        return self.move(job_id, JobEvent.GRANTED, f"Released to {printer}.")

    def meant(self, wanted: Wanted) -> list[Job]:
        """The held jobs that somebody means."""
        return [
            job
            for job in self._jobs.values()
            if job.state is JobState.HELD
            and (wanted.job_id in {None, job.id})
            and (wanted.number in {None, job.number})
            and (wanted.name is None or job.claimed_name == canonical_name(wanted.name))
        ]

    def add_printer(self, name: str, location: str = "") -> None:
        """Install a printer that is ready."""
        self._printers[name] = Printer(name, f"ipp://{name}.example.org/ipp/print", location)
        self.set_status(name)

    def set_status(self, name: str, *reasons: PrinterReason) -> None:
        """Let a printer be ready, or report this."""
        ready = not any(reason.blocks for reason in reasons)
        why = "" if ready else reasons[0].text
        state = "idle" if ready else "stopped"
        self._statuses[name] = PrinterStatus(name, ready, state, reasons, self._clock.now(), why)

    def add_job(
        self,
        title: str,
        owner: UserId | None,
        *,
        state: JobState = JobState.HELD,
        claimed: str = "alice",
        reason: str = "Waiting for you to release it at a printer.",
        pages: int | None = 3,
    ) -> Job:
        """Hold a job."""
        now = self._clock.now()
        job = Job(
            id=new_job_id(),
            number=len(self._jobs) + 1,
            queue="secure",
            state=state,
            reason=reason,
            owner_id=owner,
            claimed_name=claimed,
            peer="10.20.1.7",
            protocol="ipp",
            created_at=now,
            changed_at=now,
            expires_at=now + timedelta(hours=4),
            size_bytes=48_211,
            documents=1,
            formats=("application/pdf",),
            pages=pages,
            finished_at=now if state in FINAL else None,
        )
        self._jobs[job.id] = job
        self._titles[job.id] = title
        self._events[job.id].append(JobEventRow(now, "accepted", "Its documents are arriving."))
        self._events[job.id].append(JobEventRow(now, "permitted", reason))
        return job

    def job_of(self, job_id: JobId) -> Job:
        """Return a job, whoever asks."""
        return self._jobs[job_id]

    def give(self, job_id: JobId, owner: UserId, words: str) -> Job:
        """Make a job somebody's who claimed it."""
        self._jobs[job_id] = replace(self._jobs[job_id], owner_id=owner)
        self._events[job_id].append(JobEventRow(self._clock.now(), "claimed", words))
        return self._jobs[job_id]

    def move(self, job_id: JobId, event: JobEvent, words: str) -> Job:
        """Let something happen to a job."""
        job, now = self._jobs[job_id], self._clock.now()
        state = after(job.state, event)
        moved = replace(
            job, state=state, reason=words, changed_at=now, finished_at=now if state in FINAL else None
        )
        self._jobs[job_id] = moved
        self._events[job_id].append(JobEventRow(now, event.value, words))
        return moved

    def state_of(self, job_id: JobId) -> JobState:
        """Return a job's state."""
        return self._jobs[job_id].state

    # -- what doors ask

    async def status(self, name: str) -> PrinterStatus:
        """What the printer directory says of a printer."""
        await trio.lowlevel.checkpoint()
        return self._statuses[name]

    async def jobs(
        self, principal: Principal, *, states: Collection[JobState] | None = None
    ) -> list[JobView]:
        await trio.lowlevel.checkpoint()
        return [
            self._view(job, principal)
            for job in self._jobs.values()
            if may(principal, Action.READ_JOB, job) and (states is None or job.state in states)
        ]

    async def job(self, principal: Principal | None, job_id: JobId) -> JobView:
        await trio.lowlevel.checkpoint()
        return self._view(self._readable(principal, job_id), principal)

    async def release(self, principal: Principal, job_id: JobId, printer: str | None) -> JobView:
        await trio.lowlevel.checkpoint()
        job = self._readable(principal, job_id)
        if not may(principal, Action.RELEASE, job):
            raise NotAuthorized("Only the owner of a job can release it.")
        if job.state is not JobState.HELD:
            raise NotPossible("The job is already on its way to the printer.")
        if (self._clock.now() - principal.proven_at).total_seconds() > PROOF_S:
            raise ProofTooOld("You signed in a while ago. Enter your password again to release the job.")
        name = printer or next(iter(self._printers))
        if name not in self._printers:
            raise NotPossible("This job cannot be printed there.")
        self._check_ready(name)
        self.released.append((job_id, name))
        self._jobs[job_id] = replace(job, printer=name)
        return self._view(self.move(job_id, JobEvent.GRANTED, f"Released to {name}."), principal)

    async def cancel(self, principal: Principal, job_id: JobId) -> JobView:
        await trio.lowlevel.checkpoint()
        job = self._readable(principal, job_id)
        if not may(principal, Action.CANCEL, job):
            raise NotAuthorized("Only the owner of a job can cancel it.")
        if job.state in FINAL:
            raise NotPossible("The job has ended already.")
        return self._view(self.move(job_id, JobEvent.CANCELED, "Deleted by its owner."), principal)

    async def take_back(self, principal: Principal, job_id: JobId) -> JobView:
        await trio.lowlevel.checkpoint()
        job = self._readable(principal, job_id)
        if not may(principal, Action.HOLD, job):
            raise NotAuthorized("Only the owner of a job can take it back.")
        if job.state is not JobState.UNKNOWN:
            raise NotPossible("There is no doubt about this job.")
        return self._view(self.move(job_id, JobEvent.RETURNED, "Taken back by its owner."), principal)

    async def printers(self, principal: Principal) -> list[PrinterView]:
        await trio.lowlevel.checkpoint()
        description = PrinterDescription("Example LaserPro 400")
        known = frozenset(self._printers) if self.site is None else usable_printers(self.site(), principal)
        everything = may(principal, Action.READ_JOB)
        return [
            PrinterView(printer, self._statuses[name], description, name in known)
            for name, printer in self._printers.items()
            if everything or name in known
        ]

    async def timeline(self, principal: Principal, job_id: JobId) -> list[JobEventRow]:
        await trio.lowlevel.checkpoint()
        self._readable(principal, job_id)
        return list(self._events[job_id])

    async def explain(self, principal: Principal, job_id: JobId) -> tuple[Explanation, Explanation]:
        await trio.lowlevel.checkpoint()
        self._readable(principal, job_id)
        policy = compile_rules(self.rules, Setting(), "UTC")
        facts, now = Facts(QueueFacts("secure")), self._clock.now()
        return policy.explain("accept", facts, now), policy.explain("release", facts, now)

    def _check_ready(self, name: str) -> None:
        status = self._statuses[name]
        if status.ready:
            return
        better = [each.name for each in self._printers.values() if self._statuses[each.name].ready]
        hint = f" It can be released at {better[0]} now." if better else ""
        raise PrinterNotReady(f"{name}: {status.why} Nothing was printed.{hint}")

    def _readable(self, principal: Principal | None, job_id: JobId) -> Job:
        job = self._jobs.get(job_id)
        if job is None or not may(principal, Action.READ_JOB, job):
            raise NotFound("There is no such job.")
        return job

    def _view(self, job: Job, viewer: Principal | None) -> JobView:
        own = may(viewer, Action.READ_TITLE, job)
        left_s = 0 if job.state in FINAL else int((job.expires_at - self._clock.now()).total_seconds())
        title = self._titles[job.id] if own else masked_name(job.number)
        barred: tuple[str, ...] = ()
        if self.site is not None and viewer is not None and own:
            offered = offered_places(self.site(), job, viewer)
            barred = tuple(place.name for place in places_of(self.site(), job) if place not in offered)
        printers = tuple(name for name in self._printers if name not in barred)
        return JobView(job, title, max(0, left_s), printers, own, barred=barred)


class FakePins:
    """Does what `spoold.release.pins.PinDesk` does, without hashing or counting; keeps who asked for what."""

    def __init__(self, desk: FakeDesk) -> None:
        self._desk = desk
        self.known: dict[JobId, str] = {}
        self.asked: list[tuple[Wanted, str | None, str]] = []

    async def release(self, wanted: Wanted, pin: Pin, printer: str | None, *, peer: str) -> list[Job]:
        await trio.lowlevel.checkpoint()
        self.asked.append((wanted, printer, peer))
        found = [
            job
            for job in self._desk.meant(wanted)
            if job.id in self.known and pin == Pin.typed(self.known[job.id])
        ]
        if not found:
            raise WrongPin(WRONG)
        return [self._desk.release_unproven(job.id, printer or "lobby") for job in found]
