"""One task that waits for all the sockets nobody is working on, with an epoll set of its own.

trio arms a socket anew for every wait and wakes one task for each; that costs more than answering a small
question does. Here a socket stays armed from one question to the next, and one turn of trio's loop serves
all that have become readable. Work that takes longer is given back to the task that waits.
"""

import select
import socket
from collections.abc import Callable

import outcome
import trio

# What is done in one turn before other tasks run: some milliseconds at most.
MAX_EVENTS = 64
# Others become readable while the first are served; looking again is cheaper than a turn of trio's loop.
_LOOKS = 4

# Called when the socket is readable; returns whether the task that waits must go on.
Served = Callable[[], bool]


class Readiness:
    """Sockets at rest. `run` serves them, until it is cancelled."""

    def __init__(self) -> None:
        self._set = select.epoll()
        self._waiting: dict[int, tuple[trio.lowlevel.Task, Served]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, sock: socket.socket, serve: Served) -> None:
        """Wait until `serve` returns True; it is called whenever `sock` can be read without waiting.

        The socket must not be closed meanwhile (its own task does that, and it is here); it may be shut down.

        Raises:
            Exception: what `serve` raised.
        """
        number = sock.fileno()
        task = trio.lowlevel.current_task()
        self._set.register(number, select.EPOLLIN)
        self._waiting[number] = (task, serve)

        def give_up(_raise_cancel: object) -> trio.lowlevel.Abort:
            self._forget(number)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(give_up)

    async def run(self) -> None:
        """Serve whatever becomes readable."""
        try:
            while True:
                await trio.lowlevel.wait_readable(self._set)
                left = MAX_EVENTS
                for _ in range(_LOOKS):
                    events = self._set.poll(0, left)
                    for number, _event in events:
                        self._serve(number)
                    left -= len(events)
                    if len(events) <= 1 or left <= 0:
                        break
        finally:
            self._set.close()

    def _serve(self, number: int) -> None:
        task, serve = self._waiting[number]
        try:
            if not serve():
                return
            result: outcome.Outcome[None] = outcome.Value(None)
        except Exception as error:  # noqa: BLE001 - the edge between tasks: it is raised again in the other
            result = outcome.Error(error)
        self._forget(number)
        trio.lowlevel.reschedule(task, result)

    def _forget(self, number: int) -> None:
        del self._waiting[number]
        self._set.unregister(number)
