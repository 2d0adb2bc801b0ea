"""What 50,000 held jobs cost spoold: the rate of new ones, starting anew, memory. No peers.

`python -m bench.run --full-house`. Filling up takes about a minute. A cupsd is not filled up here: with
some thousands of jobs its rate is in the main table already, and at 50,000 it takes minutes for a round.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measures import percentile, run_client
from bench.requests import KIB, print_job
from bench.servers import Spoold, spoold

JOBS = 50_000
CLIENTS = 8
# As many as one batch of the small-job row.
BATCH = 900
BATCHES = 7
STARTS = 5
# Long enough for every service to have done its first round.
IDLE_S = 5.0
# Nothing listens there, and nothing is released.
NOWHERE = "ipp://127.0.0.1:9/ipp/print"
# Pictures are not opened to count their pages: what is measured is not what worker processes still do.
_PICTURE = b"\xff\xd8\xff\xe0" + bytes(10 * KIB - 4)


def main(directory: Path | None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="spoold-bench-", dir=directory) as root:
        for line in _lines(Path(root)):
            print(line, flush=True)


def _lines(root: Path) -> Iterator[str]:
    with spoold(root, NOWHERE) as server:
        server.daemon.stop()
        with _started(server):
            time.sleep(IDLE_S)
            empty_mib = _resident_mib(server)
            yield f"resident, idle, no jobs: {empty_mib:.1f} MiB"
            before = _rates(server)
            yield f"Print-Job 10 KiB, {CLIENTS} clients, into an empty spooler: {_shown(before)}"
            _fill(server, JOBS - BATCH * BATCHES)
            after = _rates(server)
            yield f"the same with {JOBS:,} held: {_shown(after)}"
            yield f"ratio of the medians: {_median_rate(after) / _median_rate(before):.2f}"
        taken = [_start_s(server) for _ in range(STARTS)]
        yield (
            f"from the start of the process to its first answer, {JOBS:,} held: "
            f"{statistics.median(taken):.2f} s ({min(taken):.2f} to {max(taken):.2f})"
        )
        with _started(server):
            time.sleep(IDLE_S)
            full_mib = _resident_mib(server)
        yield f"resident, idle, {JOBS:,} held: {full_mib:.1f} MiB, {full_mib - empty_mib:.1f} more than empty"
        # The bench's own way out stops a server that runs.
        server.daemon.start()


@contextmanager
def _started(server: Spoold) -> Iterator[None]:
    server.daemon.start()
    try:
        yield
    finally:
        server.daemon.stop()


def _start_s(server: Spoold) -> float:
    began = time.perf_counter()
    server.daemon.start()
    taken = time.perf_counter() - began
    server.daemon.stop()
    return taken


def _rates(server: Spoold) -> list[tuple[float, float]]:
    return [_send(server, BATCH, CLIENTS) for _ in range(BATCHES)]


def _fill(server: Spoold, count: int) -> None:
    while count > 0:
        _send(server, min(count, 5_000), 2 * CLIENTS)
        count -= 5_000
        print(f"  {max(count, 0):,} to go", file=sys.stderr, flush=True)


def _send(server: Spoold, count: int, clients: int) -> tuple[float, float]:
    """Return jobs per second and p99 in ms."""
    request = print_job(f"localhost:{server.port}", server.path, _PICTURE, document_format="image/jpeg")
    result, _ = run_client(server, request, clients=clients, count=count)
    return count / result["seconds"], 1000 * percentile(sorted(result["latencies_s"]), 0.99)


def _median_rate(found: list[tuple[float, float]]) -> float:
    return statistics.median(rate for rate, _late in found)


def _shown(found: list[tuple[float, float]]) -> str:
    rates, late = [one[0] for one in found], [one[1] for one in found]
    return (
        f"{statistics.median(rates):,.0f} per second ({min(rates):,.0f} to {max(rates):,.0f}), "
        f"p99 {statistics.median(late):.1f} ms ({min(late):.1f} to {max(late):.1f})"
    )


def _resident_mib(server: Spoold) -> float:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
