"""The first step of a stop: probes are told, while the door is open yet, so that nobody new is sent here."""

import asyncio
from contextlib import suppress

PROBE_SECONDS = 5.0
"""How long a probe may take to come by."""

SPREAD_SECONDS = 1.0
"""From the probe's answer until the last balancer has heard of it."""


class Drain:
    """A service; the last stage, so that it is the first to be stopped.

    Where there are no other nodes to go to (`elsewhere` is false), it holds up nothing.
    """

    name = "readiness"

    def __init__(self, other_nodes: bool = False) -> None:
        self._other_nodes = other_nodes
        self._probed = asyncio.Event()
        self.started = False

    def probe_answered(self) -> None:
        """A probe has been answered that we leave."""
        self._probed.set()

    async def run(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.started = True
        if self._other_nodes:
            with suppress(TimeoutError):
                async with asyncio.timeout(PROBE_SECONDS):
                    await self._probed.wait()
                    await asyncio.sleep(SPREAD_SECONDS)
