"""The pool: one worker per document, one started ahead, and an answer whatever a worker does."""

import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import pytest
import structlog
import trio

from spoold.documents.inspection import Inspection, SandboxState, unknown
from spoold.documents.pool import PoolLimits, WorkerPool
from spoold.documents.process import WorkerProcess, worker_command
from tests.support import hostile_workers as hostile
from tests.support import pdfs
from tests.support.children import child_pids

PDF = "application/pdf"
WAIT_S = 120.0
"""Long: the machine may be busy with other tests."""
# Where a time is the point of a test, it is in that test.
LIMITS = PoolLimits(restart_pause_s=0.05, start_timeout_s=WAIT_S, deadline_s=WAIT_S, max_wait_s=WAIT_S)


class SourceError(Exception):
    """Stands for a damaged container."""


@pytest.fixture(autouse=True)
def _every_worker_is_reaped() -> Iterator[None]:
    before = child_pids()
    yield
    # Children of earlier tests may be reaped meanwhile; new ones must not be left.
    assert child_pids() <= before


async def pieces(document: bytes, piece_bytes: int = 64 * 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(document), piece_bytes):
        yield document[start : start + piece_bytes]


async def stalling(document: bytes, sent: trio.Event) -> AsyncIterator[bytes]:
    yield document
    sent.set()
    await trio.sleep_forever()


async def until(condition: Callable[[], bool]) -> None:
    """Poll for something that real processes do."""
    with trio.fail_after(WAIT_S):
        while not condition():
            await trio.sleep(0.01)


@pytest.mark.parametrize("piece_bytes", [1, 100, 1024 * 1024])
async def test_a_document_is_inspected_whatever_its_pieces(piece_bytes: int) -> None:
    inspection = await WorkerPool(LIMITS).inspect(pieces(pdfs.pdf(2), piece_bytes), PDF)
    assert inspection == Inspection(
        format=PDF, pages=2, page_sizes=(pdfs.A4,), encrypted=False, broken=False, known=True
    )


async def test_an_empty_document_is_damaged() -> None:
    inspection = await WorkerPool(LIMITS).inspect(pieces(b""), PDF)
    assert inspection == unknown(PDF, "the document is damaged", broken=True)


async def test_a_password_is_said() -> None:
    inspection = await WorkerPool(LIMITS).inspect(pieces(pdfs.encrypted("geheim")), PDF)
    assert inspection == unknown(PDF, "the document is protected by a password", encrypted=True)


async def test_more_pages_than_are_counted_are_not_known() -> None:
    inspection = await WorkerPool(LIMITS).inspect(pieces(pdfs.many_pages(2500)), PDF)
    assert inspection.pages == 2500
    assert not inspection.known
    assert inspection.reason == "the document has more pages than are counted"


class TestSize:
    LIMITS = replace(LIMITS, max_document_bytes=100_000)

    async def test_at_the_limit(self) -> None:
        document = pdfs.pdf() + b"\n" * 100_000
        inspection = await WorkerPool(self.LIMITS).inspect(pieces(document[:100_000], 30_000), PDF)
        assert inspection.pages == 1

    async def test_above_the_limit_the_source_is_not_read_to_its_end(self) -> None:
        given: list[int] = []

        async def source() -> AsyncIterator[bytes]:
            while True:
                given.append(10_000)
                yield b"x" * 10_000

        inspection = await WorkerPool(self.LIMITS).inspect(source(), PDF)
        assert inspection == unknown(PDF, "the document is too large to be inspected")
        assert len(given) == 11

    async def test_the_worker_has_the_same_limit_of_its_own(self) -> None:
        """Whoever feeds it. The parent's limit is set aside here."""
        pool = WorkerPool(replace(LIMITS, max_document_bytes=1 << 40))
        block = b"x" * (1024 * 1024)

        async def source() -> AsyncIterator[bytes]:
            while True:
                yield block

        with trio.fail_after(WAIT_S):
            inspection = await pool.inspect(source(), PDF)
        assert inspection == unknown(PDF, "the document is too large to be inspected")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (hostile.SILENT, "the document's reader ended without an answer"),
        (hostile.CRASHES, "the document's reader ended without an answer"),
        (hostile.KILLED, "the document's reader was killed"),
        (hostile.FORBIDDEN, "the document made its reader try something it must not do"),
        (hostile.ENDLESS_LINE, "the document's reader was killed"),
        (hostile.LOUD_AND_LOST, "the document's reader ended without an answer"),
        (hostile.answering("the-secret"), None),
        (hostile.answering('{"pages": null, "reason": "the-secret"}'), None),
        (hostile.answering('{"pages": -1}'), None),
        (hostile.answering("[" * 30_000), None),
    ],
)
async def test_a_lost_worker_is_an_answer(command: tuple[str, ...], reason: str | None) -> None:
    with structlog.testing.capture_logs() as logs:
        inspection = await WorkerPool(LIMITS, command=command).inspect(pieces(pdfs.pdf()), PDF)
    assert not inspection.known
    assert inspection.pages is None
    if reason is not None:
        assert inspection.reason == reason
    assert [entry["event"] for entry in logs] == ["document worker lost"]
    assert "the-secret" not in repr((inspection, logs))


