"""One IPP request as its operation sees it, and the answers it may give."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from protocols.http.message import Request
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.status import Status
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import charset, clip, natural_language, text
from spoold.model.access import Standing
from spoold.model.job import Job
from spoold.model.principal import Principal
from spoold.model.queue import Queue

# Versions that are answered as they were asked; 1.x and 2.x in general (ipp.md 2.1).
_KNOWN_VERSIONS = frozenset({(1, 0), (1, 1), (2, 0)})
MAX_STATUS_MESSAGE_OCTETS = 255


@dataclass(slots=True)
class IppRequest:
    """A decoded request for one of our queues.

    Args:
        remainder: document bytes that came in the same piece as the end of the attributes.
        queue: the IPP Printer object asked.
        principal: who was proven by the HTTP request; None when nobody was.
        job: the job asked for, where the operation has one and the person may know of it.
        job_number: the "job-id" asked for, whether there is such a job or not.
        authority: "host" or "host:port" as the client calls us, for URIs in answers.
        reply: the token that proves us to a client that showed a Kerberos ticket; empty without one.
        token: of the personal print URI that was asked; empty without one.
        print_uri: the id of that print URI.
        also: what the person is to the job besides its owner.
    """

    http: Request
    message: Message
    remainder: bytes = field(repr=False)
    queue: Queue
    principal: Principal | None
    authority: str
    job: Job | None = None
    job_number: int | None = None
    reply: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    print_uri: str = ""
    also: frozenset[Standing] = frozenset()

    @property
    def operation(self) -> Group:
        """The operation attributes."""
        return self.message.group(GroupTag.OPERATION)

    @property
    def protocol(self) -> str:
        """How the request came: "ipp" or "ipps"."""
        return "ipps" if self.http.tls else "ipp"

    @property
    def is_private(self) -> bool:
        """Whether nobody between the client and us can read along: TLS, or this very machine."""
        return self.http.tls or is_loopback(self.http.peer_host)

    @property
    def requesting_user_name(self) -> str:
        """Who the client says it is; a claim."""
        return self.operation.string("requesting-user-name") or ""

    def queue_uri(self, name: str | None = None, *, scheme: str | None = None) -> str:
        """Return the URI of a queue as this client reaches it: its personal one, where it uses one."""
        asked = name or self.queue.name
        personal = f"/u/{self.token}" if self.token and asked == self.queue.name else ""
        return f"{scheme or self.protocol}://{self.authority}/ipp/print/{asked}{personal}"

    def job_uri(self, job: Job) -> str:
        """Return the URI of a job as this client reaches it."""
        return f"{self.queue_uri(job.queue)}/{job.number}"

    async def document(self) -> AsyncGenerator[bytes]:
        """Yield the document's bytes as they arrive."""
        if self.remainder:
            yield self.remainder
        while piece := await self.http.receive_body():
            yield piece

    async def has_document(self) -> bool:
        """Tell whether document bytes follow, waiting for the first of them."""
        if not self.remainder:
            self.remainder = await self.http.receive_body()
        return bool(self.remainder)


def answer(
    request: Message,
    status: int = Status.SUCCESSFUL_OK,
    *,
    groups: Iterable[Group] = (),
    words: str = "",
    unsupported: Iterable[Attribute] = (),
) -> Message:
    """Build an answer (RFC 8011 4.1.4).

    Args:
        words: "status-message" for the person at the client.
        unsupported: attributes for the unsupported group (RFC 8011 4.1.7).
    """
    operation: list[Attribute] = [
        charset("attributes-charset", "utf-8"),
        natural_language("attributes-natural-language", "en"),
    ]
    if words:
        operation.append(text("status-message", clip(words, MAX_STATUS_MESSAGE_OCTETS)))
    built = [Group(GroupTag.OPERATION, tuple(operation))]
    left_out = tuple(unsupported)
    if left_out:
        built.append(Group(GroupTag.UNSUPPORTED, left_out))
    built.extend(groups)
    return Message(answer_version(request.version), status, request.request_id, tuple(built))


def answer_version(asked: tuple[int, int]) -> tuple[int, int]:
    """Return the version to answer with: the one asked for, or the highest we claim below it."""
    if asked in _KNOWN_VERSIONS:
        return asked
    return (2, 0) if asked[0] >= 2 else (1, 1)


def is_loopback(host: str) -> bool:
    """Tell whether a peer is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
