"""The sweep: returns the jobs of expired leases, and shows how the queue stands."""

import asyncio
from contextlib import suppress

from ringback import telemetry
from ringback.jobs.store import JobStore

SWEEP_SECONDS = 15.0


class Rescuer:
    """A service; it also brings the gauges of live jobs up to date."""

    name = "rescuer"

    def __init__(self, store: JobStore, sweep_seconds: float = SWEEP_SECONDS) -> None:
        self._store = store
        self._sweep_seconds = sweep_seconds
        self._shown: set[str] = set()

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
        gauges = await self._store.gauges()
        for kind, gauge in gauges.items():
            telemetry.JOBS.labels(kind, "queued").set(gauge.queued)
            telemetry.JOBS.labels(kind, "leased").set(gauge.leased)
            telemetry.OLDEST_DUE.labels(kind).set(gauge.oldest_due or 0)
        for kind in self._shown - gauges.keys():
            telemetry.JOBS.labels(kind, "queued").set(0)
            telemetry.JOBS.labels(kind, "leased").set(0)
            telemetry.OLDEST_DUE.labels(kind).set(0)
        self._shown |= gauges.keys()
