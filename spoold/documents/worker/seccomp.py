"""The worker's system call filter: a list of what may be called, everything else kills the process.

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


def _kill_unless_below(bound: int) -> list[Instruction]:
    return [
        Instruction(JUMP_IF_GREATER_OR_EQUAL, 0, 1, bound),
        Instruction(RETURN, 0, 0, KILL_PROCESS),
    ]
