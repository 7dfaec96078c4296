"""The sweep: returns the jobs of expired leases to the queue.

After an outage of the ledger every lease may have run out, also those whose holders are well: these get the
pause of one sweep to prolong them before any is taken away.
"""

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
        was_away = False
        while not stopping.is_set():
            try:
                if was_away:
                    await self._store.gauges()  # raises while the ledger is still away
                    was_away = False
                else:
                    await self._sweep()
            except Exception as error:
                telemetry.problem("jobs.sweep_failed", error=str(error))
                was_away = True
            with suppress(TimeoutError):
                async with asyncio.timeout(self._sweep_seconds):
                    await stopping.wait()

    async def _sweep(self) -> None:
        rescued = await self._store.rescue()
        if rescued:
            telemetry.problem("jobs.rescued", jobs=rescued)
