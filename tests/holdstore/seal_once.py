"""A program for tests that watch from outside: seals one document and says so when it is durable.

python -m tests.holdstore.seal_once ROOT SIZE_BYTES
"""

import os
import sys
from pathlib import Path
from uuid import UUID

import trio

from holdstore.keyring import Keyring
from holdstore.store import HoldStore

JOB = UUID("6f1d3c52-a0b8-4e7f-9c2b-5d7e8f901234")
PIECE = bytes(256 * 1024)


async def seal(root: Path, size_bytes: int) -> None:
    store = HoldStore(root, Keyring.from_bytes(bytes(range(32))))
    async with store.create(JOB, 1) as writer:
        for start in range(0, size_bytes, len(PIECE)):
            await writer.write(PIECE[: size_bytes - start])
        document = await writer.commit()
    os.write(1, b"durable\n" if document.inline is None else b"inline\n")


if __name__ == "__main__":
    trio.run(seal, Path(sys.argv[1]), int(sys.argv[2]))
