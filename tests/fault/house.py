"""The daemon's parts without doors, in a process that a test may kill: a life of jobs, and its inspection."""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import trio

from holdstore.archive_key import ArchiveSecret, generate_archive_key_file
from holdstore.archive_text import write_public
from holdstore.errors import HoldStoreError
from spoold.app.parts import Parts, build_parts
from spoold.app.recovery import recover
from spoold.app.upkeep import check_store
from spoold.config.loader import load
from spoold.database import jobs, people, records
from spoold.database.people import UserRow
from spoold.intake.inspection import sealed
from spoold.intake.submission import Incoming, Submission
from spoold.model.ids import UserId
from spoold.model.job import Job
from spoold.model.jobstate import AT_PRINTER, JobState
from spoold.model.principal import Method, Principal, Role
from spoold.records.verify import verify_chain

MARKER = b"plain-marker-d0c5e1"
RESOLVE_TIMEOUT_S = 120.0

CONFIG = """\
[server]
name = "localhost"
state_dir = "{state}"
[store]
key = "file:{key}"
[listen]
ipp = []
web = []
[limits]
min_free = "1MiB"
[log]
level = "error"
[printers.out]
uri = "{printer}"
[queues.q]
printers = ["out"]
authentication = "at-release"
"""
ARCHIVE = """\
[queues.kept]
printers = ["out"]
authentication = "at-release"
[archive]
key = "{archive_key}"
keep = "3650d"
[[rules]]
name = "what is kept"
queues = ["kept"]
when = "true"
archive = true
"""


@dataclass(frozen=True)
class Place:
    """Where one house stands.

    Args:
        outside: survives whatever happens to the state: configuration, key, printed documents.
        state: the state directory.
        printer: URI of the printer; None for a folder in `outside`.
        archives: it has a queue "kept" too, whose papers are archived.
    """

    outside: Path
    state: Path
    printer: str | None = None
    archives: bool = False

    @property
    def config(self) -> Path:
        return self.outside / "spoold.toml"

    @property
    def printed(self) -> Path:
        return self.outside / "printed"

    @property
    def archive_key(self) -> Path:
        return self.outside / "archive.key"

    def prepare(self) -> None:
        self.outside.mkdir(parents=True, exist_ok=True)
        self.printed.mkdir(exist_ok=True)
        key = self.outside / "store.key"
        if not key.exists():
            key.write_bytes(os.urandom(32))
            key.chmod(0o600)
        uri = self.printer or f"folder:{self.printed}"
        self.config.write_text(CONFIG.format(state=self.state, key=key, printer=uri) + self._archive())

    def _archive(self) -> str:
        if not self.archives:
            return ""
        if not self.archive_key.exists():
            generate_archive_key_file(self.archive_key)
        public = write_public(ArchiveSecret.from_file(self.archive_key).public)
        return ARCHIVE.format(archive_key=public)


@dataclass(frozen=True)
class Sheet:
    """A document that came out, and the token of the job it belongs to."""

    token: str
    content: bytes


@dataclass
class Acks:
    """What clients were told, written to a pipe that outlives the house."""

    descriptor: int

    def say(self, what: str, job: Job, digest: str = "") -> None:
        line = json.dumps({"what": what, "job": str(job.id), "digest": digest})
        os.write(self.descriptor, line.encode() + b"\n")


@dataclass
class Told:
    """What clients were told of one job."""

    whats: set[str] = field(default_factory=set)
    digest: str = ""


@dataclass
class Verdict:
    """What an inspection found after a restart."""

    lost: list[str] = field(default_factory=list)
    printed_twice: list[str] = field(default_factory=list)
    printed_without_grant: list[str] = field(default_factory=list)
    plaintext: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    acknowledged: int = 0

    @property
    def clean(self) -> bool:
        return not (
            self.lost or self.printed_twice or self.printed_without_grant or self.plaintext or self.broken
        )


def owner() -> Principal:
    """Return the person to whom all jobs here belong, just proven."""
    return Principal(UserId("u-fault"), "ana", frozenset(), Role.USER, Method.PASSWORD, datetime.now(UTC))


async def move_in(parts: Parts) -> None:
    """Give the owner an account: without one, a job that a crash left undecided stays so until it expires."""
    person = owner()
    account = UserRow(
        person.id,
        person.name,
        "",
        person.groups,
        person.role,
        disabled=False,
        epoch=0,
        created_at=person.proven_at,
    )
    await parts.database.write(lambda connection: people.insert_user(connection, account))


