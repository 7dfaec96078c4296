"""What differs between operating systems: usable cores, freed memory, random bytes, holes in files, and what
makes bytes durable.

Linux has all of it; macOS has no CPU affinity and no `fdatasync`, and its `fsync` leaves the bytes in
the drive's own cache (fsync(2) there names `F_FULLFSYNC` as the call that does not).
"""

import ctypes
import errno
import fcntl
import os
import resource
from contextlib import suppress
from pathlib import Path

_FULL_FSYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
_LIBC = ctypes.CDLL(None, use_errno=True)
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


def available_cores() -> int:
    """Cores that this process may use: its affinity, and the quota of its container; at least 1."""
    cores = _cores_by_affinity()
    with suppress(OSError, ValueError):
        # `max 100000`, or microseconds of processor time per so many of the clock's.
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, round(int(quota) / int(period))))
    return cores


def return_freed_memory() -> None:
    """Return to the kernel what was freed and lies between what is still in use. Does nothing where the C
    library is not glibc."""
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)


def sync_data(descriptor: int) -> None:
    """Make a file's bytes, and the size that is needed to read them, durable. Raises `OSError`."""
    if hasattr(os, "fdatasync") and _FULL_FSYNC is None:
        os.fdatasync(descriptor)
    else:
        sync(descriptor)


def sync(descriptor: int) -> None:
    """Make a file or a folder durable with all its metadata. Raises `OSError`."""
    if _FULL_FSYNC is not None:
        # Some file systems, network ones above all, do not have it: then `fsync` is what there is.
        with suppress(OSError):
            fcntl.fcntl(descriptor, _FULL_FSYNC)
            return
    os.fsync(descriptor)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable: a power cut could lose files although their bytes are on the disk.

    Raises `OSError`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


class RandomBlocks:
    """Blocks of random bytes, read from the kernel for many at a time; threads may share it.

    `os.urandom` releases the interpreter's lock, and on a busy server the event loop waits 160 µs until it
    has the lock again.
    """

    def __init__(self, size: int, at_once: int = 256) -> None:
        """`size`: bytes of a block."""
        self._size = size
        self._at_once = at_once
        self._blocks: list[bytes] = []

    def take(self) -> bytes:
        """A block that no other caller gets."""
        try:
            return self._blocks.pop()
        except IndexError:
            data = os.urandom(self._size * self._at_once)
            block, *others = (data[at : at + self._size] for at in range(0, len(data), self._size))
            self._blocks += others
            return block


def punch_hole(descriptor: int, start: int, size: int) -> None:
    """Give these bytes of a file back to the disk; they read as zeros then, and its size stays.

    Raises `OSError`: EOPNOTSUPP where the system or the file system has no holes.
    """
    allocate = getattr(_LIBC, "fallocate64", None)
    if allocate is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    if allocate(descriptor, _PUNCH_HOLE | _KEEP_SIZE, ctypes.c_int64(start), ctypes.c_int64(size)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def raise_open_files_limit(most: int) -> int:
    """Raise the soft limit of open files towards the hard one, to `most` at most; the limit that holds now.

    Shells and service managers give 1,024 by default (the hard limit is far higher) for the sake of
    programs that use `select`, of which this is none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft == resource.RLIM_INFINITY or soft >= limit:
        return most if soft == resource.RLIM_INFINITY else soft
    # macOS names no hard limit, and refuses more than another one of its own (`kern.maxfilesperproc`).
    while limit > soft:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return limit
        limit //= 2
    return soft


def _cores_by_affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
