"""The IPP door over an intake and a desk on cheap parts, and clients whose requests come from memory."""

import base64
import functools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trio
from sqlalchemy import Connection

from policy.rules import RuleSource
from protocols.errors import RemoteProtocolError
from protocols.http.events import Headers, RequestHead
from protocols.http.message import Address, Request, Response
from protocols.ipp.decoder import decode
from protocols.ipp.encoder import encode
from protocols.ipp.message import Attribute, Group, Message
from protocols.ipp.operations import Operation
from protocols.ipp.tags import GroupTag
from protocols.ipp.values import boolean, charset, integer, name_, natural_language, uri
from protocols.limits import IppLimits
from spoold.database import jobs, records
from spoold.doors.ipp.declarations import SUPPORTED
from spoold.doors.ipp.dispatch import IppDispatcher
from spoold.doors.ipp.door import Door
from spoold.doors.ipp.printer import QueueAttributes
from spoold.doors.ipp.queue_control import standing_of
from spoold.identity.authenticator import Identity
from spoold.identity.second_rule import SecondRule
from spoold.intake.admission import Admission
from spoold.intake.inspection import Inspections
from spoold.intake.pipeline import Intake, IntakeParts
from spoold.model.errors import NotAuthenticated, SpoolError
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Principal, Role
from spoold.model.queue import Authentication
from spoold.runtime.limits import DaemonLimits
from tests.support.intake_house import CountingInspector
from tests.support.memory_blobs import MemoryBlobStore
from tests.support.release_house import House, open_house, queue

PASSWORD = "right password"
PEOPLE = {"ana": Role.USER, "ben": Role.USER, "oskar": Role.OPERATOR, "ada": Role.ADMINISTRATOR}
FORMATS = frozenset({"application/pdf", "text/plain", "image/png"})
TEXT = b"A short letter.\n"