def open_parts(place: Place, stack: ExitStack) -> Parts:
    """Make the daemon's parts as the daemon does."""
    return build_parts(load(place.config), stack)


async def submit(parts: Parts, content: bytes, *, declared: str | None = None, queue: str = "q") -> Job:
    """Print one document and return the acknowledged job."""

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 65536):
            yield content[start : start + 65536]

    title = f"title {MARKER.decode()}"
    submission = Submission(parts.site().queues[queue], owner(), "ana", "127.0.0.1", "ipp", title=title)
    return await parts.intake.submit(submission, Incoming(chunks(), declared))


async def two_documents(parts: Parts, acks: Acks, first: bytes, second: bytes, *, queue: str = "q") -> Job:
    """Print a job of two documents, each sent on its own."""

    async def one(content: bytes) -> AsyncIterator[bytes]:
        yield content

    submission = Submission(parts.site().queues[queue], owner(), "ana", "127.0.0.1", "ipp", title="two")
    job = await parts.intake.create_job(submission)
    job = await parts.intake.add_document(job, submission, Incoming(one(first)), last=False)
    acks.say("document", job)
    return await parts.intake.add_document(job, submission, Incoming(one(second)), last=True)


def text(number: int, size_bytes: int) -> bytes:
    """Return a text document that is like no other and holds the marker."""
    line = b"%s line of document %d\n" % (MARKER, number)
    return (line * (size_bytes // len(line) + 1))[:size_bytes]


def digest(*documents: bytes) -> str:
    """Return a job's documents as one word to compare."""
    return ",".join(hashlib.sha256(document).hexdigest()[:16] for document in documents)


async def life(parts: Parts, acks: Acks) -> None:
    """Live through every transition: submissions small, large and in two pieces, releases, a cancel."""
    async with trio.open_nursery() as nursery:
        await nursery.start(parts.release.run)
        small, large, pair = text(1, 2_000), text(2, 300_000), (text(3, 500), text(4, 90_000))
        first = await submit(parts, small)
        acks.say("held", first, digest(small))
        second = await submit(parts, large)
        acks.say("held", second, digest(large))
        third = await two_documents(parts, acks, *pair)
        acks.say("held", third, digest(*pair))
        for job in (first, second):
            view = await parts.desk.release_and_wait(owner(), job.id, "out", 30)
            acks.say(view.job.state.value, job)
        acks.say("cancelling", third)
        view = await parts.desk.cancel(owner(), third.id)
        acks.say(view.job.state.value, third)
        last = await submit(parts, small)
        acks.say("held", last, digest(small))
        nursery.cancel_scope.cancel()


def run_life(
    place: Place,
    descriptor: int,
    story: Callable[[Parts, Acks], object] = life,
) -> None:
    """Open the house, recover, and live; for a child process."""

    async def main(parts: Parts) -> None:
        await recover(parts)
        await story(parts, Acks(descriptor))  # type: ignore[misc]

    with ExitStack() as stack:
        trio.run(main, open_parts(place, stack))


def paper_in(folder: Path) -> list[Sheet]:
    """Return what a folder printer put out: its files are named by the jobs' tokens."""
    return [Sheet(path.name.split("-")[0], path.read_bytes()) for path in sorted(folder.glob("*.txt"))]


Look = Callable[[Place, Parts, dict[str, Told], Verdict], Awaitable[None]]
"""A further comparison of a house with what clients were told, by the jobs' ids; it adds to the verdict."""


def inspect(
    place: Place,
    acknowledged: list[dict[str, str]],
    printed: Callable[[], list[Sheet]] | None = None,
    look: Look | None = None,
) -> Verdict:
    """Open the house again as after a crash and compare it with what clients were told.

    Args:
        printed: what came out of the printer; asked after everything is resolved.
    """
    verdict = Verdict(acknowledged=len(acknowledged))
    verdict.plaintext = [
        str(path) for path in place.state.rglob("*") if path.is_file() and _holds_marker(path)
    ]

    async def main(parts: Parts) -> None:
        await recover(parts)
        await _resolve(parts)
        sheets = paper_in(place.printed) if printed is None else printed()
        told = _heard(acknowledged)
        await _compare(parts, told, sheets, verdict)
        await _check_paper(parts, sheets, verdict)
        if look is not None:
            await look(place, parts, told, verdict)
        # Also a container without a row.
        verdict.broken += (await check_store(parts, 0.0))["findings"]
        report = await parts.database.read(verify_chain)
        if report.broken_at is not None:
            verdict.broken.append(f"audit: {report.why}")

    with ExitStack() as stack:
        trio.run(main, open_parts(place, stack))
    with sqlite3.connect(place.state / "spoold.db") as connection:
        (word,) = connection.execute("PRAGMA integrity_check").fetchone()
        if word != "ok":
            verdict.broken.append(f"database: {word}")
    connection.close()
    return verdict


def copy_of(template: Place, outside: Path) -> Place:
    """Return a house that is like the template was when it was prepared."""
    shutil.copytree(template.outside, outside)
    place = Place(outside, outside / "state", template.printer, archives=template.archives)
    place.prepare()
    return place


def _holds_marker(path: Path) -> bool:
    return path.name != "reserve" and MARKER in path.read_bytes()


async def _resolve(parts: Parts) -> None:
    """Let the release service sort out what a crash left at a printer."""
    with trio.fail_after(RESOLVE_TIMEOUT_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(parts.release.run)
            while await parts.database.read(lambda connection: jobs.list_jobs(connection, states=AT_PRINTER)):
                await trio.sleep(0.02)
            nursery.cancel_scope.cancel()


def _heard(acknowledged: list[dict[str, str]]) -> dict[str, Told]:
    told: dict[str, Told] = {}
    for ack in acknowledged:
        one = told.setdefault(ack["job"], Told())
        one.whats.add(ack["what"])
        one.digest = one.digest or ack["digest"]
    return told


async def _compare(parts: Parts, told: dict[str, Told], sheets: list[Sheet], verdict: Verdict) -> None:
    for job_id, one in told.items():
        whats = one.whats
        job = await parts.database.read(partial(jobs.job_by_id, job_id=UUID(job_id)))
        if job is None:
            verdict.lost.append(f"{job_id}: no row, was told {whats}")
            continue
        why = _why_wrong(job, whats, {sheet.token for sheet in sheets})
        if not why and job.state in (JobState.HELD, JobState.UNKNOWN) and "held" in whats:
            found = await _content(parts, job)
            why = "" if found == one.digest else f"cannot be opened as it was sent ({found})"
        if why:
            verdict.lost.append(f"{job_id}: {why}, was told {whats}")


def _why_wrong(job: Job, whats: set[str], printed: set[str]) -> str:
    """Return what is wrong with the state of a job whose sender was told these things."""
    if job.state is JobState.RECEIVING:
        return "" if whats == {"document"} else "still receiving"
    if job.state in (JobState.HELD, JobState.UNKNOWN):
        return f"{job.state} all the same" if {"completed", "canceled"} & whats else ""
    if job.state is JobState.COMPLETED:
        return "" if job.token in printed else "called printed without paper"
    if job.state is JobState.CANCELED:
        return "" if "cancelling" in whats else "canceled by nobody"
    return f"{job.state}: {job.reason}"


async def _content(parts: Parts, job: Job) -> str:
    found = []
    for document in await parts.database.read(lambda connection: jobs.documents_of(connection, job.id)):
        content = bytearray()
        try:
            async with parts.store.open(sealed(document)) as reader:
                await reader.verify()
                async for chunk in reader.chunks():
                    content += chunk
        except HoldStoreError as error:
            return f"{type(error).__name__}: {error}"
        found.append(bytes(content))
    return digest(*found)


async def _check_paper(parts: Parts, printed: list[Sheet], verdict: Verdict) -> None:
    """Every sheet needs a consumed grant, and every document comes out once at most."""
    found = await parts.database.read(jobs.list_jobs)
    by_token = {job.token: job for job in found if job.token}
    for sheet in printed:
        job = by_token.get(sheet.token)
        if job is None:
            verdict.printed_without_grant.append(sheet.token)
            continue
        grants = await parts.database.read(partial(records.grants_of, job_id=job.id))
        if not any(grant.consumed_at is not None for grant in grants):
            verdict.printed_without_grant.append(sheet.token)
        if len(grants) > 1:
            verdict.printed_twice.append(sheet.token)
    contents = [hashlib.sha256(sheet.content).hexdigest() for sheet in printed]
    verdict.printed_twice += [one for one in set(contents) if contents.count(one) > 1]
