"""How the ledger's file does, before a server is started with it."""

import fcntl
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ringback.storage.sqlite.schema import (
    connect_for_reading,
    lock_file,
    newest_version,
    translated,
    version,
)

CHECK_SECONDS = 10.0
"""For which the pages of a file are read through: a large one is then checked in part."""


@dataclass(frozen=True, slots=True)
class ExaminedFile:
    schema: int
    """Version of the schema in it; 0: there is none yet."""
    newest: int
    """The version that this program makes."""
    served: bool
    """Whether a server works with it now."""
    damage: str | None
    """What SQLite's own check found wrong first."""
    checked_whole: bool
    """False: the check ran out of time."""


def examine(path: Path) -> ExaminedFile:
    """Raises `Misconfigured` where the file is no ledger, `LedgerUnavailable` where it is locked."""
    found = version(path)
    damage, whole = _check(path) if found else (None, True)
    return ExaminedFile(found, newest_version(), is_served(path), damage, whole)


def is_served(path: Path) -> bool:
    """Whether another process holds the lock of the one that serves from this file."""
    try:
        descriptor = os.open(lock_file(path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, and for this moment only: two that look at once do not take each other for a server.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _check(path: Path) -> tuple[str | None, bool]:
    """The first damage, and whether all was looked at."""
    deadline = time.monotonic() + CHECK_SECONDS
    with translated(path), closing(connect_for_reading(path)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
        try:
            [(found,)] = connection.execute("pragma quick_check(1)").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return None, False
            raise
    return (None if found == "ok" else str(found)), True
