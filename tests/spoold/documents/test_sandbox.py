"""The document worker's sandbox, attacked from inside, with the real lock-down in a real process."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from spoold.documents.process import Ended, WorkerProcess, worker_command
from spoold.documents.worker import seccomp
from spoold.documents.worker.sandbox import Limits
from spoold.documents.worker.wire import WireError
from tests.support import bpf, escapes

ROOT = Path(__file__).resolve().parents[3]
WAIT_S = 300.0
"""Long: the machine may be busy with other tests."""


async def attempt(name: str, *, descriptor: int = 0) -> Ended:
    """Let one attempt run to its end and return how it ended; that it says `escaped` is a failure."""
    worker = WorkerProcess.start(escapes.command(name, parent=os.getpid(), descriptor=descriptor))
    try:
        with trio.fail_after(WAIT_S):
            assert await worker.answer() == b"ready"
            await worker.exited()
            with pytest.raises(WireError):
                await worker.answer()
    finally:
        ended = await worker.end()
    assert ended.exit_code != escapes.EXIT_ESCAPED
    return ended


@pytest.mark.parametrize(
    "name",
    [
        "open",
        "socket",
        "fork",
        "exec",
        "ptrace",
        "executable-memory",
        "made-executable",
        "kill",
        "stat",
        "io-uring",
        "raise-limit",
        *(["x32"] if os.uname().machine == "x86_64" else []),
    ],
)
async def test_a_forbidden_call_ends_the_process(name: str) -> None:
    assert (await attempt(name)).signal == signal.SIGSYS


async def test_more_memory_than_allowed_is_a_memory_error() -> None:
    assert (await attempt("allocate-2-gib")).exit_code == escapes.EXIT_MEMORY_ERROR


async def test_an_endless_loop_runs_into_the_processor_limit() -> None:
    ended = await attempt("endless-loop")
    assert ended.signal == signal.SIGXCPU
    assert ended.cpu_s <= 10.0


async def test_descriptors_of_the_daemon_do_not_reach_the_worker() -> None:
    """Sockets handed over by systemd are inheritable; not even these may go along."""
    reader, writer = os.pipe()
    try:
        os.set_inheritable(reader, True)
        os.write(writer, b"secret")
        ended = await attempt("inherited-descriptor", descriptor=reader)
        assert ended.exit_code == escapes.EXIT_OS_ERROR
        assert os.read(reader, 6) == b"secret"
    finally:
        os.close(reader)
        os.close(writer)


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def limits_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split() for line in lines}


async def test_the_waiting_worker_is_locked_in_before_it_reads() -> None:
    worker = WorkerProcess.start(worker_command())
    try:
        with trio.fail_after(WAIT_S):
            ready = await worker.ready()
        assert ready.ok
        status, limits = status_of(worker.pid), limits_of(worker.pid)
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert status["Threads"] == "1"
        assert limits["Max core file size"][:2] == ["0", "0"]
        assert limits["Max file size"][:2] == ["0", "0"]
        assert limits["Max processes"][:2] == ["0", "0"]
        assert limits["Max open files"][:2] == ["16", "16"]
        assert limits["Max cpu time"][:2] == ["9", "10"]
        assert limits["Max address space"][:2] == [str(512 * 1024 * 1024)] * 2
    finally:
        await worker.end()


async def test_limits_already_set_lower_are_kept() -> None:
    """A service manager's hard limit below ours: setting more would be an error, less is kept."""
    lower = "import resource as r; r.setrlimit(r.RLIMIT_CPU, (3, 3)); r.setrlimit(r.RLIMIT_NOFILE, (8, 8)); "
    command = list(worker_command())
    command[command.index("-c") + 1] = lower + command[command.index("-c") + 1]
    worker = WorkerProcess.start(tuple(command))
    try:
        with trio.fail_after(WAIT_S):
            assert (await worker.ready()).ok
        limits = limits_of(worker.pid)
        assert limits["Max cpu time"][:2] == ["3", "3"]
        assert limits["Max open files"][:2] == ["8", "8"]
    finally:
        await worker.end()


