"""What the process does to keep its own memory out of core dumps and other processes' reach."""

import ctypes
import os
import resource

PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4


def harden_process() -> None:
    """Forbid core dumps and tracing by processes of the same user, and make new files private.

    RLIMIT_CORE alone is not enough: the kernel ignores it when cores go to a program through a pipe
    (core(5)); PR_SET_DUMPABLE=0 covers that case and also stops ptrace and /proc/PID/mem.
    An exec resets the flag, so every child must call this for itself.

    Raises:
        OSError: the kernel refused; the caller must not load keys then.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(PR_SET_DUMPABLE, 0)


def is_dumpable() -> bool:
    """Return whether the kernel would write a core of this process or let another one trace it."""
    return _prctl(PR_GET_DUMPABLE, 0) != 0


def _prctl(option: int, value: int) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    unused = ctypes.c_ulong(0)
    result = int(library.prctl(option, ctypes.c_ulong(value), unused, unused, unused))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "prctl")
    return result
