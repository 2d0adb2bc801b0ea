"""How fast the hold store seals, commits and opens: `python -m bench.bench_holdstore [--directory D]`.

Three rows: one large document through a file (sealed, synced, opened again), medium ones through a file
each, small ones that stay in memory for the database row. Medians of several rounds; the same machine
and directory for a comparison, because the disk decides most of it.
"""

import argparse
import functools
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import trio

from holdstore.container import SealedDocument
from holdstore.keyring import Keyring
from holdstore.store import HoldStore

MIB = 1024 * 1024
# What the HTTP door hands on at a time.
PIECE = os.urandom(256 * 1024)


@asynccontextmanager
async def timer(seconds: list[float]) -> AsyncIterator[None]:
    start = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - start)


async def seal(store: HoldStore, size_bytes: int) -> SealedDocument:
    async with store.create(uuid4(), 1) as writer:
        for _ in range(size_bytes // len(PIECE)):
            await writer.write(PIECE)
        await writer.write(PIECE[: size_bytes % len(PIECE)])
        return await writer.commit()


async def large(store: HoldStore, size_bytes: int, rounds: int) -> None:
    sealing: list[float] = []
    verifying: list[float] = []
    opening: list[float] = []
    for _ in range(rounds):
        async with timer(sealing):
            document = await seal(store, size_bytes)
        async with store.open(document) as reader:
            async with timer(verifying):
                await reader.verify()
            async with timer(opening):
                total = sum([len(piece) async for piece in reader.chunks()])
        if total != size_bytes:
            raise SystemExit(f"{total} bytes came back of {size_bytes}")
        await store.shred(document.job_id, [document.number])
    for name, seconds in (("seal and sync", sealing), ("verify", verifying), ("open again", opening)):
        middle = statistics.median(seconds)
        print(f"{size_bytes // MIB:5} MiB {name:14} {middle:7.3f} s  {size_bytes / MIB / middle:7.0f} MiB/s")


async def medium(store: HoldStore, size_bytes: int, count: int, tasks: int) -> None:
    documents: list[SealedDocument] = []

    async def some() -> None:
        documents.extend([await seal(store, size_bytes) for _ in range(count // tasks)])

    start = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(some)
    seconds = time.perf_counter() - start
    rate = len(documents) / seconds
    print(f"{size_bytes // MIB:5} MiB x {len(documents)}, {tasks} at once  {rate:7.0f} documents/s")
    for document in documents:
        await store.shred(document.job_id, [1])


async def small(store: HoldStore, size_bytes: int, count: int) -> None:
    sealing: list[float] = []
    opening: list[float] = []
    for _ in range(count):
        async with timer(sealing):
            document = await seal(store, size_bytes)
        if document.inline is None:
            raise SystemExit("the small document did not stay in memory")
        async with store.open(document) as reader, timer(opening):
            await reader.verify()
            async for _ in reader.chunks():
                pass
    for name, seconds in (("seal inline", sealing), ("verify and open", opening)):
        print(f"{size_bytes // 1024:5} KiB {name:15} {statistics.median(seconds) * 1e6:7.1f} us each")


async def run(directory: Path, rounds: int) -> None:
    store = HoldStore(directory / "store", Keyring.from_bytes(os.urandom(32)))
    await large(store, 512 * MIB, rounds)
    for tasks in (1, 8):
        await medium(store, MIB, 200, tasks)
    await small(store, 10 * 1024, 5000)


def main(words: Sequence[str] | None = None) -> None:
    """Run it; `words` stand for the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--directory", type=Path, default=None, help="where to write (default: a new one in /tmp)"
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(words)
    directory = Path(tempfile.mkdtemp(prefix="bench-holdstore-", dir=arguments.directory))
    try:
        trio.run(functools.partial(run, directory, arguments.rounds))
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
