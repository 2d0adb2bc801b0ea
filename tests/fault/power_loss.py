"""Cuts the power under the store: a file system that forgets everything it was not told to keep.

usage: python -m tests.fault.power_loss [RUNS]     (needs root: loop devices)

A child accepts jobs on a loop-mounted ext4 as fast as it can and reports each acknowledgement through a
pipe. At a random moment after the first few dozen the file system is shut down without flushing its journal
(FS_IOC_SHUTDOWN, flag 2), the child is killed, the file system mounted again, and everything acknowledged
must be there. In half of the runs only the documents lose power, so that the database's commits cannot hide
a missing fsync of a directory. The same harness must catch three daemons that were made wrong on purpose.
"""

import contextlib
import enum
import fcntl
import functools
import itertools
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import trio

from holdstore import durable
from spoold.app.parts import Parts
from spoold.database import wal
from tests.fault.house import Acks, Place, Verdict, digest, open_parts, run_life, submit, text
from tests.fault.kill_points import in_child, inspect_in_child

# linux/fs ioctl EXT4_IOC_SHUTDOWN = _IOR('X', 125, __u32); flag 2 loses the journal's unwritten tail.
FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
IMAGE_BYTES = 192 * 1024 * 1024
CLIENTS = 4
# With documents on a disk of their own, another client's fsync there would sync a directory by chance.
CLIENTS_APART = 1
# The power stays on until so many were acknowledged, however busy the machine is.
LEAST_ACKNOWLEDGED = 25
# A thread stops when its fsync has ended, which on a busy disk takes seconds.
FREEZE_TIMEOUT_S = 120.0
UNMOUNT_TIMEOUT_S = 60.0


class Mutant(enum.StrEnum):
    """A way to lose what was acknowledged; each must be noticed."""

    NONE = "none"
    NO_FSYNC = "no-fsync"
    NO_WAL_SYNC = "no-wal-sync"
    NO_DIRECTORY_FSYNC = "no-directory-fsync"


@dataclass
class Report:
    """What several power cuts showed."""

    runs: int = 0
    acknowledged: int = 0
    bad: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        self.runs += 1
        self.acknowledged += verdict.acknowledged
        if not verdict.clean:
            self.bad.append(str(verdict)[:2000])

    def __str__(self) -> str:
        return f"{self.runs} runs, {self.acknowledged} acknowledgements, {len(self.bad)} bad runs"


class LoopFileSystem:
    """An ext4 in a file, mounted over a loop device."""

    def __init__(self, image: Path, mount_point: Path) -> None:
        self.image = image
        self.mount_point = mount_point
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(image))
        mount_point.mkdir(parents=True, exist_ok=True)
        self.mount()

    def mount(self) -> None:
        _run("mount", "-o", "loop", str(self.image), str(self.mount_point))
        self.mount_point.chmod(0o700)

    def cut_power(self) -> None:
        descriptor = os.open(self.mount_point, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def unmount(self) -> None:
        deadline = time.monotonic() + UNMOUNT_TIMEOUT_S
        while True:
            done = subprocess.run(["umount", str(self.mount_point)], capture_output=True)
            # Not os.path.ismount: on a file system that lost its power it fails, and says no.
            if done.returncode == 0 or f" {self.mount_point} " not in Path("/proc/mounts").read_text():
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.mount_point} stays busy: {done.stderr.decode()}")
            time.sleep(0.05)


def runs_until_caught(mutant: Mutant, directory: Path, max_runs: int) -> int | None:
    """Cut the power until the mutant is noticed; returns after how many runs, None if it never was."""
    for number in range(1, max_runs + 1):
        # The database's own commits hide a directory that was not synced, unless it lies elsewhere.
        apart = mutant is Mutant.NO_DIRECTORY_FSYNC
        if run(1, directory / f"try-{number}", mutant=mutant, seed=number, apart=apart).bad:
            return number
    return None


def run(
    runs: int,
    directory: Path,
    *,
    mutant: Mutant = Mutant.NONE,
    seed: int = 1,
    apart: bool | None = None,
) -> Report:
    """Cut the power `runs` times.

    Args:
        apart: whether the documents have a file system of their own; None takes turns.
    """
    chance = random.Random(seed)
    report = Report()
    for number in range(runs):
        separate = number % 2 == 1 if apart is None else apart
        with _house(directory / f"run-{number}", apart=separate) as (place, systems):
            dark, clients = (systems[-1:], CLIENTS_APART) if separate else (systems, CLIENTS)
            lines = _accept_until_dark(place, dark, mutant, chance, clients)
            for system in reversed(systems):
                system.unmount()
            for system in systems:
                system.mount()
            report.add(inspect_in_child(place, lines))
    return report


