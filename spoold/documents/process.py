"""One document worker as its parent sees it: start, feed, hear, and make certain that it is gone.

Not trio.Process, for two reasons. It starts children from a pooled thread, and the worker's parent death
signal (prctl(2)) fires when the thread that started it ends, ten idle seconds later. And only wait4(2) tells
what the child has used.
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trio

from spoold.documents.worker.render import KIND_PDF
from spoold.documents.worker.wire import (
    MAX_ANSWER_BYTES,
    MAX_READY_BYTES,
    REQUIRED_LANDLOCK_ABI,
    Ready,
    WireError,
    decode_ready,
)

_PIECE_BYTES = 64 * 1024
"""A pipe's usual size: more does not fit into it at once."""
_REAP_TIMEOUT_S = 5.0
"""A killed process is gone within milliseconds; one stuck in the kernel must not hold the daemon up."""
_BOOTSTRAP = (
    "import sys; sys.path += sys.argv[2:]; "
    "from spoold.documents.worker.__main__ import main; main(int(sys.argv[1]))"
)
_BOOTSTRAP_TEMPLATE = (
    "import sys; sys.path += sys.argv[2:]; "
    "from spoold.documents.worker.template import main; main(int(sys.argv[1]))"
)
_BOOTSTRAP_RENDER = (
    "import sys; sys.path.append(sys.argv[2]); from spoold.documents.worker.render import main; "
    "main(int(sys.argv[1]), sys.argv[3], int(sys.argv[4]), sys.argv[5], sys.argv[6:])"
)
_BOOTSTRAP_REFIT = (
    "import sys; sys.path.append(sys.argv[2]); from spoold.documents.worker.refit import main; "
    "main(int(sys.argv[1]), sys.argv[3])"
)
_BOOTSTRAP_STAMP = (
    "import sys; sys.path += sys.argv[3:]; from spoold.documents.worker.stamp import main; "
    "main(int(sys.argv[1]), int(sys.argv[2]))"
)
_LIBRARIES = ("pypdf", "cryptography")
"""What the worker loads besides spoold: the parser, and what it decrypts AES with."""
_STAMP_LIBRARIES = ("pikepdf",)
"""What the worker that stamps loads besides spoold."""


Streams = tuple[int, int, int]
"""The descriptors of a worker's standard input, output and error."""


@dataclass(frozen=True)
class Ended:
    """How a worker ended: by its exit code, or by a signal. `cpu_s` is user and system time together."""

    exit_code: int | None
    signal: int | None
    cpu_s: float
    stderr_bytes: int
    """How much it wrote to stderr. What it wrote may be out of a document and is never kept."""


@dataclass(frozen=True)
class _Pipes:
    """The parent's ends of the worker's standard streams, as descriptors; None goes to another worker."""

    feed: int | None
    answer: int | None
    errors: int


def _pipe(closes_reader: contextlib.ExitStack, closes_writer: contextlib.ExitStack) -> tuple[int, int]:
    reader, writer = os.pipe()
    closes_reader.callback(os.close, reader)
    closes_writer.callback(os.close, writer)
    return reader, writer


def _piped(
    childs: contextlib.ExitStack,
    ours: contextlib.ExitStack,
    *,
    stdin: int | None = None,
    stdout: int | None = None,
) -> tuple[Streams, _Pipes]:
    """Return a worker's standard streams and our ends of them; given descriptors stay as they are."""
    feed = answer = None
    if stdin is None:
        stdin, feed = _pipe(childs, ours)
    if stdout is None:
        answer, stdout = _pipe(ours, childs)
    errors, stderr = _pipe(ours, childs)
    return (stdin, stdout, stderr), _Pipes(feed, answer, errors)


