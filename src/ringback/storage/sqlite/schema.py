"""Opening the file: connections, migrations, and the lock of the process that serves from it."""

import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from importlib.resources import files
from pathlib import Path

from ringback.errors import Misconfigured
from ringback.file_lock import take_file_lock
from ringback.jobs.store import LedgerUnavailable
from ringback.storage.sqlite.faults import fix
from ringback.storage.sqlite.queries import load

_FOLDER = files("ringback.storage.sqlite")

BUSY_SECONDS = 2.0
"""How long a statement waits for another process's write before the ledger says that it is locked."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection for one thread at a time; transactions are begun and ended by hand."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("pragma fullfsync = on")  # macOS alone: see `system.sync`
    connection.execute("pragma checkpoint_fullfsync = on")
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma cache_size = -32768")
    connection.execute("pragma wal_autocheckpoint = 4000")
    connection.execute("pragma journal_size_limit = 67108864")
    # Deleted rows are overwritten, however this SQLite was built: transcripts do not stay in free pages.
    connection.execute("pragma secure_delete = on")
    return connection


def connect_for_reading(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    connection.execute("pragma query_only = on")
    return connection


def empty_wal(path: Path, patience: float = BUSY_SECONDS) -> bool:
    """Write deletions to the file and empty the write-ahead log, which still has the old pages. False when
    another connection reads or writes for longer than `patience` seconds; writers wait for as long."""
    try:
        with closing(connect(path)) as connection:
            connection.execute(f"pragma busy_timeout = {int(patience * 1000)}")
            [(busy, _pages, _written)] = connection.execute("pragma wal_checkpoint(truncate)").fetchall()
    except sqlite3.OperationalError:
        return False
    return not busy


def prepare(path: Path) -> None:
    """Make the file, or bring its schema up to date.

    Raises `Misconfigured` when it cannot be used, `LedgerUnavailable` when it cannot be used just now.
    """
    path.touch(mode=0o600)
    with translated(path), closing(connect(path)) as connection:
        _migrate(connection, path)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns what SQLite raises into `LedgerUnavailable` or `Misconfigured`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode in _TRANSIENT:
            raise LedgerUnavailable(
                f"The ledger {path} cannot be used just now: {error}. To end this: {fix(error)}."
            ) from error
        raise Misconfigured(
            f"The ledger {path} cannot be used: {error}. To end this: {fix(error)}."
        ) from error


def version(path: Path) -> int:
    """Of the schema in the file; 0 where there is none. Raises as `prepare` does."""
    if not path.exists():
        return 0
    with translated(path), closing(connect_for_reading(path)) as connection:
        return _version(connection)


def newest_version() -> int:
    """The version of the schema that this program makes."""
    return max(_migrations())


def file_size(path: Path) -> int:
    """Bytes of the file and of its write-ahead log."""
    parts = (path, path.with_name(path.name + "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def lock_file(path: Path) -> Path:
    """The file whose lock the serving process holds."""
    return path.with_name(path.name + ".lock")


@contextmanager
def lock_faults(path: Path) -> Iterator[None]:
    """Turns the `OSError` of a lock file that cannot be opened or locked into `Misconfigured`."""
    try:
        yield
    except OSError as error:
        raise Misconfigured(
            f"The ledger {path} cannot be used, for its lock file {lock_file(path)}: {error.strerror}. "
            "Have data_dir on a file system with locks (a local disk), where this user may write."
        ) from error


def lock_for_serving(path: Path) -> int:
    """The descriptor that holds the lock until it is closed; `Misconfigured` when another process has it."""
    with lock_faults(path):
        descriptor = take_file_lock(lock_file(path), os.O_RDWR | os.O_CREAT)
    if descriptor is None:
        raise Misconfigured(
            f"Another process serves from the ledger {path}. Stop it, or give this one a data_dir of its own."
        )
    return descriptor


_TRANSIENT = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    newest = newest_version()
    if _version(connection) == newest:
        return
    connection.execute("begin immediate")
    try:
        version = _version(connection)
        if version > newest:
            raise Misconfigured(
                f"The ledger {path} was written by a newer Ringback (schema {version}; this one knows "
                f"{newest}). Install that version, or restore a backup."
            )
        for script in _scripts(version, path):
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"pragma user_version = {newest}")
        connection.execute(load("keys.sql")["add_default_project"], {"id": str(uuid.uuid4())})
        connection.execute("commit")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("rollback")
        raise


def _scripts(version: int, path: Path) -> Iterator[str]:
    """The scripts that bring a schema of this version (0: none) to the newest."""
    if version == 0:
        yield _FOLDER.joinpath("schema.sql").read_text(encoding="utf-8")
        return
    migrations = _migrations()
    if version < min(migrations) - 1:
        raise Misconfigured(
            f"The ledger {path} is older than the first release (schema {version}; this Ringback brings "
            f"forward from {min(migrations) - 1} on). Move it away."
        )
    for number in range(version + 1, max(migrations) + 1):
        yield migrations[number]


def _version(connection: sqlite3.Connection) -> int:
    [(version,)] = connection.execute("pragma user_version").fetchall()
    return int(version)


def _migrations() -> Mapping[int, str]:
    """Version → the script that makes it of the version before."""
    scripts = [file for file in _FOLDER.joinpath("migrations").iterdir() if file.name.endswith(".sql")]
    return {int(file.name.split("_")[0]): file.read_text(encoding="utf-8") for file in scripts}


def _statements(script: str) -> Iterator[str]:
    """One by one, because `executescript` would commit our transaction."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
