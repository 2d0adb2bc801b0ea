"""Forward: the one function by which a document leaves the spooler, and only for a grant."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

import structlog
import trio

from holdstore.errors import HoldStoreError
from holdstore.reader import SealedReader
from policy.masking import outward_user_name
from protocols.errors import RemoteProtocolError
from spoold.database import jobs
from spoold.documents.rendering import RenderingFailed
from spoold.documents.stamping import StampingFailed
from spoold.keys.words import PrivateWords
from spoold.model.errors import SpoolError
from spoold.model.job import Document, Job
from spoold.model.jobstate import IllegalTransition, JobEvent, JobState
from spoold.model.obligation import Obligation
from spoold.model.site import CurrentSite
from spoold.model.template import template_of
from spoold.printers.base import Outgoing, PrinterBusy, PrinterProblem, PrinterUnreachable, RemoteJob, Ticket
from spoold.printers.directory import PrinterDirectory
from spoold.printers.fitting import fit
from spoold.release import recall
from spoold.release.attempt import Attempt, Cause, Control, Trouble
from spoold.release.completion import follow
from spoold.release.conclusion import Conclusions
from spoold.release.grant import Grant, GrantBook, GrantVoid
from spoold.release.ledger import Ledger
from spoold.release.marking import whole, words_for
from spoold.release.raster_plan import with_drawing
from spoold.release.rendering import Renderings, Source, failed_words
from spoold.release.template import outward
from spoold.release.verification import open_document, store_trouble, verify
from spoold.release.watch import watch

log = structlog.get_logger()

# Older knowledge of the printer is no knowledge (docs/design.md, invariant 4).
STATUS_AGE_S = 2.0
# Somebody else's job is in the printer: its next owner stands there and waits, within the grant's 120 s.
BUSY_WAIT_S = 60.0
BUSY_ASK_S = 2.0
# Pieces of the document: small enough to stop between two of them.
PIECE_BYTES = 64 * 1024
# A daemon that is being stopped has this long to take a job back; else recovery does at the next start.
SHUTDOWN_S = 8.0

RECORDS_WORDS = "The spooler's records cannot be written at the moment."


@dataclass(frozen=True, slots=True)
class Forwarder:
    """Takes granted jobs to their printers and sees them through."""

    ledger: Ledger
    site: CurrentSite
    words: PrivateWords
    printers: PrinterDirectory
    grants: GrantBook
    conclusions: Conclusions
    renderings: Renderings

    async def forward(self, grant: Grant, control: Control) -> None:
        """Use a grant up, send its job, and leave the job in a state that is true.

        The job ends completed, held again, canceled, quarantined or unknown. When this is cancelled, the
        job is taken back first, for `SHUTDOWN_S` at most; what is left open then, recovery finds out.

        Args:
            control: by which others stop the attempt.
        """
        try:
            job, documents = await self.ledger.database.write(
                lambda connection: (
                    self.grants.use(connection, grant),
                    jobs.documents_of(connection, grant.job_id),
                )
            )
        except GrantVoid as error:
            log.warning("grant-void", job=str(grant.job_id), error=error.public)
            await self.conclusions.give_back_unused(grant, error.public)
            return
        attempt = await self._begin(job, documents, control, grant.asked)
        if attempt is not None:
            # The gate has asked the printer a moment ago.
            attempt.status_at_s = grant.ready_at_s
            await self._see_through(attempt, lambda: self._deliver(attempt))

    async def resume(self, job: Job, control: Control) -> None:
        """See a job through whose every byte the printer had taken before the daemon stopped."""
        attempt = await self.attempt_of(job, control)
        if attempt is None:
            await self.conclusions.in_doubt(job, "The printer is not configured any more.")
            return
        await self._see_through(attempt, lambda: follow(attempt))

    async def attempt_of(
        self,
        job: Job,
        control: Control,
        documents: Sequence[Document] | None = None,
        asked: frozenset[str] | None = None,
    ) -> Attempt | None:
        """Return the attempt that a job is in, as its row tells; None when its printer is gone.

        Args:
            documents, asked: the job's, and what rules ask of it, if they were read already.

        Raises:
            SpoolError, RemoteProtocolError: what is stored with the job cannot be read.
        """
        adapter = self.printers.adapter(job.printer or "")
        if adapter is None:
            return None
        if documents is None:
            documents = await self.ledger.documents(job.id)
        if asked is None:
            asked = await self.ledger.obligations(job.id)
        masked = self.site().masks(job.queue) or Obligation.MASK in asked
        abilities = with_drawing(self.printers.capabilities(adapter.name), documents)
        told, remarks = fit(outward(template_of(job)), abilities)
        watermark: tuple[str, ...] = ()
        if Obligation.WATERMARK in asked:
            watermark = await words_for(self.ledger, job, self.site())
            told = whole(told, abilities)
        ticket = Ticket(
            token=job.token,
            user_name=outward_user_name(masked=masked, name=job.claimed_name),
            attributes=told,
            formats=tuple(document.format for document in documents),
        )
        # The title goes out only where nobody asked for names to be kept in.
        title = "" if masked else self.words.title(job)
        attempt = Attempt(
            job, documents, adapter, ticket, control, title, remarks, asked=asked, watermark=watermark
        )
        attempt.created = attempt.first_byte = job.state is JobState.PRINTING
        attempt.all_bytes = attempt.first_byte and job.all_bytes_at is not None
        attempt.sent_bytes = job.size_bytes if attempt.first_byte else 0
        attempt.remote_id = job.remote_job_id
        return attempt

    async def _begin(
        self, job: Job, documents: Sequence[Document], control: Control, asked: frozenset[str]
    ) -> Attempt | None:
        try:
            attempt = await self.attempt_of(job, control, documents, asked)
        except (SpoolError, RemoteProtocolError) as error:
            log.error("job-unreadable", job=str(job.id), error=str(error))
            await self.conclusions.give_back(job, "What is stored with this job cannot be read.")
            return None
        if attempt is None:
            await self.conclusions.give_back(job, "The printer is not configured any more.")
        elif not attempt.documents:
            await self.conclusions.give_back(job, "The job has no document.")
            return None
        return attempt

    async def _see_through(self, attempt: Attempt, work: Callable[[], Awaitable[None]]) -> None:
        """Work and watch until the attempt is decided, and conclude it; cancellation decides it too."""
        inside = trio.CancelScope(shield=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._work_and_watch, attempt, work, inside)
            try:
                await attempt.control.decided.wait()
            except trio.Cancelled:
                attempt.control.stop(Trouble(Cause.SHUTDOWN, "The spooler was stopped."))
                inside.deadline = trio.current_time() + SHUTDOWN_S
                raise

    async def _work_and_watch(
        self, attempt: Attempt, work: Callable[[], Awaitable[None]], inside: trio.CancelScope
    ) -> None:
        with inside:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(work)
                nursery.start_soon(watch, attempt, self.printers)
                await attempt.control.decided.wait()
                if attempt.control.trouble is not None and attempt.created and not self._goes_on(attempt):
                    # Before the connection closes: a printer that loses its sender prints what it has.
                    await recall.tell(attempt)
                nursery.cancel_scope.cancel()
            await self.conclusions.conclude(attempt)

    def _goes_on(self, attempt: Attempt) -> bool:
        """Tell whether the printer may finish without us: it has everything and only the daemon stops."""
        trouble = attempt.control.trouble
        return trouble is not None and trouble.cause is Cause.SHUTDOWN and attempt.all_bytes

    # -- from here on: the way of the document, in order --

    async def _deliver(self, attempt: Attempt) -> None:
        async with trio.open_nursery() as beside:
            await self._deliver_from(attempt, beside)
            # What was sent to its last byte is verified by that.
            beside.cancel_scope.cancel()

    async def _deliver_from(self, attempt: Attempt, beside: trio.Nursery) -> None:
        stop = attempt.control.stop
        try:
            if attempt.remarks:
                await self.ledger.note(attempt.job.id, "fitted", " ".join(attempt.remarks))
            async with AsyncExitStack() as readers, AsyncExitStack() as begun:
                verified = await verify(attempt, self.ledger.store, readers, beside)
                await self.renderings.prepare(attempt, verified, begun)
                if not await self._is_ready(attempt) or not await self._create(attempt):
                    return
                remote = await self._send_all(attempt, verified, begun)
            await follow(attempt, remote)
        except HoldStoreError as error:
            stop(store_trouble(attempt, error))
        except (RenderingFailed, StampingFailed) as error:
            stop(Trouble(Cause.CONVERSION, failed_words(attempt, error)))
        except PrinterUnreachable as problem:
            stop(Trouble(Cause.LINK, problem.words))
        except PrinterProblem as problem:
            stop(Trouble(Cause.PRINTER, problem.words))
        except (SpoolError, IllegalTransition) as error:
            log.error("records-refused", job=str(attempt.job.id), error=str(error))
            stop(Trouble(Cause.STORE, RECORDS_WORDS))

    async def _is_ready(self, attempt: Attempt) -> bool:
        """Read the printer's status unless it was read just now; stop the attempt when it is not ready."""
        if trio.current_time() - attempt.status_at_s <= STATUS_AGE_S:
            return True
        status = await self.printers.status(attempt.adapter.name)
        if status.ready:
            attempt.status_at_s = trio.current_time()
            return True
        attempt.control.stop(Trouble(Cause.NOT_READY, status.why))
        return False

    async def _create(self, attempt: Attempt) -> bool:
        """Open the job at the printer; a printer with another job in it is asked again for a while."""
        given_up_s = trio.current_time() + BUSY_WAIT_S
        attempt.progress_at_s = trio.current_time()
        # From here on the printer may know the job, whether it says so or not.
        attempt.created = True
        while True:
            try:
                attempt.remote_id = await attempt.adapter.create(attempt.ticket)
                break
            except PrinterBusy:
                if trio.current_time() >= given_up_s:
                    raise
            await trio.sleep(BUSY_ASK_S)
            attempt.progress_at_s = trio.current_time()
            if not await self._is_ready(attempt):
                return False
        # Its number at the printer is recorded with the first byte. Until then a crash leaves an empty job
        # there, which is looked for by its token.
        return True

    async def _send_all(
        self, attempt: Attempt, verified: dict[int, SealedReader], begun: AsyncExitStack
    ) -> RemoteJob | None:
        remote: RemoteJob | None = None
        for document in attempt.documents:
            if remote is not None:
                # The first is sent. Whoever keeps its room while waiting for more may wait for ever.
                await begun.aclose()
            reader = verified.get(document.number)
            if reader is not None:
                remote = await self._send(attempt, document, reader)
            else:
                async with open_document(self.ledger.store, document) as reopened:
                    remote = await self._send(attempt, document, reopened)
            attempt.remote_id = remote.remote_id
        # The printer has taken everything and said so: without this fact its word for "completed" is nothing.
        recorded = await self.ledger.change(
            attempt.job.id,
            [JobState.PRINTING],
            remote_job_id=attempt.remote_id,
            all_bytes_at=self.ledger.clock.now(),
        )
        attempt.all_bytes = recorded
        return remote

    async def _send(self, attempt: Attempt, document: Document, reader: SealedReader) -> RemoteJob:
        async with self.renderings.source(attempt, document, reader) as source:
            return await self._send_source(attempt, document, source)

    async def _send_source(self, attempt: Attempt, document: Document, source: Source) -> RemoteJob:
        sent_before = attempt.sent_bytes
        outgoing = Outgoing(
            number=document.number,
            format=source.format,
            size_bytes=source.size_bytes,
            last=document is attempt.documents[-1],
            name=attempt.title,
        )
        attempt.progress_at_s = trio.current_time()
        try:
            async with aclosing(self._content(attempt, source, last=outgoing.last)) as content:
                return await attempt.adapter.send(attempt.ticket, attempt.remote_id, outgoing, content)
        except PrinterUnreachable as problem:
            if not problem.document_sent:
                attempt.sent_bytes = sent_before
            raise

    async def _content(self, attempt: Attempt, source: Source, *, last: bool) -> AsyncGenerator[bytes]:
        """Hand over a document piece by piece; when the attempt is decided, wait to be closed.

        Waiting keeps the connection open while the printer is told to cancel.
        """
        chunks = source.chunks()
        while (chunk := await self._next_chunk(attempt, chunks)) is not None:
            for start in range(0, len(chunk), PIECE_BYTES):
                await self._before_piece(attempt)
                piece = chunk[start : start + PIECE_BYTES]
                attempt.sent_bytes += len(piece)
                self.ledger.metrics.bytes_forwarded(attempt.adapter.name, len(piece))
                yield piece
        await self._before_piece(attempt)
        if last:
            attempt.handed_over_at_s = trio.current_time()

    async def _next_chunk(self, attempt: Attempt, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            return await anext(chunks, None)
        except HoldStoreError as error:
            # What was verified a moment ago reads differently now, or it was too long to verify first.
            attempt.control.stop(store_trouble(attempt, error))
        except (RenderingFailed, StampingFailed) as error:
            attempt.control.stop(Trouble(Cause.CONVERSION, failed_words(attempt, error)))
        await trio.sleep_forever()
        raise AssertionError("unreachable")

    async def _before_piece(self, attempt: Attempt) -> None:
        """Record the first byte before it goes, with the printer known to be ready; halt when told to."""
        if not attempt.first_byte and not attempt.halted and await self._is_ready(attempt):
            await self._record_first_byte(attempt)
        if attempt.halted:
            await trio.sleep_forever()
        attempt.progress_at_s = trio.current_time()

    async def _record_first_byte(self, attempt: Attempt) -> None:
        job = attempt.job

        def same(current: Job) -> None:
            if (current.attempt, current.token) != (job.attempt, job.token):
                raise IllegalTransition(current.state, JobEvent.FIRST_BYTE)

        await self.ledger.move(
            job.id,
            JobEvent.FIRST_BYTE,
            words=attempt.remarked(f"Being printed at {attempt.adapter.name}."),
            check=same,
            first_byte_at=self.ledger.clock.now(),
            remote_job_id=attempt.remote_id,
        )
        attempt.first_byte = True
