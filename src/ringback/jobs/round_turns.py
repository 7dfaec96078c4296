"""Which process makes a round of housekeeping, if several share a ledger and its blobs."""

import math
from typing import Protocol

from ringback.clock import Clock

SOON_ENOUGH = 0.9
"""Share of the interval after which a turn is taken: clocks and time-outs are not exact."""


class Turns(Protocol):
    """The port to the ledger."""

    async def take_turn(self, name: str, every: float) -> bool:
        """Whether this process may start the round: none has started it within `every` seconds."""
        ...


class OwnTurns:
    """The turns of a process that shares its ledger with no other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    async def take_turn(self, name: str, every: float) -> bool:
        now = self._clock.monotonic()
        if now - self._last.get(name, -math.inf) < every:
            return False
        self._last[name] = now
        return True
