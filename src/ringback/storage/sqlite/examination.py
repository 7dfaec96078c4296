"""The state of a ledger's file, for checks before a server is started with it."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ringback.file_lock import file_lock
from ringback.storage.sqlite.schema import (
    connect_for_reading,
    lock_faults,
    lock_file,
    newest_version,
    translated,
    version,
)

CHECK_SECONDS = 10.0
"""Time limit for reading the pages of a file: of a large one only a part is checked."""


@dataclass(frozen=True, slots=True)
class LedgerFileReport:
    schema: int
    """Version of the schema in it; 0: there is none yet."""
    newest: int
    """The version that this program makes."""
    served: bool
    """Whether a server works with it now."""
    damage: str | None
    """The first fault that SQLite's own check found."""
    checked_whole: bool
    """False: the check ran out of time."""


def examine(path: Path) -> LedgerFileReport:
    """Raises `Misconfigured` where the file is no ledger, `LedgerUnavailable` where it is locked."""
    found = version(path)
    damage, whole = _check(path) if found else (None, True)
    return LedgerFileReport(found, newest_version(), is_served(path), damage, whole)


def is_served(path: Path) -> bool:
    """Whether another process holds the lock of the one that serves from this file."""
    with lock_faults(path):
        try:
            # Shared, and for this moment only: two examinations at once do not see each other as a server.
            with file_lock(lock_file(path), shared=True) as is_free:
                return not is_free
        except FileNotFoundError:
            return False


def _check(path: Path) -> tuple[str | None, bool]:
    """The first damage, and whether the whole file was checked."""
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
