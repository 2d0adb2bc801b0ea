"""Runs a seccomp filter without a kernel, so that the table of another processor can be tried here."""

from collections.abc import Sequence

from spoold.documents.worker import seccomp


def decide(
    instructions: Sequence[seccomp.Instruction],
    *,
    architecture: int,
    number: int,
    arguments: Sequence[int] = (0, 0, 0, 0, 0, 0),
) -> int:
    """Return what the filter returns for one call. Follows linux/filter.h for the opcodes in use."""
    words = {seccomp.OFFSET_NUMBER: number, seccomp.OFFSET_ARCHITECTURE: architecture}
    words |= {16 + 8 * index: value & 0xFFFFFFFF for index, value in enumerate(arguments)}
    accumulator, position = 0, 0
    while True:
        step = instructions[position]
        position += 1
        match step.code:
            case seccomp.LOAD_WORD:
                accumulator = words[step.operand]
            case seccomp.RETURN:
                return step.operand
            case seccomp.JUMP_IF_EQUAL:
                position += step.if_true if accumulator == step.operand else step.if_false
            case seccomp.JUMP_IF_GREATER_OR_EQUAL:
                position += step.if_true if accumulator >= step.operand else step.if_false
            case seccomp.JUMP_IF_BITS_SET:
                position += step.if_true if accumulator & step.operand else step.if_false
            case _:
                raise AssertionError(f"an opcode the filter should not use: {step.code:#x}")