class KnownPeople(Identity):
    """Knows four people and one password, and remembers what it was asked."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.second = SecondRule(lambda: "off")
        self.asked: list[tuple[str, bool]] = []
        self.error: SpoolError | None = None
        self.age_s = 0.0

    async def authenticate(
        self, name: str, password: str, *, peer: str, fresh: bool, in_person: bool = False
    ) -> Principal:
        await trio.lowlevel.checkpoint()
        self.asked.append((name, fresh))
        if self.error is not None:
            raise self.error
        if name not in PEOPLE or password != PASSWORD:
            raise NotAuthenticated("The user name or password is not right.")
        return self._house.person(name, role=PEOPLE[name], age_s=self.age_s)


class MemoryBody:
    """A request's body in the pieces it arrives in; after them the end, or an error."""

    def __init__(self, pieces: Sequence[bytes], error: Exception | None = None) -> None:
        self.left = [piece for piece in pieces if piece]
        self.error = error
        self.gate: trio.Event | None = None

    async def receive_body(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if len(self.left) == 1 and self.gate is not None:
            await self.gate.wait()
        if self.left:
            return self.left.pop(0)
        if self.error is not None:
            raise self.error
        return b""

    async def drain_body(self, max_bytes: int) -> bool:
        self.left.clear()
        return True


@dataclass(frozen=True)
class Reply:
    """An answer as the client reads it."""

    response: Response
    message: Message | None

    @property
    def http(self) -> int:
        return self.response.status

    @property
    def status(self) -> int:
        """The IPP status; -1 when there is none."""
        return -1 if self.message is None else self.message.code

    @property
    def words(self) -> str:
        return self.group(GroupTag.OPERATION).string("status-message") or ""

    @property
    def job(self) -> Group:
        return self.group(GroupTag.JOB)

    @property
    def printer(self) -> Group:
        return self.group(GroupTag.PRINTER)

    @property
    def unsupported(self) -> Group:
        return self.group(GroupTag.UNSUPPORTED)

    def group(self, tag: GroupTag) -> Group:
        assert self.message is not None
        return self.message.group(tag)

    def groups(self, tag: GroupTag) -> tuple[Group, ...]:
        assert self.message is not None
        return self.message.all(tag)

    def field(self, name: str) -> str | None:
        return next((value for key, value in self.response.headers if key.lower() == name.lower()), None)


@dataclass
class IppHouse:
    """The door, and everything behind it that a test looks at."""

    house: House
    door: Door
    dispatcher: IppDispatcher
    people: KnownPeople
    inspector: CountingInspector
    free_bytes: list[int | None] = field(default_factory=lambda: [None])

    async def job(self, number: int) -> Job:
        """The row of a job."""
        found = await self.house.database.read(
            lambda connection: [job for job in _all(connection) if job.number == number]
        )
        return found[0]

    async def put(self, number: int, state: JobState) -> None:
        """Have a job be in a state, by the back door."""
        job = await self.job(number)
        await self.house.database.write(
            lambda connection: jobs.update_job(connection, job.id, [job.state], state=state.value)
        )

    async def audit(self) -> list[dict[str, Any]]:
        """Every entry of the audit chain."""
        rows = await self.house.database.read(records.audit_rows)
        return [json.loads(row.entry) for row in rows]

    async def jobs(self) -> list[Job]:
        """Every row."""
        return await self.house.database.read(_all)

    async def ask(
        self,
        operation: int,
        *attributes: Attribute,
        queue: str = "open",
        job: int | None = None,
        document: Sequence[bytes] = (),
        template: Sequence[Attribute] = (),
        subscription: Sequence[Attribute] = (),
        **how: Any,
    ) -> Reply:
        """Send a well-formed request; `how` as for `send`."""
        about = () if job is None else (integer("job-id", job),)
        message = request_for(operation, *about, *attributes, queue=queue, template=template)
        if subscription:
            groups = (*message.groups, Group(GroupTag.SUBSCRIPTION, tuple(subscription)))
            message = replace(message, groups=groups)
        return await self.send([encode(message), *document], queue=queue, **how)

    async def send(
        self,
        body: Sequence[bytes] | MemoryBody,
        *,
        queue: str = "open",
        user: str | None = None,
        password: str = PASSWORD,
        tls: bool = True,
        peer: str = "192.0.2.9",
        method: str = "POST",
        path: str | None = None,
        headers: dict[str, str] | None = None,
        error: Exception | None = None,
    ) -> Reply:
        """Send an HTTP request with this body.

        Args:
            headers: in place of the usual ones where they have the same name; an empty value leaves one out.
            error: how the body ends, if not well.
        """
        fields = {"content-type": "application/ipp"}
        if user is not None:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            fields["authorization"] = f"Basic {token}"
        fields |= headers or {}
        source = body if isinstance(body, MemoryBody) else MemoryBody(body, error)
        where = path if path is not None else f"/ipp/print/{queue}"
        head = RequestHead(
            method=method,
            target=where,
            path=where,
            query="",
            headers=Headers({name: value for name, value in fields.items() if value}),
            host="print.example.org",
            port=631,
            http_version=(1, 1),
            content_length=None,
            keep_alive=True,
            expects_continue=False,
        )
        address = Address(peer, 50_000, "192.0.2.1", 631)
        response = await self.dispatcher(Request(head, address, source, tls=tls))
        if ("Content-Type", "application/ipp") not in response.headers:
            return Reply(response, None)
        return Reply(response, decode(response.body, IppLimits())[0])

    async def held(self, *, user: str | None = None, queue: str = "open", **how: Any) -> int:
        """Print a short text and return the number of the held job."""
        title = name_("job-name", "Salaries 2026")
        reply = await self.ask(Operation.PRINT_JOB, title, queue=queue, document=[TEXT], user=user, **how)
        number = reply.job.integer("job-id")
        assert number is not None
        return number

    async def opened(self, *, user: str | None = None, queue: str = "open", **how: Any) -> int:
        """Open a job without documents and return its number."""
        title = name_("job-name", "Salaries 2026")
        reply = await self.ask(Operation.CREATE_JOB, title, queue=queue, user=user, **how)
        number = reply.job.integer("job-id")
        assert number is not None
        return number


def request_for(
    operation: int,
    *attributes: Attribute,
    queue: str = "open",
    template: Sequence[Attribute] = (),
    version: tuple[int, int] = (2, 0),
    request_id: int = 7,
    user_name: str = "ana",
) -> Message:
    """A request with what every request begins with; an empty `user_name` names nobody."""
    target = uri("printer-uri", f"ipps://print.example.org/ipp/print/{queue}")
    spoken = charset("attributes-charset", "utf-8"), natural_language("attributes-natural-language", "en")
    is_named = not user_name or any(one.name == "requesting-user-name" for one in attributes)
    claim = () if is_named else (name_("requesting-user-name", user_name),)
    groups = [Group(GroupTag.OPERATION, (*spoken, target, *claim, *attributes))]
    if template:
        groups.append(Group(GroupTag.JOB, tuple(template)))
    return Message(version, operation, request_id, tuple(groups))


def last(value: bool = True) -> Attribute:
    """The attribute that says whether more documents follow."""
    return boolean("last-document", value)


def broken_off() -> RemoteProtocolError:
    """What the HTTP server raises when a client goes away in the middle of its body."""
    return RemoteProtocolError("the connection ended in the middle of the body")


@asynccontextmanager
async def open_ipp(
    root: Path,
    *,
    rules: Sequence[RuleSource] = (),
    limits: DaemonLimits | None = None,
    max_document_bytes: int = 1_000_000,
) -> AsyncIterator[IppHouse]:
    """The door, with a queue that wants proof ("secure") and one that does not ("open")."""
    both = (
        replace(queue("secure", "lobby", "floor-2"), authentication=Authentication.REQUIRED),
        replace(queue("open", "lobby", "floor-2"), pins=True),
    )
    used = limits or DaemonLimits()
    free: list[int | None] = [None]
    async with open_house(root, queues=both, rules=rules, blobs=MemoryBlobStore()) as house:
        house.change_site(max_document_bytes=max_document_bytes)
        inspector = CountingInspector()
        inspections = Inspections(
            database=house.database, store=house.store, inspector=inspector, metrics=house.metrics
        )
        intake = Intake(
            IntakeParts(
                site=lambda: house.site,
                database=house.database,
                store=house.store,
                words=house.words,
                inspections=inspections,
                admission=Admission(
                    limits=used,
                    free_bytes=lambda: free[0],
                    total_bytes=lambda: 100 * 2**30,
                    orders=house.service.gate.orders,
                ),
                clock=house.clock,
                metrics=house.metrics,
                limits=used,
                formats=FORMATS,
            ),
            on_held=house.service.on_arrival,
        )
        people = KnownPeople(house)
        door = Door(
            site=lambda: house.site,
            database=house.database,
            identity=people,
            intake=intake,
            desk=house.desk,
            words=house.words,
            clock=house.clock,
            metrics=house.metrics,
            limits=used,
            attributes=_attributes(house, intake.is_active),
            orders=house.service.gate.orders,
        )
        yield IppHouse(house, door, IppDispatcher(door), people, inspector, free)


def _attributes(house: House, active: Callable[[str], bool]) -> QueueAttributes:
    return QueueAttributes(
        operations=SUPPORTED,
        started_at=house.clock.now(),
        server_name="print.example.org",
        queued=lambda _queue: 0,
        active=active,
        standing=functools.partial(standing_of, house.service.gate.orders),
    )


def _all(connection: Connection) -> list[Job]:
    return jobs.list_jobs(connection)