@contextlib.contextmanager
def _house(directory: Path, *, apart: bool) -> Iterator[tuple[Place, list[LoopFileSystem]]]:
    directory.mkdir(parents=True)
    place = Place(directory / "outside", directory / "state")
    systems = [LoopFileSystem(directory / "state.img", place.state)]
    try:
        place.prepare()
        if apart:
            systems.append(LoopFileSystem(directory / "documents.img", place.state / "documents"))
        # Made and synced before: an administrator does not lose power during the first start in every run.
        in_child(lambda: _open_and_sync(place))
        yield place, systems
    finally:
        for system in reversed(systems):
            if os.path.ismount(system.mount_point):
                system.unmount()
        shutil.rmtree(directory)


def _open_and_sync(place: Place) -> None:
    with contextlib.ExitStack() as stack:
        open_parts(place, stack)
    os.sync()


def _accept_until_dark(
    place: Place, dark: list[LoopFileSystem], mutant: Mutant, chance: random.Random, clients: int
) -> list[dict[str, str]]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _sabotage(mutant)
            os.close(reading)
            run_life(place, writing, functools.partial(_accept_for_ever, clients))
        except BaseException:  # noqa: BLE001 - the disk is gone under it: every error is possible
            pass
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as told:
        first = b""
        while first.count(b"\n") < LEAST_ACKNOWLEDGED and (piece := told.read(65536)):
            first += piece
        time.sleep(chance.uniform(0.0, 0.6))
        _freeze(child)
        for system in reversed(dark):
            system.cut_power()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        rest = first + (told.readall() or b"")
    return [json.loads(line) for line in rest.splitlines() if line.endswith(b"}")]


def _freeze(child: int) -> None:
    """Stop every thread of the child; what the kernel was doing for it is finished then.

    A power cut does not let a running fsync answer. The shutdown of the emulation does: ext4 gives up its
    journal under an fsync that waits for it, which then finds nothing left to wait for and says it is fine.
    """
    os.kill(child, signal.SIGSTOP)
    deadline = time.monotonic() + FREEZE_TIMEOUT_S
    while not all(_has_stopped(task) for task in Path(f"/proc/{child}/task").iterdir()):
        if time.monotonic() > deadline:
            raise RuntimeError("the child does not stop")
        time.sleep(0.001)


def _has_stopped(task: Path) -> bool:
    """Whether a thread does nothing any more; one that ends just now has to be looked for again."""
    try:
        return "State:\tT" in (task / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def _accept_for_ever(clients: int, parts: Parts, acks: Acks) -> None:
    numbers = itertools.count(1)

    async def client() -> None:
        for number in numbers:
            # Large ones are files with the whole commit order, small ones lie in the database.
            content = text(number, 90_000 if number % 2 else 1_500)
            acks.say("held", await submit(parts, content), digest(content))

    async with trio.open_nursery() as nursery:
        for _ in range(clients):
            nursery.start_soon(client)


def _sabotage(mutant: Mutant) -> None:
    """Break this process's copy of the daemon; only ever called in a child."""
    if mutant is Mutant.NO_FSYNC:
        os.fsync = os.fdatasync = lambda fd: None
    elif mutant is Mutant.NO_WAL_SYNC:
        wal.os.fdatasync = lambda _fd: None  # type: ignore[attr-defined]
    elif mutant is Mutant.NO_DIRECTORY_FSYNC:
        real = os.fsync

        def only_files(descriptor: int) -> None:
            if not Path(f"/proc/self/fd/{descriptor}").is_dir():
                real(descriptor)

        durable.os.fsync = only_files  # type: ignore[attr-defined]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    directory = Path(tempfile.mkdtemp(prefix="power-loss-"))
    failed = False
    try:
        report = run(runs, directory)
        print(f"as shipped: {report}", flush=True)
        failed = bool(report.bad)
        for line in report.bad:
            print(line)
        for mutant in (Mutant.NO_FSYNC, Mutant.NO_WAL_SYNC, Mutant.NO_DIRECTORY_FSYNC):
            caught = runs_until_caught(mutant, directory / mutant, max(20, runs))
            print(f"{mutant}: " + (f"caught in run {caught}" if caught else "NOT CAUGHT"), flush=True)
            failed |= caught is None
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print("FAILED" if failed else "every acknowledged job survived, and every mutant was caught")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
