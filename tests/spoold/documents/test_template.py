"""The template: its copies are workers like any other, children of the daemon, and as well locked in."""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from spoold.documents.process import WorkerProcess, template_command, worker_command
from spoold.documents.template import MAX_COPIES, Template, TemplateLostError
from spoold.documents.worker.wire import decode_answer
from tests.support import hostile_workers as hostile
from tests.support import pdfs
from tests.support.children import child_pids

ROOT = Path(__file__).resolve().parents[3]
# The second copy is made, and the kernel kills the template before it can say so.
_DIES_UNTOLD = """\
import itertools, os, sys
sys.path += sys.argv[2:]
from spoold.documents.worker import template
copy, numbers = template._copy, itertools.count(1)
def copy_and_die():
    pid = copy()
    if pid and next(numbers) == 2:
        open(TOLD, 'w').write(str(pid))
        os.kill(os.getpid(), 9)
    return pid
template._copy = copy_and_die
template.main(int(sys.argv[1]))
"""
WAIT_S = 120.0
"""Long: the machine may be busy with other tests."""
_WALLS = (
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "Threads",
    "CapEff",
    "CapBnd",
    "SigIgn",
    "SigCgt",
    "Uid",
)


@pytest.fixture(autouse=True)
def _everything_is_reaped() -> Iterator[None]:
    before = child_pids()
    yield
    # Children of earlier tests may be reaped meanwhile; new ones must not be left.
    assert child_pids() <= before


@asynccontextmanager
async def a_template(
    command: tuple[str, ...] | None = None,
    *,
    max_copies: int = MAX_COPIES,
    answer_timeout_s: float = WAIT_S,
) -> AsyncIterator[Template]:
    template = Template(command, max_copies=max_copies, answer_timeout_s=answer_timeout_s)
    try:
        yield template
    finally:
        await template.end()


async def pages_in(worker: WorkerProcess, document: bytes) -> int | None:
    """Have a worker read a document."""
    with trio.fail_after(WAIT_S):
        try:
            assert (await worker.ready()).ok
            await worker.feed(document)
            await worker.end_of_document()
            return decode_answer(await worker.answer()).pages
        finally:
            await worker.end()


def walls_of(pid: int) -> tuple[dict[str, str], str, list[str]]:
    """What the kernel says of a process: its status, its limits, and what its descriptors are."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    descriptors = sorted(Path(f"/proc/{pid}/fd").iterdir())
    kinds = [f"{one.name} {str(one.readlink()).partition(':')[0]}" for one in descriptors]
    return {name: status[name] for name in _WALLS}, Path(f"/proc/{pid}/limits").read_text(), kinds


async def test_each_document_has_a_copy_of_its_own() -> None:
    async with a_template() as template:
        seen = set()
        for pages in range(1, 4):
            worker = await template.copy()
            seen.add(worker.pid)
            assert worker.pid in child_pids()
            assert await pages_in(worker, pdfs.pdf(pages)) == pages
        assert len(seen) == 3
        assert template.pid in child_pids()
        assert template.pid not in seen


@pytest.mark.root
async def test_a_copy_has_the_walls_of_a_worker_that_was_started() -> None:
    """Its template's descriptors are not among what it has."""
    started = WorkerProcess.start(worker_command())
    async with a_template() as template:
        copy = await template.copy()
        try:
            with trio.fail_after(WAIT_S):
                assert (await started.ready()).ok
                assert (await copy.ready()).ok
            assert walls_of(copy.pid) == walls_of(started.pid)
            assert walls_of(copy.pid)[2] == ["0 pipe", "1 pipe", "2 pipe"]
        finally:
            await copy.end()
            await started.end()


async def test_a_copy_that_is_taken_over_is_killed_like_any_worker() -> None:
    async with a_template() as template:
        copy = await template.copy()
        os.kill(copy.pid, signal.SIGSYS)
        ended = await copy.end()
        assert ended.signal in {signal.SIGSYS, signal.SIGKILL}
        assert await pages_in(await template.copy(), pdfs.pdf()) == 1


async def test_a_template_is_not_copied_for_ever() -> None:
    async with a_template(max_copies=2) as template:
        templates = []
        for _ in range(5):
            worker = await template.copy()
            templates.append(template.pid)
            assert await pages_in(worker, pdfs.pdf()) == 1
        assert templates[0] == templates[1] != templates[2] == templates[3] != templates[4]


