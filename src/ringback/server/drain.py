"""The first step of a stop: probes fail while requests are still served, so that balancers send no new
ones."""

import asyncio
from contextlib import suppress

PROBE_SECONDS = 5.0
"""How long the stop waits for the next probe."""

SPREAD_SECONDS = 1.0
"""From the probe's answer until every balancer has acted on it."""


class Drain:
    """A service; the last stage, so that it is the first to be stopped. Without other nodes that could take
    the requests (`other_nodes` is false), it delays nothing."""

    name = "readiness"

    def __init__(self, other_nodes: bool = False) -> None:
        self._other_nodes = other_nodes
        self._probed = asyncio.Event()
        self.started = False

    def probe_answered(self) -> None:
        """A probe has been answered with `Stopping`."""
        self._probed.set()

    async def run(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.started = True
        if self._other_nodes:
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_SECONDS):
                    await self._probed.wait()
                    await asyncio.sleep(SPREAD_SECONDS)
