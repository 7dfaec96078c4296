"""What any node does now and then for all of them: expired leases, counters, and the days of the logs.

All nodes sweep; what one has done the others find done.
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
"""The partitions of these last days are kept although nothing may stand in them."""

_SQL = load("upkeep.sql")


class Sweep:
    def __init__(self, database: Database, writer: PostgresWriter) -> None:
        self._database = database
        self._writer = writer
        self._days_made_on: int | None = None

    async def rescue(self) -> int:
        """Return what leases that ran out left behind; how many."""
        await self._database.transact(_see_clock)
        rescued = 0
        while True:
            rows = await self._database.fetch(_SQL["expired"], SLICE)
            expired = [ExpiredLease(JobId(row["id"]), row["sequence"], row["losses"]) for row in rows]
            if expired:
                rescued += await self._writer.do(Rescue(expired))
            if len(expired) < SLICE:
                break
        await self._database.transact(_repair)
        await self._look_after_days()
        return rescued

    async def _look_after_days(self) -> None:
        """Once a day, and at the start."""
        today = int(await self._database.value(_SQL["today"]))
        if today == self._days_made_on:
            return

        async def look_after(connection: Connection) -> None:
            if await connection.fetchval(_SQL["sweep_lock"]):
                await connection.fetch(_SQL["make_days"], today, today + DAYS_AHEAD)
                await connection.fetch(_SQL["drop_days"], today - FULL_DAYS)

        await self._database.transact(look_after)
        await nodes.forget(self._database)
        self._days_made_on = today


async def _see_clock(connection: Connection) -> None:
    await connection.fetch(_SQL["see_clock"])


async def _repair(connection: Connection) -> None:
    if await connection.fetchval(_SQL["sweep_lock"]):
        await connection.fetch(_SQL["repair"])
