"""The sweep: returns the jobs of expired leases to the queue."""

import asyncio
from contextlib import suppress

from ringback import telemetry
from ringback.jobs.store import JobStore

SWEEP_SECONDS = 15.0


class Rescuer:
    """A service; a ledger that fails does not end it."""

    name = "rescuer"

    def __init__(self, store: JobStore, sweep_seconds: float = SWEEP_SECONDS) -> None:
        self._store = store
        self._sweep_seconds = sweep_seconds

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self._sweep()
            except Exception as error:
                telemetry.problem("jobs.sweep_failed", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._sweep_seconds):
                    await stopping.wait()

    async def _sweep(self) -> None:
        rescued = await self._store.rescue()
        if rescued:
            telemetry.problem("jobs.rescued", jobs=rescued)