async def test_a_hanging_worker_is_killed_at_the_deadline() -> None:
    pool = WorkerPool(replace(LIMITS, deadline_s=0.3), command=hostile.HANGS)
    inspection = await pool.inspect(pieces(pdfs.pdf()), PDF)
    assert inspection == unknown(PDF, "reading the document took too long")
    assert pool.last_ended is not None
    assert pool.last_ended.signal == signal.SIGKILL


async def test_a_worker_that_does_not_read_is_killed_at_the_deadline() -> None:
    pool = WorkerPool(replace(LIMITS, deadline_s=0.3), command=hostile.NEVER_READS)
    inspection = await pool.inspect(pieces(b"x" * 1_000_000), PDF)
    assert inspection == unknown(PDF, "reading the document took too long")


async def test_a_stalling_source_is_cut_off_at_the_deadline() -> None:
    pool = WorkerPool(replace(LIMITS, deadline_s=0.3), command=hostile.GOOD)
    inspection = await pool.inspect(stalling(pdfs.pdf(), trio.Event()), PDF)
    assert inspection == unknown(PDF, "reading the document took too long")


async def test_an_answer_before_the_end_of_the_document_counts() -> None:
    pool = WorkerPool(LIMITS, command=hostile.ANSWERS_EARLY)
    with trio.fail_after(WAIT_S):
        inspection = await pool.inspect(stalling(b"x" * 1_000_000, trio.Event()), PDF)
    assert inspection.pages == 1


async def test_a_loud_worker_neither_blocks_nor_is_heard(capfd: pytest.CaptureFixture[str]) -> None:
    """What it writes to stderr may be out of the document: its length is all that is kept."""
    pool = WorkerPool(LIMITS, command=hostile.LOUD)
    with structlog.testing.capture_logs() as logs:
        inspection = await pool.inspect(pieces(pdfs.pdf()), PDF)
    assert inspection.pages == 1
    assert pool.last_ended is not None
    assert pool.last_ended.stderr_bytes == len("the-secret ") * 400_000
    assert "the-secret" not in repr((inspection, logs, capfd.readouterr()))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (hostile.NOT_READY, "the document worker ended before it was ready"),
        (hostile.DIES_AT_ONCE, "the document worker ended before it was ready"),
        (hostile.STARTS_SLOWLY, "the document worker did not start in time"),
        (("/nonexistent/python",), "the document worker could not be started: No such file or directory"),
        (worker_command(99), "no sandbox: the kernel's landlock is version"),
    ],
)
async def test_without_a_worker_nothing_is_read(command: tuple[str, ...], reason: str) -> None:
    read: list[bytes] = []

    async def source() -> AsyncIterator[bytes]:
        read.append(b"")
        yield pdfs.pdf()

    # Short only for who never says that it is ready: everybody else may take as long as the machine needs.
    patience_s = 0.3 if command is hostile.STARTS_SLOWLY else WAIT_S
    pool = WorkerPool(replace(LIMITS, start_timeout_s=patience_s), command=command)
    with structlog.testing.capture_logs() as logs:
        inspections = [await pool.inspect(source(), PDF) for _ in range(2)]
        state = await pool.state()
    for inspection in inspections:
        assert not inspection.known
        assert (inspection.reason or "").startswith(f"documents are not inspected: {reason}")
    assert read == []
    assert not state.ok
    assert state == pool.last_state
    assert [entry["event"] for entry in logs] == ["documents cannot be inspected"], "said once"


async def test_the_sources_own_error_is_raised_as_it_is() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield pdfs.pdf()
        raise SourceError

    with pytest.raises(SourceError):
        await WorkerPool(LIMITS).inspect(source(), PDF)


