"""A consistent copy of the ledger's file, beside a server that works with it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from ringback.storage.sqlite.schema import connect_for_reading, translated
from ringback.system import sync


def copy_ledger(path: Path, target: Path) -> None:
    """Write a copy, readable by its owner alone and durable, to a file that must not be there.

    The copy is the ledger of one moment (https://www.sqlite.org/backup.html): all pages are read in one step,
    in one read transaction, which blocks no writer. With several steps, every write in between would make the
    copy start again. Raises `Misconfigured`, `LedgerUnavailable`, or `OSError`.
    """
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with (
            translated(path),
            closing(connect_for_reading(path)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy, pages=-1)
        sync(descriptor)
    finally:
        os.close(descriptor)
