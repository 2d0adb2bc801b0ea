"""The walls around Ghostscript, tried from inside, by another program that is put in its place."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from spoold.documents.process import Ended, WorkerProcess, render_command

ROOT = Path(__file__).resolve().parents[3]
PYTHON = "/usr/bin/python3"
"""Debian's: its library lies below /usr/lib, which Ghostscript's libraries make readable."""
WAIT_S = 60.0

# What the program says: the name of the error that an attempt came to, or "done".
TRY = """
import ctypes, errno, json, mmap, os, resource, socket
libc = ctypes.CDLL(None, use_errno=True)
def name(number): return errno.errorcode.get(number, str(number))
def called(result):
    if result == -1: raise OSError(ctypes.get_errno(), "")
def attempt(action):
    try: action()
    except OSError as error: return name(error.errno)
    except ValueError as error: return "EPERM"
    return "done"
print(json.dumps(attempt(lambda: {action})))
"""


async def inside(action: str, *, document: bytes = b"") -> tuple[str, Ended]:
    """Do one thing behind the walls; returns what it came to and how the program ended."""
    reader, writer = os.pipe()
    command = render_command(PYTHON, 1_000_000, ("-I", "-S", "-c", TRY.replace("{action}", action)))
    worker = WorkerProcess.start(command, stdout=writer)
    os.close(writer)
    said = b""
    try:
        with trio.fail_after(WAIT_S):
            assert (await worker.ready()).ok
            await worker.feed(document)
            await worker.end_of_document()
            await worker.exited()
        said = os.read(reader, 65536)
    finally:
        os.close(reader)
        ended = await worker.end()
    return (json.loads(said) if said else ""), ended


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        ("open('/etc/passwd')", "EACCES"),
        ("open('/proc/self/maps')", "EACCES"),
        ("open('/tmp/spoold-escaped', 'w')", "EACCES"),
        ("open('/dev/shm/spoold-escaped', 'w')", "EACCES"),
        ("open('/usr/share/ghostscript/escaped', 'w')", "EACCES"),
        ("open('/proc/self/fd/3', 'r+b', 0).write(b'changed')", "EPERM"),
        ("os.mkdir('/tmp/spoold-escaped')", "EPERM"),
        ("os.rename('/tmp', '/tmp2')", "EPERM"),
        ("os.memfd_create('more')", "EPERM"),
        ("os.listdir('/')", "EACCES"),
        ("socket.socket(socket.AF_INET)", "EPERM"),
        ("socket.socket(socket.AF_UNIX)", "EPERM"),
        ("os.fork()", "EPERM"),
        ("os.execv('/usr/bin/true', ['true'])", "EACCES"),
        ("os.kill(os.getppid(), 0)", "EPERM"),
        ("called(libc.ptrace(16, os.getppid(), None, None))", "EPERM"),
        ("mmap.mmap(-1, 4096, prot=7)", "EPERM"),
        ("called(libc.mprotect(ctypes.c_void_p(0), ctypes.c_size_t(4096), 5))", "EPERM"),
        ("resource.setrlimit(resource.RLIMIT_CPU, (1, 1))", "EPERM"),
        ("called(libc.prctl(38, 0, 0, 0, 0))", "EPERM"),
        ("called(libc.unshare(0x10000000))", "EPERM"),
    ],
)
async def test_what_is_not_needed_is_refused(action: str, outcome: str) -> None:
    found, _ = await inside(action)
    assert found == outcome
    assert not Path("/tmp/spoold-escaped").exists()
    assert not Path("/dev/shm/spoold-escaped").exists()


async def test_what_is_needed_works() -> None:
    """The document, and libraries for reading."""
    found, ended = await inside(
        "open('/proc/self/fd/3', 'rb').read() == b'the document' or os._exit(9)", document=b"the document"
    )
    assert (found, ended.exit_code) == ("done", 0)
    assert (await inside("os.listdir('/usr/share/ghostscript')"))[0] == "done"


async def test_memory_and_time_are_bounded() -> None:
    found, ended = await inside("bytearray(2 << 30)")
    assert found == ""
    assert ended.exit_code == 1
    said, _ = await inside(
        "resource.getrlimit(resource.RLIMIT_CPU) == (300, 301)"
        " and resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) or os._exit(9)"
    )
    assert said == "done"


async def test_a_core_would_hold_no_memory() -> None:
    """The limit on cores does not count where the system hands them to a program (core(5))."""
    reader, writer = os.pipe()
    # It waits for somebody who reads: nobody does.
    endless = ("-I", "-S", "-c", "import os; os.write(1, bytes(1 << 20))")
    worker = WorkerProcess.start(render_command(PYTHON, 1_000_000, endless), stdout=writer)
    os.close(writer)
    about = Path(f"/proc/{worker.pid}")
    try:
        with trio.fail_after(WAIT_S):
            assert (await worker.ready()).ok
            await worker.end_of_document()
            while not about.joinpath("cmdline").read_bytes().startswith(f"{PYTHON}\0-I\0-S\0-c".encode()):
                await trio.sleep(0.01)
        assert int(about.joinpath("coredump_filter").read_text(), 16) == 0
    finally:
        os.close(reader)
        await worker.end()


async def test_no_descriptor_of_the_daemon_goes_along() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    try:
        found, _ = await inside("[os.fstat(one) for one in range(4, 64)]")
        assert found == "EBADF"
    finally:
        os.close(reader)
        os.close(writer)


async def test_a_document_that_is_too_large_ends_it_before_the_program_runs() -> None:
    worker = WorkerProcess.start(render_command(PYTHON, 10, ("-c", "print(1)")), stdout=2)
    try:
        with trio.fail_after(WAIT_S):
            assert (await worker.ready()).ok
            await worker.feed(b"x" * 11)
            await worker.exited()
    finally:
        ended = await worker.end()
    assert ended.exit_code == 4


async def test_without_walls_nothing_is_executed() -> None:
    command = list(render_command(PYTHON, 10, ("-c", "print(1)")))
    command[7] = "99"
    worker = WorkerProcess.start(tuple(command), stdout=2)
    try:
        with trio.fail_after(WAIT_S):
            ready = await worker.ready()
        assert not ready.ok
        assert ready.reason is not None
        assert "landlock" in ready.reason
    finally:
        ended = await worker.end()
    assert ended.exit_code in (3, None)


def test_ghostscript_writes_no_file(tmp_path: Path) -> None:
    """Traced: it opens nothing for writing, makes, renames and removes nothing, and starts nothing."""
    document = ROOT / "tests/spoold/documents/samples/chromium-3-pages-a4.pdf"
    trace = tmp_path / "trace"
    done = subprocess.run(
        ["strace", "-f", "-o", trace, "-e", "trace=file,process,network,memfd_create",
         sys.executable, "-m", "tests.support.drawing", document],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["3"], done.stderr
    lines = trace.read_text().splitlines()
    (start,) = [at for at, line in enumerate(lines) if re.search(r' execve\("[^"]*/gs"', line)]
    pid = lines[start].split()[0]
    own = [line for line in lines[start + 1 :] if line.startswith(f"{pid} ")]
    assert len(own) > 50
    changing = re.compile(
        r" (?:openat?\(.*(?:O_WRONLY|O_RDWR|O_CREAT)|(?:creat|mkdir|rename|unlink|link|symlink|memfd_create"
        r"|execve|clone|fork|vfork|socket|connect|truncate)(?:at|at2|3)?\()"
    )
    done_anyway = [line for line in own if changing.search(line) and " = -1 E" not in line]
    assert done_anyway == []
