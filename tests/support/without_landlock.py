"""Asks for an inspection where the kernel has no landlock: an outer filter answers its calls with an error.

Run as a script with the repository's root and an error number. Prints what the inspector says as JSON.
"""

import ctypes
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22
_LANDLOCK_CALLS = (444, 445, 446)
_RETURN_ERROR = 0x00050000


def _hide_landlock(error_number: int) -> None:
    from spoold.documents.worker import seccomp

    steps = [seccomp.Instruction(seccomp.LOAD_WORD, 0, 0, seccomp.OFFSET_NUMBER)]
    for number in _LANDLOCK_CALLS:
        steps += [
            seccomp.Instruction(seccomp.JUMP_IF_EQUAL, 0, 1, number),
            seccomp.Instruction(seccomp.RETURN, 0, 0, _RETURN_ERROR | error_number),
        ]
    steps.append(seccomp.Instruction(seccomp.RETURN, 0, 0, seccomp.ALLOW))
    packed = b"".join(step.pack() for step in steps)

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))

    program = Program(len(steps), packed)
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) != 0:
        raise OSError(ctypes.get_errno(), "no-new-privileges")
    if libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(program), zero, zero) != 0:
        raise OSError(ctypes.get_errno(), "filter")


async def _ask() -> None:
    from spoold.documents.inspector import Inspector
    from spoold.documents.pool import PoolLimits, WorkerPool
    from tests.support import pdfs

    read: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        read.append(1)
        yield pdfs.pdf()

    inspector = Inspector(WorkerPool(PoolLimits(start_timeout_s=100.0)))
    state = await inspector.probe()
    inspection = await inspector.inspect("application/pdf", chunks())
    sys.stdout.write(
        json.dumps({"state": asdict(state), "inspection": asdict(inspection), "read": len(read)}) + os.linesep
    )


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    _hide_landlock(int(sys.argv[2]))
    import trio

    trio.run(_ask)
