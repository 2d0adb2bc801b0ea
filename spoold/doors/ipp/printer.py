"""What a queue says of itself: its Printer attributes, encoded once for each way of asking (RFC 8011 5.4)."""

import functools
import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from protocols.ipp.encoder import encode_attributes, encode_group
from protocols.ipp.keywords import PrinterState
from protocols.ipp.message import Attribute, Group
from protocols.ipp.operations import Operation
from protocols.ipp.selection import printer_selection
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import (
    boolean,
    clip,
    date_time,
    enum,
    integer,
    keyword,
    name_,
    natural_language,
    text,
    uri,
)
from spoold.doors.ipp.capabilities import capability_attributes
from spoold.doors.ipp.context import IppRequest
from spoold.doors.ipp.holding import held_job_attributes
from spoold.doors.ipp.protocol_attributes import protocol_attributes
from spoold.doors.ipp.resources import ICONS, language_of
from spoold.doors.ipp.strings import LANGUAGES
from spoold.doors.ipp.supplies import supply_attributes
from spoold.model.queue import Authentication, Queue
from spoold.model.site import Site
from spoold.printers.base import Supply
from spoold.printers.capabilities import DEFAULT, Capabilities

# Ways of asking whose answers are kept, about 10 KiB each: programs, times names the server is called by.
MAX_KEPT_ANSWERS = 256
# The 25 names that CUPS asks for have 500; the answer to a longer question is not kept, for it costs memory.
MAX_KEPT_QUESTION_CHARS = 2048
# PWG 5100.12 6.2 bounds what people read about a printer.
MAX_TEXT_OCTETS = 127
# RFC 6763 4.1.1: an instance name is one DNS label.
MAX_LABEL_OCTETS = 63
_NAMESPACE = uuid.UUID("5b0d6c1e-7d1f-4f0c-9c55-0a4f5c0b1d11")


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in the way of a queue's jobs, whatever its printers do.

    Args:
        reasons: "printer-state-reasons"; empty means none.
        stopped: nothing of the queue is printed ("printer-state" stopped).
        accepting: whether jobs are taken.
        message: the same in words.
    """

    reasons: tuple[str, ...] = ()
    stopped: bool = False
    accepting: bool = True
    message: str = ""


class Knowledge(Protocol):
    """What is known of the printers behind queues; `PrinterDirectory` is one."""

    @property
    def epoch(self) -> int:
        """A number that grows whenever something here has another answer."""
        ...

    def queue_capabilities(self, queue: Queue) -> Capabilities:
        """Return what all printers of a queue can do."""
        ...

    def queue_supplies(self, queue: Queue) -> tuple[Supply, ...]:
        """Return what the printers of a queue are filled with."""
        ...


class Unknowing:
    """Knows no printer: every queue can do what spoold takes for granted."""

    epoch = 0

    def queue_capabilities(self, queue: Queue) -> Capabilities:  # noqa: ARG002
        """Return what is taken for granted."""
        return DEFAULT

    def queue_supplies(self, queue: Queue) -> tuple[Supply, ...]:  # noqa: ARG002
        """Return that nothing is known."""
        return ()


class _Place(NamedTuple):
    """From where a client looks at a queue, and in which state of things."""

    queue: Queue
    authority: str
    tls: bool
    language: str
    dns_sd_name: str
    epoch: int
    # Through a personal print URI, whose own attributes are not kept: they have its token in them.
    personal: bool = False


class _Moment(NamedTuple):
    """What an answer says of the second in which it is given."""

    state: PrinterState
    standing: Standing
    queued: int
    now: datetime
    state_at: datetime
    described_at: datetime


class LastChanges(NamedTuple):
    """What a queue is now, and since when it and what it can do are as they are."""

    state: tuple[PrinterState, Standing]
    state_at: datetime
    described_at: datetime


@dataclass(slots=True)
class _Changes:
    """When a queue's state and its configuration last changed, as far as anybody looked."""

    state: Hashable
    described: object
    epoch: int
    state_at: datetime
    described_at: datetime


