"""After whatever ended the last run: rows and containers fit together again, or the job says why not."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import trio

from holdstore.container import blob_name
from spoold.app.recovery import MISSING, recover
from spoold.app.upkeep import QueueCounts, check_store
from spoold.database import jobs, records
from spoold.intake.submission import Submission
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from tests.fault.house import Place, open_parts, submit, text
from tests.support.intake_house import incoming

LARGE = text(1, 300_000)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "outside", tmp_path / "state")
    made.prepare()
    return made


def container(place: Place, job: Job) -> Path:
    """The file of a job's first document."""
    (path,) = place.state.rglob(f"{blob_name(job.id, 1)}*")
    return path


async def lived(place: Place, *sizes: int) -> list[Job]:
    """Hold some jobs and end as a crash would: nothing is said or done at the end."""
    with ExitStack() as stack:
        parts = open_parts(place, stack)
        return [await submit(parts, text(number, size)) for number, size in enumerate(sizes, 1)]


async def test_a_job_whose_container_is_gone_says_so(place: Place) -> None:
    """Quarantined, audited, with words for its owner; the others are as before."""
    gone, kept, small = await lived(place, 300_000, 300_000, 1_000)
    container(place, gone).unlink()
    with ExitStack() as stack:
        parts = open_parts(place, stack)
        await recover(parts)
        found = {job.id: job for job in await parts.database.read(jobs.list_jobs)}
        entries = [row.entry for row in await parts.database.read(records.audit_rows)]
    assert (found[gone.id].state, found[gone.id].reason) == (JobState.QUARANTINED, MISSING)
    assert {found[kept.id].state, found[small.id].state} == {JobState.HELD}
    assert any("job-damaged" in entry and str(gone.id) in entry for entry in entries)


async def test_recovering_twice_is_as_good_as_once(place: Place) -> None:
    (gone,) = await lived(place, 300_000)
    container(place, gone).unlink()
    for _ in range(2):
        with ExitStack() as stack:
            parts = open_parts(place, stack)
            await recover(parts)
            (job,) = await parts.database.read(jobs.list_jobs)
    assert job.state is JobState.QUARANTINED


async def test_containers_that_no_row_names_are_removed(place: Place) -> None:
    """Their key was only in the row that was never written: they are noise. Foreign files are left alone."""
    (job,) = await lived(place, 300_000)
    known = container(place, job)
    # The last two digits name the folder.
    unknown = known.with_name(known.name.replace(job.id.hex, "ab" * 15 + job.id.hex[-2:]))
    unknown.write_bytes(known.read_bytes())
    foreign = place.state / "documents" / "notes.txt"
    foreign.write_text("mine")
    with ExitStack() as stack:
        parts = open_parts(place, stack)
        await recover(parts)
    assert not unknown.exists()
    assert known.exists()
    assert foreign.exists()


async def test_a_job_that_was_sealed_but_not_decided_is_held(place: Place) -> None:
    with ExitStack() as stack:
        parts = open_parts(place, stack)
        submission = Submission(parts.site().queues["q"], None, "ana", "127.0.0.1", "ipp")
        job = await parts.intake.create_job(submission)
        await parts.intake.add_document(job, submission, incoming(LARGE), last=False)
        await parts.database.write(partial(_seal, job=job))
    with ExitStack() as stack:
        parts = open_parts(place, stack)
        await recover(parts)
        (found,) = await parts.database.read(jobs.list_jobs)
    assert (found.state, found.documents) == (JobState.HELD, 1)


def _seal(connection: object, job: Job) -> None:
    jobs.update_job(connection, job.id, [JobState.RECEIVING], state="inspecting")  # type: ignore[arg-type]


# -- looking while it runs


async def test_the_store_is_checked_against_its_rows(place: Place) -> None:
    damaged, gone, fine = await lived(place, 300_000, 300_000, 1_000)
    path = container(place, damaged)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    with ExitStack() as stack:
        parts = open_parts(place, stack)
        assert await check_store(parts, 1.0) == {"checked": 3, "read": 3, "findings": []}
        path.write_bytes(content)
        container(place, gone).unlink()
        heads = await check_store(parts, 0.0)
        whole = await check_store(parts, 1.0)
    assert len(heads["findings"]) == 1
    assert str(gone.id) in heads["findings"][0]
    assert len(whole["findings"]) == 2
    assert any(str(damaged.id) in finding for finding in whole["findings"])
    assert not any(str(fine.id) in finding for finding in whole["findings"])


async def test_jobs_of_a_queue_are_counted(place: Place) -> None:
    held, printing, _ = await lived(place, 1_000, 1_000, 1_000)
    with ExitStack() as stack:
        parts = open_parts(place, stack)
        counts = QueueCounts(parts.database)
        assert (counts.live("q"), counts.at_printer("q")) == (0, False)
        await parts.database.write(
            lambda connection: jobs.update_job(connection, printing.id, [JobState.HELD], state="printing")
        )
        await parts.database.write(
            lambda connection: jobs.update_job(connection, held.id, [JobState.HELD], state="canceled")
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(counts.run)
            with trio.fail_after(120):
                while not counts.live("q"):
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    assert (counts.live("q"), counts.at_printer("q")) == (2, True)
    assert (counts.live("none"), counts.at_printer("none")) == (0, False)
