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
from spoold.model.errors import EmptyDocument, NotAuthorized, SpoolError, UnsupportedDocument
from spoold.model.ids import canonical_name, new_job_id
from spoold.model.job import Document, Job
from spoold.model.jobstate import LIVE, JobState
from spoold.model.lpr import LprNetwork
from spoold.model.principal import Principal
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
# RFC 1179 7.17 to 7.30: "f" and "p" (text), "l" (as it is), "o" (PostScript) and whatever newer clients write
# leave it to the document's first bytes what it is. These ask for a program that this spooler does not have,
# so their text would come out as its own source.
FILTERED: Final = {
    "c": "CIF",
    "d": "DVI",
    "g": "a plot",
    "n": "ditroff",
    "r": "Fortran carriage control",
    "t": "troff",
    "v": "a raster image",
}
_TEXT = "text/plain"
_ANYBODY = LprNetwork(addresses=())

AccountAt = Callable[[str], Awaitable[Principal | None]]


@dataclass(frozen=True, slots=True)
class LprDoor:
    """What the LPR server asks of the daemon (`protocols.lpr.handler.LprHandler`).

    Args:
        account_at: the account that the configuration gives an address, by name; None if there is none.
    """

    site: CurrentSite
    database: Database
    intake: Intake
    clock: Clock
    metrics: Metrics
    account_at: AccountAt

    def queue_exists(self, queue: str, peer: LprPeer) -> bool:
        """Return whether LPR may print to the queue."""
        return self._queue(queue, self._network(peer)) is not None

    def begin_job(self, queue: str, peer: LprPeer) -> LprJob:
        """Begin a job."""
        network = self._network(peer)
        found = self._queue(queue, network)
        if found is None:
            # A reload came between the question whether the queue exists and the job.
            raise LprRefused
        if network.account is None:
            try:
                self.intake.check_room(peer.host)
            except SpoolError as error:
                raise self.refused(error, found.name, peer) from error
        return _IncomingJob(self, found, peer, network)

    async def queue_state(
        self,
        queue: str,
        users: tuple[str, ...],  # noqa: ARG002 - RFC 1179 5.3 filters by them; there is nothing to filter
        peer: LprPeer,
        *,
        long: bool,  # noqa: ARG002 - the long form would show names
    ) -> str:
        """Return how many jobs wait; LPR proves nobody, so it is told nothing of anybody's jobs."""
        name = self._network(peer).queue or queue
        live = (await self.database.read(jobs.count_by_queue)).get(name, 0)
        noun = "job is" if live == 1 else "jobs are"
        return f"{queue} is ready\n{live} {noun} held for their owners; sign in to the portal to see yours\n"

    async def remove(self, queue: str, agent: str, items: tuple[str, ...], peer: LprPeer) -> bool:
        """Remove unclaimed jobs that this very host sent in this user's name, if its spooler asks."""
        if peer.port not in PRIVILEGED_PORTS:
            return False
        network = self._network(peer)
        claimed = network.named(user=agent, banner=agent, job_class=agent)
        found = await self.database.read(
            lambda connection: jobs.list_jobs(
                connection,
                states=LIVE,
                claimed_name=canonical_name(claimed),
                queue=network.queue or queue,
                limit=MAX_LISTED,
            )
        )
        removed = [
            await self.intake.withdraw(job.id, actor=f"unclaimed:{peer.host}")
            for job in found
            if may(None, Action.REMOVE_UNCLAIMED, job, peer=peer.host) and _is_named(job, items)
        ]
        return any(job.state is JobState.CANCELED for job in removed)

    def refused(self, error: SpoolError, queue: str, peer: LprPeer) -> LprRefused:
        """Return what the client hears, which is "no", and write down why."""
        self.metrics.refused(error)
        log.info("lpr-refused", kind=error.kind, queue=queue, peer=peer.host, **error.fields)
        return LprRefused(error.kind)

    def _network(self, peer: LprPeer) -> LprNetwork:
        for network in self.site().lpr_networks:
            if network.holds(peer.host):
                return network
        return _ANYBODY

    def _queue(self, name: str, network: LprNetwork) -> Queue | None:
        """Return a queue for LPR; it cannot sign in, so either nobody must, or the address stands for it."""
        found = self.site().queues.get(network.queue or name)
        if found is None or network.account is not None:
            return found
        return found if found.authentication is Authentication.AT_RELEASE else None


