"""A release service with everything below it, and people and jobs to try it on."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import bcrypt
import trio
from sqlalchemy import Connection

from holdstore.blobs.base import BlobStore
from holdstore.keyring import Keyring
from holdstore.store import HoldStore
from policy.engine import compile_rules
from policy.rules import RuleSource
from policy.setting import Setting
from protocols.ipp.values import Attribute
from spoold.database import jobs, people, records
from spoold.database.engine import Database
from spoold.database.people import UserRow
from spoold.documents.rendering import Renderer
from spoold.documents.stamping import Stamper
from spoold.identity.guesses import Guesses
from spoold.identity.passwords import PasswordHasher
from spoold.identity.pins import Pin, PinKeeper
from spoold.identity.throttle import Throttle
from spoold.keys.tags import Tags
from spoold.keys.words import PIN, TITLE, PrivateWords
from spoold.model.holding import BY_PIN, RELEASE_ACTION
from spoold.model.ids import UserId, canonical_name, new_job_id
from spoold.model.job import Document, Job
from spoold.model.jobstate import JobState
from spoold.model.principal import Method, Principal, Role
from spoold.model.printer import Printer
from spoold.model.queue import Authentication, Queue, Release
from spoold.model.site import Site
from spoold.model.template import encoded, template_of, with_settings
from spoold.printers.base import PrinterAdapter
from spoold.printers.directory import PrinterDirectory
from spoold.printers.notebook import Notebook
from spoold.records import approvals
from spoold.release.approvals import ApprovalDesk
from spoold.release.codes import CodeDesk
from spoold.release.decisions import Decisions
from spoold.release.delegations import DelegationDesk
from spoold.release.desk import Desk
from spoold.release.gate import Confirm
from spoold.release.pins import PinDesk
from spoold.release.service import ReleaseParts, ReleaseService
from spoold.runtime.clock import Clock
from spoold.runtime.metrics import Metrics
from tests.support.inline_database import InlineDatabase
from tests.support.memory_blobs import MemoryBlobStore
from tests.support.memory_printer import MemoryPrinter
from tests.support.trio_clock import TrioClock

TITLE_MARKER = "Salaries 2026 QpZ7"
KEK = bytes(range(32))
DOCUMENT = b"%PDF-1.4 one page\n" * 40


class InlineHasher(PasswordHasher):
    """Hashes without a thread: a mocked clock must not find every task waiting for one."""

    def __init__(self) -> None:
        super().__init__(cost=4)

    async def _run(self, prepared: bytes, salt: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        self.computed += 1
        return bcrypt.hashpw(prepared, salt)


def person(name: str, *, role: Role = Role.USER, clock: Clock | None = None, age_s: float = 0) -> Principal:
    """A proven person; the account id follows from the name."""
    now = (clock or TrioClock()).now()
    return Principal(
        id=UserId(f"id-{canonical_name(name)}"),
        name=canonical_name(name),
        groups=frozenset(),
        role=role,
        method=Method.PASSWORD,
        proven_at=now - timedelta(seconds=age_s),
    )


def queue(name: str, *printers: str, release: Release = Release.BY_OWNER, mask: bool = True) -> Queue:
    """A queue."""
    return Queue(name, printers, mask, Authentication.AT_RELEASE, release, timedelta(hours=4))


def site_of(queues: Sequence[Queue], printers: Sequence[Printer], rules: Sequence[RuleSource] = ()) -> Site:
    """A site without server-wide masking."""
    return Site(
        name="print.example.org",
        queues={one.name: one for one in queues},
        printers={one.name: one for one in printers},
        policy=compile_rules(rules, Setting(), "UTC"),
        mask_names=False,
        max_document_bytes=1 << 30,
        forget_after=timedelta(days=7),
    )


async def unchanged(principal: Principal) -> Principal:
    """What a provider says whose account is as it was."""
    return principal


@dataclass
class House:
    """Everything, wired as the composition root does it."""

    site: Site
    database: Database
    store: HoldStore
    words: PrivateWords
    clock: TrioClock
    metrics: Metrics
    directory: PrinterDirectory
    service: ReleaseService
    desk: Desk
    decisions: Decisions
    accounts: dict[UserId, Principal] = field(default_factory=dict)
    confirm: Confirm = unchanged

    def person(self, name: str, *groups: str, role: Role = Role.USER, age_s: float = 0) -> Principal:
        """A person known to this house, proven just now."""
        found = person(name, role=role, clock=self.clock, age_s=age_s)
        if groups:
            found = replace(found, groups=frozenset(groups))
        self.accounts[found.id] = found
        return found

    async def account(self, name: str, *groups: str, role: Role = Role.USER) -> Principal:
        """Such a person with a row among the accounts, to which others may refer."""
        found = self.person(name, *groups, role=role)
        row = UserRow(found.id, found.name, "", found.groups, role, False, 0, self.clock.now())
        await self.database.write(lambda connection: people.insert_user(connection, row))
        return found

    async def wants(self, job: Job, *approvers: str, rules: Sequence[str] = ("long",)) -> Job:
        """Have a job wait for whom a rule names."""

        def write(connection: Connection) -> None:
            jobs.update_job(connection, job.id, list(JobState), state=JobState.WAITING_APPROVAL.value)
            approvals.want(connection, job.id, rules, [approvers for _ in rules], self.clock.now())

        await self.database.write(write)
        return await self.job(job)

    async def audit(self) -> list[dict[str, Any]]:
        """Every entry of the audit chain."""
        rows = await self.database.read(records.audit_rows)
        return [json.loads(row.entry) for row in rows]

    def memory(self, name: str) -> MemoryPrinter:
        """One of the printers in memory."""
        adapter = self.directory.adapter(name)
        assert isinstance(adapter, MemoryPrinter)
        return adapter

    def change_site(self, **changes: object) -> None:
        """What a reload does."""
        self.site = replace(self.site, **changes)  # type: ignore[arg-type]

    async def add_job(
        self,
        owner: Principal | None,
        *,
        claimed: str = "ana",
        queue: str = "secure",
        documents: Sequence[bytes] = (DOCUMENT,),
        template: Sequence[Attribute] = (),
        state: JobState = JobState.HELD,
        title: str = TITLE_MARKER,
        kind: str = "application/pdf",
        pages: int | None = 1,
        **fields: object,
    ) -> Job:
        """Seal documents and hold a job with them."""
        job_id = new_job_id()
        wrapped_key, private = self.words.seal(job_id, {TITLE: title})
        rows = []
        for number, content in enumerate(documents, 1):
            async with self.store.create(job_id, number) as writer:
                await writer.write(content)
                sealed = await writer.commit()
            rows.append(
                Document(
                    job_id=job_id,
                    number=number,
                    format=kind,
                    size_bytes=sealed.size_bytes,
                    segments=sealed.segments,
                    wrapped_key=sealed.wrapped_key,
                    inline=sealed.inline,
                    pages=pages,
                    inspected=True,
                )
            )
        now = self.clock.now()
        job = Job(
            id=job_id,
            number=0,
            queue=queue,
            state=state,
            reason="Waiting for its owner to release it.",
            owner_id=None if owner is None else owner.id,
            claimed_name=claimed if owner is None else owner.name,
            peer="10.0.0.9",
            protocol="ipp",
            created_at=now,
            changed_at=now,
            expires_at=now + timedelta(hours=4),
            template=encoded(template) if template else b"",
            private=private,
            wrapped_key=wrapped_key,
            size_bytes=sum(map(len, documents)),
            documents=len(documents),
            formats=(kind,),
            pages=pages,
        )
        row = replace(job, **fields)  # type: ignore[arg-type]

        def insert(connection: Connection) -> Job:
            created = jobs.insert_job(connection, row)
            for document in rows:
                jobs.insert_document(connection, document)
            return created

        return await self.database.write(insert)

    def accept_pins(self) -> None:
        """Let every queue accept PINs."""
        queues = {name: replace(one, pins=True) for name, one in self.site.queues.items()}
        self.change_site(queues=queues)

    async def add_pin(self, job: Job, pin: Pin) -> Job:
        """Give a held job a PIN, as if it had come with it."""
        words = {**self.words.open(job), PIN: await self.desk.pins.keep(pin)}
        marked = with_settings(template_of(job), {RELEASE_ACTION: BY_PIN})
        changes = {"private": self.words.seal_again(job, words), "template": encoded(marked)}
        await self.service.ledger.change(job.id, [JobState.HELD], **changes)
        return await self.job(job)

    async def job(self, job: Job) -> Job:
        """The job as it is now."""
        return await self.service.ledger.job(job.id)

    async def grants(self, job: Job) -> list[records.GrantRow]:
        """Every grant of a job."""
        return await self.database.read(lambda connection: records.grants_of(connection, job.id))

    async def settled(self, job: Job) -> Job:
        """The job once nothing moves it any more."""
        await self.service.ended(job.id)
        return await self.job(job)


MakePrinter = Callable[[Printer, Clock], PrinterAdapter]

PRINTERS = (Printer("lobby", "folder:/nowhere", "Lobby"), Printer("floor-2", "folder:/nowhere", "Floor 2"))


@asynccontextmanager
async def open_house(
    root: Path,
    *,
    queues: Sequence[Queue] | None = None,
    printers: Sequence[Printer] = PRINTERS,
    rules: Sequence[RuleSource] = (),
    make: MakePrinter = MemoryPrinter,
    database: Database | None = None,
    blobs: BlobStore | None = None,
    files: bool = False,
    running: bool = True,
    notebook: Notebook | None = None,
    renderer: Renderer | None = None,
    stamper: Stamper | None = None,
) -> AsyncIterator[House]:
    """A house whose service runs until the block ends.

    Args:
        notebook: what printers have said that they can do.
        blobs: where containers lie; in memory by default, so that no thread is at work when a mocked
            clock finds every task waiting.
        files: they lie in files below `root`, as in the daemon.
    """
    clock = TrioClock()
    metrics = Metrics()
    keyring = Keyring.from_bytes(KEK)
    words = PrivateWords(keyring)
    if files:
        store = HoldStore(root / "documents", keyring)
    else:
        store = HoldStore.over(blobs if blobs is not None else MemoryBlobStore(), keyring)
    kept = database if database is not None else InlineDatabase()
    named = queues if queues is not None else (queue("secure", *(one.name for one in printers)),)
    box: list[House] = []

    def current() -> Site:
        return box[0].site if box else first

    async def people_now(user_id: UserId) -> Principal | None:
        return box[0].accounts.get(user_id)

    async def confirm(principal: Principal) -> Principal:
        return await box[0].confirm(principal)

    first = site_of(named, printers, rules)
    directory = PrinterDirectory(site=current, clock=clock, metrics=metrics, make=make, notebook=notebook)
    service = ReleaseService(
        ReleaseParts(
            site=current,
            database=kept,
            store=store,
            words=words,
            printers=directory,
            renderer=renderer or Renderer(),
            stamper=stamper or Stamper(),
            people=people_now,
            confirm=confirm,
            clock=clock,
            metrics=metrics,
        )
    )
    pins = PinDesk(
        service=service,
        site=current,
        words=words,
        people=people_now,
        keeper=PinKeeper(InlineHasher()),
    )
    desk = Desk(service=service, site=current, words=words, printer_directory=directory, pins=pins)

    async def find(name: str) -> Principal | None:
        return next((one for one in box[0].accounts.values() if one.name == name), None)

    approval_desk = ApprovalDesk(service, current, words)
    guesses = Guesses(kept, clock, Throttle(clock))
    decisions = Decisions(
        approval_desk,
        CodeDesk(approval_desk, Tags(keyring.derive), guesses),
        DelegationDesk(service, find),
    )
    house = House(first, kept, store, words, clock, metrics, directory, service, desk, decisions)
    box.append(house)
    try:
        async with trio.open_nursery() as nursery:
            if running:
                await nursery.start(service.run)
            yield house
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await directory.aclose()
        if database is None:
            kept.close()


def attributes_by_name(attributes: Sequence[Attribute]) -> Mapping[str, Attribute]:
    """Attributes by their names."""
    return {attribute.name: attribute for attribute in attributes}
