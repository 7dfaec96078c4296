"""Deletes audio that nobody needs any more: its request has ended, or was never accepted.

The sweep is the only place that deletes audio, so a crash at any moment leaves at most a file that the
next round finds.
"""

import asyncio
from contextlib import suppress

from ringback import telemetry
from ringback.blobs import BlobKey, Blobs
from ringback.errors import RingbackError
from ringback.jobs.job import ENDED, JobId
from ringback.jobs.store import JobStore

EVERY = 10.0
"""Seconds between two rounds."""

UNCLAIMED_AFTER = 3600.0
"""Seconds after which audio without a job belongs to a request that died before it was accepted."""


class Sweep:
    """A service that goes round the audio blobs."""

    name = "sweep"

    def __init__(self, blobs: Blobs, store: JobStore) -> None:
        self._blobs = blobs
        self._store = store

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self.once()
            except (RingbackError, OSError) as error:
                # The ledger or the disk is away for a while; what is left over waits for the next round.
                telemetry.problem("sweep.failed", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), EVERY)

    async def once(self) -> int:
        """Delete what is no longer needed; how many blobs that were."""
        unclaimed = set(await self._blobs.keys("audio", UNCLAIMED_AFTER))
        deleted = 0
        for key in await self._blobs.keys("audio", 0.0):
            if await self._is_needed(key, unclaimed):
                continue
            await self._blobs.delete(key)
            deleted += 1
        return deleted

    async def _is_needed(self, key: BlobKey, unclaimed: set[BlobKey]) -> bool:
        job = await self._store.get(JobId(key.partition("/")[2]))
        if job is None:
            return key not in unclaimed
        return job.state not in ENDED
