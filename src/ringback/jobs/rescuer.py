"""The sweep: returns the jobs of expired leases to the queue.

After an outage of the ledger every lease may have expired, also those of workers that are alive: these have
the time until the next sweep to prolong them.
"""

import asyncio
from typing import Protocol

from ringback import telemetry
from ringback.jobs.store import JobGauges
from ringback.service import every

SWEEP_SECONDS = 15.0


class RescuerStore(JobGauges, Protocol):
    """The ledger's side of the rescuer."""

    async def rescue(self) -> int:
        """Return the jobs of expired leases to the queue, or park those lost too often; the number of
        jobs."""
        ...


class Rescuer:
    """A service; a ledger that fails does not end it."""

    name = "rescuer"

    def __init__(self, store: RescuerStore, sweep_seconds: float = SWEEP_SECONDS) -> None:
        self._store = store
        self._sweep_seconds = sweep_seconds
        self._was_away = False

    async def run(self, stopping: asyncio.Event) -> None:
        await every(self._sweep_seconds, self._sweep_if_well, stopping)

    async def _sweep_if_well(self) -> None:
        try:
            if self._was_away:
                await self._store.gauges()  # raises while the ledger is still away
                self._was_away = False
            else:
                await self._sweep()
        except Exception as error:
            telemetry.problem("jobs.sweep_failed", error=str(error))
            self._was_away = True

    async def _sweep(self) -> None:
        rescued = await self._store.rescue()
        if rescued:
            telemetry.problem("jobs.rescued", jobs=rescued)
