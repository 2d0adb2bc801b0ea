"""Locks the worker in, before it reads its document: privileges, landlock, limits, system calls.

Pure ctypes, so that the wall around the parser has no library of its own to be wrong. Everything here fails
closed: whatever cannot be set up raises SandboxError, and the worker then parses nothing.
"""

import contextlib
import ctypes
import errno
import os
import resource
import signal
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from spoold.documents.worker import seccomp
from spoold.documents.worker.wire import REQUIRED_LANDLOCK_ABI

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

# The landlock calls have the same numbers on every architecture.
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
_LANDLOCK_NET_ABI = 4
_LANDLOCK_SCOPE_ABI = 6
_FIRST_UNUSED_DESCRIPTOR = 3
_NICENESS = 10
_LANDLOCK_PATH_BENEATH = 1
_EXECUTE, _READ_FILE, _READ_DIRECTORY = 1 << 0, 1 << 2, 1 << 3


class SandboxError(Exception):
    """The worker could not be locked in. The text says which wall is missing and why."""


@dataclass(frozen=True)
class Limits:
    """What a worker may use of the machine, enforced by the kernel (setrlimit(2))."""

    cpu_s: int = 9
    """SIGXCPU after this much processor time; the hard limit is a second later. A document thus costs at
    most 10 s of one processor, start-up and the kernel's rounding included."""
    address_space_bytes: int = 512 * 1024 * 1024
    """A 1 GiB Flate bomb needed 183 MiB with pypdf 7.1, 100,000 pages 340 MiB."""
    open_files: int = 16
    file_bytes: int = 0
    """How far a file may grow: not at all, so that answers must go to a pipe."""


@dataclass(frozen=True)
class Program:
    """What a worker may open that becomes another program: that program, and what it reads. Nothing to write.

    Paths that do not exist are left out. Descriptors up to `kept_descriptor` stay open.
    """

    executables: tuple[str, ...]
    readable: tuple[str, ...]
    kept_descriptor: int


