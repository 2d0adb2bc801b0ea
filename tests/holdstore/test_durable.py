"""The order of a commit, seen from inside and by strace, and what every error and every stop leaves."""

import errno
import gc
import mmap
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from holdstore import durable
from holdstore.batches import BATCH_BYTES
from holdstore.container import Buffer, SealedDocument, container_size, padded_size
from holdstore.errors import HoldStoreError, StoreFailed, StoreFull
from holdstore.keyring import Keyring
from holdstore.store import HoldStore
from tests.holdstore.seal_once import JOB
from tests.support.os_probe import OsProbe, PowerCut

KEYRING = Keyring.from_bytes(bytes(range(32)))
# A batch and a rest, so that a document has more than one write.
SIZE_BYTES = BATCH_BYTES + 1024 * 1024 + 77
# strace is part of what CI installs; there its absence is a failure.
TRACERS = ["probe"] + (["strace"] if shutil.which("strace") or "CI" in os.environ else [])


@pytest.fixture(autouse=True)
def _no_leftovers() -> None:
    """Stores of earlier tests close now, not while a probe counts."""
    gc.collect()


def watch(monkeypatch: pytest.MonkeyPatch, probe: OsProbe) -> OsProbe:
    """Let the modules that touch files use the probe."""
    monkeypatch.setattr("holdstore.durable.os", probe)
    monkeypatch.setattr("holdstore.blobs.local.os", probe)
    return probe


async def seal(store: HoldStore, job_id: UUID, content: bytes) -> SealedDocument:
    async with store.create(job_id, 1) as writer:
        await writer.write(content)
        return await writer.commit()


