"""SQLite's errors as `LedgerUnavailable`, with what the operator can do."""

import sqlite3

from ringback.jobs.store import LedgerUnavailable


def concerns_file(error: Exception) -> bool:
    """Whether the file failed (full, locked, damaged) and not one statement with its parameters."""
    of_statement = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, of_statement)


def unavailable(doing: str, error: sqlite3.Error) -> LedgerUnavailable:
    """`doing`: what cannot be done, such as "be read"."""
    return LedgerUnavailable(f"the ledger cannot {doing}: {error} ({fix(error)})")


def fix(error: sqlite3.Error) -> str:
    """What ends this fault, in a few words."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    return _FIXES.get(primary, "look at the disk and the rights of its folder")


_DAMAGED = "stop the server and restore a backup, for the file is damaged"
_FIXES: dict[int | None, str] = {
    sqlite3.SQLITE_BUSY: "end the process that holds its lock",
    sqlite3.SQLITE_LOCKED: "end the process that holds its lock",
    sqlite3.SQLITE_PROTOCOL: "have data_dir on a file system with locks (a local disk)",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_READONLY: "correct the rights of its file, folder or disk, which may only be read",
    sqlite3.SQLITE_NOMEM: "give this machine more memory, of which it has none left",
}
