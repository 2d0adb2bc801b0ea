"""The workers' system call filters: lists of what may be called; everything else kills, or is refused.

Classic BPF as in seccomp(2) and linux/filter.h, built here instead of through libseccomp: one list of about
thirty calls needs no compiler. Pure: `program` computes the instructions, `sandbox` installs them.
"""

import struct
from dataclasses import dataclass

# linux/bpf_common.h: load a word at an absolute offset, three conditional jumps, return a constant.
LOAD_WORD = 0x20
JUMP_IF_EQUAL = 0x15
JUMP_IF_GREATER_OR_EQUAL = 0x35
JUMP_IF_BITS_SET = 0x45
RETURN = 0x06

# linux/seccomp.h
ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
"""The whole process ends with SIGSYS; no handler runs, no second try."""

# struct seccomp_data { int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]; } on little endian.
OFFSET_NUMBER = 0
OFFSET_ARCHITECTURE = 4
OFFSET_THIRD_ARGUMENT = 16 + 2 * 8

REFUSE = 0x00050000 | 1
"""SECCOMP_RET_ERRNO with EPERM: the call does nothing and says so."""
PROT_WRITE = 2
PROT_EXEC = 4
X32_BIT = 0x40000000
"""On x86-64 a number with this bit is the x32 variant of a call: a second table, refused as a whole."""


@dataclass(frozen=True)
class Architecture:
    """One machine's numbers: its AUDIT_ARCH value (linux/audit.h) and its system call table."""

    audit_value: int
    calls: dict[str, int]
    """Calls that are allowed whatever their arguments."""
    mapping_calls: dict[str, int]
    """Calls whose third argument is a protection, allowed without PROT_EXEC."""
    has_x32: bool = False


# Reading and answering (read, write, close, fstat, lseek, pread64), memory (munmap, brk, mremap, madvise),
# Python's own signal handling, locks, clocks and identity, randomness for hashes, and the end. No open, no
# socket, no process, nothing with a path: the document comes in through a pipe that is already there.
X86_64 = Architecture(
    audit_value=0xC000003E,
    calls={
        "read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "munmap": 11, "brk": 12,
        "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "sched_yield": 24,
        "mremap": 25, "madvise": 28, "getpid": 39, "exit": 60, "getrusage": 98, "sigaltstack": 131,
        "gettid": 186, "futex": 202, "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229,
        "exit_group": 231, "getrandom": 318, "rseq": 334,
    },
    mapping_calls={"mmap": 9, "mprotect": 10},
    has_x32=True,
)  # fmt: skip

# asm-generic/unistd.h
AARCH64 = Architecture(
    audit_value=0xC00000B7,
    calls={
        "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "munmap": 215, "brk": 214,
        "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "pread64": 67, "sched_yield": 124,
        "mremap": 216, "madvise": 233, "getpid": 172, "exit": 93, "getrusage": 165, "sigaltstack": 132,
        "gettid": 178, "futex": 98, "restart_syscall": 128, "clock_gettime": 113, "clock_getres": 114,
        "exit_group": 94, "getrandom": 278, "rseq": 293,
    },
    mapping_calls={"mmap": 222, "mprotect": 226},
)  # fmt: skip

# What a program needs on top that is started behind the walls and opens its own libraries and fonts: to be
# executed (landlock says which file), to open, look at and list files, to ask who and where it is. Still no
# socket, no process or thread, no signal to others, nothing that writes, names or changes a file.
_PROGRAM_X86_64 = {
    "open": 2, "stat": 4, "lstat": 6, "access": 21, "dup": 32, "dup2": 33, "execve": 59, "uname": 63,
    "fcntl": 72, "getcwd": 79, "readlink": 89, "gettimeofday": 96, "sysinfo": 99, "times": 100, "getuid": 102,
    "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "arch_prctl": 158, "time": 201,
    "sched_getaffinity": 204, "getdents64": 217, "set_tid_address": 218, "fadvise64": 221, "openat": 257,
    "newfstatat": 262, "readlinkat": 267, "faccessat": 269, "set_robust_list": 273, "dup3": 292,
    "statx": 332, "faccessat2": 439, "readv": 19, "writev": 20,
}  # fmt: skip
_PROGRAM_AARCH64 = {
    "getcwd": 17, "dup": 23, "dup3": 24, "fcntl": 25, "faccessat": 48, "openat": 56, "getdents64": 61,
    "readv": 65, "writev": 66, "readlinkat": 78, "newfstatat": 79, "set_tid_address": 96,
    "set_robust_list": 99, "times": 153, "uname": 160, "gettimeofday": 169, "getppid": 173, "getuid": 174,
    "geteuid": 175, "getgid": 176, "getegid": 177, "sysinfo": 179, "execve": 221, "fadvise64": 223,
    "sched_getaffinity": 123, "statx": 291, "faccessat2": 439,
}  # fmt: skip
_PRLIMIT = {"x86_64": 302, "aarch64": 261}

ARCHITECTURES = {"x86_64": X86_64, "aarch64": AARCH64}
"""By `os.uname().machine`. A machine that is not here has no sandbox, so nothing is parsed on it."""


