"""What every node does regularly: expired leases, the lanes' counters, and the partitions of the days.

All nodes sweep; each step is safe to repeat.
"""

from ringback.jobs.commands import ExpiredLease, Rescue
from ringback.jobs.job import JobId
from ringback.storage.postgres import nodes
from ringback.storage.postgres.database import Connection, Database
from ringback.storage.postgres.queries import load
from ringback.storage.postgres.schema import DAYS_AHEAD
from ringback.storage.postgres.writer import PostgresWriter

SLICE = 500
"""Leases that are returned in one batch."""

FULL_DAYS = 2
"""The partitions of these last days are kept even if they are empty."""

_SQL = load("upkeep.sql")


class Sweep:
    def __init__(self, database: Database, writer: PostgresWriter) -> None:
        self._database = database
        self._writer = writer
        self._days_made_on: int | None = None

    async def rescue(self) -> int:
        """Return the jobs of expired leases to the queue; the number of these jobs."""
        await self._database.transact(_check_clock)
        rescued = 0
        while True:
            rows = await self._database.fetch(_SQL["expired"], SLICE)
            expired = [ExpiredLease(JobId(row["id"]), row["sequence"], row["losses"]) for row in rows]
            if expired:
                rescued += await self._writer.do(Rescue(expired))
            if len(expired) < SLICE:
                break
        await self._database.transact(_repair)
        await self._maintain_partitions()
        return rescued

    async def _maintain_partitions(self) -> None:
        """Once a day, and at the start."""
        today = int(await self._database.value(_SQL["today"]))
        if today == self._days_made_on:
            return

        async def maintain(connection: Connection) -> None:
            if await connection.fetchval(_SQL["sweep_lock"]):
                await connection.fetch(_SQL["make_days"], today, today + DAYS_AHEAD)
                await connection.fetch(_SQL["drop_days"], today - FULL_DAYS)

        await self._database.transact(maintain)
        await nodes.forget(self._database)
        self._days_made_on = today


async def _check_clock(connection: Connection) -> None:
    await connection.fetch(_SQL["see_clock"])


async def _repair(connection: Connection) -> None:
    if await connection.fetchval(_SQL["sweep_lock"]):
        await connection.fetch(_SQL["repair"])
