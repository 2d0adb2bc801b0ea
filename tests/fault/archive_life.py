"""A life of jobs that a rule archives, and what must hold of the copies after it was cut short."""

import tempfile
from functools import partial
from pathlib import Path

import trio

from holdstore.archive import export_copy
from holdstore.archive_key import ArchiveSecret
from holdstore.container import SealedDocument
from holdstore.errors import HoldStoreError
from holdstore.sealing import open_private
from spoold.app.parts import Parts
from spoold.database import archive, jobs, records
from spoold.model.archive import ArchivedJob
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from tests.fault.house import Acks, Place, Told, Verdict, digest, owner, submit, text, two_documents

QUEUE = "kept"
TITLE_KEY_NUMBER = 0


async def archived_life(parts: Parts, acks: Acks) -> None:
    """Print what is kept, in a row, in a file and in both; end a copy; cancel one; print what is not kept."""
    async with trio.open_nursery() as nursery:
        await nursery.start(parts.release.run)
        small, large, pair = text(1, 2_000), text(2, 300_000), (text(3, 500), text(4, 90_000))
        first = await submit(parts, small, queue=QUEUE)
        acks.say("held", first, digest(small))
        second = await submit(parts, large, queue=QUEUE)
        acks.say("held", second, digest(large))
        third = await two_documents(parts, acks, *pair, queue=QUEUE)
        acks.say("held", third, digest(*pair))
        for job in (second, first, third):
            view = await parts.desk.release_and_wait(owner(), job.id, "out", 30)
            acks.say(view.job.state.value, job)
        await _end_first_copy(parts, acks, second)
        cancelled = text(5, 90_000)
        fourth = await submit(parts, cancelled, queue=QUEUE)
        acks.say("held", fourth, digest(cancelled))
        acks.say("cancelling", fourth)
        view = await parts.desk.cancel(owner(), fourth.id)
        acks.say(view.job.state.value, fourth)
        plain = text(6, 90_000)
        last = await submit(parts, plain)
        acks.say("held", last, digest(plain))
        view = await parts.desk.release_and_wait(owner(), last.id, "out", 30)
        acks.say(view.job.state.value, last)
        nursery.cancel_scope.cancel()


async def _end_first_copy(parts: Parts, acks: Acks, job: Job) -> None:
    """Destroy the copy that was printed first, as when its time is over."""
    [one, *_] = await parts.database.read(archive.archived)
    acks.say("ending-copy", job)
    await parts.release.expiry.archivist.expire(one.expires_at, settled=1)
    acks.say("ended-copy", job)


async def check_copies(place: Place, parts: Parts, told: dict[str, Told], verdict: Verdict) -> None:
    """A printed job of the archived queue has its copy, the same bytes; no other job has one."""
    secret = ArchiveSecret.from_file(place.archive_key)
    kept = {one.id: one for one in await parts.database.read(archive.archived)}
    for job in await parts.database.read(jobs.list_jobs):
        heard = told.get(str(job.id), Told())
        why = _why_wrong(job, kept.get(job.id), heard.whats)
        if not why and job.id in kept:
            found = await _opened(place, parts, kept[job.id], secret)
            why = "" if found == heard.digest else f"the copy is not what was sent ({found})"
        if why:
            verdict.lost.append(f"{job.id}: {job.state}, {why}, was told {heard.whats}")
    audited = [row.entry for row in await parts.database.read(records.audit_rows)]
    for job_id in kept:
        times = sum('"job-archived"' in entry and str(job_id) in entry for entry in audited)
        if times != 1:
            verdict.broken.append(f"{job_id}: archived {times} times by the audit chain")


def _why_wrong(job: Job, copy: ArchivedJob | None, whats: set[str]) -> str:
    if job.queue != QUEUE or job.state is not JobState.COMPLETED or "ended-copy" in whats:
        return "" if copy is None else "has a copy"
    return "has no copy" if copy is None and "ending-copy" not in whats else ""


async def _opened(place: Place, parts: Parts, one: ArchivedJob, secret: ArchiveSecret) -> str:
    """Return what the private half opens, as one word to compare, or what is wrong with it."""
    found = []
    try:
        key = secret.unwrap(one.wrapped_key, one.id, TITLE_KEY_NUMBER)
        if not open_private(key, one.private, one.id).get("title"):
            return "its title is lost"
        for copy in await parts.database.read(partial(archive.copies_of, job_id=one.id)):
            document = SealedDocument(
                copy.job_id, copy.number, copy.size_bytes, copy.segments, copy.wrapped_key, copy.inline
            )
            with tempfile.TemporaryDirectory() as directory:
                target = Path(directory) / "copy"
                await export_copy(place.state / "documents", secret, document, target)
                found.append(target.read_bytes())
    except HoldStoreError as error:
        return f"{type(error).__name__}: {error}"
    return digest(*found)
