"""Deletes audio whose request ended `keep.audio` ago, or was never accepted, and documents of requests that
were cancelled while they were written, or are no longer known.

It asks the ledger about the files that are there, so a crash at any moment leaves at most a file that the
next round finds. Documents that have had their time are `retention`'s.
"""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import suppress

from ringback import telemetry
from ringback.blobs import BlobKey, Blobs
from ringback.clock import Clock
from ringback.errors import RingbackError
from ringback.jobs.job import LIVE, JobId, State
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
    "audio": LIVE | {State.PARKED},
    "result": frozenset(State) - {State.CANCELLED},
}


class Sweep:
    """A service that goes round the blobs."""

    name = "sweep"

    def __init__(self, blobs: Blobs, store: JobStore, clock: Clock, keep_audio: float = 0.0) -> None:
        """`keep_audio`: seconds that a recording stays after the end of its request."""
        self._blobs = blobs
        self._store = store
        self._clock = clock
        self._stays = {"audio": keep_audio, "result": 0.0}

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
        # What is younger than that has not ended that long ago.
        for keys in _slices(await self._blobs.keys(kind, self._stays[kind])):
            if stopping.is_set():
                break
            states = await self._store.states([_job(key) for key in keys])
            for key in keys:
                state = states.get(_job(key))
                if key in unclaimed if state is None else await self._is_over(kind, key, state):
                    await self._blobs.delete(key)
                    deleted += 1
        return deleted

    async def _is_over(self, kind: str, key: BlobKey, state: State) -> bool:
        if state in _NEEDED_BY[kind]:
            return False
        if not self._stays[kind]:
            return True
        job = await self._store.get(_job(key))
        ended_at = None if job is None else job.finished_at
        return ended_at is not None and ended_at + self._stays[kind] <= self._clock.now()


def _slices(keys: list[BlobKey]) -> Iterator[list[BlobKey]]:
    return (keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE))


def _job(key: BlobKey) -> JobId:
    """Blobs of a request are named after it (`transcription.request`)."""
    return JobId(key.partition("/")[2])