class _PathRule(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _RulesetAttributes(ctypes.Structure):
    """struct landlock_ruleset_attr: which rights are denied unless a rule grants them."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _FilterProgram(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def lock_down(
    *,
    required_landlock_abi: int = REQUIRED_LANDLOCK_ABI,
    limits: Limits | None = None,
    program: Program | None = None,
) -> int:
    """Lock this process in for good and return the kernel's landlock ABI.

    Call it with one thread only and after every import: nothing can be opened afterwards, but what
    `program` allows. Raises SandboxError; the process is then partly locked in and good for nothing but
    saying so.
    """
    machine = os.uname().machine
    architecture = seccomp.ARCHITECTURES.get(machine)
    if architecture is None:
        raise SandboxError("there is no system call table for this machine's processor")
    os.closerange(_FIRST_UNUSED_DESCRIPTOR if program is None else program.kept_descriptor + 1, 65536)
    if program is not None:
        _empty_cores()
    keep_to_itself()
    abi = _landlock_abi()
    required = max(required_landlock_abi, REQUIRED_LANDLOCK_ABI)
    if abi < required:
        raise SandboxError(f"the kernel's landlock is version {abi}, {required} is required")
    _restrict_files(abi, program)
    _prove_files_are_out_of_reach()
    _limit_resources(limits or Limits())
    _filter_system_calls(
        seccomp.program(architecture) if program is None else seccomp.program_for_executable(machine)
    )
    return abi


def step_back() -> None:
    """Let the daemon go first, for the processor and in a memory shortage. Neither is a wall."""
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write("1000")


def keep_to_itself() -> None:
    """Gain no privileges, do not outlive the daemon, show nobody the memory. Raises SandboxError."""
    _prctl("no-new-privileges", _PR_SET_NO_NEW_PRIVS, 1)
    _prctl("parent death signal", _PR_SET_PDEATHSIG, signal.SIGKILL)
    # Not dumpable: no core file, and no other process of the same user may ptrace it or read its memory.
    _prctl("dumpable", _PR_SET_DUMPABLE, 0)


def _empty_cores() -> None:
    """Have cores hold no memory (core(5), coredump_filter); only this stays so in the program executed.

    That program is dumpable again, and the limit on cores does not count where they go to another program.
    """
    try:
        with open("/proc/self/coredump_filter", "w") as kept:  # noqa: PTH123
            kept.write("0")
    except OSError as error:
        raise SandboxError(f"core filter: {errno.errorcode.get(error.errno or 0, 'error')}") from None


def _prctl(what: str, option: int, value: int, pointer: object = 0) -> None:
    # Five arguments of unsigned long: ctypes would pass int and leave the upper halves undefined.
    arguments = [ctypes.c_ulong(value), pointer or ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)]
    if _libc.prctl(option, *arguments) != 0:
        raise SandboxError(f"{what}: {_error_name()}")


def _error_name() -> str:
    number = ctypes.get_errno()
    return errno.errorcode.get(number, str(number))


def _landlock_abi() -> int:
    """Ask the kernel; -1 comes back as an error with its name, because a filter may hide the call."""
    abi = int(
        _libc.syscall(
            ctypes.c_long(_LANDLOCK_CREATE_RULESET),
            None,
            ctypes.c_size_t(0),
            ctypes.c_uint32(_LANDLOCK_CREATE_RULESET_VERSION),
        )
    )
    if abi < 0:
        raise SandboxError(f"the kernel offers no landlock: {_error_name()}")
    return abi


def _file_rights(abi: int) -> int:
    """Every file right that this ABI knows (linux/landlock.h); the kernel refuses bits it does not know."""
    known_bits = 13  # ABI 1: execute, read, write, list, remove and make
    if abi >= 2:
        known_bits = 14  # refer
    if abi >= 3:
        known_bits = 15  # truncate
    if abi >= 5:
        known_bits = 16  # device ioctl
    return (1 << known_bits) - 1


def _restrict_files(abi: int, program: Program | None) -> None:
    attributes = _RulesetAttributes(handled_access_fs=_file_rights(abi), handled_access_net=0, scoped=0)
    size = 8
    if abi >= _LANDLOCK_NET_ABI:
        attributes.handled_access_net = 0b11  # bind and connect TCP
        size = 16
    if abi >= _LANDLOCK_SCOPE_ABI:
        attributes.scoped = 0b11  # abstract sockets and signals outside this process
        size = 24
    ruleset = int(
        _libc.syscall(
            ctypes.c_long(_LANDLOCK_CREATE_RULESET),
            ctypes.byref(attributes),
            ctypes.c_size_t(size),
            ctypes.c_uint32(0),
        )
    )
    if ruleset < 0:
        raise SandboxError(f"landlock ruleset: {_error_name()}")
    if program is not None:
        _allow(ruleset, program.executables, _EXECUTE | _READ_FILE)
        _allow(ruleset, program.readable, _READ_FILE | _READ_DIRECTORY)
    restricted = _libc.syscall(
        ctypes.c_long(_LANDLOCK_RESTRICT_SELF), ctypes.c_int(ruleset), ctypes.c_uint32(0)
    )
    failure = _error_name() if restricted != 0 else None
    os.close(ruleset)
    if failure is not None:
        raise SandboxError(f"landlock: {failure}")


def _allow(ruleset: int, paths: Iterable[str], rights: int) -> None:
    """Add a rule for each path that exists; a plain file has no right to be listed."""
    for path in paths:
        try:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SandboxError(f"{path}: {errno.errorcode.get(error.errno or 0, 'error')}") from None
        is_directory = stat.S_ISDIR(os.fstat(parent).st_mode)
        rule = _PathRule(rights if is_directory else rights & ~_READ_DIRECTORY, parent)
        added = _libc.syscall(
            ctypes.c_long(_LANDLOCK_ADD_RULE),
            ctypes.c_int(ruleset),
            ctypes.c_int(_LANDLOCK_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
        failure = _error_name() if added != 0 else None
        os.close(parent)
        if failure is not None:
            raise SandboxError(f"landlock rule for {path}: {failure}")


def _prove_files_are_out_of_reach() -> None:
    """Try it: a wall nobody leaned on may be painted on. The system call filter is not up yet."""
    try:
        descriptor = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    except OSError as error:
        raise SandboxError(f"landlock proof: {errno.errorcode.get(error.errno or 0, 'error')}") from None
    os.close(descriptor)
    raise SandboxError("landlock is on, but a directory could still be opened")


def _limit_resources(limits: Limits) -> None:
    wanted = (
        ("core", resource.RLIMIT_CORE, 0, 0),
        ("file size", resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        ("processes", resource.RLIMIT_NPROC, 0, 0),
        ("open files", resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
        ("processor time", resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),
        ("address space", resource.RLIMIT_AS, limits.address_space_bytes, limits.address_space_bytes),
    )
    for what, kind, soft, hard in wanted:
        _, ceiling = resource.getrlimit(kind)
        if ceiling != resource.RLIM_INFINITY:
            # A service manager may already have set less; asking for more is an error, less is fine.
            soft, hard = min(soft, ceiling), min(hard, ceiling)  # noqa: PLW2901
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError):
            raise SandboxError(f"the limit on {what} could not be set") from None


def _filter_system_calls(instructions: list[seccomp.Instruction]) -> None:
    packed = b"".join(instruction.pack() for instruction in instructions)
    wanted = _FilterProgram(length=len(instructions), instructions=packed)
    _prctl("system call filter", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(wanted))
