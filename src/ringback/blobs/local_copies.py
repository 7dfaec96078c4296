"""Local copies of recordings from an object store, for as long as they are read.

Several processes may share the folder. Each marks its files with a token and holds a lock that the kernel
drops when it dies: so the next process that starts knows which copies are left over.
"""

import itertools
import os
import uuid
from contextlib import suppress
from pathlib import Path

from ringback.file_lock import file_lock, take_file_lock


class LocalCopies:
    """Between `open` and `close` the lock is held."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._token = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._lock: int | None = None

    def open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for lock in self._folder.glob("*.lock"):
            self._remove_if_dead(lock)
        self._lock = self._locked(self._folder / f"{self._token}.lock")

    def close(self) -> None:
        if self._lock is not None:
            self._remove(self._token)
            os.close(self._lock)
            self._lock = None

    def name(self) -> Path:
        """The path of a new copy. The caller creates and removes the file."""
        return self._folder / f"{self._token}-{next(self._numbers)}"

    def _locked(self, path: Path) -> int:
        """The lock's descriptor. Its name is there only once it is held: it never looks like a dead one's."""
        new = path.with_suffix(".new")
        descriptor = take_file_lock(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, waits=True)
        assert descriptor is not None
        new.rename(path)
        return descriptor

    def _remove_if_dead(self, lock: Path) -> None:
        with suppress(FileNotFoundError), file_lock(lock) as is_dead:
            if is_dead:
                self._remove(lock.stem)

    def _remove(self, token: str) -> None:
        """The files of one process; its lock last, so that a crash in here is cleaned up as well."""
        for path in self._folder.glob(f"{token}-*"):
            path.unlink(missing_ok=True)
        (self._folder / f"{token}.lock").unlink(missing_ok=True)
