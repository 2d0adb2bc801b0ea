"""LPR jobs a second, side by side with LPRng's lpd: part of `python -m bench.run`, or alone with `--lpr`."""

import re
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.client import run
from bench.lprng import Lprng, NotHereError, lprng
from bench.measures import Row, percentile
from bench.requests import KIB, pdf
from bench.servers import cpu_s, cpu_with_children_s, only, settle
from bench.table import table
from tests.integration.daemon import Daemon

QUEUE = "secure"
CLIENTS = (1, 8, 64)
SERVERS = ("spoold", "LPRng lpd")
HELD_TIMEOUT_S = 10.0
WARM_UP = 5
FIRST_JOBS = 60
# Job numbers have three digits (RFC 1179 6.2); LPRng gives each job of a queue one and refuses the 1,001st.
MANY_JOBS = 800
_DOCUMENT = pdf(10 * KIB)
_CONTROL = b"Hlocalhost\nPbench\nJbench\nldfA###localhost\nUdfA###localhost\nNbench\n"
# RFC 1179 5.2, 6.2 and 6.3; job numbers have three digits.
_STEPS = (
    b"\x02%s\n" % QUEUE.encode(),
    b"\x02%d cfA###localhost\n" % len(_CONTROL),
    _CONTROL + b"\0",
    b"\x03%d dfA###localhost\n" % len(_DOCUMENT),
    _DOCUMENT + b"\0",
)
_SPOOLD = f"""\
[lpr]
allow = ["127.0.0.1/32"]
[printers.sink]
uri = "ipp://127.0.0.1:9/ipp/print"
[queues.{QUEUE}]
printers = ["sink"]
authentication = "at-release"
[limits]
max_unclaimed_jobs_per_address = 1000000
"""


@dataclass
class SpooldLpr:
    """spoold as it always is, with LPR."""

    daemon: Daemon
    name: str = "spoold"
    path: str = ""

    @property
    def port(self) -> int:
        """Where it listens for LPR."""
        return self.daemon.ports["lpr"]

    @property
    def pid(self) -> int:
        """Its main process."""
        if self.daemon.process is None:
            raise RuntimeError("spoold is not running")
        return self.daemon.process.pid

    def held(self) -> int:
        """Return how many jobs it holds."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(f"\x03{QUEUE}\n".encode())
            said = connection.makefile("rb").read()
        found = re.search(rb"([0-9]+) jobs? (?:is|are) held", said)
        return int(found[1]) if found else 0

    def forget(self) -> None:
        """Keep everything: its rate does not depend on it."""

    def cpu_s(self) -> float:
        """Processor time of its main process, in seconds."""
        return cpu_s(self)


@contextmanager
def _spoold(directory: Path) -> Iterator[SpooldLpr]:
    daemon = Daemon(directory, _SPOOLD, listen={"lpr": "127.0.0.1:0"})
    daemon.start()
    try:
        yield SpooldLpr(daemon)
    finally:
        daemon.stop()


def rows() -> list[Row]:
    """Return the rows of the table."""
    return [row for clients in CLIENTS for row in _rows(clients)]


def main(rounds: int, directory: Path | None, *, quick: bool) -> dict[str, dict[str, list[float]]]:
    """Measure, print the table, and return every number by row and server."""
    numbers: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        with TemporaryDirectory(prefix="spoold-bench-", dir=directory) as root:
            # lpd's processes run as another user.
            Path(root).chmod(0o755)
            _round(Path(root), number, numbers, quick=quick)
    measured = [name for name in SERVERS if any(name in found for found in numbers.values())]
    print(table(rows(), numbers, measured))
    return numbers


def _round(root: Path, number: int, numbers: dict[str, dict[str, list[float]]], *, quick: bool) -> None:
    with ExitStack() as stack:
        servers: list[SpooldLpr | Lprng] = [stack.enter_context(_spoold(root / "spoold"))]
        try:
            servers.append(stack.enter_context(lprng(root / "lprng", QUEUE)))
        except NotHereError as reason:
            print(f"LPRng's lpd is not measured: {reason}", file=sys.stderr)
        for server in servers:
            # What a server does once, in its first seconds, is not a job's price.
            _measure(server, 1, FIRST_JOBS)
        for clients in CLIENTS:
            jobs = MANY_JOBS if clients > 1 else 100 if quick else 300
            for server in servers if number % 2 else servers[::-1]:
                with only(server, list(servers)):
                    found = _measure(server, clients, jobs)
                for row, value in found.items():
                    numbers[row][server.name].append(value)
                rate = next(iter(found))
                print(f"  {server.name:17} {found[rate]:10,.1f} per second {rate}", file=sys.stderr)


def _rows(clients: int) -> tuple[Row, Row, Row]:
    name = f"LPR job of 10 KiB, held, {clients} client{'s' if clients > 1 else ''}"
    return (
        Row(name, "per second"),
        Row(f"{name}, p99", "ms", lower=True),
        Row(f"{name}, processor time", "us each", lower=True),
    )


def _measure(server: SpooldLpr | Lprng, clients: int, jobs: int) -> dict[str, float]:
    server.forget()
    settle(partial(cpu_with_children_s, server))
    held, before_s = server.held(), server.cpu_s()
    seconds, latencies = run("lpr", server.port, _STEPS, clients=clients, count=jobs, warm_up=WARM_UP)
    _check_held(server, held + jobs + WARM_UP)
    rate, late, cpu = _rows(clients)
    ordered = sorted(latencies)
    return {
        rate.name: len(ordered) / seconds,
        late.name: 1000 * percentile(ordered, 0.99),
        cpu.name: 1e6 * (server.cpu_s() - before_s) / (len(ordered) + WARM_UP),
    }


def _check_held(server: SpooldLpr | Lprng, expected: int) -> None:
    """Make sure that no job which was counted is missing."""
    deadline = time.monotonic() + HELD_TIMEOUT_S
    while (found := server.held()) < expected:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{server.name} holds {found} jobs, not {expected}")
        time.sleep(0.1)
