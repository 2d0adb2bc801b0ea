"""The intake on real parts where they are cheap (policy, sealing, tables) and on fakes for disk and time."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from sqlalchemy import Connection

from holdstore.keyring import Keyring
from holdstore.store import HoldStore
from policy.engine import compile_rules
from policy.rules import RuleSource
from policy.setting import Setting
from protocols.ipp.message import Attribute
from spoold.documents.inspection import Inspection
from spoold.documents.inspector import Inspector
from spoold.documents.pool import WorkerPool
from spoold.intake.admission import Admission
from spoold.intake.inspection import Inspections
from spoold.intake.pipeline import Intake, IntakeParts
from spoold.intake.submission import Incoming, Submission
from spoold.keys.words import PrivateWords
from spoold.model.job import Job
from spoold.model.principal import Principal
from spoold.model.queue import Authentication, Queue, Release
from spoold.model.site import Site
from spoold.runtime.limits import DaemonLimits
from spoold.runtime.metrics import Metrics
from tests.support.clock import FakeClock
from tests.support.inline_database import InlineDatabase, T
from tests.support.memory_blobs import MemoryBlobStore

FORMATS = frozenset({"application/pdf", "text/plain", "image/png"})


class CountingInspector(Inspector):
    """Says what it is told of every PDF and counts how often it was asked."""

    def __init__(self, pages: int | None = 3) -> None:
        super().__init__(WorkerPool())
        self.pages = pages
        self.asked = 0
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def inspect(self, mime: str, chunks: AsyncIterator[bytes]) -> Inspection:
        found = self.at_a_glance(mime)
        if found is not None:
            return found
        self.asked += 1
        if self.meanwhile is not None:
            await self.meanwhile()
        async for _ in chunks:
            pass
        return Inspection(mime, pages=self.pages, encrypted=False, broken=False, known=self.pages is not None)


class WatchedDatabase(InlineDatabase):
    """Tells a test right before each write."""

    def __init__(self) -> None:
        super().__init__()
        self.before_write: Callable[[], None] = lambda: None

    async def write(self, work: Callable[[Connection], T], *, short: bool = False) -> T:
        self.before_write()
        return await super().write(work, short=short)


@dataclass
class IntakeHouse:
    """An intake and everything a test wants to look at."""

    rules: Sequence[RuleSource] = ()
    release: Release = Release.BY_OWNER
    formats: frozenset[str] | None = None
    limits: DaemonLimits = field(default_factory=DaemonLimits)
    free_bytes: int | None = None
    max_document_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.database = WatchedDatabase()
        self.blobs = MemoryBlobStore()
        self.inspector = CountingInspector()
        self.held: list[Job] = []
        keyring = Keyring.from_bytes(bytes(range(32)))
        self.words = PrivateWords(keyring)
        self.store = HoldStore.over(self.blobs, keyring)
        self.inspections = Inspections(
            database=self.database, store=self.store, inspector=self.inspector, metrics=Metrics()
        )
        self.queue = Queue(
            "q",
            ("lobby",),
            mask_names=True,
            authentication=Authentication.AT_RELEASE,
            release=self.release,
            expires_after=timedelta(hours=4),
            formats=self.formats,
        )
        self.site = Site(
            name="localhost",
            queues=MappingProxyType({"q": self.queue}),
            printers=MappingProxyType({}),
            policy=compile_rules(self.rules, Setting(), "UTC"),
            mask_names=False,
            max_document_bytes=self.max_document_bytes,
            forget_after=timedelta(days=7),
        )
        admission = Admission(
            limits=self.limits, free_bytes=lambda: self.free_bytes, total_bytes=lambda: 100 * 2**30
        )
        parts = IntakeParts(
            site=lambda: self.site,
            database=self.database,
            store=self.store,
            words=self.words,
            inspections=self.inspections,
            admission=admission,
            clock=self.clock,
            metrics=Metrics(),
            limits=self.limits,
            formats=FORMATS,
        )
        self.intake = Intake(parts, on_held=self._on_held)

    async def _on_held(self, job: Job) -> None:
        self.held.append(job)

    def submission(
        self,
        principal: Principal | None = None,
        *,
        name: str = "Ana",
        template: tuple[Attribute, ...] = (),
        peer: str = "192.0.2.9",
    ) -> Submission:
        return Submission(self.queue, principal, name, peer, "ipp", template, title="Letter to the bank")


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


def incoming(*contents: bytes, declared: str | None = None) -> Incoming:
    return Incoming(pieces(*contents), declared)
