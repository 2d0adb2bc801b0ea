"""What a door hands to the intake: who sends what to which queue, in every protocol alike."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from protocols.ipp.message import Attribute
from spoold.documents.unwrap import Ticket
from spoold.keys.words import TITLE
from spoold.model.ids import canonical_name
from spoold.model.principal import Principal
from spoold.model.queue import Queue, Release

# What clients say when they name nobody (RFC 8011 9.3); an account of that name must not own their jobs.
NOBODY = frozenset({"", "anonymous"})


@dataclass(frozen=True, slots=True)
class Submission:
    """A request for a job.

    Args:
        principal: who was proven; None when nobody was.
        requesting_user_name: what the client claims; never an identity.
        peer: numeric address of the client.
        protocol: "ipp", "ipps" or "lpr".
        template: Job Template attributes as asked ("sides", "copies", "media-col" ...).
        title: "job-name"; sealed at once, never logged.
        private: further words that are sealed with the title: what is kept of a PIN.
        waits: the client asked for the job to be held, whatever the queue does with others.
    """

    queue: Queue
    principal: Principal | None
    requesting_user_name: str
    peer: str
    protocol: str
    template: tuple[Attribute, ...] = ()
    title: str = field(default="", repr=False)
    private: Mapping[str, str] = field(default_factory=dict, repr=False)
    waits: bool = False

    @property
    def words(self) -> dict[str, str]:
        """Everything that is sealed under the job's own key."""
        return {TITLE: self.title, **self.private}

    @property
    def on_arrival(self) -> bool:
        """Whether the job goes to its printer without anybody asking for it."""
        return self.queue.release is Release.ON_ARRIVAL and not self.waits

    def asking(self, ticket: Ticket) -> "Submission":
        """Return the submission with what a document asked for itself, where the client asked nothing."""
        asked = {attribute.name for attribute in self.template}
        if "media-col" in asked:
            # RFC 8011 5.2.11 and PWG 5100.3 3.13: one or the other.
            asked.add("media")
        further = tuple(one for one in ticket.template if one.name not in asked)
        return replace(self, template=(*self.template, *further)) if further else self

    @property
    def claimed_name(self) -> str:
        """The name the job is kept under until somebody proves to be that person."""
        if self.principal is not None:
            return self.principal.name
        claimed = canonical_name(self.requesting_user_name)
        return "" if claimed in NOBODY else claimed

    @property
    def actor(self) -> str:
        """How the audit names whoever did this."""
        return self.principal.id if self.principal else f"unclaimed:{self.peer}"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One document on its way in.

    Args:
        declared: MIME type the client states, None when it states none.
        chunks: plaintext as it arrives.
        ticket: filled from commands around the document (PJL) by the time it has arrived.
    """

    chunks: AsyncIterator[bytes]
    declared: str | None = None
    protocol: Literal["ipp", "lpr"] = "ipp"
    ticket: Ticket = field(default_factory=Ticket)
