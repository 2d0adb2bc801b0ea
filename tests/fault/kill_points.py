"""Kills the daemon's parts at system calls all over a job's life, restarts them, and compares.

usage: python -m tests.fault.kill_points [POINTS] [--ipp] [--archive]

With --ipp the jobs go to a real IPP printer instead of a folder, with --archive they are those of a queue
whose papers are archived, and what is kept of them is opened with the private key.

A child process lives the life of `tests.fault.house` under strace, which sends SIGKILL on entry to the
n-th call of one kind; another child opens the same state again and inspects it. Kill -9 does not show a
missing fsync (the kernel keeps its pages): tests.fault.power_loss does.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from spoold.app.parts import Parts
from tests.fault.archive_life import archived_life, check_copies
from tests.fault.house import (
    Acks,
    Look,
    Place,
    Sheet,
    Verdict,
    copy_of,
    inspect,
    life,
    move_in,
    open_parts,
    run_life,
)
from tests.integration.eve import Bus, EvePrinter

# Everything that changes what is on disk or at a printer, and what hands bytes on.
SYSCALLS = (
    "openat",
    "write",
    "pwrite64",
    "pwritev",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "ftruncate",
    "sync_file_range",
    "connect",
    "sendto",
    "sendmsg",
    "recvfrom",
)
RUN_TIMEOUT_S = 120.0
STRACE_STARTS_S = 60.0


@dataclass(frozen=True)
class Story:
    """A life, and what is compared after it besides what always is."""

    life: Callable[[Parts, Acks], object]
    look: Look | None = None
    archives: bool = False


PRINTING = Story(life)
ARCHIVING = Story(archived_life, check_copies, archives=True)


@dataclass
class Report:
    """What all kills together showed."""

    points: int = 0
    killed: int = 0
    acknowledged: int = 0
    bad: list[str] = field(default_factory=list)

    def add(self, name: str, verdict: Verdict, *, killed: bool) -> None:
        self.points += 1
        self.killed += killed
        self.acknowledged += verdict.acknowledged
        if not verdict.clean:
            self.bad.append(f"{name}: {verdict}")

    def __str__(self) -> str:
        return (
            f"{self.points} points, {self.killed} killed, {self.acknowledged} acknowledgements, "
            f"{len(self.bad)} bad"
        )


def run(
    points: int,
    directory: Path,
    tell: Callable[[str], None] = lambda _words: None,
    *,
    printer: EvePrinter | None = None,
    story: Story = PRINTING,
) -> Report:
    """Kill at `points` calls spread evenly over the life.

    Args:
        printer: a real IPP printer that all runs share; None for folders.
    """
    template = make_template(directory / "template", story, None if printer is None else printer.uri())
    calls = count_calls(template, directory / "count", story)
    report = Report()
    for number, (syscall, nth) in enumerate(spread(calls, points)):
        place = copy_of(template, directory / f"run-{number}")
        before = 0 if printer is None else len(printer.printed())
        lines, killed = live(place, f"{syscall}:signal=KILL:when={nth}", story)
        printed = None if printer is None else partial(_sheets, printer, before)
        verdict = inspect_in_child(place, lines, printed, story.look)
        report.add(f"{syscall} {nth}", verdict, killed=killed)
        tell(f"{number + 1}/{points} {syscall} {nth}: {'clean' if verdict.clean else verdict}")
        shutil.rmtree(place.outside)
    return report


def _sheets(printer: EvePrinter, before: int) -> list[Sheet]:
    """Return what came out of the printer since; it is told the jobs' tokens as their names."""
    return [Sheet(page.settings["IPP_JOB_NAME"], page.content) for page in printer.printed()[before:]]


def make_template(outside: Path, story: Story, printer: str | None = None) -> Place:
    """Prepare a house once: certificate, tables and directories are not what is under test."""
    place = Place(outside, outside / "state", printer, archives=story.archives)
    place.prepare()
    in_child(lambda: _open_once(place))
    return place


def count_calls(template: Place, outside: Path, story: Story) -> Counter[str]:
    """Live once under strace and count the calls of each kind, per thread: injection counts per thread."""
    place = copy_of(template, outside)
    lines, killed = live(place, None, story, trace=outside / "trace")
    if killed or not any(line["what"] == "completed" for line in lines):
        raise RuntimeError(f"the life without a fault did not end well: {lines}")
    counts: Counter[tuple[str, str]] = Counter()
    for line in (outside / "trace").read_text().splitlines():
        found = re.match(r"(\d+) +([a-z0-9_]+)\(", line)
        if found:
            counts[found[1], found[2]] += 1
    most: Counter[str] = Counter()
    for (_, syscall), number in counts.items():
        most[syscall] = max(most[syscall], number)
    shutil.rmtree(outside)
    return most