async def test_the_source_is_closed_when_it_is_left_early() -> None:
    closed: list[bool] = []

    async def source() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            closed.append(True)

    await WorkerPool(LIMITS, command=hostile.ANSWERS_EARLY).inspect(source(), PDF)
    assert closed == [True]


async def test_cancellation_kills_and_reaps() -> None:
    before = child_pids()
    pool = WorkerPool(LIMITS)
    sent = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.inspect, stalling(pdfs.pdf(), sent), PDF)
        await sent.wait()
        assert len(child_pids() - before) == 1
        nursery.cancel_scope.cancel()
    assert child_pids() <= before


async def test_cancellation_while_a_worker_starts_kills_and_reaps() -> None:
    before = child_pids()
    pool = WorkerPool(LIMITS, command=hostile.STARTS_SLOWLY)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.inspect, pieces(b""), PDF)
        await until(lambda: bool(child_pids() - before))
        nursery.cancel_scope.cancel()


async def test_documents_wait_for_a_free_worker() -> None:
    """One after the other with one worker: never two processes at once."""
    before, most = child_pids(), 0
    pool = WorkerPool(replace(LIMITS, max_workers=1))

    async def source() -> AsyncIterator[bytes]:
        nonlocal most
        most = max(most, len(child_pids() - before))
        yield pdfs.pdf()

    found: list[Inspection] = []

    async def inspect() -> None:
        found.append(await pool.inspect(source(), PDF))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(inspect)
    assert [inspection.pages for inspection in found] == [1, 1, 1]
    assert most == 1


async def test_a_document_does_not_wait_for_ever() -> None:
    pool = WorkerPool(replace(LIMITS, max_workers=1, max_wait_s=0.1), command=hostile.GOOD)
    sent = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.inspect, stalling(b"", sent), PDF)
        await sent.wait()
        inspection = await pool.inspect(pieces(pdfs.pdf()), PDF)
        nursery.cancel_scope.cancel()
    assert inspection == unknown(PDF, "too many documents are being inspected at once")


def workers(pool: WorkerPool, before: set[int]) -> set[int]:
    """The children that have come since, but for the template."""
    return child_pids() - before - {pool.template_pid or 0}


