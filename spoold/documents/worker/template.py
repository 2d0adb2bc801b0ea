"""The template of document workers: loads the parser once, and a copy of it becomes each worker.

It never sees a document. It hears one octet with the three standard streams of a worker to be, copies itself
(clone(2)) and says the copy's process id. CLONE_PARENT makes the copy a child of the daemon, as if the daemon
had started it: it is waited for, killed and outlived in the same way, and it locks itself in like any worker.
"""

import ctypes
import gc
import os
import signal
import socket

from spoold.documents.worker import sandbox
from spoold.documents.worker.__main__ import live, load
from spoold.documents.worker.wire import PID_BYTES

STREAMS = 3
_WANTED_BYTES = 1

# linux/sched.h
_CLONE_PARENT = 0x00008000
_CLONE_NUMBERS = {"x86_64": 56, "aarch64": 220}
# Unlike CDLL this keeps the interpreter's lock: the copy has nobody who could give it back.
_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def main(required_landlock_abi: int) -> None:
    """Make copies for as long as somebody asks. Never comes back."""
    try:
        load()
        sandbox.keep_to_itself()
        # What is loaded stays; collecting it in each copy would only copy its pages.
        gc.collect()
        gc.freeze()
        _serve(socket.socket(fileno=os.dup(0)), required_landlock_abi)
    finally:
        os._exit(0)


def _serve(channel: socket.socket, required_landlock_abi: int) -> None:
    while True:
        said, streams, _flags, _address = socket.recv_fds(channel, _WANTED_BYTES, STREAMS)
        if not said or len(streams) != STREAMS:
            return
        pid = _copy()
        if pid == 0:
            for place, stream in enumerate(streams):
                os.dup2(stream, place)
            live(required_landlock_abi)
        for stream in streams:
            os.close(stream)
        channel.send(max(pid, 0).to_bytes(PID_BYTES, "big"))


def _copy() -> int:
    """Return the copy's process id, 0 in the copy, -1 where there is none to be had.

    Not os.fork: its child would be ours and not the daemon's. There is one thread and no lock is held, so
    that nothing has to be put right in the copy.
    """
    number = ctypes.c_long(_CLONE_NUMBERS[os.uname().machine])
    flags = ctypes.c_ulong(_CLONE_PARENT | signal.SIGCHLD)
    nothing = ctypes.c_ulong(0)
    return int(_libc.syscall(number, flags, nothing, nothing, nothing, nothing))
