"""The pipeline: seal, inspect, decide, hold, and only then say yes to the client."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog
import trio
from sqlalchemy import Connection

from holdstore.store import HoldStore
from spoold.database import jobs
from spoold.database.engine import Database
from spoold.intake.admission import Admission
from spoold.intake.decide import Acceptance, decide, refuse_early
from spoold.intake.ending import Endings
from spoold.intake.inspection import Inspections
from spoold.intake.receive import receive
from spoold.intake.rows import insert_next, new_job, note_demands, seal_job, summary
from spoold.intake.submission import Incoming, Submission
from spoold.keys.words import PrivateWords
from spoold.model.errors import (
    Busy,
    NotAuthenticated,
    NotPossible,
    RefusedByPolicy,
    SpoolError,
    TooLarge,
)
from spoold.model.formats import formats_taken
from spoold.model.ids import JobId, new_job_id
from spoold.model.job import Document, Job
from spoold.model.jobstate import IllegalTransition, JobEvent, JobState
from spoold.model.queue import Queue
from spoold.model.site import CurrentSite
from spoold.model.template import template_of
from spoold.records import transitions
from spoold.runtime.clock import Clock
from spoold.runtime.limits import DaemonLimits
from spoold.runtime.metrics import Metrics

log = structlog.get_logger()

OnHeld = Callable[[Job], Awaitable[None]]
# Nobody has asked for these jobs yet.
WAITING = frozenset({JobState.RECEIVING, JobState.HELD, JobState.WAITING_APPROVAL})
INTERRUPTED = "The document did not arrive completely; print it again."


@dataclass(frozen=True, slots=True)
class IntakeParts:
    """What the intake works with; put together by the composition root."""

    site: CurrentSite
    database: Database
    store: HoldStore
    words: PrivateWords
    inspections: Inspections
    admission: Admission
    clock: Clock
    metrics: Metrics
    limits: DaemonLimits
    formats: frozenset[str]


class Intake:
    """Accepts jobs.

    Everything returned from here is durable: the sealed document and the job's row are on disk.
    """

    def __init__(self, parts: IntakeParts, *, on_held: OnHeld) -> None:
        self._parts = parts
        self._on_held = on_held
        self._endings = Endings(parts.database, parts.store, parts.clock)
        self._arriving: set[JobId] = set()
        self._finishing: set[JobId] = set()
        self._receiving: Counter[str] = Counter()

    def validate(self, submission: Submission) -> None:
        """Refuse now what would be refused later ("Validate-Job", RFC 8011 4.2.3).

        Raises:
            NotAuthenticated: the client names nobody, so nobody could ever release the job.
            Unavailable, Busy: no room.
            RefusedByPolicy: a rule that needs no document says no.
        """
        parts = self._parts
        if submission.principal is None and not submission.claimed_name:
            raise NotAuthenticated("Your computer did not say whose job this is. Sign in to print.")
        parts.admission.check(submission)
        refuse_early(parts.site().policy, submission, parts.clock.now())

    async def submit(self, submission: Submission, incoming: Incoming) -> Job:
        """Take a job with its only document ("Print-Job", LPR).

        Returns:
            The job, held or waiting for approval.

        Raises:
            SpoolError: a refusal; where the sender is known a job row keeps the reason for its owner.
        """
        self.validate(submission)
        job_id = new_job_id(self._parts.clock.now())
        async with self._body(submission.queue.name, job_id):
            try:
                received = await self._receive(job_id, 1, incoming, submission.queue)
            except SpoolError as error:
                await self.note_refusal(submission, job_id, error)
                raise
        return await self.deliver(submission.asking(incoming.ticket), job_id, [received])

    def check_room(self, peer: str) -> None:
        """Refuse a sender who is not known yet before anything of it is written.

        Raises:
            Unavailable, Busy: no room for a job of this address.
        """
        self._parts.admission.check_address(peer)

    async def receive_loose(self, job_id: JobId, number: int, incoming: Incoming, queue: Queue) -> Document:
        """Seal a document whose sender is not known yet; it belongs to no job until `deliver`.

        Raises:
            SpoolError: a refusal; nothing of this document was kept.
        """
        async with self._parts.admission.body():
            return await self._receive(job_id, number, incoming, queue)

    async def drop_loose(self, job_id: JobId, documents: Sequence[Document]) -> None:
        """Destroy loose documents; nothing but their containers ever existed."""
        # No row will ever name these containers, and without their keys they are noise.
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
            await self._parts.store.shred(job_id, [document.number for document in documents])

    async def create_job(self, submission: Submission) -> Job:
        """Open a job whose documents come later ("Create-Job", RFC 8011 4.2.4)."""
        self.validate(submission)
        job = self._new_job(submission, new_job_id(self._parts.clock.now()))
        created = await self._parts.database.write(
            lambda connection: transitions.begin(connection, job, actor=submission.actor), short=True
        )
        self._parts.admission.count(created)
        return created

    async def add_document(
        self, job: Job, submission: Submission, incoming: Incoming | None, *, last: bool
    ) -> Job:
        """Take a document of an open job ("Send-Document", RFC 8011 4.3.1).

        Args:
            incoming: None for a last Send-Document without data, which only closes the job.

        Raises:
            NotPossible: the job takes no documents any more (it was cancelled meanwhile, say).
            Unavailable, Busy: nothing was kept; the client may send the document again.
        """
        if incoming is not None:
            async with self._body(job.queue, job.id):
                job = await self._add(job, submission, incoming)
        if last and job.state is JobState.RECEIVING:
            return await self.close(job.id, submission)
        return job

    async def close(self, job_id: JobId, submission: Submission) -> Job:
        """End the arrival of documents: inspect where the policy asks for it, decide, hold."""
        parts = self._parts
        now = parts.clock.now()
        job = await parts.database.write(
            lambda connection: seal_job(connection, job_id, submission.actor, now), short=True
        )
        if job.state is not JobState.INSPECTING:
            # It came without a document: there is nothing to decide on.
            return job
        return await self.finish(job, submission)

    async def cancel_incoming(self, job_id: JobId, *, actor: str) -> Job:
        """Cancel a job whose documents are still arriving; what arrives later finds the job ended."""
        return await self._endings.end(job_id, JobEvent.CANCELED, "Cancelled while it was being sent.", actor)

    async def abandon(self, job_id: JobId) -> Job:
        """Abort a job whose next document did not come in time."""
        return await self._endings.end(job_id, JobEvent.REFUSED, INTERRUPTED, "spoold")

    def is_busy_with(self, job_id: JobId) -> bool:
        """Tell whether a document of this job is coming in, or the job is being decided on, right now."""
        return job_id in self._arriving or job_id in self._finishing

    def is_active(self, queue: str) -> bool:
        """Tell whether a document of this queue is coming in right now."""
        return self._receiving[queue] > 0

    async def withdraw(self, job_id: JobId, *, actor: str) -> Job:
        """Cancel a job that its sender takes back before anybody claimed it (LPR's "remove jobs")."""
        return await self._endings.end(
            job_id, JobEvent.CANCELED, "Removed by its sender.", actor, states=WAITING, unclaimed=True
        )

    async def finish(self, job: Job, submission: Submission) -> Job:
        """Decide on a job that is *inspecting*; also used for jobs that something left there.

        Returns:
            The job as it is then: its owner may have cancelled it while it was looked at.
        """
        self._finishing.add(job.id)
        try:
            return await self._finish(job, submission)
        except IllegalTransition:
            current = await self._parts.database.read(
                lambda connection: jobs.job_by_id(connection, job.id), short=True
            )
            return job if current is None else current
        finally:
            self._finishing.discard(job.id)

    async def _finish(self, job: Job, submission: Submission) -> Job:
        parts = self._parts
        documents = await parts.database.read(
            lambda connection: jobs.documents_of(connection, job.id), short=True
        )
        inspected = await self._inspect_if_asked(documents)
        now = parts.clock.now()
        asked = replace(submission, template=template_of(job))
        acceptance = decide(parts.site().policy, asked, inspected, now, on_arrival=job.on_arrival)
        changes = summary(inspected) | {"template": acceptance.template, "expires_at": acceptance.expires_at}

        def write(connection: Connection) -> Job:
            for document in inspected:
                jobs.set_inspection(connection, document)
            note_demands(connection, job.id, acceptance, now)
            return transitions.move(
                connection,
                job.id,
                acceptance.event,
                words=acceptance.words,
                actor=submission.actor,
                now=now,
                **changes,
            )

        return await self._settled(await parts.database.write(write, short=True), inspected, acceptance)

    # -- one document at once --

    async def deliver(self, submission: Submission, job_id: JobId, documents: Sequence[Document]) -> Job:
        """Make a job of sealed documents, in one transaction; they are destroyed if it is refused.

        Raises:
            RefusedByPolicy: a rule says no; the job row keeps the reason for its owner.
            Unavailable: nothing was kept.
        """
        parts = self._parts
        arrived_at = parts.clock.now()
        try:
            inspected = await self._inspect_if_asked(documents)
            now = parts.clock.now()
            acceptance = decide(
                parts.site().policy, submission, inspected, now, on_arrival=submission.on_arrival
            )
            complete = self._new_job(
                submission,
                job_id,
                created_at=arrived_at,
                template=acceptance.template,
                expires_at=acceptance.expires_at,
                **summary(inspected),
            )

            def write(connection: Connection) -> Job:
                walked = (JobEvent.SEALED, acceptance.event)
                created = transitions.begin(
                    connection, complete, actor=submission.actor, walked=walked, words=acceptance.words
                )
                note_demands(connection, job_id, acceptance, now)
                if acceptance.event is not JobEvent.REFUSED:
                    for document in inspected:
                        jobs.insert_document(connection, document)
                return created

            created = await parts.database.write(write, short=True)
        except BaseException:
            await self.drop_loose(job_id, documents)
            raise
        settled = await self._settled(created, inspected, acceptance)
        if acceptance.event is JobEvent.REFUSED:
            raise RefusedByPolicy(acceptance.words, rule=acceptance.rule, job=str(job_id))
        return settled

    async def _settled(self, job: Job, documents: Sequence[Document], acceptance: Acceptance) -> Job:
        """Do what follows a decision that is already durable."""
        parts = self._parts
        parts.metrics.job_moved(JobState.INSPECTING, job.state)
        log.info("job-decided", job=str(job.id), queue=job.queue, state=job.state, rule=acceptance.rule)
        if acceptance.event is JobEvent.REFUSED:
            await parts.store.shred(job.id, [document.number for document in documents])
            parts.database.shred_soon()
            return job
        parts.admission.count(job)
        if not all(document.inspected for document in documents):
            parts.inspections.later(job.id)
        if job.on_arrival and job.state is JobState.HELD:
            await self._on_held(job)
        return job

    # -- documents of an open job --

    async def _add(self, job: Job, submission: Submission, incoming: Incoming) -> Job:
        parts = self._parts
        number = job.documents + 1
        if number > parts.limits.max_documents_per_job:
            words = f"A job may have {parts.limits.max_documents_per_job} documents, not more."
            return await self._abort(job.id, submission.actor, words)
        try:
            document = await self._receive(job.id, number, incoming, submission.queue)
        except (TooLarge, NotPossible) as error:
            return await self._abort(job.id, submission.actor, error.public)
        except SpoolError as error:
            if error.temporary:
                raise
            return await self._abort(job.id, submission.actor, error.public)
        except BaseException:
            # The client went away in the middle of its document.
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                await self._abort(job.id, submission.actor, INTERRUPTED)
            raise
        try:
            added = await parts.database.write(
                lambda connection: insert_next(
                    connection, job.id, document, parts.clock.now(), submission.template
                ),
                short=True,
            )
        except BaseException:
            await self.drop_loose(job.id, [document])
            raise
        if added is None:
            await self.drop_loose(job.id, [document])
            raise NotPossible("The job has ended while its document was arriving.", job=str(job.id))
        return added

    async def _receive(self, job_id: JobId, number: int, incoming: Incoming, queue: Queue) -> Document:
        site = self._parts.site()
        received = await receive(
            self._parts.store,
            job_id,
            number,
            incoming,
            max_bytes=site.max_document_bytes,
            formats=formats_taken(queue, self._parts.formats),
        )
        self._parts.metrics.bytes_received(incoming.protocol, received.sealed.size_bytes)
        return received.document()

    async def _abort(self, job_id: JobId, actor: str, words: str) -> Job:
        return await self._endings.end(job_id, JobEvent.REFUSED, words, actor)

    # -- pieces --

    @asynccontextmanager
    async def _body(self, queue: str, job_id: JobId) -> AsyncIterator[None]:
        if job_id in self._arriving:
            # Two documents at once would be sealed under one number, and one of them destroyed as the loser.
            raise Busy("Another document of this job is still arriving; send them one after the other.")
        async with self._parts.admission.body():
            self._arriving.add(job_id)
            self._receiving[queue] += 1
            try:
                yield
            finally:
                self._arriving.discard(job_id)
                self._receiving[queue] -= 1

    def _new_job(self, submission: Submission, job_id: JobId, **known: Any) -> Job:
        parts = self._parts
        return new_job(
            submission, job_id, parts.words.seal(job_id, submission.words), now=parts.clock.now(), **known
        )

    async def _inspect_if_asked(self, documents: Sequence[Document]) -> list[Document]:
        """Inspect before deciding only if a rule asks about the inside; else what takes time comes later."""
        if not self._parts.site().policy.uses_document("accept"):
            return [self._parts.inspections.at_a_glance(document) for document in documents]
        return [await self._parts.inspections.inspect(document) for document in documents]

    async def note_refusal(self, submission: Submission, job_id: JobId, error: SpoolError) -> None:
        """Keep the reason for the person; what is only temporary is tried again by the client."""
        if error.temporary or not self._parts.admission.may_note(submission):
            return
        job = self._new_job(submission, job_id)
        await self._parts.database.write(
            lambda connection: transitions.begin(
                connection, job, actor=submission.actor, walked=(JobEvent.REFUSED,), words=error.public
            ),
            short=True,
        )