def kill_and_reap(pid: int) -> None:
    """End a child that has just been made and waits for nothing in the kernel, at once."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def worker_command(required_landlock_abi: int = REQUIRED_LANDLOCK_ABI) -> tuple[str, ...]:
    """Say how a worker is started: this interpreter, isolated (-I) and without its site directories (-S).

    So nothing of the environment, the user or other packages' start-up files runs in it. Where spoold itself
    lies (a checkout or site-packages) and its libraries lie is passed on, behind the standard library. A
    kernel whose landlock is older than `required_landlock_abi` is refused; the worker's own minimum stays.
    """
    return (*_python(_BOOTSTRAP), str(required_landlock_abi), *_directories(_LIBRARIES))


def template_command() -> tuple[str, ...]:
    """Say how the template of the workers is started; see `worker.template`."""
    return (*_python(_BOOTSTRAP_TEMPLATE), str(REQUIRED_LANDLOCK_ABI), *_directories(_LIBRARIES))


def stamp_command(max_bytes: int) -> tuple[str, ...]:
    """Say how the worker is started that stamps pages; see `worker.stamp`."""
    arguments = (str(REQUIRED_LANDLOCK_ABI), str(max_bytes), *_directories(_STAMP_LIBRARIES))
    return (*_python(_BOOTSTRAP_STAMP), *arguments)


def _python(bootstrap: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-X", "utf8", "-c", bootstrap)


def _directories(libraries: tuple[str, ...]) -> tuple[str, ...]:
    """Return where spoold and the libraries lie, each once."""
    directories = [str(Path(__file__).resolve().parents[2])]
    for name in libraries:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin is not None:
            directories.append(str(Path(found.origin).resolve().parents[1]))
    return tuple(dict.fromkeys(directories))


def render_command(
    program: str, max_bytes: int, arguments: tuple[str, ...], *, kind: str = KIND_PDF
) -> tuple[str, ...]:
    """Say how the worker is started that becomes Ghostscript; see `worker.render`."""
    return (*_isolated(_BOOTSTRAP_RENDER), program, str(max_bytes), kind, *arguments)


def refit_command(fitting: str) -> tuple[str, ...]:
    """Say how the worker is started that fits the pages; see `worker.refit`."""
    return (*_isolated(_BOOTSTRAP_REFIT), fitting)


def _isolated(bootstrap: str) -> tuple[str, ...]:
    root = str(Path(__file__).resolve().parents[2])
    return (*_python(bootstrap), str(REQUIRED_LANDLOCK_ABI), root)


class WorkerProcess:
    """A running worker. Whoever starts one must `end` it; no other call waits for it to be gone."""

    def __init__(
        self, pid: int, pidfd: int, pipes: "_Pipes", popen: "subprocess.Popen[bytes] | None" = None
    ) -> None:
        self.pid = pid
        """The process id, for logs and tests. Signals go through the pidfd, which cannot be reused."""
        self._popen = popen
        self._pidfd = pidfd
        self._stdin = None if pipes.feed is None else trio.lowlevel.FdStream(pipes.feed)
        self._stdout = None if pipes.answer is None else trio.lowlevel.FdStream(pipes.answer)
        self._stderr = trio.lowlevel.FdStream(pipes.errors)
        self._heard = bytearray()
        self._stderr_bytes = 0
        self._ended: Ended | None = None

    @classmethod
    def start(cls, command: tuple[str, ...], *, stdin: int | None = None, stdout: int | None = None) -> Self:
        """Start one, from the calling thread, which the worker then does not outlive. Takes about 1 ms.

        Descriptors that are given connect it to another worker; they stay the caller's to close. A worker
        whose stdout goes elsewhere says on stderr that it is ready.

        Raises OSError when the system has no process, descriptor or interpreter to give.
        """
        with contextlib.ExitStack() as childs, contextlib.ExitStack() as ours:
            streams, pipes = _piped(childs, ours, stdin=stdin, stdout=stdout)
            # Nothing of the daemon goes along: no environment, no descriptor, no terminal's signals.
            popen = subprocess.Popen(
                command,
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                env={},
                close_fds=True,
                start_new_session=True,
                cwd="/",
            )
            try:
                pidfd = os.pidfd_open(popen.pid)
            except OSError:
                popen.kill()
                popen.wait()
                raise
            ours.pop_all()
        return cls(popen.pid, pidfd, pipes, popen)

    @classmethod
    async def copied(cls, copy: Callable[[Streams], Awaitable[int]]) -> Self:
        """Have one made by `copy`, as a child of this process, and return it.

        Args:
            copy: gets the standard streams of the worker, returns its process id.

        Raises what `copy` raises, and OSError when the system has no descriptor to give.
        """
        with contextlib.ExitStack() as childs, contextlib.ExitStack() as ours:
            streams, pipes = _piped(childs, ours)
            pid = await copy(streams)
            try:
                pidfd = os.pidfd_open(pid)
            except OSError:
                kill_and_reap(pid)
                raise
            ours.pop_all()
        return cls(pid, pidfd, pipes)

    async def exited(self) -> None:
        """Wait until the process is dead. It still has to be reaped by `end`. Several tasks may wait."""
        own = os.dup(self._pidfd)  # trio lets one task only wait for a descriptor
        try:
            await trio.lowlevel.wait_readable(own)
        finally:
            trio.lowlevel.notify_closing(own)
            os.close(own)

    def is_alive(self) -> bool:
        """Tell whether it still runs, without waiting."""
        if self._ended is not None:
            return False
        return os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    async def ready(self) -> Ready:
        """Hear the first line. Raises WireError when it does not come."""
        return decode_ready(await self._line(MAX_READY_BYTES))

    async def feed(self, piece: bytes) -> None:
        """Send a piece of the document. Raises trio.BrokenResourceError when nobody reads it any more."""
        if self._stdin is not None:
            await self._stdin.send_all(piece)

    async def end_of_document(self) -> None:
        """Close the pipe: that was all."""
        if self._stdin is not None:
            await self._stdin.aclose()

    async def answer(self) -> bytes:
        """Hear the second line. Raises WireError when it does not come."""
        return await self._line(MAX_ANSWER_BYTES)

    async def receive_some(self) -> bytes:
        """Hear what comes after the lines; empty at the end, or when the pipe broke."""
        if self._heard:
            heard, self._heard = bytes(self._heard), bytearray()
            return heard
        try:
            return bytes(await self._says.receive_some(_PIECE_BYTES))
        except trio.BrokenResourceError:
            return b""

    async def discard_errors(self) -> None:
        """Read stderr to its end and count it, so that a worker that complains does not block."""
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while piece := await self._stderr.receive_some(_PIECE_BYTES):
                self._stderr_bytes += len(piece)

    def kill(self) -> None:
        """Kill and reap it at once, where nothing can be waited for: it has just been started."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
        else:
            kill_and_reap(self.pid)
        for stream in (self._stdin, self._stdout, self._stderr):
            if stream is not None:
                stream.close()
        os.close(self._pidfd)

    async def end(self) -> Ended:
        """Kill it if it still runs, reap it, close everything. Not cancelled, because it is short."""
        if self._ended is None:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _REAP_TIMEOUT_S):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                # Not `exited`: there may be no descriptor left.
                await trio.lowlevel.wait_readable(self._pidfd)
                await self.discard_errors()
            self._ended = self._reap()
        return self._ended

    def _reap(self) -> Ended:
        for stream in (self._stdin, self._stdout, self._stderr):
            if stream is not None:
                stream.close()
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        os.close(self._pidfd)
        if pid == 0:
            # Stuck in the kernel in spite of SIGKILL. Popen remembers one it started and reaps it later.
            return Ended(None, signal.SIGKILL, 0.0, self._stderr_bytes)
        code = os.waitstatus_to_exitcode(status)
        if self._popen is not None:
            self._popen.returncode = code
        return Ended(
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            cpu_s=usage.ru_utime + usage.ru_stime,
            stderr_bytes=self._stderr_bytes,
        )

    @property
    def _says(self) -> trio.lowlevel.FdStream:
        return self._stderr if self._stdout is None else self._stdout

    async def _line(self, max_bytes: int) -> bytes:
        while b"\n" not in self._heard:
            if len(self._heard) > max_bytes:
                raise WireError("the worker's line is too long")
            try:
                piece = await self._says.receive_some(_PIECE_BYTES)
            except trio.BrokenResourceError:
                raise WireError("the worker's pipe broke") from None
            if not piece:
                raise WireError("the worker ended in mid-line")
            self._heard += piece
        line, _, rest = bytes(self._heard).partition(b"\n")
        self._heard = bytearray(rest)
        return line
