"""Long documents: a head start for their verification, the rest beside the sending; what damage does."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from holdstore.blobs.base import BlobReader, Range
from holdstore.container import segment_offset
from spoold.model.jobstate import JobState
from spoold.release import verification
from tests.support.memory_blobs import MemoryBlobStore
from tests.support.release_house import House, open_house

LONG = bytes(range(256)) * 4096 * 4  # 64 segments


class SlowReader:
    """A blob that is scanned as slowly as a test wants."""

    def __init__(self, store: "SlowBlobStore", inner: BlobReader) -> None:
        self._store = store
        self._inner = inner
        self.size_bytes = inner.size_bytes

    async def read(self, offset: int, length: int) -> bytes:
        return await self._inner.read(offset, length)

    async def scan(self, ranges: Iterable[Range], look: Callable[[Range, memoryview], None]) -> None:
        self._store.scans += 1
        await trio.sleep(self._store.scan_s)
        await self._inner.scan(ranges, look)

    async def aclose(self) -> None:
        await self._inner.aclose()


class SlowBlobStore(MemoryBlobStore):
    """A disk on which whole containers take a while."""

    def __init__(self, scan_s: float) -> None:
        super().__init__()
        self.scan_s = scan_s
        self.scans = 0

    async def open(self, name: str) -> BlobReader | None:
        found = await super().open(name)
        return None if found is None else SlowReader(self, found)

    def damage(self, segment: int) -> None:
        """Change one byte of a segment of the only container."""
        [name] = self.contents
        changed = bytearray(self.contents[name])
        changed[segment_offset(segment) + 100] ^= 1
        self.contents[name] = bytes(changed)


@pytest.fixture(name="_long", autouse=True)
def _everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "WHOLE_FIRST_BYTES", 1024 * 1024)


async def release(house: House) -> tuple[JobState, str]:
    [job] = await house.service.ledger.jobs([JobState.HELD])
    await house.desk.release(house.person("ana"), job.id, "lobby")
    await house.service.ended(job.id)
    ended = await house.job(job)
    return ended.state, ended.reason


@pytest.mark.parametrize("scan_s", [0.1, 60.0])
async def test_a_long_document_goes_out_after_its_head_start(
    scan_s: float, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """As soon as it is verified, or after a moment: the person at the printer does not wait longer."""
    blobs = SlowBlobStore(scan_s)
    async with open_house(tmp_path, blobs=blobs) as house:
        await house.add_job(house.person("ana"), documents=[LONG])
        began, first = trio.current_time(), []

        async def note() -> None:
            first.append(trio.current_time() - began)

        house.memory("lobby").before["piece"] = note
        assert (await release(house))[0] is JobState.COMPLETED
        assert first[0] == pytest.approx(min(scan_s, verification.HEAD_START_S), abs=0.01)
        assert [document for _, document in house.memory("lobby").paper] == [LONG]


async def test_damage_found_in_the_head_start_is_set_aside_before_anything_is_said(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    blobs = SlowBlobStore(0.1)
    async with open_house(tmp_path, blobs=blobs) as house:
        await house.add_job(house.person("ana"), documents=[LONG])
        blobs.damage(60)
        assert (await release(house))[0] is JobState.QUARANTINED
        assert set(house.memory("lobby").calls) == {"status"}


@pytest.mark.parametrize("scan_s", [1.0, 3600.0], ids=["found beside", "found by sending"])
async def test_damage_found_later_takes_the_job_back_and_sets_it_aside(
    scan_s: float, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Not a byte of what was changed goes out, and the printer is told to cancel what it has."""
    blobs = SlowBlobStore(scan_s)
    async with open_house(tmp_path, blobs=blobs) as house:
        await house.add_job(house.person("ana"), documents=[LONG])
        blobs.damage(40)
        printer = house.memory("lobby")

        pieces = 0

        async def slowly() -> None:
            nonlocal pieces
            pieces += 1
            await trio.sleep(0.1)

        printer.before["piece"] = slowly
        state, reason = await release(house)
        assert (state, printer.paper) == (JobState.QUARANTINED, [])
        assert "damaged" in reason
        assert printer.calls.count("cancel") == 1
        # Pieces are segments here: beside the sending it is found long before the sending comes to it.
        assert pieces <= 41
        assert (pieces < 20) == (scan_s == 1.0)


async def test_the_second_attempt_verifies_everything_first(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A printer that counts no sides leaves the job in doubt; what comes after knows that it is damaged."""
    blobs = SlowBlobStore(3600.0)
    async with open_house(tmp_path, blobs=blobs) as house:
        ana = house.person("ana")
        await house.add_job(ana, documents=[LONG])
        blobs.damage(40)
        house.memory("lobby").counts = False
        state, _ = await release(house)
        assert state is JobState.UNKNOWN
        [job] = await house.service.ledger.jobs([JobState.UNKNOWN])
        await house.desk.take_back(ana, job.id)
        creations = house.memory("lobby").calls.count("create")
        assert (await release(house))[0] is JobState.QUARANTINED
        assert house.memory("lobby").calls.count("create") == creations


async def test_shorter_documents_are_verified_whole_however_long_it_takes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    blobs = SlowBlobStore(5.0)
    async with open_house(tmp_path, blobs=blobs) as house:
        await house.add_job(house.person("ana"), documents=[LONG[: 1024 * 1024]])
        blobs.damage(15)
        assert (await release(house))[0] is JobState.QUARANTINED
        assert set(house.memory("lobby").calls) == {"status"}
