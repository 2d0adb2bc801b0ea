"""The LPR door (RFC 1179): jobs come in unclaimed under a claimed name; nothing is ever released here."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from protocols.ipp.values import integer
from protocols.lpr.control_file import ControlFile
from protocols.lpr.handler import LprJob, LprPeer, LprRefused
from spoold.database import jobs
from spoold.database.engine import Database
from spoold.intake.pipeline import Intake
from spoold.intake.submission import Incoming, Submission
from spoold.model.access import Action, may
from spoold.model.errors import SpoolError
from spoold.model.ids import canonical_name, new_job_id
from spoold.model.job import Document, Job
from spoold.model.jobstate import LIVE, JobState
from spoold.model.queue import Authentication, Queue
from spoold.model.site import CurrentSite
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics

log = structlog.get_logger()

PROTOCOL: Final = "lpr"
MAX_COPIES = 999
MAX_LISTED = 200
# RFC 1179 3.1: only a host's own spooler can use these, so it vouches for the user it names.
PRIVILEGED_PORTS = range(1, 1024)


@dataclass(frozen=True, slots=True)
class LprDoor:
    """What the LPR server asks of the daemon (`protocols.lpr.handler.LprHandler`)."""

    site: CurrentSite
    database: Database
    intake: Intake
    clock: Clock
    metrics: Metrics

    async def queue_exists(self, queue: str) -> bool:
        """Return whether LPR may print to the queue."""
        return self._queue(queue) is not None

    async def begin_job(self, queue: str, peer: LprPeer) -> LprJob:
        """Begin a job."""
        found = self._queue(queue)
        if found is None:
            # A reload came between the question whether the queue exists and the job.
            raise LprRefused
        try:
            self.intake.check_room(peer.host)
        except SpoolError as error:
            self.metrics.refused(error)
            log.info("lpr-refused", kind=error.kind, queue=queue, peer=peer.host, **error.fields)
            raise LprRefused(error.kind) from error
        return _IncomingJob(self, found, peer)

    async def queue_state(
        self,
        queue: str,
        users: tuple[str, ...],  # noqa: ARG002 - RFC 1179 5.3 filters by them; there is nothing to filter
        *,
        long: bool,  # noqa: ARG002 - the long form would show names
    ) -> str:
        """Return how many jobs wait; LPR proves nobody, so it is told nothing of anybody's jobs."""
        live = (await self.database.read(jobs.count_by_queue)).get(queue, 0)
        noun = "job is" if live == 1 else "jobs are"
        return f"{queue} is ready\n{live} {noun} held for their owners; sign in to the portal to see yours\n"

    async def remove(self, queue: str, agent: str, items: tuple[str, ...], peer: LprPeer) -> bool:
        """Remove unclaimed jobs that this very host sent in this user's name, if its spooler asks."""
        if peer.port not in PRIVILEGED_PORTS:
            return False
        found = await self.database.read(
            lambda connection: jobs.list_jobs(
                connection, states=LIVE, claimed_name=canonical_name(agent), queue=queue, limit=MAX_LISTED
            )
        )
        removed = [
            await self.intake.withdraw(job.id, actor=f"unclaimed:{peer.host}")
            for job in found
            if may(None, Action.REMOVE_UNCLAIMED, job, peer=peer.host) and _is_named(job, items)
        ]
        return any(job.state is JobState.CANCELED for job in removed)

    def _queue(self, name: str) -> Queue | None:
        """Return a queue for LPR: it cannot sign in, so the queue must not require it."""
        found = self.site().queues.get(name)
        return found if found is not None and found.authentication is Authentication.AT_RELEASE else None


class _IncomingJob:
    """One LPR job on its way in (`protocols.lpr.handler.LprJob`).

    The user may be known only after the documents, so these are sealed loose and become a job at the end.
    """

    def __init__(self, door: LprDoor, queue: Queue, peer: LprPeer) -> None:
        self._door = door
        self._queue = queue
        self._peer = peer
        self._job_id = new_job_id()
        self._documents: list[Document] = []
        self._names: list[str] = []
        self._control: ControlFile | None = None

    async def control(self, control: ControlFile) -> None:
        """Keep the control file."""
        self._control = control

    async def document(
        self,
        name: str,
        declared_bytes: int | None,  # noqa: ARG002 - bytes are counted, not believed
        receive: Callable[[], Awaitable[bytes]],
    ) -> None:
        """Seal a document as it arrives."""
        number = len(self._documents) + 1
        try:
            incoming = Incoming(_pieces(receive), protocol=PROTOCOL)
            sealed = await self._door.intake.receive_loose(self._job_id, number, incoming, self._queue)
        except SpoolError as error:
            raise self._refused(error) from error
        self._documents.append(sealed)
        self._names.append(name)

    async def finish(self) -> bool:
        """Make the job durable; what this returns is what the client hears."""
        control = self._control
        if control is None or not self._documents:
            return False
        try:
            submission = self._submission(control)
            self._door.intake.validate(submission)
            await self._door.intake.deliver(submission, self._job_id, self._documents)
        except SpoolError as error:
            raise self._refused(error) from error
        return True

    async def abort(self) -> None:
        """Destroy what was sealed; safe after a delivery that failed, which did the same."""
        await self._door.intake.drop_loose(self._job_id, self._documents)

    def _submission(self, control: ControlFile) -> Submission:
        described = control.matched(self._names)
        title = control.job_name or control.title or (described[0].source_name if described else "")
        copies = max((document.copies for document in described), default=1)
        return Submission(
            queue=self._queue,
            principal=None,
            requesting_user_name=control.user or control.banner_user,
            peer=self._peer.host,
            protocol=PROTOCOL,
            template=(integer("copies", min(copies, MAX_COPIES)),) if copies > 1 else (),
            title=title,
        )

    def _refused(self, error: SpoolError) -> LprRefused:
        self._door.metrics.refused(error)
        log.info("lpr-refused", kind=error.kind, queue=self._queue.name, peer=self._peer.host, **error.fields)
        return LprRefused(error.kind)


async def _pieces(receive: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    while piece := await receive():
        yield piece


def _is_named(job: Job, items: tuple[str, ...]) -> bool:
    """Tell whether a list of job numbers and users (RFC 1179 5.5) means this job; an empty one means all."""
    return not items or str(job.number) in items or job.claimed_name in map(canonical_name, items)
