"""What the operations of the IPP door work with, and how a job is found for them."""

from dataclasses import dataclass, field

from protocols.errors import RemoteProtocolError
from protocols.ipp.status import Status
from spoold.database import jobs
from spoold.database.engine import Database
from spoold.doors.ipp.context import IppRequest
from spoold.doors.ipp.kept_lists import KeptLists
from spoold.doors.ipp.notifications import Subscriptions
from spoold.doors.ipp.printer import QueueAttributes
from spoold.identity.authenticator import Identity
from spoold.identity.kerberos import Kerberos
from spoold.identity.print_uris import PrintUris
from spoold.intake.pipeline import Intake
from spoold.keys.words import PrivateWords
from spoold.model.access import Action, may
from spoold.model.errors import NotAuthenticated, NotAuthorized, NotFound
from spoold.model.job import Job
from spoold.model.principal import Method, Principal
from spoold.model.site import CurrentSite
from spoold.records.queue_orders import QueueOrders
from spoold.release.desk import Desk
from spoold.runtime.clock import Clock
from spoold.runtime.limits import DaemonLimits
from spoold.runtime.metrics import Metrics

SIGN_IN_FIRST = "Sign in with your user name and password first."
PRINTS_ONLY = "This print address is for printing only; sign in to the portal to do that."


@dataclass(frozen=True, slots=True)
class Door:
    """The parts every operation may use."""

    site: CurrentSite
    database: Database
    identity: Identity
    intake: Intake
    desk: Desk
    words: PrivateWords
    clock: Clock
    metrics: Metrics
    limits: DaemonLimits
    attributes: QueueAttributes
    orders: QueueOrders = field(default_factory=QueueOrders)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    kept_lists: KeptLists = field(default_factory=KeptLists)
    kerberos: Kerberos | None = None
    print_uris: PrintUris | None = None


def require(request: IppRequest, action: Action) -> None:
    """Raise unless whoever sent the request may do this (to the request's job).

    Raises:
        NotAuthenticated: signing in could help; the HTTP answer is a challenge.
        NotFound: a job this person may not even know of.
        NotAuthorized: proven, but not permitted.
    """
    if may(request.principal, action, request.job, peer=request.http.peer_host, also=request.also):
        return
    if request.principal is None:
        raise NotAuthenticated(SIGN_IN_FIRST)
    if request.job is not None and not _knows(request, request.job):
        raise NotFound("There is no such job.", job=str(request.job.id))
    if request.principal.method is Method.PRINT_URI:
        raise NotAuthorized(PRINTS_ONLY, action=action)
    about = "Only the owner of this job may do that." if request.job else "Your account may not do that."
    raise NotAuthorized(about, action=action)


def asked_job(request: IppRequest) -> Job:
    """Return the job that the request is about.

    Raises:
        RemoteProtocolError: it names none.
    """
    if request.job is None:
        raise RemoteProtocolError("job-id is missing", status_hint=Status.CLIENT_ERROR_BAD_REQUEST)
    return request.job


def proven(request: IppRequest) -> Principal:
    """Return who was proven to ask.

    Raises:
        NotAuthenticated: nobody was.
    """
    if request.principal is None:
        raise NotAuthenticated(SIGN_IN_FIRST)
    return request.principal


async def find_job(door: Door, queue: str, number: int) -> Job:
    """Return the job of this "job-id" in this queue.

    Raises:
        NotFound: no such job.
    """
    job = await door.database.read(lambda connection: jobs.job_by_number(connection, number), short=True)
    if job is None or job.queue != queue:
        raise NotFound("There is no such job.", number=number)
    return job


def _knows(request: IppRequest, job: Job) -> bool:
    return may(request.principal, Action.READ_STATE, job, peer=request.http.peer_host, also=request.also)
