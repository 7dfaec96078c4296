"""Which system calls a confined process may make. Pure: facts that `filters` turns into a program.

Decoder and engine have lists of what is allowed. A GPU's driver, which changes with each version, cannot be
held to such a list: there is a list of what is forbidden, and Landlock holds the files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Profile(StrEnum):
    DECODER = "decoder"
    """FFmpeg on callers' bytes: works on what is open already."""
    ENGINE = "engine"
    """A recogniser on the processor: reads models and code."""
    GPU_ENGINE = "gpu engine"
    """A recogniser on a GPU: uses its device files, too."""


@dataclass(frozen=True, slots=True)
class Test:
    """Of one argument: holds where its bits under `mask` are one of `values`, or, `negated`, none of them."""

    argument: int
    """Counted from 0, its lower half; a negative number is the upper half of that argument."""
    mask: int
    values: tuple[int, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes of each call; one that is in none of these is `otherwise`."""

    allowed: Sequence[str]
    tested: Mapping[str, Sequence[Test]]
    """Allowed where all the tests hold, otherwise forbidden."""
    forbidden: Sequence[str]
    otherwise_allowed: bool


def rules_of(profile: Profile, pid: int) -> Rules:
    """`pid`: of the process that will be held to them."""
    own = [Test(0, _ALL, (pid,))]
    everyone = {"kill": own, "tgkill": own, "clone": [_A_THREAD]}
    if profile is Profile.GPU_ENGINE:
        return Rules((), {**everyone, "ioctl": [_NO_TERMINAL]}, _FORBIDDEN, otherwise_allowed=True)
    tested = {**everyone, **_TESTED}
    if profile is Profile.DECODER:
        no_code = [Test(2, _PROT_EXEC, (0,))]
        tested |= {"mmap": no_code, "mprotect": no_code, "newfstatat": [_OPEN_FILE]}
        return Rules(_WORK, tested, (), otherwise_allowed=False)
    tested |= {"open": [Test(1, _WRITING, (0,))], "openat": [Test(2, _WRITING, (0,))]}
    return Rules((*_WORK, *_READ_FILES), tested, (), otherwise_allowed=False)


_ALL = 0xFFFFFFFF
_PROT_EXEC = 0x4
_WRITING = 0o3 | 0o100 | 0o1000 | 0o20000000
"""Of the flags of `open`: for writing, creating, truncating, an unnamed file."""
_A_THREAD = Test(0, 0x10000, (0x10000,))
"""`CLONE_THREAD`: another thread of this process, and no other process."""
_NO_TERMINAL = Test(1, 0xFF00, (0x5400,), negated=True)
"""Drivers are controlled by `ioctl`, and so is the input of another process's terminal."""
_OPEN_FILE = Test(3, 0x1000, (0x1000,))
"""`AT_EMPTY_PATH`: how the C library asks about a file that is open."""

_WORK = (
    # What is done all the time comes first: the kernel looks through the list.
    "read", "futex", "recvfrom", "write", "lseek", "mmap", "munmap", "madvise", "mprotect", "brk", "mremap",
    "readv", "writev", "pread64", "preadv", "recvmsg", "poll", "ppoll", "select", "pselect6",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times",
    "close", "fstat", "dup", "dup3", "eventfd2", "pipe", "pipe2", "shutdown", "getsockopt", "getsockname",
    "exit", "exit_group", "sched_yield", "set_robust_list", "get_robust_list", "set_tid_address", "rseq",
    "gettid", "membarrier", "restart_syscall", "getcpu", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "getrandom", "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo",
    "getrusage", "getrlimit",
)  # fmt: skip

_TESTED: Mapping[str, Sequence[Test]] = {
    # With an address it would be a datagram to anywhere.
    "sendto": [Test(4, _ALL, (0,)), Test(-4, _ALL, (0,))],
    # Reading limits, and not setting them.
    "prlimit64": [Test(2, _ALL, (0,)), Test(-2, _ALL, (0,))],
    # FIONBIO, FIOCLEX, FIONCLEX, FIONREAD and TCGETS: never the one that writes input to a terminal.
    "ioctl": [Test(1, _ALL, (0x5421, 0x5451, 0x5450, 0x541B, 0x5401))],
    # Duplicates and flags: never F_SETOWN, which has the kernel send signals to others.
    "fcntl": [Test(1, _ALL, (0, 1, 2, 3, 4, 1030))],
    # Names of threads and of memory, and asking.
    "prctl": [Test(0, _ALL, (15, 16, 0x53564D41, 3, 21, 39))],
}

_READ_FILES = (
    "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "readlink", "readlinkat", "getdents64",
    "getcwd", "statfs", "sched_setaffinity", "mbind", "set_mempolicy", "get_mempolicy",
)  # fmt: skip
"""What loading models and code needs besides."""

_FORBIDDEN = (
    "fork", "vfork", "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp",
    "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd", "pidfd_send_signal",
    "socket", "connect", "bind", "listen", "mount", "umount2", "pivot_root", "chroot", "unshare", "setns",
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "add_key", "request_key", "keyctl", "init_module", "finit_module", "kexec_load", "kexec_file_load",
    "reboot", "swapon", "open_by_handle_at", "name_to_handle_at", "personality", "setuid", "setgid",
    "capset", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
    "symlinkat", "mkdir", "mkdirat", "rmdir", "mknod", "mknodat", "chmod", "fchmodat", "chown", "fchownat",
    "truncate",
)  # fmt: skip
