"""Deletes what nobody needs any more: audio whose request has ended or was never accepted, and documents of
requests that were cancelled while they were written.

The sweep is the only place that deletes blobs, so a crash at any moment leaves at most a file that the
next round finds.
"""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import suppress

from ringback import telemetry
from ringback.blobs import BlobKey, Blobs
from ringback.errors import RingbackError
from ringback.jobs.job import JobId, State
from ringback.jobs.store import JobStore

EVERY = 10.0
"""Seconds between two rounds over the audio."""

DOCUMENTS_EVERY = 360
"""Rounds over the audio for each one over the documents, which stay and so grow many."""

UNCLAIMED_AFTER = 3600.0
"""Seconds after which a blob without a job belongs to a request that died before it was accepted."""

AT_ONCE = 500
"""Blobs per question to the ledger."""

_NEEDED_BY = {
    # A parked recording may be asked for again, and is nothing without its audio.
    "audio": frozenset({State.QUEUED, State.LEASED, State.PARKED}),
    "result": frozenset(State) - {State.CANCELLED},
}


class Sweep:
    """A service that goes round the blobs."""

    name = "sweep"

    def __init__(self, blobs: Blobs, store: JobStore) -> None:
        self._blobs = blobs
        self._store = store

    async def run(self, stopping: asyncio.Event) -> None:
        for number in itertools.count():
            try:
                await self.round("audio", stopping)
                if number % DOCUMENTS_EVERY == 0:
                    await self.round("result", stopping)
            except (RingbackError, OSError) as error:
                # The ledger or the disk is away for a while; what is left over waits for the next round.
                telemetry.problem("sweep.failed", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), EVERY)
            if stopping.is_set():
                return

    async def round(self, kind: str, stopping: asyncio.Event) -> int:
        """Delete what is no longer needed of one kind; how many blobs that were."""
        unclaimed = set(await self._blobs.keys(kind, UNCLAIMED_AFTER))
        deleted = 0
        for keys in _slices(await self._blobs.keys(kind, 0.0)):
            if stopping.is_set():
                break
            states = await self._store.states([_job(key) for key in keys])
            for key in keys:
                state = states.get(_job(key))
                if key in unclaimed if state is None else state not in _NEEDED_BY[kind]:
                    await self._blobs.delete(key)
                    deleted += 1
        return deleted


def _slices(keys: list[BlobKey]) -> Iterator[list[BlobKey]]:
    return (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))


def _job(key: BlobKey) -> JobId:
    """Blobs of a request are named after it (`transcription.request`)."""
    return JobId(key.partition("/")[2])
