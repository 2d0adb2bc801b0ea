"""Archiving: a printed job that a rule archives is kept for the archive key alone, and destroyed on time."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
import trio
from trio.testing import MockClock

from holdstore.archive import export_copy
from holdstore.archive_key import ArchiveSecret
from holdstore.container import SealedDocument
from holdstore.errors import DamagedContainer
from holdstore.keyring import Keyring
from holdstore.sealing import open_private
from policy.engine import compile_rules
from policy.rules import RuleSource
from policy.setting import Setting
from spoold.database import archive, obligations
from spoold.identity.pins import Pin
from spoold.model.archive import ArchivedJob, ArchiveTerms, Copy
from spoold.model.errors import NotFound, RefusedByPolicy, Unavailable
from spoold.model.ids import JobId
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.model.obligation import Obligation
from spoold.printers.base import RemoteState, Ticket
from spoold.release.archive_desk import ArchiveDesk
from spoold.release.archiving import KEPT_WORDS
from spoold.release.belief import STEADY
from spoold.release.expiry import LOOK_S
from tests.support import release_house
from tests.support.memory_blobs import MemoryBlobStore
from tests.support.memory_printer import PaperJob
from tests.support.release_house import DOCUMENT, KEK, TITLE_MARKER, House, open_house

SECRET = ArchiveSecret(bytes(range(64, 96)))
KEEP = timedelta(hours=2)
TOKEN = "5a" * 16
TERMS = ArchiveTerms(SECRET.public, KEEP)
ARCHIVES = (RuleSource("keep", "true", stage="release", archive=True),)
# Two of these do not fit into a row.
LONG = b"%PDF-1.4 many pages\n" + bytes(200_000)


async def oblige(house: House, job: Job) -> Job:
    """What acceptance writes down for a job that a rule archives."""
    await house.database.write(lambda connection: obligations.add(connection, job.id, [Obligation.ARCHIVE]))
    return job


async def printed(house: House, job: Job) -> Job:
    await house.desk.release(house.person("ana"), job.id, "lobby")
    return await house.settled(job)


async def at_printer(house: House) -> Job:
    """A job that should be archived, in a printer that puts no paper out by itself."""
    house.memory("lobby").prints = False
    job = await oblige(house, await house.add_job(house.person("ana")))
    await house.desk.release(house.person("ana"), job.id, "lobby")
    await trio.sleep(2)
    assert (await house.job(job)).state is JobState.PRINTING
    return job


async def printed_while_away(house: House, content: bytes) -> Job:
    """A job to be archived that was at a printer when the daemon ended, and is on paper by now."""
    now = house.clock.now()
    job = await house.add_job(
        house.person("ana"),
        documents=(content,),
        state=JobState.PRINTING,
        printer="lobby",
        token=TOKEN,
        attempt=1,
        remote_job_id=1,
        first_byte_at=now,
        all_bytes_at=now,
    )
    await oblige(house, job)
    await house.database.write(lambda connection: archive.set_terms(connection, job.id, TERMS))
    ended = PaperJob(1, Ticket(TOKEN, "spoold"), state=RemoteState.COMPLETED, impressions=1)
    house.memory("lobby").jobs.append(ended)
    return job


def put_out(house: House) -> None:
    [paper] = house.memory("lobby").jobs
    house.memory("lobby").put_out(paper)


async def kept(house: House) -> list[ArchivedJob]:
    return await house.database.read(archive.archived)


async def copies(house: House) -> list[Copy]:
    return [copy for one in await kept(house) for copy in await copies_of(house, one)]


async def copies_of(house: House, job: ArchivedJob) -> list[Copy]:
    return await house.database.read(partial(archive.copies_of, job_id=job.id))


def sealed(copy: Copy) -> SealedDocument:
    return SealedDocument(
        copy.job_id, copy.number, copy.size_bytes, copy.segments, copy.wrapped_key, copy.inline
    )


async def test_a_printed_job_is_kept_for_the_archive_key_alone(tmp_path: Path) -> None:
    async with open_house(tmp_path, files=True) as house:
        house.change_site(archive=TERMS)
        job = await house.add_job(house.person("ana"), documents=(DOCUMENT, LONG))
        done = await printed(house, await oblige(house, job))
        assert done.state is JobState.COMPLETED
        assert done.reason == "Printed at lobby. The rules of this site keep a copy of it."
        # The job itself is destroyed as ever.
        assert (done.wrapped_key, done.private) == (None, None)
        assert {one.wrapped_key for one in await house.service.ledger.documents(job.id)} == {None}
        [one] = await kept(house)
        assert (one.id, one.number, one.queue, one.printer) == (job.id, job.number, "secure", "lobby")
        assert (one.documents, one.expires_at - one.printed_at) == (2, KEEP)
        for copy, content in zip(await copies(house), (DOCUMENT, LONG), strict=True):
            target = tmp_path / f"copy-{copy.number}"
            await export_copy(tmp_path / "documents", SECRET, sealed(copy), target)
            assert target.read_bytes() == content
            with pytest.raises(DamagedContainer):
                Keyring.from_bytes(KEK).unwrap(copy.wrapped_key, copy.job_id, copy.number)
        entries = [entry["kind"] for entry in await house.audit()]
        assert entries[-2:] == ["job-confirmed", "job-archived"]
        assert "title_lost" not in (await house.audit())[-1]


async def test_the_title_goes_with_it_and_the_pin_does_not(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        house.change_site(archive=TERMS)
        house.accept_pins()
        job = await oblige(house, await house.add_job(house.person("ana")))
        await house.add_pin(job, Pin(b"4711"))
        await printed(house, job)
        [one] = await kept(house)
        assert TITLE_MARKER.encode() not in one.private
        key = SECRET.unwrap(one.wrapped_key, one.id, 0)
        assert open_private(key, one.private, one.id) == {"title": TITLE_MARKER}


async def test_a_rule_at_release_archives_as_well(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path, rules=ARCHIVES) as house:
        house.change_site(archive=TERMS)
        job = await house.add_job(house.person("ana"))
        await printed(house, job)
        assert [one.id for one in await kept(house)] == [job.id]
        asked = await house.database.read(partial(obligations.obligations_of, job_id=job.id))
        assert asked == {Obligation.ARCHIVE}


async def test_a_job_that_no_rule_archives_is_shredded(tmp_path: Path, autojump_clock: MockClock) -> None:
    blobs = MemoryBlobStore()
    async with open_house(tmp_path, blobs=blobs) as house:
        house.change_site(archive=TERMS)
        job = await house.add_job(house.person("ana"), documents=(LONG,))
        done = await printed(house, job)
        assert (done.state, done.reason) == (JobState.COMPLETED, "Printed at lobby.")
        assert (await kept(house), await blobs.names()) == ([], [])


async def test_only_what_was_printed_is_kept(tmp_path: Path, autojump_clock: MockClock) -> None:
    blobs = MemoryBlobStore()
    async with open_house(tmp_path, blobs=blobs) as house:
        house.change_site(archive=TERMS)
        ana = house.person("ana")
        soon = house.clock.now() + timedelta(seconds=LOOK_S)
        canceled = await oblige(house, await house.add_job(ana, documents=(LONG,)))
        expired = await oblige(house, await house.add_job(ana, documents=(LONG,), expires_at=soon))
        await house.desk.cancel(ana, canceled.id)
        await trio.sleep(3 * LOOK_S)
        assert (await house.job(canceled)).state is JobState.CANCELED
        assert (await house.job(expired)).state is JobState.EXPIRED
        assert (await kept(house), await blobs.names()) == ([], [])


async def test_a_job_taken_back_at_the_printer_keeps_its_own_key(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        house.change_site(archive=TERMS)
        job = await at_printer(house)
        house.memory("lobby").reasons = ("media-jam",)
        held = await house.settled(job)
        assert (held.state, await kept(house)) == (JobState.HELD, [])
        house.memory("lobby").reasons, house.memory("lobby").prints = (), True
        assert (await printed(house, job)).state is JobState.COMPLETED
        assert len(await kept(house)) == 1


async def test_without_an_archive_nothing_that_should_be_archived_is_printed(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, rules=ARCHIVES) as house:
        job = await house.add_job(house.person("ana"))
        with pytest.raises(RefusedByPolicy, match="cannot do with your job"):
            await house.desk.release(house.person("ana"), job.id, "lobby")
        house.change_site(policy=compile_rules([], Setting(), "UTC"))
        await oblige(house, job)
        with pytest.raises(RefusedByPolicy, match="cannot do with your job"):
            await house.desk.release(house.person("ana"), job.id, "lobby")
        assert house.memory("lobby").jobs == []


async def test_the_terms_of_the_release_count_whatever_is_configured_meanwhile(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        house.change_site(archive=TERMS)
        job = await at_printer(house)
        house.change_site(archive=None)
        put_out(house)
        assert (await house.settled(job)).state is JobState.COMPLETED
        [one] = await kept(house)
        assert (one.key_id, one.expires_at - one.printed_at) == (SECRET.id, KEEP)


async def test_a_copy_is_destroyed_when_its_time_is_over(tmp_path: Path, autojump_clock: MockClock) -> None:
    blobs = MemoryBlobStore()
    async with open_house(tmp_path, blobs=blobs) as house:
        house.change_site(archive=TERMS)
        job = await oblige(house, await house.add_job(house.person("ana"), documents=(DOCUMENT, LONG)))
        await printed(house, job)
        assert len(await blobs.names()) == 1
        await trio.sleep(KEEP.total_seconds() - 2 * LOOK_S)
        assert len(await kept(house)) == 1
        await trio.sleep(3 * LOOK_S)
        assert (await kept(house), await copies(house), await blobs.names()) == ([], [], [])
        assert (await house.audit())[-1] | {"at": "", "seq": 0} == {
            "actor": "spoold",
            "at": "",
            "documents": 2,
            "job": str(job.id),
            "kind": "archive-expired",
            "seq": 0,
        }


async def test_a_copy_ends_neither_early_nor_late_when_the_clock_is_set(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        house.change_site(archive=TERMS)
        await printed(house, await oblige(house, await house.add_job(house.person("ana"))))
        await trio.sleep(3 * LOOK_S)
        house.clock.step_wall(timedelta(days=400).total_seconds())
        await trio.sleep(3 * LOOK_S)
        assert len(await kept(house)) == 1
        await trio.sleep(KEEP.total_seconds())
        assert await kept(house) == []


@pytest.mark.parametrize("years", [14, -50])
async def test_a_clock_that_is_wrong_at_the_start_destroys_nothing(
    years: int, tmp_path: Path, autojump_clock: MockClock
) -> None:
    step_s = timedelta(days=365 * years).total_seconds()
    async with open_house(tmp_path, running=False) as house:
        house.change_site(archive=replace(TERMS, keep=timedelta(days=365)))
        job = await oblige(house, await house.add_job(house.person("ana")))
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            await printed(house, job)
            nursery.cancel_scope.cancel()
        [copy] = await kept(house)
        house.clock.step_wall(step_s)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            await trio.sleep(2 * STEADY.total_seconds())
            assert await kept(house) == [copy]
            # Set right, it moves no end either: that was reckoned by a clock that was right.
            house.clock.step_wall(-step_s)
            await trio.sleep(2 * STEADY.total_seconds())
            assert await kept(house) == [copy]
            nursery.cancel_scope.cancel()


async def test_nothing_is_destroyed_before_the_clock_was_steady_for_an_hour(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, running=False) as house:
        house.change_site(archive=TERMS)
        job = await oblige(house, await house.add_job(house.person("ana")))
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            await printed(house, job)
            nursery.cancel_scope.cancel()
        # No more than a holiday.
        await trio.sleep(timedelta(days=30).total_seconds())
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            await trio.sleep(STEADY.total_seconds() - LOOK_S)
            assert len(await kept(house)) == 1
            await trio.sleep(3 * LOOK_S)
            assert await kept(house) == []
            nursery.cancel_scope.cancel()


async def test_a_copy_in_a_file_is_destroyed_with_its_file(tmp_path: Path) -> None:
    async with open_house(tmp_path, files=True) as house:
        house.change_site(archive=TERMS)
        await printed(house, await oblige(house, await house.add_job(house.person("ana"), documents=(LONG,))))
        place = tmp_path / "documents" / "blobs"
        assert [path.is_file() for path in place.rglob("*") if path.is_file()] == [True]
        archivist = house.service.expiry.archivist
        # It may have come after the clock was set back.
        assert await archivist.expire(house.clock.now() + KEEP, settled=0) == 0
        assert await archivist.expire(house.clock.now() + KEEP, settled=1) == 1
        assert [path for path in place.rglob("*") if path.is_file()] == []
        assert await kept(house) == []


async def test_records_that_cannot_be_read_for_a_moment_lose_no_copy(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path) as house:
        house.change_site(archive=TERMS)
        job = await oblige(house, await house.add_job(house.person("ana")))
        refusals = 3
        terms_of = archive.terms_of

        def moody(*args: object, **named: object) -> ArchiveTerms | None:
            nonlocal refusals
            if refusals:
                refusals -= 1
                raise Unavailable("The disk is full.")
            return terms_of(*args, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(archive, "terms_of", moody)
        assert (await printed(house, job)).state is JobState.COMPLETED
        assert (refusals, len(await kept(house))) == (0, 1)


async def test_what_cannot_be_kept_is_said_in_the_record(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        house.change_site(archive=TERMS)
        job = await at_printer(house)
        # No point of the curve that makes a secret: nothing can be wrapped for it.
        broken = ArchiveTerms(bytes(32), KEEP)
        await house.database.write(lambda connection: archive.set_terms(connection, job.id, broken))
        put_out(house)
        done = await house.settled(job)
        assert (done.state, done.reason) == (JobState.COMPLETED, "Printed at lobby.")
        assert await kept(house) == []
        assert (await house.audit())[-1]["kind"] == "job-not-archived"


async def test_a_beginning_that_fits_several_copies_hands_none_over(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = "01a205ea"
    ids = iter([JobId(UUID(f"{shared}{place:024x}")) for place in (1, 2)])
    monkeypatch.setattr(release_house, "new_job_id", lambda: next(ids))
    async with open_house(tmp_path) as house:
        house.change_site(archive=TERMS)
        ana, desk = house.person("ana"), ArchiveDesk(house.database, house.clock)
        _, other = [await printed(house, await oblige(house, await house.add_job(ana))) for _ in range(2)]
        with pytest.raises(NotFound, match=f"'{shared}' is not one job but the beginning of several"):
            await desk.hand_over(ana, shared, 1)
        assert [entry for entry in await house.audit() if entry["kind"] == "archive-opened"] == []
        for wanted in (str(other.number), str(other.id), other.id.hex):
            assert (await desk.hand_over(ana, wanted, 1))[1].job_id == other.id


async def test_a_title_that_cannot_be_opened_costs_no_document(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, running=False) as house:
        job = await printed_while_away(house, DOCUMENT)
        await house.service.ledger.change(job.id, [JobState.PRINTING], private=b"damaged")
        async with trio.open_nursery() as nursery:
            await nursery.start(house.service.run)
            done = await house.settled(job)
            nursery.cancel_scope.cancel()
        assert (done.state, done.reason) == (JobState.COMPLETED, f"Printed at lobby. {KEPT_WORDS}")
        [one], [copy] = await kept(house), await copies(house)
        key = SECRET.unwrap(one.wrapped_key, one.id, 0)
        assert open_private(key, one.private, one.id) == {"title": ""}
        await export_copy(tmp_path, SECRET, sealed(copy), tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == DOCUMENT
        last = (await house.audit())[-1]
        assert (last["kind"], last["title_lost"]) == ("job-archived", True)


async def test_a_job_that_printed_while_the_daemon_was_away_is_kept_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    blobs = MemoryBlobStore()
    async with open_house(tmp_path, running=False, blobs=blobs) as house:
        job = await printed_while_away(house, LONG)
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                await nursery.start(house.service.run)
                done = await house.settled(job)
                nursery.cancel_scope.cancel()
            assert done.state is JobState.COMPLETED
            [one] = await kept(house)
            assert (one.id, one.key_id) == (job.id, SECRET.id)
            assert len(await blobs.names()) == 1
