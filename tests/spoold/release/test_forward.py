"""Forwarding: what the printer is told, what is recorded when, and what trouble on the way leaves behind."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from holdstore.store import HoldStore
from protocols.ipp.values import enum, integer, keyword
from spoold.database import records
from spoold.model.job import Job
from spoold.model.jobstate import JobState
from spoold.printers.base import PrinterBusy, PrinterRefused, PrinterUnreachable, RemoteState
from spoold.release.forward import BUSY_WAIT_S
from tests.support.memory_printer import MemoryPrinter, failing, for_ever
from tests.support.release_house import DOCUMENT, TITLE_MARKER, House, attributes_by_name, open_house, queue

LONG = bytes(range(256)) * 4096  # 16 pieces, in a file of its own
# Files are read in threads, of which a mocked clock knows nothing: it jumps after this real time of silence.
THREADS_S = 0.05


async def released(house: House, job: Job, *, wait: bool = True) -> Job:
    """Release a job to the lobby; returns it when nothing moves it any more."""
    await house.desk.release(house.person("ana"), job.id, "lobby")
    if wait:
        await house.service.ended(job.id)
    return await house.job(job)


def largest_file(folder: Path) -> Path:
    """The container of a document that is too large for its row."""
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


async def events(house: House, job: Job) -> list[str]:
    found = await house.database.read(lambda connection: records.events_of(connection, job.id))
    return [event.event for event in found]


async def test_a_released_job_comes_out_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED, ended.reason
        assert [document for _, document in house.memory("lobby").paper] == [DOCUMENT]
        assert await events(house, job) == ["granted", "first-byte", "confirmed"]
        assert ended.impressions == 1
        assert ended.first_byte_at is not None
        assert ended.all_bytes_at is not None


async def test_a_completed_job_is_shredded(tmp_path: Path, autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = THREADS_S
    async with open_house(tmp_path, files=True) as house:
        job = await house.add_job(house.person("ana"), documents=[LONG])
        blobs = house.store.blobs
        assert len(await blobs.names()) == 1
        ended = await released(house, job)
        assert (ended.wrapped_key, ended.private) == (None, None)
        [document] = await house.service.ledger.documents(job.id)
        assert document.wrapped_key is None
        assert await blobs.names() == []
        assert house.database.shreds == 1  # type: ignore[attr-defined]


async def test_several_documents_go_in_order(tmp_path: Path, autojump_clock: MockClock) -> None:
    documents = [b"%PDF one", LONG, b"%PDF three"]
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), documents=documents)
        ended = await released(house, job)
        assert ended.state is JobState.COMPLETED
        assert [document for _, document in house.memory("lobby").paper] == documents
        assert await events(house, job) == ["granted", "first-byte", "confirmed"]


async def test_more_documents_than_readers_kept_open(tmp_path: Path, autojump_clock: MockClock) -> None:
    documents = [b"%%PDF %d" % number for number in range(20)]
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), documents=documents)
        assert (await released(house, job)).state is JobState.COMPLETED
        assert [document for _, document in house.memory("lobby").paper] == documents


async def test_an_empty_document_is_a_document(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), documents=[b""])
        assert (await released(house, job)).state is JobState.COMPLETED
        assert house.memory("lobby").paper[0][1] == b""


async def test_a_job_without_documents_goes_nowhere(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), documents=[])
        ended = await released(house, job)
        assert ended.state is JobState.HELD
        assert "no document" in ended.reason
        assert house.memory("lobby").jobs == []


@pytest.mark.parametrize("masked", [True, False])
async def test_names_stay_in_unless_the_queue_lets_them_out(
    masked: bool, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path, queues=[queue("secure", "lobby", mask=masked)]) as house:
        job = await house.add_job(house.person("ana"))
        await released(house, job)
        [told] = [one.ticket for one in house.memory("lobby").jobs]
        assert told.token not in TITLE_MARKER
        assert told.user_name == ("spoold" if masked else "ana")
        assert house.memory("lobby").names == (["" if masked else TITLE_MARKER])


async def test_the_jobs_own_attributes_go_along(tmp_path: Path, autojump_clock: MockClock) -> None:
    asked = (
        integer("copies", 3),
        keyword("sides", "two-sided-short-edge"),
        keyword("media", "iso_a4_210x297mm"),
        keyword("job-hold-until", "indefinite"),
    )
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), template=asked)
        await released(house, job)
        told = attributes_by_name(house.memory("lobby").jobs[0].ticket.attributes)
        assert {name: told[name].first for name in told} == {
            "copies": 3,
            "sides": "two-sided-short-edge",
            "media": "iso_a4_210x297mm",
        }


async def test_what_the_printer_cannot_do_is_left_out_and_said(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    asked = (enum("finishings", 20), keyword("media", "iso_a4_210x297mm"))
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), template=asked)
        ended = await released(house, job)
        assert house.memory("lobby").jobs[0].ticket.attributes == asked[1:]
        assert await events(house, job) == ["granted", "fitted", "first-byte", "confirmed"]
        words = "This printer cannot finish it as asked for (stapling, punching, folding)."
        assert ended.reason == f"Printed at lobby. {words}"
        line = await house.database.read(lambda connection: records.events_of(connection, job.id))
        assert [one.words for one in line][1:3] == [words, f"Being printed at lobby. {words}"]


async def test_the_first_byte_is_recorded_before_it_goes(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        seen: list[JobState] = []

        async def look() -> None:
            seen.append((await house.job(job)).state)

        house.memory("lobby").before["send"] = look
        house.memory("lobby").before["piece"] = look
        await released(house, job)
        assert seen == [JobState.RELEASING, JobState.PRINTING]


async def test_all_bytes_are_recorded_only_after_the_printers_answer(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        seen: list[bool] = []

        async def look() -> None:
            seen.append((await house.job(job)).all_bytes_at is not None)

        house.memory("lobby").before["sent"] = look
        house.memory("lobby").before["progress"] = look
        house.memory("lobby").prints = False
        await released(house, job, wait=False)
        await trio.sleep(3)
        house.memory("lobby").put_out(house.memory("lobby").jobs[0])
        assert (await house.settled(job)).state is JobState.COMPLETED
        assert seen[:2] == [False, True]


async def test_a_damaged_container_is_set_aside_before_anything_is_said(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = THREADS_S
    async with open_house(tmp_path, files=True) as house:
        job = await house.add_job(house.person("ana"), documents=[DOCUMENT, LONG])
        [blob] = (
            path for path in (tmp_path / "documents").rglob("*") if path.is_file() and "blobs" in str(path)
        )
        octets = bytearray(blob.read_bytes())
        octets[len(octets) // 2] ^= 1
        blob.chmod(0o600)
        blob.write_bytes(octets)
        ended = await released(house, job)
        assert ended.state is JobState.QUARANTINED
        assert "damaged" in ended.reason
        assert set(house.memory("lobby").calls) == {"status"}


async def test_a_missing_container_is_damage(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), documents=[LONG])
        await house.store.shred(job.id, [1])
        assert (await released(house, job)).state is JobState.QUARANTINED
        assert house.memory("lobby").jobs == []


async def test_a_jam_between_gate_and_forward_sends_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        grant = await house.service.gate.admit(ana, job.id, "lobby")
        house.memory("lobby").reasons = ("media-jam",)
        # What the gate was told is fresh for two seconds; whoever comes later asks again.
        await trio.sleep(2.1)
        house.service.start(grant)
        ended = await house.settled(job)
        assert (ended.state, ended.first_byte_at) == (JobState.HELD, None)
        assert "Paper is jammed. Nothing was printed." in ended.reason
        assert house.memory("lobby").jobs == []


async def test_what_the_gate_was_told_is_not_asked_again(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        assert (await released(house, job)).state is JobState.COMPLETED
        calls = house.memory("lobby").calls
        assert calls[: calls.index("create")].count("status") == 1


async def test_the_number_at_the_printer_is_recorded_with_the_first_byte(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        seen: dict[str, tuple[JobState, int | None]] = {}

        def look(when: str) -> Callable[[], Awaitable[None]]:
            async def note() -> None:
                current = await house.job(job)
                seen[when] = (current.state, current.remote_job_id)

            return note

        for when in ("send", "piece"):
            house.memory("lobby").before[when] = look(when)
        await released(house, job)
        assert seen["send"] == (JobState.RELEASING, None)
        assert seen["piece"] == (JobState.PRINTING, house.memory("lobby").jobs[0].remote_id)


async def test_a_jam_while_the_job_is_opened_sends_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        printer = house.memory("lobby")

        async def jam_slowly() -> None:
            printer.reasons = ("media-jam",)
            await trio.sleep(2.5)

        printer.before["create"] = jam_slowly
        ended = await released(house, job)
        assert (ended.state, ended.first_byte_at) == (JobState.HELD, None)
        assert "piece" not in printer.calls


async def test_an_old_status_is_read_again_before_the_first_byte(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The watch's own looks hang, so what was known before the job was opened is too old."""
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        printer = house.memory("lobby")
        looks = 0

        async def hang_twice() -> None:
            nonlocal looks
            looks += 1
            if looks == 3:
                await trio.sleep_forever()

        printer.before["status"] = hang_twice
        printer.before["create"] = lambda: trio.sleep(3.5)
        printer.before["send"] = lambda: _jam(printer)
        ended = await released(house, job)
        assert (ended.state, ended.first_byte_at) == (JobState.HELD, None)
        assert "piece" not in printer.calls
        assert printer.jobs[0].state is RemoteState.CANCELED


