"""Locks that processes of one machine hold on files and folders: flock(2), which the kernel frees when their
holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def take_file_lock(
    path: Path, flags: int = os.O_RDONLY, *, shared: bool = False, waits: bool = False
) -> int | None:
    """The descriptor that holds the lock until it is closed; None: another process holds one that excludes
    it.

    `flags`: how the file is opened. `waits`: until the lock is free, so that there is always one. Raises
    `OSError`, which names the path: the file cannot be opened, or its file system has no locks.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(
            descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if waits else fcntl.LOCK_NB)
        )
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise OSError(error.errno, f"cannot be locked: {error.strerror}", str(path)) from error
    return descriptor


@contextmanager
def file_lock(path: Path, *, shared: bool = False, waits: bool = False) -> Iterator[bool]:
    """The same lock for as long as the context lasts; whether it is held."""
    descriptor = take_file_lock(path, shared=shared, waits=waits)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)
