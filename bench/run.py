"""Measures spoold side by side with a local cupsd: `python -m bench.run [--quick] [--json FILE]`.

Every round starts all servers anew in empty directories and takes every measure of one after the other, in
turns of who comes first; while one is measured the others stand still (SIGSTOP). One client program drives
them all. docs/performance.md says what the rows mean.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.bench_holdstore import main as bench_holdstore
from bench.full_house import main as full_house
from bench.lpr import main as bench_lpr
from bench.measures import Measure, Row, measures
from bench.policy import main as bench_policy
from bench.printer import Printer, printer
from bench.servers import (
    CUPSD_KINDS,
    Eve,
    Server,
    cpu_with_children_s,
    cupsd,
    ippeveprinter,
    only,
    settle,
    spoold,
)
from bench.table import table

ROUNDS = 5
QUICK_ROUNDS = 2
SERVERS = ("spoold", *CUPSD_KINDS, "ippeveprinter")
# These differ in nothing but in how jobs are kept.
SYNCED = SERVERS[2:-1]
_PROBES = 50
# Numbers by row, server and round.
Numbers = defaultdict[str, defaultdict[str, list[float]]]


def main() -> int:
    """Run the bench; returns the exit status: 1 when the rules decide more slowly than is wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} short rounds")
    parser.add_argument("--rounds", type=int, default=None, help=f"how many (default: {ROUNDS})")
    parser.add_argument("--json", type=Path, help="also write every number to this file")
    parser.add_argument("--directory", type=Path, help="where the servers keep their files (default: /tmp)")
    parser.add_argument("--only", default="", help="only measures whose rows contain this")
    parser.add_argument(
        "--holdstore", action="store_true", help="measure the hold store alone, without peers"
    )
    parser.add_argument("--full-house", action="store_true", help="measure spoold with 50,000 held jobs")
    parser.add_argument("--lpr", action="store_true", help="measure LPR only")
    parser.add_argument("--policy", action="store_true", help="measure decisions of the rules only")
    arguments = parser.parse_args()
    if arguments.policy:
        return 0 if bench_policy() else 1
    if arguments.full_house:
        full_house(arguments.directory)
        return 0
    if arguments.holdstore:
        bench_holdstore([] if arguments.directory is None else ["--directory", str(arguments.directory)])
        return 0
    rounds = arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS)
    if arguments.lpr:
        bench_lpr(rounds, arguments.directory, quick=arguments.quick)
        return 0
    chosen = [
        one for one in measures(quick=arguments.quick) if any(arguments.only in row.name for row in one.rows)
    ]
    numbers: Numbers = defaultdict(lambda: defaultdict(list))
    syncs: list[float] = []
    for number in range(rounds):
        _say(f"round {number + 1} of {rounds}")
        root = Path(tempfile.mkdtemp(prefix="spoold-bench-", dir=arguments.directory))
        try:
            syncs.append(_fdatasync_ms(root))
            _round(root, number, chosen, numbers)
        finally:
            shutil.rmtree(root)
    _report([row for one in chosen for row in one.rows], numbers, syncs, arguments.json)
    if not arguments.only:
        bench_lpr(rounds, arguments.directory, quick=arguments.quick)
        return 0 if bench_policy() else 1
    return 0


def _round(root: Path, number: int, chosen: list[Measure], numbers: Numbers) -> None:
    # The queues' processes of a cupsd that was started by root run as another user.
    root.chmod(0o755)
    with ExitStack() as stack:
        sink = stack.enter_context(printer())
        servers: list[Server] = [
            stack.enter_context(spoold(root / "spoold", sink.uri)),
            *(
                stack.enter_context(cupsd(root / f"cupsd-{place}", sink.uri, kind))
                for place, kind in enumerate(CUPSD_KINDS)
            ),
            stack.enter_context(ippeveprinter()),
        ]
        for measure in chosen:
            _take(measure, servers, number, sink, numbers)


def _take(measure: Measure, servers: list[Server], number: int, sink: Printer, numbers: Numbers) -> None:
    turn = number % len(servers)
    for server in servers[turn:] + servers[:turn]:
        if (server.name in SYNCED and not measure.synced) or (isinstance(server, Eve) and not measure.asked):
            continue
        with only(server, servers):
            if not measure.asked:
                settle(partial(cpu_with_children_s, server))
            found = measure.run(server, sink)
        for row, value in found.items():
            numbers[row][server.name].append(value)
        first = measure.rows[0]
        _say(f"  {server.name:17} {found[first.name]:10,.1f} {first.unit:10} {first.name}")


def _fdatasync_ms(directory: Path) -> float:
    """Return what making 4 KiB durable costs here and now; everything that is durable pays it."""
    descriptor = os.open(directory / "probe", os.O_CREAT | os.O_WRONLY, 0o600)
    taken = []
    for _ in range(_PROBES):
        os.write(descriptor, bytes(4096))
        began = time.perf_counter()
        os.fdatasync(descriptor)
        taken.append(1000 * (time.perf_counter() - began))
    os.close(descriptor)
    return statistics.median(taken)


def _report(rows: list[Row], numbers: Numbers, syncs: list[float], path: Path | None) -> None:
    machine = {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processors": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[1], 2),
        "fdatasync_ms": [round(value, 3) for value in syncs],
    }
    print(table(rows, numbers, SERVERS))
    print()
    print("Medians of the rounds, least and most in brackets; ratios are taken round by round.")
    print(
        f"{machine['processors']} processors, Linux {machine['kernel']}, Python {machine['python']},"
        f" load {machine['load_average']}, fdatasync of 4 KiB {statistics.median(syncs):.2f} ms."
    )
    if path is not None:
        path.write_text(json.dumps({"machine": machine, "results": numbers}, indent=1) + "\n")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
