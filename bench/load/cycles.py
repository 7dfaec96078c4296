"""What a cluster asks of its queue, on any queue: requests added, claimed, settled, and their callbacks too.

The same loops drive our ledger and its peers, each in child processes that stand for nodes. A cycle is one
request: a recording is added, claimed, and settled with a follow-up; the follow-up is claimed and settled.
Runs in the peers' environment as well, so nothing of ours is imported here.

Commands: `do` and its arguments; moments are of the monotonic clock, which all processes share.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Protocol

import uvloop

from bench.harness.child import Facts, obey_async, say

RECORDING, DELIVERY = "recording", "delivery"
LANES = 16
PAYLOAD = "p" * 500
RESULT = "r" * 2_000
BATCH = 32
"""Jobs that a node claims at a time, where its queue can claim several."""
_EMPTY_SECONDS = 0.01
"""How long a claimer that found nothing waits, unless its own node puts something in."""
_DRAINED = 8
"""Times in a row that nothing is found before a node believes that nothing is left."""


class Queue(Protocol):
    """One node's means to use a queue. A job is whatever `claim` gives."""

    async def add(self, number: int) -> None:
        """One recording, durable on return."""
        ...

    async def fill(self, count: int) -> None:
        """Many at once, as fast as may be."""
        ...

    async def claim(self, kind: str, limit: int) -> Sequence[Any]: ...

    async def settle(self, job: Any, follow_up: bool) -> None:
        """Done, with a record of the try, and with a delivery that follows from it."""
        ...


class Node:
    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._number = 0
        self._added = 0
        self._cycled = 0
        self._ready = {RECORDING: asyncio.Event(), DELIVERY: asyncio.Event()}
        self._room = asyncio.Semaphore(0)

    async def carry_out(self, command: Facts) -> Facts:
        do: Callable[..., Awaitable[Facts]] = getattr(self, command.pop("do"))
        return await do(**command)

    async def add(self, start: float, count_from: float, until: float, at_once: int) -> Facts:
        """Callers that add one after the other."""
        await _sleep_until(start)

        async def caller() -> None:
            while time.monotonic() < until:
                await self._add()

        callers = [asyncio.create_task(caller()) for _ in range(at_once)]
        figures = await self._watched(lambda: self._added, count_from, until)
        await asyncio.gather(*callers)
        return figures

    async def fill(self, count: int) -> Facts:
        await self._queue.fill(count)
        return {}

    async def claim(self, start: float) -> Facts:
        """Claim all that lies there, and only then settle it."""
        await _sleep_until(start)
        jobs, last = await self._claim_what_is_there()
        await self._settle_all(jobs)
        return {"count": len(jobs), "last": last}

    async def empty(self) -> Facts:
        """Claim and settle whatever recordings are left."""
        while jobs := (await self._claim_what_is_there())[0]:
            await self._settle_all(jobs)
        return {}

    async def cycle(self, start: float, count_from: float, until: float, at_once: int) -> Facts:
        """So many requests at a time: where one ends the next begins. Then all that is left."""
        await _sleep_until(start)
        self._room = asyncio.Semaphore(at_once)
        over = asyncio.Event()
        claimers = [asyncio.create_task(self._claim_all(kind, over)) for kind in (RECORDING, DELIVERY)]
        adding = asyncio.create_task(self._keep_adding(until))
        figures = await self._watched(lambda: self._cycled, count_from, until)
        await adding
        over.set()
        await asyncio.gather(*claimers)
        return figures

    async def _keep_adding(self, until: float) -> None:
        async with asyncio.TaskGroup() as group:
            while time.monotonic() < until:
                try:
                    await asyncio.wait_for(self._room.acquire(), 0.1)
                except TimeoutError:
                    continue
                group.create_task(self._add())

    async def _claim_all(self, kind: str, over: asyncio.Event) -> None:
        working: set[asyncio.Task[None]] = set()
        nothing = 0
        while nothing < _DRAINED:
            self._ready[kind].clear()
            jobs = await self._queue.claim(kind, BATCH)
            for job in jobs:
                working.add(task := asyncio.create_task(self._settle(kind, job)))
                task.add_done_callback(working.discard)
            if not jobs:
                await self._wait(kind)
            # Deliveries follow from recordings that this node or another is about to settle.
            nothing = nothing + 1 if over.is_set() and not jobs and not working else 0
        await asyncio.gather(*working)

    async def _settle(self, kind: str, job: Any) -> None:
        await self._queue.settle(job, kind == RECORDING)
        if kind == RECORDING:
            self._ready[DELIVERY].set()
        else:
            self._cycled += 1
            self._room.release()

    async def _claim_what_is_there(self) -> tuple[list[Any], float]:
        """With the moment at which the last one came."""
        jobs: list[Any] = []
        last = time.monotonic()
        while more := await self._queue.claim(RECORDING, BATCH):
            jobs += more
            last = time.monotonic()
        return jobs, last

    async def _settle_all(self, jobs: Sequence[Any]) -> None:
        for first in range(0, len(jobs), 256):
            await asyncio.gather(*(self._queue.settle(job, False) for job in jobs[first : first + 256]))

    async def _wait(self, kind: str) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ready[kind].wait(), _EMPTY_SECONDS)

    async def _add(self) -> None:
        self._number += 1
        await self._queue.add(self._number)
        self._added += 1
        self._ready[RECORDING].set()

    async def _watched(self, count: Callable[[], int], count_from: float, until: float) -> Facts:
        await _sleep_until(count_from)
        began, before, cpu = time.monotonic(), count(), time.process_time()
        await _sleep_until(until)
        return {
            "count": count() - before,
            "seconds": time.monotonic() - began,
            "cpu": time.process_time() - cpu,
        }


def serve(opened: Callable[[], AbstractAsyncContextManager[Queue]], version: str) -> None:
    """A child's whole life as a node."""

    async def live() -> None:
        async with opened() as queue:
            say({"version": version})
            await obey_async(Node(queue).carry_out)

    uvloop.run(live())


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
