"""A node of ours, for `bench.load.cycles`: ARGUMENTS are a database's URL or a file's path, and lanes."""

import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from bench.load.cycles import DELIVERY, PAYLOAD, RECORDING, RESULT, Queue, serve
from ringback.clock import SystemClock
from ringback.ids import new_id
from ringback.jobs.job import Allowance, Attempt, Done, Job, JobId, Lane, Lease, NewJob, Signal
from ringback.jobs.store import JobAdder
from ringback.jobs.usage import UsageAmount, UsageKey, Used, hour_of
from ringback.jobs.worker import WorkerStore
from ringback.storage.postgres import PostgresLedger
from ringback.storage.sqlite import SqliteLedger

ALLOWANCE = Allowance(jobs=1_000_000, weight=1 << 50)
CAPS = {RECORDING: 128, DELIVERY: 128}
LEASE_SECONDS = 60.0
DETAIL = json.dumps({"phases": {"connect": 0.01, "send": 0.02}, "address": "192.0.2.1"}).encode()


class CycledLedger(JobAdder, WorkerStore, Protocol):
    """What a job of the benchmark passes through."""


class LedgerQueue:
    """As the server uses it: an accessor with an allowance, an attempt and a result with each end."""

    def __init__(self, ledger: CycledLedger, lanes: int) -> None:
        self._ledger = ledger
        self._lanes = lanes

    async def add(self, number: int) -> None:
        await self._ledger.add([self._job(RECORDING, number)], ALLOWANCE)

    async def fill(self, count: int) -> None:
        for first in range(0, count, 256):
            numbers = range(first, min(count, first + 256))
            await self._ledger.add([self._job(RECORDING, number, "key-0") for number in numbers])

    async def claim(self, kind: str, limit: int) -> Sequence[Lease]:
        return await self._ledger.claim(kind, limit, LEASE_SECONDS)

    async def settle(self, job: Lease, follow_up: bool) -> None:
        now = time.time()
        follow_ups = (self._job(DELIVERY, job.token, None, job.job.id),) if follow_up else ()
        done = Done(
            code=200,
            result=RESULT.encode() if follow_up else None,
            follow_ups=follow_ups,
            attempt=Attempt(now, now, "done", 200, DETAIL),
            signal=Signal.NEUTRAL,
            used=self._used(job.job, now) if follow_up else None,
        )
        assert await self._ledger.settle(job, done)

    def _used(self, job: Job, now: float) -> Used:
        key = UsageKey(
            job.project, hour_of(now), job.accessor or "", "listen", job.method, "tiny.en", "uuid", "en",
            ("punctuate",), ("punctuate", "callback"), (), True,
        )  # fmt: skip
        return Used(key, UsageAmount(1, 30.0, 30.0))

    def _job(self, kind: str, number: int, key: str | None = None, parent: JobId | None = None) -> NewJob:
        lane = (number + os.getpid()) % self._lanes
        return NewJob(
            id=JobId(new_id()),
            kind=kind,
            lane=Lane(f"{kind} {lane}"),
            project="default",
            payload=PAYLOAD.encode(),
            parent=parent,
            accessor=key or f"key-{lane}",
            method="async",
            weight=100_000 if kind == RECORDING else 0,
        )


@asynccontextmanager
async def opened(place: str, lanes: int) -> AsyncIterator[Queue]:
    if place.startswith("postgresql://"):
        async with await PostgresLedger.open(place, serving=True, fixed_caps=CAPS) as shared:
            yield LedgerQueue(shared, lanes)
    else:
        async with await SqliteLedger.open(
            Path(place), SystemClock(), serving=True, fixed_caps=CAPS
        ) as alone:
            yield LedgerQueue(alone, lanes)


if __name__ == "__main__":
    serve(lambda: opened(sys.argv[1], int(sys.argv[2])), version("ringback"))
