"""The state of a ledger's database, for checks before a server is started with it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ringback.storage.postgres.database import connect
from ringback.storage.postgres.nodes import Node, nodes
from ringback.storage.postgres.schema import newest_version, version

_SERVER = "select current_setting('server_version_num')::integer"


@dataclass(frozen=True, slots=True)
class DatabaseReport:
    server: int
    """PostgreSQL's major version."""
    schema: int
    """The ledger's; 0: there is none yet."""
    newest: int
    """The one that this program makes."""
    seconds: float
    """Duration of a query that needs no work: a round trip."""
    nodes: Sequence[Node] = ()
    """Those that serve from it, and those that died within a day."""


async def examine(url: str) -> DatabaseReport:
    """Raises `Misconfigured`, or `LedgerUnavailable`."""
    schema = await version(url)
    database = await connect(url)
    try:
        server = await database.value(_SERVER)
        started = time.monotonic()
        await database.value(_SERVER)
        seconds = time.monotonic() - started
        newest = newest_version()
        found = await nodes(database) if schema == newest else ()
        return DatabaseReport(server // 10_000, schema, newest, seconds, found)
    finally:
        await database.close()
