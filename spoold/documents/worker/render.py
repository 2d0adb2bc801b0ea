"""Becomes Ghostscript behind the walls: takes a document into memory, locks itself in, executes the program.

Ghostscript has to jump about in a PDF. So the document is copied from stdin into a file that exists in memory
only (memfd_create(2)), which is sealed against changes and handed over as descriptor 3; what Ghostscript
draws goes to stdout, which is a pipe. Behind the walls it can open its own program, libraries, fonts and
resources for reading, and nothing at all for writing.
"""

import fcntl
import os

from spoold.documents.worker import jpeg, sandbox
from spoold.documents.worker.wire import Ready, encode_ready

_STDIN, _STDERR, _DOCUMENT = 0, 2, 3
_READ_BYTES = 1024 * 1024
EXIT_NO_SANDBOX = 3
EXIT_TOO_LARGE = 4
EXIT_NOT_STARTED = 5
EXIT_NO_PICTURE = 6
KIND_PDF, KIND_JPEG = "pdf", "jpeg"
# What makes a picture a PDF is a kilobyte before it and less behind.
_AROUND_BYTES = 8 * 1024
DOCUMENT_PATH = f"/proc/self/fd/{_DOCUMENT}"
"""The name under which the program finds the document."""

LIMITS = sandbox.Limits(
    # 30 ms are usual for a page, a second is a bad one: reams of paper, and an endless loop ends.
    cpu_s=300,
    # The program with its libraries maps 150 MiB. An A3 page with transparency at 600 dpi took 330 MiB more.
    address_space_bytes=1024 * 1024 * 1024,
    open_files=64,
)
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    "TMPDIR": "/nonexistent",
    "HOME": "/nonexistent",
}
# The dynamic loader is executed with every program that has libraries.
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
_READABLE = (
    "/usr/lib",
    "/lib",
    "/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/etc/ghostscript",
    "/usr/share/ghostscript",
    "/var/lib/ghostscript",
    "/usr/local/share/ghostscript",
    "/usr/share/fonts",
    "/usr/share/color/icc",
    "/usr/share/poppler",
)


def main(required_landlock_abi: int, program: str, max_bytes: int, kind: str, arguments: list[str]) -> None:
    """Take the document in and become `program` with `arguments`. Does not return.

    `kind` is KIND_PDF or KIND_JPEG; a picture becomes a PDF of one page.

    Says how it stands in one line on stderr, before it reads anything: stdout is for the pages.
    """
    sandbox.step_back()
    document = os.memfd_create("document", os.MFD_ALLOW_SEALING)
    # Inheritable, at a number that is known: everything above it is closed.
    os.dup2(document, _DOCUMENT, inheritable=True)
    # Links are followed now: behind the walls only the files themselves may be executed.
    executables = tuple(os.path.realpath(path) for path in (program, *_LOADERS))
    limits = sandbox.Limits(
        cpu_s=LIMITS.cpu_s,
        address_space_bytes=LIMITS.address_space_bytes,
        open_files=LIMITS.open_files,
        # Only the document can grow, and only until it is sealed: no file can be opened for writing.
        file_bytes=max_bytes + _AROUND_BYTES,
    )
    walls = sandbox.Program(executables, _READABLE, kept_descriptor=_DOCUMENT)
    try:
        abi = sandbox.lock_down(required_landlock_abi=required_landlock_abi, limits=limits, program=walls)
    except sandbox.SandboxError as error:
        os.write(_STDERR, encode_ready(Ready(ok=False, reason=str(error))))
        os._exit(EXIT_NO_SANDBOX)
    os.write(_STDERR, encode_ready(Ready(ok=True, landlock_abi=abi)))
    start = jpeg.HEAD_BYTES if kind == KIND_JPEG else 0
    taken = _take_in(max_bytes, start)
    if taken is None:
        os._exit(EXIT_TOO_LARGE)
    try:
        if kind == KIND_JPEG:
            _put_around(taken)
    except jpeg.NoPictureError:
        os._exit(EXIT_NO_PICTURE)
    _seal()
    try:
        os.execve(executables[0], [program, *arguments], _ENVIRONMENT)  # noqa: S606 - one fixed program
    except OSError:
        os._exit(EXIT_NOT_STARTED)


def _take_in(max_bytes: int, start: int) -> int | None:
    """Copy stdin into the document's memory, from `start`; returns how much, None when it is too much."""
    taken = 0
    os.lseek(_DOCUMENT, start, os.SEEK_SET)
    while piece := os.read(_STDIN, _READ_BYTES):
        taken += len(piece)
        if taken > max_bytes:
            return None
        _write(piece)
    return taken


def _put_around(length: int) -> None:
    """Make the picture that was taken in a PDF. Raises NoPictureError."""
    picture = jpeg.look_at(lambda at, count: os.pread(_DOCUMENT, count, jpeg.HEAD_BYTES + at))
    _write(jpeg.tail_of(picture, length))
    os.lseek(_DOCUMENT, 0, os.SEEK_SET)
    _write(jpeg.head_of(picture, length))


def _write(octets: bytes) -> None:
    while octets:
        octets = octets[os.write(_DOCUMENT, octets) :]


def _seal() -> None:
    """From here on nobody changes the document, this process included."""
    os.lseek(_DOCUMENT, 0, os.SEEK_SET)
    seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    fcntl.fcntl(_DOCUMENT, fcntl.F_ADD_SEALS, seals)
