"""The relay to an HTTP callback of a live stream: a delivery job for each message, strictly in order.

The ledger keeps the order (`NewJob.sequence`), the deliverer makes the retries. A message counts as sent once
its job is committed: from then on a crash loses nothing. A receiver that does not answer ends the stream only
when too many messages wait for it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from ringback.jobs.job import NewJob
from ringback.jobs.store import JobAdder, LedgerUnavailable
from ringback.listen.actions import CloseReason, SendMessage
from ringback.streaming.relay import RelayLost

Delivery = Callable[[int, bytes], NewJob]
"""Of a message's number, from 1, and the message: the job that delivers it."""

LEDGER_SECONDS = 10.0
"""How long a ledger that cannot write (a full disk, a lock) is waited for before the stream is ended."""
RETRY_SECONDS = 0.25


class RelayStore(JobAdder, Protocol):
    """The ledger's side of a relay: deliveries of one sequence."""

    async def waiting(self, sequence: str, most: int) -> int:
        """How many live jobs a sequence has; counted no further than `most`."""
        ...


class HttpCallbackRelay:
    """`send_messages` commits its messages in one transaction; those of several streams share a sync."""

    def __init__(self, store: RelayStore, sequence: str, delivery: Delivery, backlog: int) -> None:
        """`backlog`: how many messages may wait for the receiver."""
        self._store = store
        self._sequence = sequence
        self._delivery = delivery
        self._backlog = backlog
        self._free_places = backlog
        self._sent = 0

    async def send_messages(self, messages: Sequence[SendMessage]) -> None:
        await self._check_backlog(len(messages))
        jobs = [self._delivery(self._sent + n, each.message) for n, each in enumerate(messages, 1)]
        await self._add_jobs(jobs)
        self._sent += len(jobs)

    async def wait_lost(self) -> RelayLost:
        never: asyncio.Future[RelayLost] = asyncio.get_running_loop().create_future()
        return await never

    async def close(self, code: int, reason: str) -> None:
        """Nothing to close: what waits is delivered by its jobs."""

    async def _check_backlog(self, more: int) -> None:
        """Raises `RelayLost` when too many wait. The ledger is asked only when as many messages were sent as
        there were free places when it was last asked."""
        if self._free_places < more:
            try:
                waiting = await self._store.waiting(self._sequence, self._backlog + 1)
            except LedgerUnavailable:
                return  # `_add_jobs` waits for it, and raises
            self._free_places = self._backlog - waiting
        if self._free_places < more:
            raise RelayLost(CloseReason.CALLBACK_BEHIND, f"more than {self._backlog} responses wait for it")
        self._free_places -= more

    async def _add_jobs(self, jobs: Sequence[NewJob]) -> None:
        for _ in range(int(LEDGER_SECONDS / RETRY_SECONDS)):
            try:
                return await self._store.add(jobs)
            except LedgerUnavailable as error:
                failure = str(error)
                await asyncio.sleep(RETRY_SECONDS)
        raise RelayLost(CloseReason.FAILED, failure)