def spread(calls: Counter[str], points: int) -> Iterator[tuple[str, int]]:
    """Choose calls so that every kind gets an equal share, evenly over its calls; rare kinds get all."""
    left, kinds = points, sorted(calls, key=lambda syscall: calls[syscall])
    for index, syscall in enumerate(kinds):
        share = min(calls[syscall], max(1, left // (len(kinds) - index)))
        left -= share
        yield from ((syscall, 1 + number * calls[syscall] // share) for number in range(share))


def live(
    place: Place, inject: str | None, story: Story, *, trace: Path | None = None
) -> tuple[list[dict[str, str]], bool]:
    """Live in a child under strace; returns what was acknowledged and whether the child was killed."""
    reading, writing = os.pipe()
    go_reading, go_writing = os.pipe()
    child = os.fork()
    if child == 0:
        _child(lambda: _live_when_told(place, story, writing, go_reading))
    os.close(writing)
    os.close(go_reading)
    strace = _attach(child, inject, trace)
    os.write(go_writing, b"g")
    os.close(go_writing)
    with os.fdopen(reading) as told:
        lines = [json.loads(line) for line in told]
    _, status = os.waitpid(child, 0)
    strace.wait(RUN_TIMEOUT_S)
    return lines, os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def inspect_in_child(
    place: Place,
    acknowledged: list[dict[str, str]],
    printed: Callable[[], list[Sheet]] | None = None,
    look: Look | None = None,
) -> Verdict:
    """Inspect in a process of its own, as a restarted daemon is one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:

        def work() -> None:
            verdict = inspect(place, acknowledged, printed, look)
            os.write(writing, json.dumps(verdict.__dict__).encode())

        _child(work)
    os.close(writing)
    with os.fdopen(reading) as told:
        answer = told.read()
    os.waitpid(child, 0)
    if not answer:
        return Verdict(broken=["the restart failed: see standard error"], acknowledged=len(acknowledged))
    return Verdict(**json.loads(answer))


def in_child(work: Callable[[], None]) -> None:
    """Run something in a child and raise if it fails."""
    child = os.fork()
    if child == 0:
        _child(work)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise RuntimeError(f"a child ended with {status}")


@contextmanager
def ipp_printer() -> Iterator[EvePrinter]:
    """Run a real printer simulator on loopback."""
    bus = Bus()
    bus.start()
    printer = EvePrinter("fault", bus)
    try:
        printer.start()
        yield printer
    finally:
        printer.stop()
        bus.stop()


def _child(work: Callable[[], None]) -> None:
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - a child process must end here, whatever happened
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _open_once(place: Place) -> None:
    with ExitStack() as stack:
        trio.run(move_in, open_parts(place, stack))


def _live_when_told(place: Place, story: Story, writing: int, go: int) -> None:
    # dumpable, or strace could not attach: hardening is the daemon's business and is not done here.
    os.read(go, 1)
    run_life(place, writing, story.life)


def _attach(child: int, inject: str | None, trace: Path | None) -> "subprocess.Popen[bytes]":
    command = ["strace", "-f", "-qq", "-p", str(child), "-o", str(trace or "/dev/null")]
    command += ["-e", f"trace={','.join('?' + name for name in SYSCALLS)}"]
    if inject is not None:
        command += ["-e", f"inject=?{inject}"]
    strace = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + STRACE_STARTS_S
    while f"TracerPid:\t{0}\n" in Path(f"/proc/{child}/status").read_text():
        if strace.poll() is not None or time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            raise RuntimeError("strace could not attach")
        time.sleep(0.002)
    if strace.stderr is not None:
        strace.stderr.close()
    return strace


def main() -> int:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    points = numbers[0] if numbers else 200
    directory = Path(tempfile.mkdtemp(prefix="kill-points-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        printer = stack.enter_context(ipp_printer()) if "--ipp" in sys.argv else None
        story = ARCHIVING if "--archive" in sys.argv else PRINTING
        report = run(points, directory, lambda words: print(words, flush=True), printer=printer, story=story)
    print(report)
    for line in report.bad:
        print(line)
    return 1 if report.bad or report.killed < report.points // 2 else 0


if __name__ == "__main__":
    sys.exit(main())
