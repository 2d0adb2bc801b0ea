"""The template as the daemon sees it: a process that has the parser loaded, copied for each document.

Starting an interpreter and loading the parser takes 130 ms of a processor; a copy takes 5.
"""

import contextlib
import os
import socket
from functools import partial
from pathlib import Path

import trio

from spoold.documents.process import Streams, WorkerProcess, kill_and_reap, template_command
from spoold.documents.worker.wire import PID_BYTES

ANSWER_TIMEOUT_S = 10.0
"""Loading the parser takes 0.1 s; a machine that needs 10 s has other troubles."""
MAX_COPIES = 500
"""All copies of a template have their memory at the same addresses: what one document found out about them
would serve a later one. A new template every few hundred documents costs next to nothing."""
_REQUEST = b"c"
_CHILDREN = Path("/proc/thread-self/children")
"""What proc(5) says of our children. The template was started by this thread, so its copies are there."""


class TemplateLostError(Exception):
    """There is no template, or it does not answer. The text says which."""


class Template:
    """Starts workers as copies of a process, which it starts when the first one is wanted; `end` it."""

    def __init__(
        self,
        command: tuple[str, ...] | None = None,
        *,
        max_copies: int = MAX_COPIES,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._command = command or template_command()
        self._max_copies = max_copies
        self._answer_timeout_s = answer_timeout_s
        # The copies of this template, by their process ids.
        self._heard: set[int] = set()
        self._copies = 0
        self._process: WorkerProcess | None = None
        self._channel: socket.socket | None = None
        # One question, one answer.
        self._asking = trio.Lock()

    @property
    def pid(self) -> int | None:
        """The process id, for logs and tests; None while there is none."""
        return None if self._process is None else self._process.pid

    async def copy(self) -> WorkerProcess:
        """Return a new worker, which is about to lock itself in.

        Not cancelled once it has asked: nobody would wait for the copy's end.

        Raises:
            TemplateLostError: the next call starts a new template.
            OSError: the system has no process or descriptor to give.
        """
        async with self._asking:
            if self._copies >= self._max_copies:
                await self._end()
            channel = self._channel or self._start()
            self._copies += 1
            try:
                worker = await WorkerProcess.copied(partial(_ask, channel, self._answer_timeout_s))
            except BaseException:
                # What it said next would be the answer to this question.
                await self._end()
                raise
            self._heard.add(worker.pid)
            return worker

    async def end(self) -> None:
        """End the template, not its copies. Not cancelled, because it is short."""
        with trio.CancelScope(shield=True):
            async with self._asking:
                await self._end()

    def _start(self) -> socket.socket:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with its, open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                command, stdin, stdout = self._command, its.fileno(), nowhere.fileno()
                self._process = WorkerProcess.start(command, stdin=stdin, stdout=stdout)
        except OSError:
            ours.close()
            raise
        ours.setblocking(False)
        self._channel = ours
        return ours

    async def _end(self) -> None:
        channel, self._channel = self._channel, None
        process, self._process = self._process, None
        heard, self._heard = self._heard, set()
        self._copies = 0
        if process is not None:
            await process.end()
        if channel is not None:
            _reap_unheard(channel)
            channel.close()
        if process is not None:
            _reap_untold(process.pid, heard)


async def _ask(channel: socket.socket, timeout_s: float, streams: Streams) -> int:
    """Have a copy made that has these standard streams, and return its process id."""
    try:
        socket.send_fds(channel, [_REQUEST], streams)
        with trio.fail_after(timeout_s) as deadline:
            # The copy is there before its number is: whoever left now would leave it alone.
            deadline.shield = True
            await trio.lowlevel.wait_readable(channel)
        pid = int.from_bytes(channel.recv(PID_BYTES), "big")
    except trio.TooSlowError:
        raise TemplateLostError("the template of document workers does not answer") from None
    except OSError as error:
        raise TemplateLostError(f"the template of document workers is gone: {error.strerror}") from None
    if not pid:
        raise TemplateLostError("the template of document workers has ended or cannot be copied")
    return pid


def _reap_unheard(channel: socket.socket) -> None:
    """A copy that was made when nobody listened any more: it is our child, so it must be waited for."""
    with contextlib.suppress(OSError):
        pid = int.from_bytes(channel.recv(PID_BYTES), "big")
        if pid:
            kill_and_reap(pid)


def _reap_untold(group: int, heard: set[int]) -> None:
    """A copy whose number the template did not live to say; those that were heard of are somebody else's.

    On a kernel that does not list children (CONFIG_PROC_CHILDREN) it stays until the daemon ends.

    Args:
        group: the process group of the template and its copies, which has the template's own number. The
            kernel gives that to nobody else while one of them is left.
    """
    with contextlib.suppress(OSError):
        for word in _CHILDREN.read_text().split():
            pid = int(word)
            if pid not in heard and os.getpgid(pid) == group:
                kill_and_reap(pid)
