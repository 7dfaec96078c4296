"""The ledger in one SQLite file, for one serving process (https://www.sqlite.org/wal.html)."""

from ringback.storage.sqlite.examined import ExaminedFile
from ringback.storage.sqlite.ledger import SqliteLedger

__all__ = ["ExaminedFile", "SqliteLedger"]
