"""The local store and the fake keep the same contract; the local one also keeps its files to itself."""

import errno
import gc
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trio.testing

from holdstore import durable
from holdstore.blobs.base import BlobStore
from holdstore.blobs.local import ABORT_TIMEOUT_S, MAX_THREADS, LocalBlobStore
from holdstore.errors import StoreFailed, StoreFull
from tests.support import blob_conformance as conformance
from tests.support.memory_blobs import FaultyBlobStore, MemoryBlobStore
from tests.support.os_probe import OsProbe


@pytest.fixture(params=["local", "memory", "faulty without a fault"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "local":
        return LocalBlobStore(tmp_path / "store")
    memory = MemoryBlobStore()
    if request.param == "memory":
        return memory
    return FaultyBlobStore(memory, fail_at=None, error=lambda: StoreFailed("no"))


@pytest.mark.parametrize("check", conformance.CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
async def test_conformance(store: BlobStore, check: conformance.Check) -> None:
    await check(store)


def open_below(root: Path) -> list[str]:
    """What this process has open there; whatever else it opens and closes meanwhile does not count."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        # The descriptor by which this directory is read is gone when its own turn comes.
        with suppress(FileNotFoundError):
            found.append(str(one.readlink()))
    return [path for path in found if path.startswith(f"{root}/")]


def modes_below(root: Path) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {"directory": set(), "file": set()}
    for path in [root, *root.rglob("*")]:
        found["directory" if path.is_dir() else "file"].add(stat.S_IMODE(path.stat().st_mode))
    return found


async def test_the_disk_has_the_next_write_before_it_has_ended_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that takes its time: two calls return meanwhile, the third waits, and the order is kept."""
    store = LocalBlobStore(tmp_path / "store")
    goes_on = threading.Event()

    def wait(call: str) -> None:
        if call == "writev":
            assert goes_on.wait(120)

    monkeypatch.setattr(durable, "os", OsProbe(before=wait))
    writer = store.create("00ff")
    pieces = [bytes([number]) * 4097 for number in range(3)]
    with trio.fail_after(120):
        await writer.write([pieces[0]], behind=2)
        await writer.write([pieces[1]], behind=2)
    third: list[str] = []

    async def write_a_third() -> None:
        await writer.write([pieces[2]], behind=2)
        third.append("returned")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write_a_third)
        await trio.testing.wait_all_tasks_blocked()
        assert not third, "nothing is written, and a third write was taken"
        goes_on.set()
    await writer.commit()
    blob = await store.open("00ff")
    assert blob is not None
    assert await blob.read(0, blob.size_bytes) == b"".join(pieces)
    await blob.aclose()


async def test_after_a_write_that_fails_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even what waited for it already."""
    store = LocalBlobStore(tmp_path / "store")
    probe = OsProbe(fail_at=1, error=errno.ENOSPC)
    monkeypatch.setattr(durable, "os", probe)
    writer = store.create("00ff")
    for _ in range(2):
        await writer.write([bytes(4097)], behind=2)
    with pytest.raises(StoreFull, match="ENOSPC"):
        await writer.commit()
    await conformance.abort(writer)
    assert probe.calls.count("writev") == 1
    assert await store.names() == []
    assert await store.remove_unfinished() == 0


async def test_a_disk_that_hangs_lets_go_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """Who leaves does not wait for it; what it writes from is given back later, and no file is left."""
    store = LocalBlobStore(tmp_path / "store")
    goes_on, let_go = threading.Event(), trio.Event()

    def hang(call: str) -> None:
        if call == "writev":
            assert goes_on.wait(120)

    monkeypatch.setattr(durable, "os", OsProbe(before=hang))
    writer = store.create("00ff")
    for _ in range(2):
        await writer.write([bytes(4097)], behind=2)
    started = trio.current_time()
    await writer.abort(let_go.set)
    assert trio.current_time() - started == pytest.approx(ABORT_TIMEOUT_S)
    assert not let_go.is_set()
    goes_on.set()
    await let_go.wait()
    assert list((tmp_path / "store" / "tmp").iterdir()) == []
    assert await store.names() == []


async def test_where_no_thread_can_be_started_a_call_fails_and_the_next_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service has used up its tasks (pids.max): CPython says RuntimeError."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    store = LocalBlobStore(tmp_path / "store")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    for _ in range(MAX_THREADS + 1):
        with pytest.raises(StoreFailed, match="EAGAIN"):
            await store.names()
    monkeypatch.undo()
    await conformance.put(store, "00ff", b"content")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    # One is there: it does the work of all.
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(store.names)
    assert await conformance.content_of(store, "00ff") == b"content"


async def test_files_and_directories_are_the_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = LocalBlobStore(tmp_path / "store")
        await conformance.put(store, conformance.NAME, b"committed")
        await store.create(conformance.OTHER).write([b"unfinished"])
    finally:
        os.umask(old)
    assert modes_below(tmp_path / "store") == {"directory": {0o700}, "file": {0o600}}


async def test_a_store_is_found_again(tmp_path: Path) -> None:
    first = LocalBlobStore(tmp_path / "store")
    await conformance.put(first, conformance.NAME, b"kept")
    first.close()
    second = LocalBlobStore(tmp_path / "store")
    assert await conformance.content_of(second, conformance.NAME) == b"kept"
    assert await second.names() == [conformance.NAME]
    assert len(list((tmp_path / "store" / "blobs").iterdir())) == 256


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o722])
def test_a_directory_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(mode)
    with pytest.raises(StoreFailed, match="nobody else"):
        LocalBlobStore(root)


def test_a_directory_others_may_only_read_is_taken(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir(mode=0o755)
    assert LocalBlobStore(root).free_bytes() > 0


def test_a_store_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "file", tmp_path / "absent" / "store"):
        with pytest.raises(StoreFailed, match="open the store"):
            LocalBlobStore(root)


def test_a_link_in_the_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir(mode=0o700)
    (tmp_path / "elsewhere").mkdir()
    (root / "blobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreFailed, match="open the store"):
        LocalBlobStore(root)
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def test_a_link_or_pipe_in_the_place_of_a_container_is_refused(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "store")
    (tmp_path / "secret").write_bytes(b"somebody else's")
    directory = tmp_path / "store" / "blobs" / conformance.NAME[-2:]
    (directory / conformance.NAME).symlink_to(tmp_path / "secret")
    os.mkfifo(directory / conformance.OTHER)
    for name in (conformance.NAME, conformance.OTHER):
        with pytest.raises(StoreFailed, match="cannot open a container"):
            await store.open(name)


async def test_a_missing_directory_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "store")
    (tmp_path / "store" / "blobs" / conformance.NAME[-2:]).rmdir()
    with pytest.raises(StoreFailed, match="ENOENT"):
        await conformance.put(store, conformance.NAME, b"x")
    with pytest.raises(StoreFailed, match="ENOENT"):
        await store.open(conformance.NAME)
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


def test_a_closed_store_gives_no_free_space(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path / "store")
    store.close()
    store.close()
    with pytest.raises(StoreFailed, match="free space"):
        store.free_bytes()


def test_every_error_while_opening_is_told_and_nothing_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stores of earlier tests close now, not while a probe counts.
    gc.collect()
    counter = OsProbe()
    for module in ("durable", "blobs.local"):
        monkeypatch.setattr(f"holdstore.{module}.os", counter)
    LocalBlobStore(tmp_path / "counted").close()
    opening = [place for place, call in enumerate(counter.calls) if call != "close"]
    gc.collect()
    for place in (*opening[:6], *opening[-4:]):
        probe = OsProbe(fail_at=place, error=5)
        for module in ("durable", "blobs.local"):
            monkeypatch.setattr(f"holdstore.{module}.os", probe)
        with pytest.raises(StoreFailed, match="EIO"):
            LocalBlobStore(tmp_path / f"store-{place}")
        assert open_below(tmp_path) == []
