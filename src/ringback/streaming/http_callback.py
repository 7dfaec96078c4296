"""An HTTP callback of a live stream: every response a delivery job of its own, strictly in order.

The ledger keeps the order (`NewJob.sequence`), the deliverer the retries. A response counts as said once
its job is committed: from then on a crash loses nothing, and a dead receiver is no concern of the stream's
but for the limit on how many may wait.
"""

import asyncio
from collections.abc import Callable, Sequence

from ringback.jobs.job import NewJob
from ringback.jobs.store import JobStore, LedgerUnavailable
from ringback.listen.actions import CloseReason, SendMessage
from ringback.streaming.relay import RelayLost

Delivery = Callable[[int, bytes], NewJob]
"""The job that delivers the response of this number, counted from 1."""

LEDGER_SECONDS = 10.0
"""How long a ledger that takes nothing (a full disk, a lock) is waited for before the stream is ended."""
PAUSE = 0.25


class HttpCallback:
    """`say` commits all it is given in one transaction; what streams say at the same time shares a sync."""

    def __init__(self, store: JobStore, sequence: str, delivery: Delivery, backlog: int) -> None:
        """`backlog`: how many responses may wait for the receiver."""
        self._store = store
        self._sequence = sequence
        self._delivery = delivery
        self._backlog = backlog
        self._room = backlog
        self._said = 0

    async def say(self, messages: Sequence[SendMessage]) -> None:
        await self._mind_the_backlog(len(messages))
        jobs = [self._delivery(self._said + n, each.message) for n, each in enumerate(messages, 1)]
        await self._add(jobs)
        self._said += len(jobs)

    async def lost(self) -> RelayLost:
        never: asyncio.Future[RelayLost] = asyncio.get_running_loop().create_future()
        return await never

    async def close(self, code: int, reason: str) -> None:
        """Nothing to close: what waits is delivered without us."""

    async def _mind_the_backlog(self, more: int) -> None:
        """The ledger is asked only when as many were said as there was room for when it was asked last."""
        if self._room < more:
            try:
                waiting = await self._store.waiting(self._sequence, self._backlog + 1)
            except LedgerUnavailable:
                return  # `_add` will tell
            self._room = self._backlog - waiting
        if self._room < more:
            raise RelayLost(CloseReason.CALLBACK_BEHIND, f"more than {self._backlog} responses wait for it")
        self._room -= more

    async def _add(self, jobs: Sequence[NewJob]) -> None:
        for _ in range(int(LEDGER_SECONDS / PAUSE)):
            try:
                return await self._store.add(jobs)
            except LedgerUnavailable as error:
                trouble = str(error)
                await asyncio.sleep(PAUSE)
        raise RelayLost(CloseReason.FAILED, trouble)
