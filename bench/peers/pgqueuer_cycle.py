"""PgQueuer as a node, for `bench.load.cycles`: its own queries and buffer of ends, as its manager uses them.

Runs in the environment of requirements/rivals.txt. ARGUMENTS: the database's URL, or `install` and the URL.
The follow-up is enqueued before the end is recorded: two transactions, where ours is one. Ends are
recorded in batches, up to a tenth of a second after the job counts as done.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.buffers import JobStatusLogBuffer
from pgqueuer.domain.models import Job
from pgqueuer.ports.repository import EntrypointExecutionParameter

from bench.load.cycles import BATCH, DELIVERY, PAYLOAD, RECORDING, Queue, serve

CONNECTIONS = 10
STALE = timedelta(seconds=60)
UNLIMITED = EntrypointExecutionParameter(concurrency_limit=0)


class PgQueuerQueue:
    def __init__(self, queries: Queries, ends: JobStatusLogBuffer) -> None:
        self._queries = queries
        self._ends = ends
        self._id = uuid.uuid4()

    async def add(self, number: int) -> None:
        await self._queries.enqueue(RECORDING, PAYLOAD.encode())

    async def fill(self, count: int) -> None:
        for first in range(0, count, 256):
            some = min(count, first + 256) - first
            await self._queries.enqueue([RECORDING] * some, [PAYLOAD.encode()] * some, [0] * some)

    async def claim(self, kind: str, limit: int) -> Sequence[Job]:
        jobs: Sequence[Job] = await self._queries.dequeue(limit, {kind: UNLIMITED}, self._id, None, STALE)
        return jobs

    async def settle(self, job: Job, follow_up: bool) -> None:
        if follow_up:
            await self._queries.enqueue(DELIVERY, PAYLOAD.encode())
        await self._ends.add((job, "successful", None))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Queue]:
    async with asyncpg.create_pool(url, min_size=1, max_size=CONNECTIONS) as pool:
        queries = Queries(AsyncpgPoolDriver(pool))
        async with JobStatusLogBuffer(max_size=BATCH, repository=queries) as ends:
            yield PgQueuerQueue(queries, ends)


async def install(url: str) -> None:
    async with asyncpg.create_pool(url, min_size=1) as pool:
        await Queries(AsyncpgPoolDriver(pool)).install()


if __name__ == "__main__":
    if sys.argv[1] == "install":
        asyncio.run(install(sys.argv[2]))
    else:
        serve(lambda: opened(sys.argv[1]), version("pgqueuer"))