def files_below(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


@dataclass(frozen=True)
class Call:
    """One system call on the store."""

    name: str
    place: str


async def calls_by_probe(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    probe = watch(monkeypatch, OsProbe())
    await seal(HoldStore(root, KEYRING), JOB, bytes(SIZE_BYTES))
    return [Call(name, place_of(text, root)) for name, text in probe.log]


def calls_by_strace(root: Path) -> list[Call]:
    trace = root.with_suffix(".trace")
    names = (
        "openat,mkdirat,mkdir,write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat"
    )
    strace = ["strace", "-f", "-qq", "-y", "-s", "16", "-e", f"trace={names}", "-o", str(trace)]
    program = [sys.executable, "-m", "tests.holdstore.seal_once", str(root), str(SIZE_BYTES)]
    done = subprocess.run([*strace, *program], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"durable\n"), done.stderr
    calls = []
    for line in trace.read_text("utf-8", "replace").splitlines():
        match = re.search(r"\b([a-z]+[0-9]*)\((.*)", line)
        if match and (str(root) in line or "durable" in line):
            name = match[1].removesuffix("at").removesuffix("at2")
            calls.append(Call("open" if name == "open" else name, place_of(match[2], root)))
    return calls


def place_of(text: str, root: Path) -> str:
    """Which part of the store a call is about."""
    if "durable" in text:
        return "client"
    if f"{root}/tmp/" in text or re.fullmatch(r"[0-9a-f]{32}", text):
        return "file"
    if re.search(rf"{root}/tmp>?, \"[0-9a-f]{{32}}\"", text):
        return "file"
    below = re.search(rf"{root}/blobs/([0-9a-f]{{2}})(?!\w)", text)
    if below:
        return f"blobs/{below[1]}"
    if re.search(rf"{root}/blobs>?(\W|$)", text):
        return "blobs"
    return "root" if re.search(rf"{root}>?(\W|$)", text) else "other"


@pytest.mark.parametrize("tracer", TRACERS)
async def test_steps_come_in_the_order_of_the_format(
    tracer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "store"
    calls = await calls_by_probe(root, monkeypatch) if tracer == "probe" else calls_by_strace(root)
    steps = [call for call in calls if call.name in {"write", "writev", "fsync", "rename"}]
    written = [call for call in steps if call in {Call("write", "file"), Call("writev", "file")}]
    # A batch and the rest, both past the page cache.
    assert written == [Call("write", "file"), Call("write", "file")]
    start = steps.index(written[0])
    # The directories were synced before the first document.
    assert {Call("fsync", "blobs"), Call("fsync", "root")} <= set(steps[:start])
    expected = [
        *written,
        Call("fsync", "file"),
        Call("rename", "file"),
        Call("fsync", f"blobs/{JOB.hex[-2:]}"),
    ]
    if tracer == "strace":
        expected.append(Call("write", "client"))
    assert steps[start:] == expected
    assert not [call for call in calls if call.name == "unlink"]


def test_files_are_created_exclusively_and_follow_no_link(tmp_path: Path) -> None:
    directory = durable.open_directory(tmp_path)
    flags: list[int] = []

    class FlagProbe(OsProbe):
        def open(self, path: str, how: int, mode: int = 0, *, dir_fd: int | None = None) -> int:
            flags.append(how)
            assert (mode, dir_fd) == (0o600, directory)
            return os.open(path, how, mode=mode, dir_fd=dir_fd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durable, "os", FlagProbe())
        durable.DurableFile(directory).discard()
    os.close(directory)
    wanted = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    assert [how & wanted for how in flags] == [wanted]


class SlowDisk(OsProbe):
    """Takes at most `most` bytes a write."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def writev(self, fd: int, pieces: Sequence[memoryview]) -> int:
        return os.write(fd, b"".join(pieces)[: self._most])


@pytest.mark.parametrize("most", [1, 3, 4, 7, 1000])
def test_everything_is_written_however_little_at_a_time(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "os", SlowDisk(most))
    path = tmp_path / "file"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    pieces: list[Buffer] = [b"abcd", b"", bytearray(b"efg"), memoryview(b"hijklmnop")]
    assert durable.write_fully(fd, pieces) == 16
    os.close(fd)
    assert path.read_bytes() == b"abcdefghijklmnop"


class ShortReads(OsProbe):
    """Gives at most three bytes a read."""

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        return os.pread(fd, min(length, 3), offset)


def test_everything_is_read_however_little_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "os", ShortReads())
    path = tmp_path / "file"
    path.write_bytes(b"abcdefghij")
    with path.open("rb") as file:
        assert durable.read_at(file.fileno(), 1, 8) == b"bcdefghi"
        assert durable.read_at(file.fileno(), 8, 8) == b"ij"


def test_more_pieces_than_the_kernel_takes_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    assert durable.write_fully(fd, [b"ab"] * 3000) == 6000
    os.close(fd)
    assert path.read_bytes() == b"ab" * 3000


class NoDirectWrites(OsProbe):
    """A file system that knows none."""

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "no direct writes here")
        return os.open(path, flags, mode, dir_fd=dir_fd)


async def test_long_documents_are_written_back_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ranges: list[tuple[int, int]] = []
    start_writeback = durable.start_writeback

    def note(fd: int, offset: int, length: int) -> None:
        ranges.append((offset, length))
        start_writeback(fd, offset, length)

    monkeypatch.setattr(durable, "start_writeback", note)
    monkeypatch.setattr(durable, "os", NoDirectWrites())
    size_bytes = 2 * durable.WRITEBACK_BYTES + 3 * 1024 * 1024
    await seal(HoldStore(tmp_path / "store", KEYRING), JOB, bytes(size_bytes))
    assert len(ranges) == 2
    assert ranges[0][0] == 0
    assert ranges[1][0] == ranges[0][1]
    assert sum(length for _, length in ranges) <= padded_size(container_size(size_bytes))


def test_what_is_not_whole_pages_goes_through_the_page_cache(tmp_path: Path) -> None:
    """Whatever sizes come, and wherever they lie in memory, the file holds them in order."""
    directory = durable.open_directory(tmp_path)
    pages = memoryview(mmap.mmap(-1, 3 * 4096))
    pages[:] = os.urandom(len(pages))
    cases: list[list[Buffer]] = [
        [pages, pages[:4096], pages[4096:8192]],
        [pages[:4096], pages[:100], pages],
        [pages[1:4097], pages[:8192]],
        [pages[:0], pages[:4096], bytes(4096), b"", pages[:10]],
    ]
    for number, pieces in enumerate(cases):
        file = durable.DurableFile(directory)
        file.write(pieces)
        file.write([pages[:5], pages])
        file.publish(f"{number:04x}", dir_fd=directory)
        assert (tmp_path / f"{number:04x}").read_bytes() == b"".join([*pieces, pages[:5], pages])
    os.close(directory)


@pytest.mark.parametrize("refuses", ["the flag", "the write"])
def test_a_file_system_that_knows_no_direct_writes(
    refuses: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page cache takes what the disk does not take directly."""
    place = ["the flag", "the write"].index(refuses)
    monkeypatch.setattr(durable, "os", OsProbe(fail_at=place, error=errno.EINVAL))
    directory = os.open(tmp_path, os.O_DIRECTORY)
    pages = memoryview(mmap.mmap(-1, 2 * 4096))
    pages[:] = os.urandom(len(pages))
    file = durable.DurableFile(directory)
    file.write([pages])
    file.write([pages[:4096], pages[:7]])
    file.publish("0001", dir_fd=directory)
    os.close(directory)
    assert (tmp_path / "0001").read_bytes() == bytes(pages) + bytes(pages[:4096]) + bytes(pages[:7])


def neighbour() -> UUID:
    """A job whose container lies in the same directory as all the others of its test."""
    return UUID(hex=f"{uuid4().hex[:-2]}5a")


def kinds(error: int) -> type[HoldStoreError]:
    return StoreFull if error in {errno.ENOSPC, errno.EDQUOT} else StoreFailed


@pytest.mark.parametrize("persistent", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize(
    "error",
    [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENOMEM],
    ids=errno.errorcode.get,
)
async def test_no_error_is_taken_for_success(
    error: int, persistent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call of a commit fails in turn: the document is refused and leaves nothing that counts."""
    store = HoldStore(tmp_path / "store", KEYRING)
    # The directory is opened once and kept, so this is not the counted one.
    await seal(store, neighbour(), bytes(SIZE_BYTES))
    counter = watch(monkeypatch, OsProbe())
    await seal(store, neighbour(), bytes(SIZE_BYTES))
    kept = files_below(tmp_path)
    assert counter.calls[-1] == "fsync"
    for place in range(len(counter.calls)):
        probe = watch(monkeypatch, OsProbe(fail_at=place, error=error, persistent=persistent))
        with pytest.raises(kinds(error), match=errno.errorcode[error]):
            await seal(store, neighbour(), bytes(SIZE_BYTES))
        # A sync that failed is never tried again on the same file.
        assert probe.failed != "fsync" or probe.log.count(probe.log[place]) == 1
        watch(monkeypatch, OsProbe())
        if persistent:
            await store.recover([(UUID(hex=path.name[4:]), 1) for path in kept])
        assert files_below(tmp_path) == kept


async def test_wherever_the_machine_stops_a_document_is_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop before each call: what recovery finds is either complete or gone, and nothing is half there."""
    counter = watch(monkeypatch, OsProbe())
    await seal(HoldStore(tmp_path / "counted", KEYRING), uuid4(), b"x" * SIZE_BYTES)
    opening = counter.calls.index("write") - 1
    outcomes = []
    for place in range(opening, len(counter.calls) + 1):
        root, job_id = tmp_path / f"store-{place}", uuid4()
        watch(monkeypatch, OsProbe(stop_at=place))
        try:
            await seal(HoldStore(root, KEYRING), job_id, b"x" * SIZE_BYTES)
        except PowerCut:
            outcomes.append("stopped")
        else:
            outcomes.append("acknowledged")
        watch(monkeypatch, OsProbe())
        after = HoldStore(root, KEYRING)
        report = await after.recover([(job_id, 1)])
        left = files_below(root)
        assert report.unknown == 0
        assert [path.stat().st_size for path in left] in ([], [padded_size(container_size(SIZE_BYTES))])
        assert bool(report.missing) == (not left)
        if outcomes[-1] == "acknowledged":
            assert left
    assert set(outcomes) == {"stopped", "acknowledged"}
    assert outcomes == sorted(outcomes, reverse=True)


def test_a_full_file_size_limit_refuses_a_document(tmp_path: Path) -> None:
    """A real error of the kernel in a process of its own: the limit on file size."""
    root = tmp_path / "store"
    program = f"ulimit -f 1024; exec {sys.executable} -m tests.holdstore.seal_once {root} {SIZE_BYTES}"
    done = subprocess.run(["bash", "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"StoreFailed: cannot write a container: File too large (EFBIG)" in done.stderr
    assert files_below(root) == []


@pytest.mark.root
def test_a_full_disk_refuses_a_document_and_has_room_again(tmp_path: Path) -> None:
    """A real file system of 1 MiB, mounted where nobody else sees it."""
    seal_once = f"{sys.executable} -m tests.holdstore.seal_once {tmp_path}/store"
    script = f"""
        mount -t tmpfs -o size=1m,mode=700 none {tmp_path}
        {seal_once} {SIZE_BYTES}
        find {tmp_path} -type f
        {seal_once} 500000
    """
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", script], capture_output=True, timeout=60, check=False
    )
    assert b"StoreFull: cannot write a container: No space left on device (ENOSPC)" in done.stderr
    assert done.stdout == b"durable\n"


def test_a_file_is_gone_at_once_when_a_write_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = durable.open_directory(tmp_path)
    file = durable.DurableFile(directory)
    file.write([b"the first part"])
    monkeypatch.setattr(durable, "os", OsProbe(fail_at=0, error=errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        file.write([b"the second part"])
    assert files_below(tmp_path) == []
    os.close(directory)


def test_a_finished_file_takes_no_more(tmp_path: Path) -> None:
    directory = durable.open_directory(tmp_path)
    file = durable.DurableFile(directory)
    file.write([b"all"])
    file.publish("00ff", dir_fd=directory)
    with pytest.raises(OSError, match="already finished"):
        file.write([b"more"])
    with pytest.raises(OSError, match="already finished"):
        file.publish("00fe", dir_fd=directory)
    file.discard()
    os.close(directory)
    assert [path.read_bytes() for path in files_below(tmp_path)] == [b"all"]