async def _jam(printer: MemoryPrinter) -> None:
    printer.reasons = ("media-jam",)


async def test_a_busy_printer_is_asked_again_for_a_while(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        busy = PrinterBusy("The printer is busy with another job.")
        house.memory("lobby").before["create"] = failing(busy, times=5)
        assert (await released(house, job)).state is JobState.COMPLETED
        assert house.memory("lobby").calls.count("create") == 6


async def test_a_printer_that_stays_busy_gets_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        house.memory("lobby").before["create"] = failing(PrinterBusy("The printer is busy with another job."))
        began = trio.current_time()
        ended = await released(house, job)
        assert trio.current_time() - began == pytest.approx(BUSY_WAIT_S, abs=10)
        assert (ended.state, ended.first_byte_at) == (JobState.HELD, None)
        assert "busy" in ended.reason


async def test_a_busy_printer_that_jams_meanwhile_gets_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        printer = house.memory("lobby")
        printer.before["create"] = failing(PrinterBusy("The printer is busy with another job."))
        await released(house, job, wait=False)
        await trio.sleep(10)
        printer.reasons = ("media-empty",)
        ended = await house.settled(job)
        assert ended.state is JobState.HELD
        assert "out of paper" in ended.reason


async def test_a_refusal_before_the_document_holds_the_job(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        words = "This printer cannot print documents of the type text/plain."
        house.memory("lobby").before["create"] = failing(PrinterRefused(words))
        ended = await released(house, job)
        assert ended.state is JobState.HELD
        assert ended.reason.startswith(words)


async def test_a_link_lost_before_any_byte_left_holds_the_job(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The client says that no byte of the document can have arrived, although "first byte" was recorded."""
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        printer = house.memory("lobby")
        gone = PrinterUnreachable("The printer cannot be reached.", document_sent=False)

        async def vanish() -> None:
            printer.vanish()
            raise gone

        printer.before["piece"] = vanish
        ended = await released(house, job)
        assert ended.state is JobState.HELD
        assert ended.first_byte_at is not None


async def test_a_printer_that_is_not_configured_any_more(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        ana = house.person("ana")
        job = await house.add_job(ana)
        grant = await house.service.gate.admit(ana, job.id, "lobby")
        house.change_site(printers={})
        house.service.start(grant)
        ended = await house.settled(job)
        assert ended.state is JobState.HELD
        assert "not configured" in ended.reason


async def test_records_that_cannot_be_written_stop_the_first_byte(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        printer = house.memory("lobby")

        async def fill_the_disk() -> None:
            house.database.refusing = 3  # type: ignore[attr-defined]

        printer.before["send"] = fill_the_disk
        ended = await released(house, job)
        assert ended.state is JobState.HELD
        assert printer.paper == []
        assert "piece" not in printer.calls


async def test_what_is_known_at_the_printer_is_written_when_records_open_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"))
        printer = house.memory("lobby")
        printer.prints = False
        await released(house, job, wait=False)
        await trio.sleep(2)
        house.database.refusing = 4  # type: ignore[attr-defined]
        printer.put_out(printer.jobs[0])
        assert (await house.settled(job)).state is JobState.COMPLETED


async def test_a_bug_in_an_adapter_ends_one_job_only(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with open_house(tmp_path) as house:
        job, other = [await house.add_job(house.person("ana")) for _ in range(2)]
        house.memory("lobby").before["create"] = failing(ZeroDivisionError())  # type: ignore[arg-type]
        assert (await released(house, job)).state is JobState.HELD
        house.memory("lobby").before.clear()
        assert (await released(house, other)).state is JobState.COMPLETED


async def test_a_store_that_fails_while_sending_takes_the_job_back_and_sets_it_aside(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    autojump_clock.autojump_threshold = THREADS_S
    async with open_house(tmp_path, files=True) as house:
        job = await house.add_job(house.person("ana"), documents=[LONG * 3])
        printer = house.memory("lobby")
        count = 0

        async def pull_the_disk() -> None:
            nonlocal count
            count += 1
            if count == 5:
                [blob] = (
                    path for path in (tmp_path / "documents").rglob("*") if path.stat().st_size > len(LONG)
                )
                with blob.open("r+b") as file:
                    file.truncate(100)

        printer.before["piece"] = pull_the_disk
        ended = await released(house, job)
        assert ended.state is JobState.QUARANTINED
        assert "damaged" in ended.reason
        assert printer.paper == []
        assert (await events(house, job))[-2:] == ["recalled", "damaged"]
        assert printer.jobs[0].state is RemoteState.CANCELED


async def test_a_stalled_printer_is_told_before_the_connection_closes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with open_house(tmp_path) as house:
        job = await house.add_job(house.person("ana"), documents=[LONG])
        house.memory("lobby").before["piece"] = for_ever
        ended = await released(house, job)
        assert ended.state is JobState.HELD
        assert "stopped taking the document" in ended.reason
        assert house.memory("lobby").calls.count("cancel") == 1


def test_the_store_is_what_the_forwarder_reads(tmp_path: Path) -> None:
    """Nothing else in the release opens documents: one function forwards, and one verifies for it."""
    users = {
        path.name
        for path in Path("spoold/release").glob("*.py")
        if "store.open(" in path.read_text() or "SealedReader" in path.read_text()
    }
    assert users == {"forward.py", "verification.py"}
    assert hasattr(HoldStore, "open")