class TestKeptWarm:
    async def test_the_waiting_worker_reads_the_next_document(self, nursery: trio.Nursery) -> None:
        before = child_pids()
        pool = WorkerPool(LIMITS)
        await nursery.start(pool.keep_warm)
        for _ in range(3):
            await until(lambda: pool.has_warm_worker and len(workers(pool, before)) == 1)
            (waiting,) = workers(pool, before)
            used: set[int] = set()

            async def source(used: set[int] = used) -> AsyncIterator[bytes]:
                used |= workers(pool, before)
                yield pdfs.pdf()

            assert (await pool.inspect(source(), PDF)).pages == 1
            assert waiting in used
            assert waiting not in child_pids()
        nursery.cancel_scope.cancel()

    async def test_cancelling_it_ends_the_waiting_worker(self) -> None:
        before = child_pids()
        pool = WorkerPool(LIMITS)
        async with trio.open_nursery() as nursery:
            await nursery.start(pool.keep_warm)
            await until(lambda: pool.has_warm_worker)
            nursery.cancel_scope.cancel()
        assert child_pids() <= before
        assert not pool.has_warm_worker

    async def test_a_worker_that_died_waiting_is_replaced(self, nursery: trio.Nursery) -> None:
        before = child_pids()
        pool = WorkerPool(LIMITS)
        await nursery.start(pool.keep_warm)
        await until(lambda: pool.has_warm_worker)
        (waiting,) = workers(pool, before)
        os.kill(waiting, signal.SIGKILL)
        await until(lambda: pool.has_warm_worker and waiting not in child_pids())
        assert (await pool.inspect(pieces(pdfs.pdf()), PDF)).pages == 1
        nursery.cancel_scope.cancel()

    async def test_a_dead_waiting_worker_costs_no_document(self, nursery: trio.Nursery) -> None:
        """Killed and asked for in the same moment, before anybody has noticed."""
        before = child_pids()
        pool = WorkerPool(LIMITS)
        await nursery.start(pool.keep_warm)
        await until(lambda: pool.has_warm_worker)
        (waiting,) = workers(pool, before)
        os.kill(waiting, signal.SIGKILL)
        os.waitid(os.P_PID, waiting, os.WEXITED | os.WNOWAIT)
        assert (await pool.inspect(pieces(pdfs.pdf()), PDF)).pages == 1
        nursery.cancel_scope.cancel()

    async def test_workers_are_copies_of_one_template(self, nursery: trio.Nursery) -> None:
        pool = WorkerPool(LIMITS)
        await nursery.start(pool.keep_warm)
        await until(lambda: pool.has_warm_worker)
        template = pool.template_pid
        assert template is not None
        for pages in range(1, 6):
            assert (await pool.inspect(pieces(pdfs.pdf(pages)), PDF)).pages == pages
        assert pool.template_pid == template
        nursery.cancel_scope.cancel()

    async def test_a_lost_template_costs_no_document(self, nursery: trio.Nursery) -> None:
        pool = WorkerPool(replace(LIMITS, max_workers=1))
        await nursery.start(pool.keep_warm)
        await until(lambda: pool.has_warm_worker)
        template = pool.template_pid
        assert template is not None
        os.kill(template, signal.SIGKILL)
        with structlog.testing.capture_logs() as logs:
            for pages in range(1, 4):
                assert (await pool.inspect(pieces(pdfs.pdf(pages)), PDF)).pages == pages
                await until(lambda: pool.has_warm_worker)
        assert [entry["event"] for entry in logs] == ["document worker template lost"]
        assert pool.template_pid not in {None, template}
        nursery.cancel_scope.cancel()

    async def test_a_waiting_worker_that_cannot_be_watched_is_used_all_the_same(
        self, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The daemon has no descriptor left for the watch."""
        looked = trio.Event()

        async def refuse(_worker: WorkerProcess) -> None:
            await trio.lowlevel.checkpoint()
            looked.set()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        monkeypatch.setattr(WorkerProcess, "exited", refuse)
        pool = WorkerPool(LIMITS)
        await nursery.start(pool.keep_warm)
        for pages in (1, 2):
            await until(lambda: pool.has_warm_worker)
            await looked.wait()
            looked = trio.Event()
            assert (await pool.inspect(pieces(pdfs.pdf(pages)), PDF)).pages == pages
        nursery.cancel_scope.cancel()

    async def test_it_goes_on_trying_where_workers_do_not_start(self, nursery: trio.Nursery) -> None:
        pool = WorkerPool(LIMITS, command=hostile.DIES_AT_ONCE)
        await nursery.start(pool.keep_warm)
        await until(lambda: pool.last_state is not None)
        assert not pool.has_warm_worker
        inspection = await pool.inspect(pieces(pdfs.pdf()), PDF)
        assert not inspection.known
        nursery.cancel_scope.cancel()


async def test_the_state_of_the_sandbox_is_known_after_the_first_worker() -> None:
    pool = WorkerPool(LIMITS)
    assert pool.last_state is None
    state = await pool.state()
    assert state.ok
    assert state.landlock_abi is not None
    assert pool.last_state == state == SandboxState(ok=True, landlock_abi=state.landlock_abi)


async def test_a_worker_finds_its_code_without_any_help(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    """From whatever directory, with whatever search path the daemon was started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert "-I" in worker_command()
    assert worker_command()[0] == sys.executable
    assert (await WorkerPool(LIMITS).inspect(pieces(pdfs.pdf()), PDF)).pages == 1


async def test_a_marker_in_a_damaged_document_comes_out_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    marker = b"the-marker-4711"
    documents = [
        b"%PDF-1.4\n" + marker * 1000,
        pdfs.pdf().replace(b"/Pages 2", b"/Pages (" + marker + b") 2"),
        pdfs.pdf(page_entries=b"/MediaBox[" + marker + b" /" + marker + b"]"),
        pdfs.pdf().replace(b"/Root 1 0 R", b"/Root /" + marker),
        pdfs.pdf().replace(b"/Type/Catalog", b"/Type/" + marker + b"/" + marker + b" <<"),
        pdfs.pdf().replace(b"/Root 1 0 R", b"/Root 1 0 R/Encrypt/" + marker),
        pdfs.assemble({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: pdfs.stream(marker, b"/Filter/" + marker)}),
    ]
    pool = WorkerPool(LIMITS)
    with structlog.testing.capture_logs() as logs:
        inspections = [await pool.inspect(pieces(document), PDF) for document in documents]
    assert marker.decode() not in repr((inspections, logs, capfd.readouterr()))
    assert pool.last_ended is not None
    assert pool.last_ended.stderr_bytes == 0
