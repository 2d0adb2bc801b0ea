"""A program that prints how many bytes its memory grew while one document went in, was verified and came out.

python -m tests.holdstore.measure_memory ROOT SIZE_BYTES
"""

import os
import sys
from pathlib import Path
from uuid import uuid4

import trio

from holdstore.keyring import Keyring
from holdstore.store import HoldStore

PIECE = os.urandom(256 * 1024)


def peak_bytes() -> int:
    """The most memory this program had so far; ru_maxrss would count the one that started it, too."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("no VmHWM in /proc/self/status")


async def there_and_back(store: HoldStore, size_bytes: int) -> None:
    async with store.create(uuid4(), 1) as writer:
        for start in range(0, size_bytes, len(PIECE)):
            await writer.write(PIECE[: size_bytes - start])
        document = await writer.commit()
    async with store.open(document) as reader:
        await reader.verify()
        received = 0
        async for piece in reader.chunks():
            received += len(piece)
    if received != size_bytes:
        raise SystemExit(f"{received} of {size_bytes} bytes came back")


async def measure(root: Path, size_bytes: int) -> None:
    store = HoldStore(root, Keyring.from_bytes(bytes(range(32))))
    # Threads and buffers that any document needs are not growth.
    await there_and_back(store, 1024)
    before = peak_bytes()
    await there_and_back(store, size_bytes)
    sys.stdout.write(f"{peak_bytes() - before}\n")


if __name__ == "__main__":
    trio.run(measure, Path(sys.argv[1]), int(sys.argv[2]))