class QueueAttributes:
    """Printer attributes of all queues; what lasts is built once for each state of things.

    Args:
        operations: what the door answers.
        started_at: start of the daemon; "printer-up-time" counts from here.
        queued: live jobs of a queue.
        active: whether a document of the queue is arriving or going out.
        knowledge: of the printers behind queues.
        site: the site in force, for where printers stand.
        dns_sd_name: under which name a queue is announced on the network.
        standing: what operators have said of a queue.
    """

    def __init__(
        self,
        *,
        operations: tuple[Operation, ...],
        started_at: datetime,
        server_name: str,
        queued: Callable[[str], int],
        active: Callable[[str], bool],
        knowledge: Knowledge | None = None,
        site: Callable[[], Site | None] = lambda: None,
        dns_sd_name: Callable[[Queue], str] | None = None,
        standing: Callable[[str], Standing] = lambda _queue: Standing(),
    ) -> None:
        self._protocol = protocol_attributes(operations)
        self.started_at = started_at
        self._server_name = server_name
        self._queued = queued
        self._active = active
        self._knowledge = knowledge if knowledge is not None else Unknowing()
        self._site = site
        self._dns_sd_name = dns_sd_name or (lambda queue: f"{queue.name} @ {server_name}")
        self.standing = standing
        self._seen: tuple[Site | None, int] = (None, -1)
        self._epoch = 0
        self._changes: dict[str, _Changes] = {}
        self._described = functools.lru_cache(MAX_KEPT_ANSWERS)(self._describe)
        self._lasting = functools.lru_cache(MAX_KEPT_ANSWERS)(self._encode_lasting)
        self._momentary = functools.lru_cache(MAX_KEPT_ANSWERS)(self._encode_momentary)

    @property
    def epoch(self) -> int:
        """A number that grows whenever the site or what is known of printers changes."""
        seen = (self._site(), self._knowledge.epoch)
        if seen[0] is not self._seen[0] or seen[1] != self._seen[1]:
            self._seen = seen
            self._epoch += 1
        return self._epoch

    def moment(self, queue: Queue) -> Hashable:
        """Return everything but request and time of day that an answer about a queue depends on."""
        return self.epoch, self._state(queue), self._queued(queue.name), self._dns_sd_name(queue)

    def capabilities(self, queue: Queue) -> Capabilities:
        """Return what a queue says it can do."""
        return self._described(queue, self.epoch)[0]

    def supplies(self, queue: Queue) -> tuple[Supply, ...]:
        """Return what the printers of a queue are filled with."""
        return self._knowledge.queue_supplies(queue)

    def supported_of(self, queue: Queue) -> Mapping[str, Attribute]:
        """Return what a queue supports, as attributes by name, for checking requests."""
        return self._described(queue, self.epoch)[1]

    def takes(self, queue: Queue, kind: str) -> bool:
        """Tell whether documents of a format may be declared for a queue."""
        taken = self.supported_of(queue)["document-format-supported"]
        # MIME types are the same in capitals (RFC 2045 5.1).
        return any(kind.lower() == str(one.data).lower() for one in taken.values)

    def attributes_of(self, queue: Queue, authority: str, *, tls: bool) -> Mapping[str, Attribute]:
        """Return every lasting attribute by name, as a client hears it that calls us `authority`."""
        named = self._named(self._place(queue, authority, LANGUAGES[0], tls=tls))
        return {**self.supported_of(queue), **{attribute.name: attribute for attribute in named}}

    def up_time_s(self, now: datetime) -> int:
        """Return "printer-up-time": whole seconds since start, at least 1 (RFC 8011 5.4.29)."""
        return max(1, int((now - self.started_at).total_seconds()))

    def encoded(self, request: IppRequest, now: datetime) -> bytes:
        """Return the printer group of the answer to a request, encoded.

        Clients ask the same again and again. What lasts is encoded once for each way of asking, and what
        tells of the moment once a second, which is as fine as "printer-up-time" counts.
        """
        asked = request.operation.strings("requested-attributes")
        language = language_of(request.operation.string("attributes-natural-language"))
        place = self._place(request.queue, request.authority, language, tls=request.http.tls)
        place = place._replace(personal=bool(request.token))
        changes = self._look(request.queue, now)
        moment = _Moment(
            *self._state(request.queue),
            self._queued(request.queue.name),
            now.replace(microsecond=0),
            changes.state_at,
            changes.described_at,
        )
        own = self._encode_personal(asked, request) if place.personal else b""
        if sum(map(len, asked)) > MAX_KEPT_QUESTION_CHARS:
            return self._encode_lasting(asked, place) + own + self._encode_momentary(asked, moment)
        return self._lasting(asked, place) + own + self._momentary(asked, moment)

    def look(self, queues: Iterable[Queue], now: datetime) -> None:
        """Notice what has changed, so that the times of change are right although nobody has asked."""
        for queue in queues:
            self._look(queue, now)

    def last_changes(self, queue: Queue, now: datetime) -> "LastChanges":
        """Return a queue's state and when it and the configuration last changed, as far as anybody looked."""
        changes = self._look(queue, now)
        return LastChanges(self._state(queue), changes.state_at, changes.described_at)

    def uuid_of(self, queue: Queue) -> uuid.UUID:
        """Return the queue's "printer-uuid": the same as long as server and queue keep their names."""
        return uuid.uuid5(_NAMESPACE, f"{self._server_name}/{queue.name}")

    def _state(self, queue: Queue) -> tuple[PrinterState, Standing]:
        standing = self.standing(queue.name)
        if standing.stopped:
            return PrinterState.STOPPED, standing
        # Held jobs leave the queue idle: phones watch nothing else (docs/ipp-support.md, held jobs).
        return PrinterState.PROCESSING if self._active(queue.name) else PrinterState.IDLE, standing

    def _look(self, queue: Queue, now: datetime) -> _Changes:
        state, epoch = self._state(queue), self.epoch
        changes = self._changes.get(queue.name)
        if changes is None:
            described = (queue, self.capabilities(queue))
            changes = _Changes(state, described, epoch, self.started_at, self.started_at)
            self._changes[queue.name] = changes
        if changes.state != state:
            changes.state, changes.state_at = state, now
        if changes.epoch != epoch:
            changes.epoch = epoch
            described = (queue, self.capabilities(queue))
            if changes.described != described:
                changes.described, changes.described_at = described, now
        return changes

    def _describe(self, queue: Queue, _epoch: int) -> tuple[Capabilities, Mapping[str, Attribute]]:
        capabilities = self._knowledge.queue_capabilities(queue)
        attributes = (
            *self._protocol,
            *capability_attributes(queue, capabilities),
            *held_job_attributes(queue),
            *supply_attributes(self._knowledge.queue_supplies(queue)),
        )
        return capabilities, {attribute.name: attribute for attribute in attributes}

    def _place(self, queue: Queue, authority: str, language: str, *, tls: bool) -> _Place:
        return _Place(queue, authority, tls, language, self._dns_sd_name(queue), self.epoch)

    def _encode_lasting(self, asked: tuple[str, ...], place: _Place) -> bytes:
        described = self._described(place.queue, place.epoch)[1].values()
        lasting = (*described, *self._named(place))
        return encode_group(Group(GroupTag.PRINTER, printer_selection(asked).of(lasting)))

    def _named(self, place: _Place) -> Iterable[Attribute]:
        """What has the queue's names and the addresses at which this client reaches it."""
        queue = place.queue
        root = f"http{'s' if place.tls else ''}://{place.authority}/"
        return (
            *(() if place.personal else self._addresses(place)),
            name_("printer-name", queue.name),
            name_("printer-dns-sd-name", clip(place.dns_sd_name, MAX_LABEL_OCTETS)),
            text("printer-info", clip(queue.description or queue.name, MAX_TEXT_OCTETS)),
            text("printer-location", clip(self._location(queue), MAX_TEXT_OCTETS)),
            text("printer-organization", ""),
            text("printer-organizational-unit", ""),
            uri("printer-geo-location", "geo:0,0"),
            uri("printer-more-info", root),
            uri("printer-supply-info-uri", f"{root}supplies/{queue.name}"),
            uri("printer-privacy-policy-uri", f"{root}privacy"),
            uri("printer-icons", *(f"{root}icons/{name}" for name in ICONS)),
            uri("printer-strings-uri", f"{root}strings/{place.language}.strings"),
            natural_language("printer-strings-languages-supported", *LANGUAGES),
        )

    def _addresses(self, place: _Place) -> Iterable[Attribute]:
        """Where a queue is printed to, and what is asked for there."""
        queue = place.queue
        proof = "basic" if queue.authentication is Authentication.REQUIRED else "requesting-user-name"
        own = f"{place.authority}/ipp/print/{queue.name}"
        return (
            uri("printer-uri-supported", f"ipps://{own}", f"ipp://{own}"),
            keyword("uri-security-supported", "tls", "none"),
            keyword("uri-authentication-supported", proof, proof),
            uri("printer-uuid", self.uuid_of(queue).urn),
        )

    def _encode_personal(self, asked: tuple[str, ...], request: IppRequest) -> bytes:
        """Encode the same of a personal print URI; made for one answer and kept nowhere.

        It is a printer of its own: clients that know the queue as well must not take one for the other.
        """
        ways = ("tls",) if request.http.tls else ("tls", "none")
        schemes = {"tls": "ipps", "none": "ipp"}
        own = uuid.uuid5(self.uuid_of(request.queue), request.print_uri)
        attributes = (
            uri("printer-uri-supported", *(request.queue_uri(scheme=schemes[way]) for way in ways)),
            keyword("uri-security-supported", *ways),
            # Nothing more is asked for; "none" would say that everybody is anonymous (RFC 8011 5.4.2).
            keyword("uri-authentication-supported", *("requesting-user-name" for _ in ways)),
            uri("printer-uuid", own.urn),
        )
        return encode_attributes(printer_selection(asked).of(attributes))

    def _location(self, queue: Queue) -> str:
        """Where the printers of a queue stand, as long as that is one place."""
        site = self._site()
        known = {} if site is None else site.printers
        places = {known[one].location for one in queue.printers if one in known}
        return places.pop() if len(places) == 1 else ""

    def _encode_momentary(self, asked: tuple[str, ...], moment: _Moment) -> bytes:
        standing = moment.standing
        attributes = (
            enum("printer-state", moment.state),
            keyword("printer-state-reasons", *(standing.reasons or ("none",))),
            text("printer-state-message", standing.message),
            boolean("printer-is-accepting-jobs", standing.accepting),
            integer("queued-job-count", moment.queued),
            integer("printer-up-time", self.up_time_s(moment.now)),
            date_time("printer-current-time", moment.now),
            integer("printer-state-change-time", self.up_time_s(moment.state_at)),
            date_time("printer-state-change-date-time", moment.state_at),
            integer("printer-config-change-time", self.up_time_s(moment.described_at)),
            date_time("printer-config-change-date-time", moment.described_at),
        )
        return encode_attributes(printer_selection(asked).of(attributes))
