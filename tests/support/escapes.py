"""Breaks out of the document worker's sandbox, or tries to: one attempt per process.

Started like the worker, with the parser loaded and used once and the same lock-down; then, instead of reading
a document, it does what a document that took the parser over would do. It says `ready` on stdout before and
`escaped` after; a sandbox that holds lets it say the first only.
"""

import ctypes
import mmap
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from spoold.documents.worker import pdf, sandbox

EXIT_ESCAPED = 42
EXIT_MEMORY_ERROR = 77
EXIT_OS_ERROR = 78
GIB = 1 << 30
_ROOT = str(Path(__file__).resolve().parents[2])
_BOOTSTRAP = (
    "import sys; root, attempt, parent, descriptor = sys.argv[1:5]; sys.path.insert(0, root); "
    "from tests.support.escapes import main; main(attempt, int(parent), int(descriptor))"
)
_libc = ctypes.CDLL(None, use_errno=True)
_PTRACE_ATTACH = 16
_NR_GETPID, _NR_IO_URING_SETUP, _NR_X32 = 39, 425, 0x40000000


def command(attempt: str, *, parent: int = 0, descriptor: int = 0) -> tuple[str, ...]:
    """Say how to start an attempt; `parent` is whom it attacks, `descriptor` what it tries to read."""
    return (sys.executable, "-I", "-c", _BOOTSTRAP, _ROOT, attempt, str(parent), str(descriptor))


def _open(parent: int, descriptor: int) -> None:
    os.open("/etc/passwd", os.O_RDONLY)


def _socket(parent: int, descriptor: int) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def _fork(parent: int, descriptor: int) -> None:
    os.fork()


def _exec(parent: int, descriptor: int) -> None:
    os.execv("/bin/true", ["true"])


def _ptrace(parent: int, descriptor: int) -> None:
    _libc.ptrace(_PTRACE_ATTACH, parent, None, None)


def _executable_memory(parent: int, descriptor: int) -> None:
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def _made_executable(parent: int, descriptor: int) -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    _libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ | mmap.PROT_EXEC)


def _kill(parent: int, descriptor: int) -> None:
    os.kill(parent, 0)


def _allocate(parent: int, descriptor: int) -> None:
    bytearray(2 * GIB)


def _loop(parent: int, descriptor: int) -> None:
    while True:
        pass


def _stat(parent: int, descriptor: int) -> None:
    Path("/etc/passwd").stat()


def _io_uring(parent: int, descriptor: int) -> None:
    _libc.syscall(ctypes.c_long(_NR_IO_URING_SETUP), ctypes.c_uint(1), None)


def _x32(parent: int, descriptor: int) -> None:
    _libc.syscall(ctypes.c_long(_NR_X32 | _NR_GETPID))


def _raise_limit(parent: int, descriptor: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))


def _inherited_descriptor(parent: int, descriptor: int) -> None:
    os.read(descriptor, 1)


ATTEMPTS: dict[str, Callable[[int, int], None]] = {
    "open": _open,
    "socket": _socket,
    "fork": _fork,
    "exec": _exec,
    "ptrace": _ptrace,
    "executable-memory": _executable_memory,
    "made-executable": _made_executable,
    "kill": _kill,
    "allocate-2-gib": _allocate,
    "endless-loop": _loop,
    "stat": _stat,
    "io-uring": _io_uring,
    "x32": _x32,
    "raise-limit": _raise_limit,
    "inherited-descriptor": _inherited_descriptor,
}


def main(attempt: str, parent: int, descriptor: int) -> None:
    """Lock in as the worker does, then try. Never returns."""
    pdf.warm_up()
    sandbox.lock_down()
    os.write(1, b"ready\n")
    try:
        ATTEMPTS[attempt](parent, descriptor)
    except MemoryError:
        os._exit(EXIT_MEMORY_ERROR)
    except OSError:
        os._exit(EXIT_OS_ERROR)
    os.write(1, b"escaped\n")
    os._exit(EXIT_ESCAPED)
