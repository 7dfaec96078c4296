"""The ledger in one SQLite file, for one serving process (https://www.sqlite.org/wal.html)."""

from ringback.storage.sqlite.examination import LedgerFileReport
from ringback.storage.sqlite.ledger import SqliteLedger

__all__ = ["LedgerFileReport", "SqliteLedger"]