@dataclass(frozen=True)
class Instruction:
    """One `struct sock_filter`: a jump goes on `if_true` or `if_false` instructions after the next."""

    code: int
    if_true: int
    if_false: int
    operand: int

    def pack(self) -> bytes:
        """Lay it out as the kernel reads it: u16 code, u8 jt, u8 jf, u32 k."""
        return struct.pack("=HBBI", self.code, self.if_true, self.if_false, self.operand)


def program(architecture: Architecture) -> list[Instruction]:
    """Build the filter: architecture first, then the x32 bit, then the number, then the protection.

    A filter that forgets the architecture can be walked around with the 32-bit entry, whose numbers mean
    other calls.
    """
    wanted = [Instruction(LOAD_WORD, 0, 0, OFFSET_NUMBER)]
    if architecture.has_x32:
        wanted += _kill_unless_below(X32_BIT)
    for number in sorted(architecture.calls.values()):
        wanted += [Instruction(JUMP_IF_EQUAL, 0, 1, number), Instruction(RETURN, 0, 0, ALLOW)]
    for number in sorted(architecture.mapping_calls.values()):
        wanted += [
            Instruction(JUMP_IF_EQUAL, 0, 4, number),
            Instruction(LOAD_WORD, 0, 0, OFFSET_THIRD_ARGUMENT),
            Instruction(JUMP_IF_BITS_SET, 0, 1, PROT_EXEC),
            Instruction(RETURN, 0, 0, KILL_PROCESS),
            Instruction(RETURN, 0, 0, ALLOW),
        ]
    return [
        Instruction(LOAD_WORD, 0, 0, OFFSET_ARCHITECTURE),
        Instruction(JUMP_IF_EQUAL, 1, 0, architecture.audit_value),
        Instruction(RETURN, 0, 0, KILL_PROCESS),
        *wanted,
        Instruction(RETURN, 0, 0, KILL_PROCESS),
    ]


def program_for_executable(machine: str) -> list[Instruction]:
    """Build the filter of a worker that becomes another program; `machine` is a key of ARCHITECTURES.

    A call that is not on the list is refused, not fatal: which calls a C library makes on the side is not
    ours to know, and a refused one does no harm. Memory may be executable (libraries are), but never
    writable as well, and none becomes executable later. Limits can be read, not changed.
    """
    architecture = ARCHITECTURES[machine]
    extra = _PROGRAM_X86_64 if machine == "x86_64" else _PROGRAM_AARCH64
    mmap, mprotect = architecture.mapping_calls["mmap"], architecture.mapping_calls["mprotect"]
    wanted = [Instruction(LOAD_WORD, 0, 0, OFFSET_NUMBER)]
    if architecture.has_x32:
        wanted += _kill_unless_below(X32_BIT)
    for number in sorted({*architecture.calls.values(), *extra.values()}):
        wanted += [Instruction(JUMP_IF_EQUAL, 0, 1, number), Instruction(RETURN, 0, 0, ALLOW)]
    wanted += [
        Instruction(JUMP_IF_EQUAL, 0, 5, mmap),
        Instruction(LOAD_WORD, 0, 0, OFFSET_THIRD_ARGUMENT),
        Instruction(JUMP_IF_BITS_SET, 0, 2, PROT_EXEC),
        Instruction(JUMP_IF_BITS_SET, 0, 1, PROT_WRITE),
        Instruction(RETURN, 0, 0, REFUSE),
        Instruction(RETURN, 0, 0, ALLOW),
        Instruction(JUMP_IF_EQUAL, 0, 4, mprotect),
        Instruction(LOAD_WORD, 0, 0, OFFSET_THIRD_ARGUMENT),
        Instruction(JUMP_IF_BITS_SET, 0, 1, PROT_EXEC),
        Instruction(RETURN, 0, 0, REFUSE),
        Instruction(RETURN, 0, 0, ALLOW),
        # prlimit64(pid, resource, new, old): a pointer to new limits is one word of zeros and another.
        Instruction(JUMP_IF_EQUAL, 0, 5, _PRLIMIT[machine]),
        Instruction(LOAD_WORD, 0, 0, OFFSET_THIRD_ARGUMENT),
        Instruction(JUMP_IF_EQUAL, 0, 3, 0),
        Instruction(LOAD_WORD, 0, 0, OFFSET_THIRD_ARGUMENT + 4),
        Instruction(JUMP_IF_EQUAL, 0, 1, 0),
        Instruction(RETURN, 0, 0, ALLOW),
    ]
    return [
        Instruction(LOAD_WORD, 0, 0, OFFSET_ARCHITECTURE),
        Instruction(JUMP_IF_EQUAL, 1, 0, architecture.audit_value),
        Instruction(RETURN, 0, 0, KILL_PROCESS),
        *wanted,
        Instruction(RETURN, 0, 0, REFUSE),
    ]


def _kill_unless_below(bound: int) -> list[Instruction]:
    return [
        Instruction(JUMP_IF_GREATER_OR_EQUAL, 0, 1, bound),
        Instruction(RETURN, 0, 0, KILL_PROCESS),
    ]