async def test_the_worker_has_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even PYTHONPATH, which would let whoever sets it choose the parser."""
    monkeypatch.setenv("PYTHONPATH", "/nonexistent")
    monkeypatch.setenv("SPOOLD_SECRET", "x")
    show = "import os, sys; os.write(1, repr(sorted(os.environ)).encode() + b'\\n')"
    worker = WorkerProcess.start((sys.executable, "-I", "-c", show))
    try:
        with trio.fail_after(WAIT_S):
            assert b"SPOOLD_SECRET" not in (line := await worker.answer())
        assert b"PYTHONPATH" not in line
    finally:
        await worker.end()


async def test_a_kernel_below_the_required_landlock_is_refused() -> None:
    worker = WorkerProcess.start(worker_command(required_landlock_abi=99))
    try:
        with trio.fail_after(WAIT_S):
            ready = await worker.ready()
        assert not ready.ok
        assert ready.reason is not None
        assert "99 is required" in ready.reason
    finally:
        await worker.end()


async def test_the_minimum_cannot_be_talked_down() -> None:
    worker = WorkerProcess.start(worker_command(required_landlock_abi=-5))
    try:
        with trio.fail_after(WAIT_S):
            assert (await worker.ready()).ok
        assert status_of(worker.pid)["Seccomp"] == "2"
    finally:
        await worker.end()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
def test_without_landlock_nothing_is_parsed(number: int) -> None:
    """An old kernel says ENOSYS; a service's own filter that forgot the calls says EPERM."""
    script = ROOT / "tests" / "support" / "without_landlock.py"
    ran = subprocess.run(
        [sys.executable, script, str(ROOT), str(number)],
        capture_output=True,
        timeout=WAIT_S,
        check=True,
    )
    found = json.loads(ran.stdout.splitlines()[-1])
    name = errno.errorcode[number]
    assert found["state"] == {
        "ok": False,
        "reason": f"no sandbox: the kernel offers no landlock: {name}",
        "landlock_abi": None,
    }
    assert found["inspection"]["known"] is False
    assert found["inspection"]["pages"] is None
    assert name in found["inspection"]["reason"]
    assert found["read"] == 0


async def test_the_worker_does_not_outlive_the_daemon() -> None:
    """Whatever kills the daemon, no process with half a document stays behind."""
    script = (
        "import os, sys, trio; sys.path.insert(0, sys.argv[1])\n"
        "from spoold.documents.process import WorkerProcess, worker_command\n"
        "async def main():\n"
        "    worker = WorkerProcess.start(worker_command())\n"
        "    await worker.ready()\n"
        "    print(worker.pid, flush=True)\n"
        "    await trio.sleep_forever()\n"
        "trio.run(main)\n"
    )
    daemon = subprocess.Popen([sys.executable, "-c", script, ROOT], stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    with daemon, contextlib.closing(daemon.stdout):
        pid = int(await trio.to_thread.run_sync(daemon.stdout.readline))
        pidfd = os.pidfd_open(pid)
        daemon.kill()
        try:
            with trio.fail_after(WAIT_S):
                await trio.lowlevel.wait_readable(pidfd)
        finally:
            trio.lowlevel.notify_closing(pidfd)
            os.close(pidfd)


@pytest.mark.parametrize("machine", sorted(seccomp.ARCHITECTURES))
class TestFilter:
    """The filter's decisions for every processor, on a small interpreter of our own."""

    def decide(
        self, machine: str, number: int, *, protection: int = 0, architecture: int | None = None
    ) -> int:
        table = seccomp.ARCHITECTURES[machine]
        return bpf.decide(
            seccomp.program(table),
            architecture=table.audit_value if architecture is None else architecture,
            number=number,
            arguments=(0, 4096, protection, 0x22, 0xFFFFFFFF, 0),
        )

    def test_listed_calls_are_allowed(self, machine: str) -> None:
        for number in seccomp.ARCHITECTURES[machine].calls.values():
            assert self.decide(machine, number, protection=seccomp.PROT_EXEC) == seccomp.ALLOW

    def test_every_other_call_kills(self, machine: str) -> None:
        table = seccomp.ARCHITECTURES[machine]
        listed = {*table.calls.values(), *table.mapping_calls.values()}
        for number in set(range(700)) - listed:
            assert self.decide(machine, number) == seccomp.KILL_PROCESS

    def test_memory_is_never_executable(self, machine: str) -> None:
        for number in seccomp.ARCHITECTURES[machine].mapping_calls.values():
            for protection in range(8):
                expected = seccomp.KILL_PROCESS if protection & seccomp.PROT_EXEC else seccomp.ALLOW
                assert self.decide(machine, number, protection=protection) == expected

    def test_another_processor_entry_kills_even_listed_numbers(self, machine: str) -> None:
        i386 = 0x40000003
        for number in seccomp.ARCHITECTURES[machine].calls.values():
            assert self.decide(machine, number, architecture=i386) == seccomp.KILL_PROCESS

    def test_the_second_table_of_x86_kills(self, machine: str) -> None:
        for number in seccomp.ARCHITECTURES[machine].calls.values():
            assert self.decide(machine, number | seccomp.X32_BIT) == seccomp.KILL_PROCESS

    def test_both_processors_allow_the_same_calls(self, machine: str) -> None:
        assert seccomp.ARCHITECTURES[machine].calls.keys() == seccomp.X86_64.calls.keys()
        assert seccomp.ARCHITECTURES[machine].mapping_calls.keys() == seccomp.X86_64.mapping_calls.keys()

    def test_jumps_stay_inside_and_the_program_is_short(self, machine: str) -> None:
        """The kernel refuses programs of more than 4,096 steps; a jump has eight bits."""
        program = seccomp.program(seccomp.ARCHITECTURES[machine])
        assert len(program) < 255
        for position, step in enumerate(program):
            assert position + 1 + max(step.if_true, step.if_false) <= len(program)
            assert len(step.pack()) == 8


def test_a_document_costs_at_most_ten_seconds_of_processor_time() -> None:
    """The hard limit is the soft one and a second; start-up and rounding fit in between."""
    assert Limits().cpu_s + 1 <= 10
