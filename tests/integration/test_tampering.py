"""Containers that somebody changed: no byte of them reaches a printer, and the owner is told."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from spoold.release.verification import DAMAGED_WORDS
from tests.integration.conftest import MakeDaemon
from tests.integration.daemon import CANARY_DOCUMENT, Daemon, DaemonError
from tests.integration.ipp_asking import hold
from tests.support import pdfs

# docs/formats.md 1.2 and 1.4: what stands before the segments, and a full segment with its tag.
HEAD_BYTES = 120
SEGMENT_BYTES = 65536 + 16
# Many full segments and a part of one, in a file; small documents lie in the database.
LARGE_BYTES = 3 * 1024 * 1024 + 4321
SITE = """
[printers.lab]
uri = "folder:{folder}"
[queues.open]
printers = ["lab"]
authentication = "at-release"
"""
MISSING_WORDS = "The stored document is gone; print it again."
STILL_DAMAGED = r"release: What was stored of this job is damaged; print the document again\."

Change = Callable[[bytearray], None]


def flip(place: Callable[[int], int]) -> Change:
    """Return what flips one bit of the byte at a place, given the size."""

    def change(content: bytearray) -> None:
        content[place(len(content))] ^= 0x01

    return change


def cut(size_bytes: int) -> Change:
    """Return what takes bytes from the end."""

    def change(content: bytearray) -> None:
        del content[-size_bytes:]

    return change


def append(content: bytearray) -> None:
    content += b"\0"


def append_segment(content: bytearray) -> None:
    content += content[HEAD_BYTES : HEAD_BYTES + SEGMENT_BYTES]


def reorder(content: bytearray) -> None:
    """Swap the second segment and the third."""
    first = HEAD_BYTES + SEGMENT_BYTES
    second, third = (
        slice(first, first + SEGMENT_BYTES),
        slice(first + SEGMENT_BYTES, first + 2 * SEGMENT_BYTES),
    )
    content[second], content[third] = content[third], content[second]


def leave_out(content: bytearray) -> None:
    """Take the second segment out."""
    del content[HEAD_BYTES + SEGMENT_BYTES : HEAD_BYTES + 2 * SEGMENT_BYTES]


CHANGES = {
    "first byte": flip(lambda _size: 0),
    "job in the header": flip(lambda _size: 16),
    "salt": flip(lambda _size: 60),
    "commitment": flip(lambda _size: 100),
    "byte in the middle": flip(lambda size: size // 2),
    "last byte": flip(lambda size: size - 1),
    "cut by a byte": cut(1),
    "a byte appended": append,
    "emptied": bytearray.clear,
}
CHANGES_OF_SEGMENTS = {
    "cut by a segment": cut(SEGMENT_BYTES),
    "a segment appended": append_segment,
    "segments reordered": reorder,
    "a segment left out": leave_out,
}


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """The folder that stands for a printer; at the end of each test nothing has come out that was damaged."""
    folder = tmp_path / "out"
    folder.mkdir()
    yield folder
    damaged = [
        path.name for path in folder.iterdir() if path.read_bytes() not in (document(), document(LARGE_BYTES))
    ]
    assert damaged == []


@pytest.fixture
def daemon(make_daemon: MakeDaemon, out: Path) -> Daemon:
    one = make_daemon(SITE.format(folder=out), listen={"ipp": "127.0.0.1:0"})
    one.add_user("alice")
    return one


def document(size_bytes: int = 0) -> bytes:
    """Return a PDF with the canary in it, of about this size."""
    padding = b"%" + b"." * size_bytes + b"\n" if size_bytes else b""
    return pdfs.pdf(1, text=CANARY_DOCUMENT.decode()) + padding


def containers(daemon: Daemon) -> list[Path]:
    return sorted(path for path in daemon.state.glob("documents/blobs/*/*") if path.is_file())


def container_of(daemon: Daemon, known: list[Path]) -> Path:
    """Return the container that is not yet known."""
    (found,) = [path for path in containers(daemon) if path not in known]
    return found


def change_file(path: Path, change: Change) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def assert_refused(daemon: Daemon, job: UUID, words: str = DAMAGED_WORDS) -> None:
    """Release as the owner: the job is set aside with words, and says so again when asked again."""
    state = daemon.release(str(job), "alice")
    assert (state["state"], state["reason"]) == ("quarantined", words)
    assert_set_aside(daemon, job, words)


def assert_set_aside(daemon: Daemon, job: UUID, words: str = DAMAGED_WORDS) -> None:
    with pytest.raises(
        DaemonError, match=r"release: What was stored of this job is damaged; print the document again\."
    ):
        daemon.release(str(job), "alice")
    found = daemon.command("job", job=str(job))
    assert (found["state"], found["reason"]) == ("quarantined", words)
    assert found["timeline"][-1]["event"] == "damaged"
    assert daemon.command("audit-verify")["broken_at"] is None


@contextmanager
def database_of(daemon: Daemon) -> Iterator[sqlite3.Connection]:
    """Open the database of a daemon; it must not be running."""
    with closing(sqlite3.connect(daemon.state / "spoold.db")) as database, database:
        yield database


def swap(daemon: Daemon, table: str, column: str, one: UUID, other: UUID) -> None:
    """Exchange what two jobs have in a column."""
    key = "id" if table == "jobs" else "job_id"
    with database_of(daemon) as database:
        found = dict(database.execute(f"SELECT {key}, {column} FROM {table}").fetchall())
        assert found[one.bytes] != found[other.bytes]
        for job, its in ((one, other), (other, one)):
            database.execute(
                f"UPDATE {table} SET {column} = ? WHERE {key} = ?", [found[its.bytes], job.bytes]
            )


# -- containers in files --


def test_every_changed_file_is_refused_and_nothing_comes_out(daemon: Daemon, out: Path) -> None:
    known: list[Path] = []
    for change in (CHANGES | CHANGES_OF_SEGMENTS).values():
        job = hold(daemon, document(LARGE_BYTES))
        known.append(container_of(daemon, known))
        change_file(known[-1], change)
        assert_refused(daemon, job)
        assert list(out.iterdir()) == []
    # The store's own check finds them as well, before anybody asks for a release.
    job = hold(daemon, document(LARGE_BYTES))
    change_file(container_of(daemon, known), CHANGES["byte in the middle"])
    (finding,) = [
        one for one in daemon.command("store-check", read_fraction=1.0)["findings"] if str(job) in one
    ]
    assert CANARY_DOCUMENT.decode() not in finding
    assert daemon.stop() == 0
    with database_of(daemon) as database:
        sent = database.execute("SELECT first_byte_us FROM jobs WHERE state = 'quarantined'").fetchall()
    assert sent == [(None,)] * (len(CHANGES) + len(CHANGES_OF_SEGMENTS))


def test_a_file_that_was_put_back_in_time_is_as_good_as_before(daemon: Daemon, out: Path) -> None:
    job = hold(daemon, document(LARGE_BYTES))
    (container,) = containers(daemon)
    for _ in range(2):
        change_file(container, CHANGES["byte in the middle"])
    assert daemon.release(str(job), "alice")["state"] == "completed"
    assert [path.read_bytes() for path in out.iterdir()] == [document(LARGE_BYTES)]


def test_swapped_and_copied_files_are_refused(daemon: Daemon, out: Path) -> None:
    # The same document, the same size, the same owner: only the job is another one.
    jobs: list[UUID] = []
    found: list[Path] = []
    for _ in range(3):
        jobs.append(hold(daemon, document(LARGE_BYTES)))
        found.append(container_of(daemon, found))
    contents = [path.read_bytes() for path in found]
    assert len(set(contents)) == 3
    for path, content in zip(found, (contents[1], contents[0], contents[1]), strict=True):
        path.write_bytes(content)
    for job in jobs:
        assert_refused(daemon, job)
    assert list(out.iterdir()) == []


def test_a_file_that_is_gone_or_no_file_is_refused(daemon: Daemon, out: Path, tmp_path: Path) -> None:
    gone = hold(daemon, document(LARGE_BYTES))
    first = container_of(daemon, [])
    linked = hold(daemon, document(LARGE_BYTES))
    second = container_of(daemon, [first])
    first.unlink()
    second.rename(tmp_path / "container")
    second.symlink_to(tmp_path / "container")
    assert_refused(daemon, gone)
    state = daemon.release(str(linked), "alice")
    # What cannot be read may be readable again: the job waits, and is whole when the file is.
    assert (state["state"], state["reason"][:45]) == ("held", "The document cannot be read at the moment. No")
    assert list(out.iterdir()) == []
    second.unlink()
    (tmp_path / "container").rename(second)
    assert daemon.release(str(linked), "alice")["state"] == "completed"
    assert [path.read_bytes() for path in out.iterdir()] == [document(LARGE_BYTES)]


def test_a_file_that_went_while_the_daemon_was_down_is_found_at_its_start(daemon: Daemon, out: Path) -> None:
    job = hold(daemon, document(LARGE_BYTES))
    kept = hold(daemon, document())
    assert daemon.stop() == 0
    (container,) = containers(daemon)
    container.unlink()
    daemon.start()
    assert_set_aside(daemon, job, MISSING_WORDS)
    assert list(out.iterdir()) == []
    # Its neighbour is none the worse.
    assert daemon.release(str(kept), "alice")["state"] == "completed"
    assert [path.read_bytes() for path in out.iterdir()] == [document()]


# -- containers and keys in the database --


def test_every_changed_row_is_refused_and_nothing_comes_out(daemon: Daemon, out: Path) -> None:
    jobs = {name: hold(daemon, document()) for name in CHANGES}
    assert containers(daemon) == []
    assert daemon.stop() == 0
    with database_of(daemon) as database:
        stored = dict(database.execute("SELECT job_id, container FROM inline_containers").fetchall())
        for name, job in jobs.items():
            content = bytearray(stored[job.bytes])
            CHANGES[name](content)
            database.execute(
                "UPDATE inline_containers SET container = ? WHERE job_id = ?", [bytes(content), job.bytes]
            )
    daemon.start()
    for job in jobs.values():
        assert_refused(daemon, job)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("table", "column"), [("inline_containers", "container"), ("documents", "wrapped_key")]
)
def test_swapped_rows_of_two_jobs_are_refused(daemon: Daemon, out: Path, table: str, column: str) -> None:
    one, other = hold(daemon, document()), hold(daemon, document())
    assert daemon.stop() == 0
    swap(daemon, table, column, one, other)
    daemon.start()
    assert_refused(daemon, one)
    assert_refused(daemon, other)
    assert list(out.iterdir()) == []


def test_a_document_cut_together_with_its_row_is_refused(daemon: Daemon, out: Path) -> None:
    # Whoever cuts at the border of a segment can make every size fit; the last segment's mark is missing.
    job = hold(daemon, document(LARGE_BYTES))
    (container,) = containers(daemon)
    assert daemon.stop() == 0
    segments = 5
    container.write_bytes(container.read_bytes()[: HEAD_BYTES + segments * SEGMENT_BYTES])
    with database_of(daemon) as database:
        database.execute("UPDATE documents SET segments = ?, size_bytes = ?", [segments, segments * 65536])
    daemon.start()
    assert daemon.command("store-check", read_fraction=0)["findings"] == []
    assert_refused(daemon, job)
    assert list(out.iterdir()) == []
