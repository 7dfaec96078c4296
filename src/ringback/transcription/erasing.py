"""Erasing: a request, or a whole project, with all that is stored of it.

| step | if the process dies right after it |
|---|---|
| the erasure is on record | the eraser of any process finds it, and does the rest |
| what runs or waits is cancelled | as before |
| audio and documents are deleted | as before |
| the rows go: deliveries, attempts, then the request with its idempotency key | as before |
| the write-ahead log is emptied | as before |
| the record goes; of what was running, once all was done again a while later | nothing is left to do |

The second time is for a worker that did not know of the cancellation yet: it may have written a document, or
added a response of a live stream.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from ringback import telemetry
from ringback.blobs import BlobStore, delete_all
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.jobs.job import LIVE, Job, JobFilter, JobId, State
from ringback.jobs.round_turns import SOON_ENOUGH, Turns
from ringback.jobs.store import JobCanceller, JobChildren, JobPages, JobReader
from ringback.jobs.usage import Used
from ringback.service import every
from ringback.transcription.fetch import KIND as FETCH
from ringback.transcription.request import (
    audio_key,
    document_key,
    order_of,
    request_usage,
    result_of,
)

EVERY = 10.0
"""Seconds between two rounds of the eraser."""

SETTLED_SECONDS = 60.0
"""After which every worker knows of a cancellation: longer than a lease of a recording or a delivery."""

FORGOTTEN_SECONDS = 7 * 86_400.0
"""After which nothing can come in any more for a deleted project: no upload takes that long."""

AT_ONCE = 200
"""Jobs per question to the ledger."""

SIDE_BY_SIDE = 16
"""Requests that are erased at the same time."""


class EraseStore(JobReader, JobPages, JobChildren, JobCanceller, Protocol):
    """The ledger's side of erasing. Implemented by `storage`."""

    async def begin_erasing(self, request: JobId) -> None:
        """Have it on record from now on."""
        ...

    async def erasing(self, seconds_ago: float, limit: int) -> Sequence[JobId]:
        """Requests that have been on record for at least so long, the longest of them first."""
        ...

    async def end_erasing(self, request: JobId) -> None:
        """No more on record."""
        ...

    async def erase(self, jobs: Sequence[JobId], used: Mapping[JobId, Used] | None = None) -> int:
        """Forget these jobs, their attempts and idempotency keys with them, as far as they have ended and no
        job is there that they are the parent of; how many. `used`: what some of them have added to usage;
        they go on counting, but no longer under their tags."""
        ...

    async def deleted_projects(self) -> Sequence[str]:
        """Those of which there are still jobs."""
        ...

    async def forget_projects(self, seconds_ago: float) -> None:
        """Forget those that were deleted so long ago, and of which nothing is left."""
        ...

    async def scrub(self) -> bool:
        """What was deleted is no longer in the ledger's files, either; False: try again later."""
        ...


class Erasing:
    """Erases one request or project."""

    def __init__(self, blobs: BlobStore, store: EraseStore, requests: Sequence[str]) -> None:
        """`requests`: the kinds of job that callers ask for."""
        self._blobs = blobs
        self._store = store
        self._requests = requests
        self._kinds = (*requests, FETCH, DELIVER)

    async def request(self, job: Job) -> None:
        """A request; when this returns, nothing is left of it but what runs at this moment."""
        await self._store.begin_erasing(job.id)
        erased = await self.one(job.id)
        await self._store.scrub()
        if erased and job.state not in LIVE:
            await self._store.end_erasing(job.id)

    async def one(self, job: JobId) -> bool:
        """A request or a delivery, and what follows from it; False when something of it was queued again
        meanwhile."""
        # The parent first: the end of the fetch that it waits for would queue it.
        await self._store.cancel(job)
        await self._erase_children(job)
        await delete_all(self._blobs, [audio_key(job), document_key(job)])
        await self._store.erase([job], await self._used(job))
        return await self._store.get(job) is None and not await self._store.children(job, 1)

    async def _used(self, request: JobId) -> Mapping[JobId, Used]:
        """What it has added to usage, if anything."""
        job = await self._store.get(request)
        if job is None or job.kind not in self._requests or job.state is not State.DONE or job.code is None:
            return {}
        answered = None if job.result is None else result_of(job.result)
        return {job.id: request_usage(job, order_of(job.payload), answered, job.code)}

    async def project(self, project: str) -> None:
        """All jobs of a project that was deleted."""
        for kind in self._kinds:
            position: str | None = None
            while True:
                page = await self._store.page(JobFilter(project, kind), AT_ONCE, position)
                for start in range(0, len(page.jobs), SIDE_BY_SIDE):
                    await asyncio.gather(*map(self._one_of_many, page.jobs[start : start + SIDE_BY_SIDE]))
                position = page.next
                if position is None:
                    break
        await self._store.scrub()

    async def _one_of_many(self, job: Job) -> None:
        if job.state in LIVE and job.kind in self._requests:
            await self._store.begin_erasing(job.id)
        await self.one(job.id)

    async def _erase_children(self, parent: JobId) -> None:
        while children := await self._store.children(parent, AT_ONCE):
            # The newest first: the end of one must not queue the next.
            live = [child.id for child in reversed(children) if child.state in LIVE]
            await asyncio.gather(*map(self._store.cancel, live))
            if not await self._store.erase([child.id for child in children]):
                return  # they were queued again


class Eraser:
    """A service that finishes what was begun, by whichever process; a ledger or a disk that fails does not
    end it."""

    name = "eraser"

    def __init__(self, erasing: Erasing, store: EraseStore, turns: Turns) -> None:
        self._erasing = erasing
        self._store = store
        self._turns = turns

    async def run(self, stopping: asyncio.Event) -> None:
        await every(EVERY, self._round_in_turn, stopping)

    async def _round_in_turn(self) -> None:
        try:
            if await self._turns.take_turn("erase", EVERY * SOON_ENOUGH):
                await self.round()
        except Exception as error:
            telemetry.problem("erasing.failed", error=str(error))

    async def round(self) -> None:
        """Requests whose erasure is on record and has settled, and deleted projects."""
        requests = await self._store.erasing(SETTLED_SECONDS, AT_ONCE)
        erased = [request for request in requests if await self._erasing.one(request)]
        if requests:
            await self._store.scrub()
        for request in erased:
            await self._store.end_erasing(request)
        for project in await self._store.deleted_projects():
            await self._erasing.project(project)
            if project not in await self._store.deleted_projects():
                telemetry.event("project.erased", project=project)
        await self._store.forget_projects(FORGOTTEN_SECONDS)
