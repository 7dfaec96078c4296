"""The seccomp programs, run line by line as the kernel would; and the numbers they stand on."""

import errno
import mmap
import re
from pathlib import Path

import pytest

from ringback.sandbox import Profile
from ringback.sandbox.calls import NUMBERS
from ringback.sandbox.filters import (
    ALLOW,
    AND,
    ARCHITECTURES,
    AT_LEAST,
    EQUAL,
    FORBID,
    JUMP,
    KILL,
    LOAD,
    RETURN,
    UNKNOWN,
    X32,
    packed,
    program,
)
from ringback.sandbox.profiles import rules_of

PID = 4711
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def answer(
    profile: Profile, machine: str, call: str | int, *arguments: int, architecture: str | None = None
) -> int:
    """What the filter says to a call."""
    number = NUMBERS[call][machine] if isinstance(call, str) else call
    words = {0: number, 4: ARCHITECTURES[architecture or machine]}
    for at in range(6):
        value = arguments[at] if at < len(arguments) else 0
        words[16 + 8 * at], words[20 + 8 * at] = value & 0xFFFFFFFF, value >> 32
    lines, at, register = program(rules_of(profile, PID), machine), 0, 0
    while True:
        operation, if_true, if_false, operand = lines[at]
        at += 1
        match operation:
            case 0x20 if operation == LOAD:
                register = words[operand]
            case 0x54 if operation == AND:
                register &= operand
            case 0x15 if operation == EQUAL:
                at += if_true if register == operand else if_false
            case 0x35 if operation == AT_LEAST:
                at += if_true if register >= operand else if_false
            case 0x05 if operation == JUMP:
                at += operand
            case 0x06 if operation == RETURN:
                return operand


both = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
every = pytest.mark.parametrize("profile", list(Profile))


@both
@every
@pytest.mark.parametrize(
    "call",
    [
        "execve", "execveat", "socket", "connect", "bind", "listen", "ptrace", "process_vm_readv",
        "process_vm_writev", "unlinkat", "symlinkat", "renameat2", "mkdirat", "mount", "unshare", "setns",
        "bpf", "personality", "keyctl", "userfaultfd", "perf_event_open", "chroot", "capset",
    ],
)  # fmt: skip
def test_nobody_may(profile: Profile, machine: str, call: str) -> None:
    assert answer(profile, machine, call) == FORBID


@both
@every
def test_nobody_starts_a_process_or_reaches_one(profile: Profile, machine: str) -> None:
    def say(call: str, *arguments: int) -> int:
        return answer(profile, machine, call, *arguments)

    assert say("clone", 0x3D0F00) == ALLOW  # as pthread_create
    assert say("clone", 0x11) == FORBID  # as fork
    assert say("clone3") == UNKNOWN
    for call in ("kill", "tgkill"):
        assert say(call, PID) == ALLOW
        assert say(call, 1) == say(call, 0) == say(call, 0xFFFFFFFF) == FORBID
    for call in ("pidfd_open", "pidfd_getfd", "io_uring_setup"):
        assert say(call) in {FORBID, UNKNOWN}
    assert say("ioctl", 0, 0x5412) == FORBID  # TIOCSTI


@both
def test_the_wrong_machine_and_its_other_numbers(machine: str) -> None:
    other = "aarch64" if machine == "x86_64" else "x86_64"
    assert answer(Profile.DECODER, machine, "read", architecture=other) == KILL
    if machine == "x86_64":
        for number in (NUMBERS["read"][machine], NUMBERS["execve"][machine], 520):
            assert answer(Profile.GPU_ENGINE, machine, X32 | number) == FORBID


@both
def test_a_decoder_opens_nothing_and_makes_no_code(machine: str) -> None:
    def say(call: str, *arguments: int) -> int:
        return answer(Profile.DECODER, machine, call, *arguments)

    assert say("openat") == say("readlinkat") == say("getdents64") == say("memfd_create") == FORBID
    assert say("mmap", 0, 4096, mmap.PROT_READ | mmap.PROT_WRITE) == ALLOW
    assert say("mmap", 0, 4096, mmap.PROT_READ | mmap.PROT_EXEC) == FORBID
    assert say("mprotect", 0, 4096, mmap.PROT_EXEC) == FORBID
    assert say("newfstatat", 3, 0, 0, 0x1000) == ALLOW
    assert say("newfstatat", 3, 0, 0, 0) == FORBID
    assert say("sendto", 3, 0, 0, 0, 0) == ALLOW
    assert say("sendto", 3, 0, 0, 0, 1) == say("sendto", 3, 0, 0, 0, 1 << 32) == FORBID
    assert say("prlimit64", 0, 7, 0, 1) == ALLOW
    assert say("prlimit64", 0, 7, 1 << 40) == FORBID
    assert say("fcntl", 3, 3) == ALLOW
    assert say("fcntl", 3, 8) == FORBID  # F_SETOWN
    assert say("sendmsg") == FORBID


@both
def test_an_engine_reads_files_and_writes_none(machine: str) -> None:
    def say(call: str, *arguments: int) -> int:
        return answer(Profile.ENGINE, machine, call, *arguments)

    assert say("openat", 0, 0, 0o2000000) == ALLOW
    for flags in (0o1, 0o2, 0o100, 0o1000, 0o20200000):
        assert say("openat", 0, 0, flags) == FORBID
    assert say("mmap", 0, 4096, mmap.PROT_EXEC) == ALLOW  # its kernels are made for this processor


@both
def test_what_is_newer_than_the_list_is_not_there(machine: str) -> None:
    assert answer(Profile.DECODER, machine, 462) == UNKNOWN
    assert UNKNOWN & 0xFFFF == errno.ENOSYS


@both
@every
def test_programs_fit(profile: Profile, machine: str) -> None:
    lines = program(rules_of(profile, PID), machine)
    assert len(lines) < 4096
    assert all(line[1] < 256 and line[2] < 256 for line in lines)
    assert len(packed(lines)) == 8 * len(lines)


@both
def test_the_numbers_are_those_of_the_headers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("no kernel headers on this machine")
    found = dict(re.findall(r"#define\s+__NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text()))
    if machine == "aarch64":
        found["newfstatat"] = found["fstatat"]
    for name, numbers in NUMBERS.items():
        if machine in numbers:
            assert int(found[name]) == numbers[machine], name
