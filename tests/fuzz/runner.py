"""What fuzzers share: inputs run one after the other, timed, counted; failures are kept by number."""

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from protocols.limits import MIB

Execute = Callable[[int, bytes], Counter[str] | str]

# What was slow once is slow each time, or it was the machine.
REPEATS = 5


@dataclass
class Report:
    """What a run found; `failures` must be empty."""

    executions: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_cpu_s: float = 0.0
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rate = self.executions / self.seconds if self.seconds else 0.0
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return (
            f"{self.executions} executions in {self.seconds:.1f} s ({rate:.0f}/s), "
            f"{len(self.failures)} failures; slowest {self.slowest_cpu_s * 1000:.2f} ms; {outcomes}"
        )


def fuzz(
    execute: Execute,
    inputs: Iterator[bytes],
    executions: int,
    seed: int,
    *,
    passes: int,
    max_cpu_s_per_mib: float,
) -> Report:
    """Run inputs and return what was found.

    Args:
        execute: runs one input, with its number, all ways; returns what became of it, and raises whatever
            must not happen.
        passes: how often `execute` reads its input; the bound on processor time is for one reading.
    """
    report = Report()
    started = time.monotonic()
    # What the host process holds must not be walked by the collector on the parser's account.
    gc.collect()
    gc.freeze()
    for number in range(executions):
        octets = next(inputs)
        before = time.thread_time()
        try:
            outcome = execute(number, octets)
        except Exception as error:  # noqa: BLE001 - anything that escapes is what is looked for
            report.failures.append(f"seed {seed} number {number}: {error!r} from {octets[:200]!r}")
            continue
        cpu_s = (time.thread_time() - before) / passes
        allowed_s = max_cpu_s_per_mib * max(1.0, len(octets) / MIB)
        if cpu_s > allowed_s:
            cpu_s = min(cpu_s, *(_cpu_s(execute, number, octets) / passes for _ in range(REPEATS)))
        report.slowest_cpu_s = max(report.slowest_cpu_s, cpu_s)
        if cpu_s > allowed_s:
            report.failures.append(
                f"seed {seed} number {number}: {cpu_s * 1000:.0f} ms for {len(octets)} bytes"
            )
        report.outcomes.update([outcome] if isinstance(outcome, str) else outcome)
    gc.unfreeze()
    report.executions = executions
    report.seconds = time.monotonic() - started
    return report


def _cpu_s(execute: Execute, number: int, octets: bytes) -> float:
    before = time.thread_time()
    execute(number, octets)
    return time.thread_time() - before


def command(name: str, run: Callable[[int, int], Report], arguments: list[str]) -> int:
    """Run a fuzzer from the command line; exit status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=f"Fuzz {name}.")
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    report = run(options.executions, options.seed)
    sys.stdout.write(f"{name}: {report}\n" + "".join(f"  {failure}\n" for failure in report.failures[:20]))
    return 1 if report.failures else 0
