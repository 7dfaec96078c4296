"""A profile as a program for the kernel's seccomp machine (linux/filter.h, linux/seccomp.h). Pure.

Each of a program's lines does one thing and jumps forward, so that it can be read from top to bottom: the
wrong architecture kills the process, each call finds its answer, and what is left has one, too.
"""

import errno
import struct
from collections.abc import Iterator, Sequence

from ringback.sandbox.calls import NUMBERS, SAME_EVERYWHERE
from ringback.sandbox.profiles import Rules, Test

Line = tuple[int, int, int, int]
"""Operation, jump if true, jump if false, operand."""

LOAD, AND, EQUAL, AT_LEAST, JUMP, RETURN = 0x20, 0x54, 0x15, 0x35, 0x05, 0x06
"""BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_JMP|JEQ|K, BPF_JMP|JGE|K, BPF_JMP|JA, BPF_RET|K."""

KILL, ALLOW, REFUSE = 0x80000000, 0x7FFF0000, 0x00050000
"""Kill the process; let it; or, with an errno in the lower half, refuse."""
FORBID = REFUSE | errno.EPERM
UNKNOWN = REFUSE | errno.ENOSYS

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""`AUDIT_ARCH_…`, as the kernel names what a call came from."""
X32 = 0x40000000
"""From here on x86-64 has the same calls once more, for programs with short pointers."""

NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
"""Offsets in `struct seccomp_data`; both machines are little-endian."""


def program(rules: Rules, machine: str) -> list[Line]:
    """The filter that holds a process to these rules."""
    lines: list[Line] = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
    ]
    if machine == "x86_64":
        lines += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, FORBID)]
    for number in _numbers(("clone3",), machine):
        # Its flags lie in memory, where no filter can read them: the C library then uses `clone`.
        lines += _answer(number, UNKNOWN)
    for number in _numbers([name for name in rules.allowed if name not in rules.tested], machine):
        lines += _answer(number, ALLOW)
    for name, tests in rules.tested.items():
        for number in _numbers((name,), machine):
            body = _tested(tests)
            lines += [(EQUAL, 0, len(body), number), *body]
    for number in _numbers(rules.forbidden, machine):
        lines += _answer(number, FORBID)
    if rules.otherwise_allowed:
        return [*lines, (RETURN, 0, 0, ALLOW)]
    return [*lines, (AT_LEAST, 0, 1, SAME_EVERYWHERE), (RETURN, 0, 0, UNKNOWN), (RETURN, 0, 0, FORBID)]


def packed(lines: Sequence[Line]) -> bytes:
    """As an array of `struct sock_filter`."""
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _answer(number: int, answer: int) -> list[Line]:
    return [(EQUAL, 0, 1, number), (RETURN, 0, 0, answer)]


def _tested(tests: Sequence[Test]) -> list[Line]:
    """Forbid at the first test that fails; allow behind the last. Whichever it is, it is the end."""
    lines: list[Line] = []
    for test in tests:
        lines += [(LOAD, 0, 0, _offset(test.argument)), (AND, 0, 0, test.mask)]
        # To the line behind the refusal; past the last value, into it. Negated the other way round.
        count = len(test.values)
        lines += [(EQUAL, count - at, 0, value) for at, value in enumerate(test.values)]
        if test.negated:
            lines.append((JUMP, 0, 0, 1))
        lines.append((RETURN, 0, 0, FORBID))
    return [*lines, (RETURN, 0, 0, ALLOW)]


def _offset(argument: int) -> int:
    """Of the half of an argument that is looked at."""
    return ARGUMENTS_AT + 8 * abs(argument) + (4 if argument < 0 else 0)


def _numbers(names: Sequence[str], machine: str) -> Iterator[int]:
    for name in names:
        number = NUMBERS[name].get(machine)
        if number is not None:
            yield number