async def test_a_template_that_died_is_said_and_replaced() -> None:
    async with a_template() as template:
        assert await pages_in(await template.copy(), pdfs.pdf()) == 1
        first = template.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        with pytest.raises(TemplateLostError):
            await template.copy()
        assert first not in child_pids()
        assert await pages_in(await template.copy(), pdfs.pdf()) == 1


async def test_a_copy_that_the_template_did_not_live_to_tell_is_reaped_and_no_other(tmp_path: Path) -> None:
    """Who died and is waited for by somebody else keeps its status; who works goes on."""
    told = tmp_path / "told"
    command = list(template_command())
    command[command.index("-c") + 1] = _DIES_UNTOLD.replace("TOLD", repr(str(told)))
    async with a_template(tuple(command)) as template:
        dead = await template.copy()
        os.kill(dead.pid, signal.SIGKILL)
        with trio.fail_after(WAIT_S):
            await dead.exited()
        with pytest.raises(TemplateLostError):
            await template.copy()
        assert int(told.read_text()) not in child_pids()
        assert dead.pid in child_pids()
        assert (await dead.end()).signal == signal.SIGKILL
    async with a_template() as template:
        working = await template.copy()
        await template.end()
        assert await pages_in(working, pdfs.pdf(2)) == 2


async def test_a_template_that_does_not_answer_is_ended() -> None:
    async with a_template(hostile.STARTS_SLOWLY, answer_timeout_s=0.3) as template:
        with pytest.raises(TemplateLostError, match="does not answer"):
            await template.copy()
        assert template.pid is None


@pytest.mark.parametrize("command", [hostile.DIES_AT_ONCE, hostile.worker("os.read(0, 9)")])
async def test_a_template_that_ends_is_said(command: tuple[str, ...]) -> None:
    async with a_template(command) as template:
        with trio.fail_after(WAIT_S), pytest.raises(TemplateLostError):
            await template.copy()


async def test_who_is_cancelled_leaves_no_copy_behind() -> None:
    """The copy's number comes, and it is ended."""
    before = child_pids()
    async with a_template() as template:
        with trio.CancelScope() as scope:
            scope.cancel()
            with contextlib.suppress(TemplateLostError):
                worker = await template.copy()
                await worker.end()
        assert child_pids() - before <= {template.pid}


async def test_without_descriptors_nothing_stays_behind() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with a_template() as template:
        assert await pages_in(await template.copy(), pdfs.pdf()) == 1
        highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
        for room in range(8):
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + room, hard))
            try:
                with contextlib.suppress(OSError, TemplateLostError):
                    worker = await template.copy()
                    await worker.end()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert await pages_in(await template.copy(), pdfs.pdf()) == 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
                await template.copy()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_neither_template_nor_copy_outlives_the_daemon() -> None:
    script = (
        "import os, sys, trio; sys.path.insert(0, sys.argv[1])\n"
        "from spoold.documents.template import Template\n"
        "async def main():\n"
        "    template = Template()\n"
        "    worker = await template.copy()\n"
        "    await worker.ready()\n"
        "    print(worker.pid, template.pid, flush=True)\n"
        "    await trio.sleep_forever()\n"
        "trio.run(main)\n"
    )
    daemon = subprocess.Popen([sys.executable, "-c", script, ROOT], stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    with daemon, contextlib.closing(daemon.stdout):
        line = await trio.to_thread.run_sync(daemon.stdout.readline)
        pidfds = [os.pidfd_open(int(pid)) for pid in line.split()]
        assert len(pidfds) == 2
        daemon.kill()
        for pidfd in pidfds:
            try:
                with trio.fail_after(WAIT_S):
                    await trio.lowlevel.wait_readable(pidfd)
            finally:
                trio.lowlevel.notify_closing(pidfd)
                os.close(pidfd)


def test_the_daemon_loads_no_parser() -> None:
    """What reads documents is loaded where documents are read."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import spoold.documents.pool, spoold.documents.stamping\n"
        "print(sorted({'pypdf', 'pikepdf'} & set(sys.modules)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, ROOT], capture_output=True, text=True, timeout=WAIT_S, check=True
    )
    assert ran.stdout.strip() == "[]"
