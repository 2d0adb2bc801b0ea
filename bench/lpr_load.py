"""The LPR client of the bench: one process that keeps some clients busy, each job on a connection of its own.

Started by `bench.lpr` as `python -m bench.lpr_load` with a JSON object on standard input (see `Load`); prints
what it measured as JSON. As real clients do it, every step waits for its answer, and a connection ends with
its job.
"""

import base64
import itertools
import json
import select
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

# A server that says nothing for this long has failed.
ANSWER_TIMEOUT_S = 60.0
YES = b"\0"
# RFC 1179 6.2: job numbers have three digits.
_NUMBERS = 1000


@dataclass(frozen=True)
class Load:
    """What to do.

    Attributes:
        clients: how many jobs are under way at a time.
        count: jobs in all.
        queue: where to.
        document: of each job.
        warm_up: jobs before them that are not measured.
    """

    port: int
    clients: int
    count: int
    queue: str
    document: bytes
    warm_up: int = 0


class RefusedError(Exception):
    """The server did not say yes."""


class Job:
    """One job on its way: five steps (RFC 1179 5.2, 6.2 and 6.3), each answered by a zero byte."""

    def __init__(self, load: Load, number: int) -> None:
        self.began_at = time.perf_counter()
        self.socket = socket.create_connection(("127.0.0.1", load.port), timeout=ANSWER_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = f"{number % _NUMBERS:03}localhost"
        control = f"Hlocalhost\nPbench\nJbench\nldfA{host}\nUdfA{host}\nNbench\n".encode()
        self._left = [
            f"\x02{load.queue}\n".encode(),
            f"\x02{len(control)} cfA{host}\n".encode(),
            control + b"\0",
            f"\x03{len(load.document)} dfA{host}\n".encode(),
            load.document + b"\0",
        ]
        self._next()

    def answered(self) -> bool:
        """Take an answer and go on; return whether that was the last one.

        Raises:
            RefusedError: it was not a yes.
        """
        if self.socket.recv(1) != YES:
            raise RefusedError(f"not accepted, {len(self._left)} steps before the end")
        if not self._left:
            self.socket.close()
            return True
        self._next()
        return False

    def _next(self) -> None:
        self.socket.sendall(self._left.pop(0))


def run(load: Load) -> dict[str, Any]:
    """Do it; returns "seconds" in all and the "latencies_s" of each job, from its connection on."""
    numbers = itertools.count()
    for _ in range(load.warm_up):
        one = Job(load, next(numbers))
        while not one.answered():
            pass
    latencies: list[float] = []
    busy: dict[int, Job] = {}
    began = time.perf_counter()
    with select.epoll() as poll:

        def start() -> None:
            job = Job(load, next(numbers))
            busy[job.socket.fileno()] = job
            poll.register(job.socket.fileno(), select.EPOLLIN)

        for _ in range(min(load.clients, load.count)):
            start()
        while busy:
            ready = poll.poll(ANSWER_TIMEOUT_S)
            if not ready:
                raise RefusedError(f"no answer within {ANSWER_TIMEOUT_S:g} s")
            for descriptor, _ in ready:
                job = busy[descriptor]
                if not job.answered():
                    continue
                del busy[descriptor]
                latencies.append(time.perf_counter() - job.began_at)
                if len(latencies) + len(busy) < load.count:
                    start()
    return {"seconds": time.perf_counter() - began, "latencies_s": latencies}


def main() -> int:
    """Read the load from standard input, print the result."""
    fields = json.load(sys.stdin)
    fields["document"] = base64.b64decode(fields["document"])
    try:
        result = run(Load(**fields))
    except (RefusedError, OSError) as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    json.dump(result, sys.stdout)
    return 0 if "error" not in result else 1


if __name__ == "__main__":
    sys.exit(main())
