"""Procrastinate as a node, for `bench.load.cycles`: its own manager, as its worker calls it.

Runs in the environment of requirements/rivals.txt. ARGUMENTS: the database's URL, or `install` and the URL.
A task of its would defer the follow-up before it ends; so here: two transactions, where ours is one. Jobs
are fetched one after the other, as its worker does.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job, Status

from bench.load.cycles import DELIVERY, PAYLOAD, RECORDING, Queue, serve

CONNECTIONS = 10


class ProcrastinateQueue:
    def __init__(self, app: App, worker: int) -> None:
        self._manager = app.job_manager
        self._worker = worker

    async def add(self, number: int) -> None:
        await self._manager.defer_job_async(_job(RECORDING))

    async def fill(self, count: int) -> None:
        for first in range(0, count, 256):
            await self._manager.batch_defer_jobs_async(
                [_job(RECORDING) for _ in range(first, min(count, first + 256))]
            )

    async def claim(self, kind: str, limit: int) -> Sequence[Job]:
        job = await self._manager.fetch_job([kind], self._worker)
        return [] if job is None else [job]

    async def settle(self, job: Job, follow_up: bool) -> None:
        if follow_up:
            await self._manager.defer_job_async(_job(DELIVERY))
        await self._manager.finish_job(job, Status.SUCCEEDED, delete_job=False)


def _job(kind: str) -> Job:
    return Job(queue=kind, lock=None, queueing_lock=None, task_name=kind, task_kwargs={"payload": PAYLOAD})


def made(url: str) -> App:
    return App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=CONNECTIONS))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Queue]:
    async with made(url).open_async() as app:
        yield ProcrastinateQueue(app, await app.job_manager.register_worker())


async def install(url: str) -> None:
    async with made(url).open_async() as app:
        await app.schema_manager.apply_schema_async()


if __name__ == "__main__":
    logging.getLogger("procrastinate").setLevel(logging.ERROR)  # tasks are of no concern here
    if sys.argv[1] == "install":
        asyncio.run(install(sys.argv[2]))
    else:
        serve(lambda: opened(sys.argv[1]), version("procrastinate"))
