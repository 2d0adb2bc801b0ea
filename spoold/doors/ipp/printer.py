"""Get-Printer-Attributes and Identify-Printer: what a queue says of itself (RFC 8011 4.2.5 and 5.4)."""

import functools
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import structlog

from protocols.ipp.encoder import encode_attributes, encode_group
from protocols.ipp.message import Attribute, Group
from protocols.ipp.operations import Operation
from protocols.ipp.selection import printer_selection
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import boolean, date_time, enum, integer, keyword, mime, name_, text, uri
from spoold.doors.ipp.capabilities import formats_of, static_attributes
from spoold.doors.ipp.context import IppRequest
from spoold.model.queue import Authentication, Queue

log = structlog.get_logger()

IDLE, PROCESSING = 3, 4
# Ways of asking whose answers are kept, about 8 KiB each: programs, times names the server is called by.
MAX_KEPT_ANSWERS = 256
# The 25 names that CUPS asks for have 500; the answer to a longer question is not kept, for it costs memory.
MAX_KEPT_QUESTION_CHARS = 2048
_NAMESPACE = uuid.UUID("5b0d6c1e-7d1f-4f0c-9c55-0a4f5c0b1d11")


class QueueAttributes:
    """Printer attributes of all queues; what never changes is built once.

    Args:
        operations: what the door answers.
        started_at: start of the daemon; "printer-up-time" counts from here.
        queued: live jobs of a queue.
        active: whether a document of the queue is arriving or going out.
    """

    def __init__(
        self,
        *,
        operations: tuple[Operation, ...],
        started_at: datetime,
        server_name: str,
        queued: Callable[[str], int],
        active: Callable[[str], bool],
    ) -> None:
        self._static = static_attributes(operations)
        self.started_at = started_at
        self._server_name = server_name
        self._queued = queued
        self._active = active
        self._supported = {attribute.name: attribute for attribute in self._static}
        self._lasting = functools.lru_cache(MAX_KEPT_ANSWERS)(self._encode_lasting)
        self._moment = functools.lru_cache(MAX_KEPT_ANSWERS)(self._encode_moment)

    @property
    def supported(self) -> Mapping[str, Attribute]:
        """The unchanging attributes by name, for checking requests."""
        return self._supported

    def up_time_s(self, now: datetime) -> int:
        """Return "printer-up-time": whole seconds since start, at least 1 (RFC 8011 5.4.29)."""
        return max(1, int((now - self.started_at).total_seconds()))

    def encoded(self, request: IppRequest, now: datetime) -> bytes:
        """Return the printer group of the answer to a request, encoded.

        Clients ask the same again and again. What lasts is encoded once for each way of asking, and what
        tells of the moment once a second, which is as fine as "printer-up-time" counts.
        """
        asked = request.operation.strings("requested-attributes")
        queue = request.queue
        # Held jobs leave the queue idle: phones watch nothing else (docs/ipp-support.md, held jobs).
        state = PROCESSING if self._active(queue.name) else IDLE
        client = (queue, request.authority, request.http.tls)
        moment = (state, self._queued(queue.name), now.replace(microsecond=0))
        if sum(map(len, asked)) > MAX_KEPT_QUESTION_CHARS:
            return self._encode_lasting(asked, *client) + self._encode_moment(asked, *moment)
        return self._lasting(asked, *client) + self._moment(asked, *moment)

    def _encode_lasting(self, asked: tuple[str, ...], queue: Queue, authority: str, tls: bool) -> bytes:
        lasting = (*self._static, *self._described(queue, authority, tls=tls))
        return encode_group(Group(GroupTag.PRINTER, printer_selection(asked).of(lasting)))

    def _encode_moment(self, asked: tuple[str, ...], state: int, queued: int, now: datetime) -> bytes:
        return encode_attributes(printer_selection(asked).of(self._momentary(state, queued, now)))

    def _described(self, queue: Queue, authority: str, *, tls: bool) -> Iterable[Attribute]:
        proof = "basic" if queue.authentication is Authentication.REQUIRED else "requesting-user-name"
        more = f"http{'s' if tls else ''}://{authority}/"
        place = f"{authority}/ipp/print/{queue.name}"
        return (
            uri("printer-uri-supported", f"ipps://{place}", f"ipp://{place}"),
            keyword("uri-security-supported", "tls", "none"),
            keyword("uri-authentication-supported", proof, proof),
            name_("printer-name", queue.name),
            name_("printer-dns-sd-name", f"{queue.name} @ {self._server_name}"),
            text("printer-info", queue.description or queue.name),
            mime("document-format-supported", *formats_of(queue)),
            text("printer-location", ""),
            text("printer-organization", ""),
            text("printer-organizational-unit", ""),
            uri("printer-geo-location", "geo:0,0"),
            uri("printer-uuid", self.uuid_of(queue).urn),
            uri("printer-more-info", more),
            uri("printer-supply-info-uri", more),
            uri("printer-icons", f"{more}icon.png"),
        )

    def _momentary(self, state: int, queued: int, now: datetime) -> Iterable[Attribute]:
        return (
            enum("printer-state", state),
            keyword("printer-state-reasons", "none"),
            text("printer-state-message", ""),
            boolean("printer-is-accepting-jobs", True),
            integer("queued-job-count", queued),
            integer("printer-up-time", self.up_time_s(now)),
            date_time("printer-current-time", now),
            integer("printer-state-change-time", 1),
            date_time("printer-state-change-date-time", self.started_at),
            integer("printer-config-change-time", 1),
            date_time("printer-config-change-date-time", self.started_at),
        )

    def uuid_of(self, queue: Queue) -> uuid.UUID:
        """Return the queue's "printer-uuid": the same as long as server and queue keep their names."""
        return uuid.uuid5(_NAMESPACE, f"{self._server_name}/{queue.name}")
