"""Deletes audio whose request ended `keep.audio` ago, or was never accepted, and documents of requests that
were cancelled while they were written, or are no longer known.

It asks the ledger about the blobs that are there, so a crash at any moment leaves at most a blob that the
next round finds. Documents are deleted by `retention` when their time has come.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Protocol

from ringback import telemetry
from ringback.blobs import BlobKey, BlobStore, ListedBlob, delete_all
from ringback.clock import Clock
from ringback.errors import RingbackError
from ringback.jobs.job import LIVE, JobId, State
from ringback.jobs.round_turns import SOON_ENOUGH, OwnTurns, Turns
from ringback.jobs.store import JobReader
from ringback.service import every

DOCUMENTS_EVERY = 3600.0
"""Seconds between two rounds over the documents, which are many. For audio, the blob store has its own."""

UNCLAIMED_AFTER = 3600.0
"""Seconds after which a blob without a job belongs to a request that died before it was accepted."""

_NEEDED_BY = {
    # A parked recording may be queued again, and needs its audio then.
    "audio": LIVE | {State.PARKED},
    "result": frozenset(State) - {State.CANCELLED},
}


class SweepStore(JobReader, Protocol):
    """The ledger, as the sweep needs it."""

    async def states(self, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
        """By id; unknown jobs are missing. One query for all of them."""
        ...


class SweepService:
    """A service that deletes blobs that are not needed any more, in rounds."""

    name = "sweep"

    def __init__(
        self,
        blobs: BlobStore,
        store: SweepStore,
        clock: Clock,
        keep_audio: float = 0.0,
        turns: Turns | None = None,
    ) -> None:
        """`keep_audio`: seconds that a recording stays after the end of its request. `turns`: where several
        processes share the blobs."""
        self._turns = turns or OwnTurns(clock)
        self._blobs = blobs
        self._store = store
        self._clock = clock
        self._stays = {"audio": keep_audio, "result": 0.0}

    async def run(self, stopping: asyncio.Event) -> None:
        pause = self._blobs.listing_pause

        async def rounds_in_turn() -> None:
            try:
                for kind, seconds in (("audio", pause), ("result", DOCUMENTS_EVERY)):
                    if await self._turns.take_turn(f"sweep {kind}", seconds * SOON_ENOUGH):
                        await self.round(kind, stopping)
            except (RingbackError, OSError) as error:
                # The ledger or the blobs cannot be reached; the next round does the rest.
                telemetry.problem("sweep.failed", error=str(error))

        await every(pause, rounds_in_turn, stopping)

    async def round(self, kind: str, stopping: asyncio.Event) -> int:
        """Delete the blobs of one kind that are not needed any more; returns how many."""
        deleted = 0
        # A younger blob cannot belong to a request that ended so long ago.
        async with aclosing(self._blobs.listed(kind, self._stays[kind])) as pages:
            async for page in pages:
                if stopping.is_set():
                    break
                over = await self._over(kind, page)
                await delete_all(self._blobs, over)
                deleted += len(over)
        return deleted

    async def _over(self, kind: str, page: Sequence[ListedBlob]) -> list[BlobKey]:
        """Those that are not needed any more."""
        states = await self._store.states([_job(blob.key) for blob in page])
        over = []
        for blob in page:
            state = states.get(_job(blob.key))
            if blob.age >= UNCLAIMED_AFTER if state is None else await self._is_over(kind, blob.key, state):
                over.append(blob.key)
        return over

    async def _is_over(self, kind: str, key: BlobKey, state: State) -> bool:
        if state in _NEEDED_BY[kind]:
            return False
        if not self._stays[kind]:
            return True
        job = await self._store.get(_job(key))
        ended_at = None if job is None else job.finished_at
        return ended_at is not None and ended_at + self._stays[kind] <= self._clock.now()


def _job(key: BlobKey) -> JobId:
    """Blobs of a request are named after it (`transcription.request`)."""
    return JobId(key.partition("/")[2])