class _IncomingJob:
    """One LPR job on its way in (`protocols.lpr.handler.LprJob`).

    The user may be known only after the documents, so these are sealed loose and become a job at the end.
    """

    def __init__(self, door: LprDoor, queue: Queue, peer: LprPeer, network: LprNetwork) -> None:
        self._door = door
        self._queue = queue
        self._peer = peer
        self._network = network
        self._principal: Principal | None = None
        self._job_id = new_job_id(door.clock.now())
        self._documents: list[Document] = []
        self._names: list[str] = []
        self._arrived: list[Incoming] = []
        self._empty = 0
        self._control: ControlFile | None = None

    def control(self, control: ControlFile) -> None:
        """Keep the control file."""
        self._control = control

    async def document(
        self,
        name: str,
        declared_bytes: int | None,  # noqa: ARG002 - bytes are counted, not believed
        receive: Callable[[], Awaitable[bytes]],
    ) -> None:
        """Seal a document as it arrives; one with nothing in it is passed over."""
        number = len(self._documents) + 1
        incoming = Incoming(_pieces(receive), protocol=PROTOCOL)
        try:
            await self._identify()
            sealed = await self._door.intake.receive_loose(self._job_id, number, incoming, self._queue)
        except EmptyDocument:
            self._empty += 1
            return
        except SpoolError as error:
            raise await self._refused(error) from error
        self._documents.append(sealed)
        self._names.append(name)
        self._arrived.append(incoming)

    async def finish(self) -> bool:
        """Make the job durable; what this returns is what the client hears."""
        control = self._control
        if control is None:
            return False
        if not self._documents:
            return self._nothing_to_print()
        submission = self._submission(control)
        try:
            self._check_filters(control)
            self._door.intake.validate(submission)
        except SpoolError as error:
            raise await self._refused(error) from error
        try:
            await self._door.intake.deliver(submission, self._job_id, self._documents)
        except SpoolError as error:
            raise self._door.refused(error, self._queue.name, self._peer) from error
        return True

    async def abort(self) -> None:
        """Destroy what was sealed; safe after a delivery that failed, which did the same."""
        await self._door.intake.drop_loose(self._job_id, self._documents)

    async def _identify(self) -> None:
        """Find the account that the address stands for, if it does.

        Raises:
            NotAuthorized: it does not exist or is closed.
        """
        name = self._network.account
        if name is None or self._principal is not None:
            return
        self._principal = await self._door.account_at(name)
        if self._principal is None:
            raise NotAuthorized(
                "The account that owns the jobs of this machine does not exist or is closed.", account=name
            )

    def _nothing_to_print(self) -> bool:
        """Answer a job whose files are all empty.

        A "no" would make most clients send it again for ever, with everything else waiting behind it.
        """
        if self._empty:
            log.info("lpr-empty-job", queue=self._queue.name, peer=self._peer.host)
        return self._empty > 0

    def _submission(self, control: ControlFile) -> Submission:
        described = control.matched(self._names)
        title = control.job_name or control.title or (described[0].source_name if described else "")
        for incoming in self._arrived:
            title = title or incoming.ticket.job_name
        copies = max((document.copies for document in described), default=1)
        submission = Submission(
            queue=self._queue,
            principal=self._principal,
            requesting_user_name=self._network.named(
                user=control.user, banner=control.banner_user, job_class=control.class_name
            ),
            peer=self._peer.host,
            protocol=PROTOCOL,
            template=(integer("copies", min(copies, MAX_COPIES)),) if copies > 1 else (),
            title=title,
        )
        for incoming in self._arrived:
            submission = submission.asking(incoming.ticket)
        return submission

    def _check_filters(self, control: ControlFile) -> None:
        """Refuse text that was meant for a program which is not here."""
        for described, document in zip(control.matched(self._names), self._documents, strict=True):
            program = FILTERED.get(described.format)
            if program is not None and document.format == _TEXT:
                raise UnsupportedDocument(
                    f"The document was sent as {program}, which is not printed here; print it as PDF.",
                    letter=described.format,
                )

    async def _refused(self, error: SpoolError) -> LprRefused:
        """Return what the client hears; the reason is kept for whoever the job is said to be of."""
        submission = None if self._control is None else self._submission(self._control)
        known = self._network.account is None or self._principal is not None
        if submission is not None and submission.claimed_name and known:
            try:
                await self._door.intake.note_refusal(submission, self._job_id, error)
            except SpoolError as further:
                log.warning("lpr-refusal-not-kept", kind=further.kind, **further.fields)
        return self._door.refused(error, self._queue.name, self._peer)


async def _pieces(receive: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    while piece := await receive():
        yield piece


def _is_named(job: Job, items: tuple[str, ...]) -> bool:
    """Tell whether a list of job numbers and users (RFC 1179 5.5) means this job; an empty one means all."""
    return not items or str(job.number) in items or job.claimed_name in map(canonical_name, items)
