"""Whose turn a round of housekeeping is, where several processes share a ledger and its blobs."""

import math
from typing import Protocol

from ringback.clock import Clock

SOON_ENOUGH = 0.9
"""Of a pause: clocks and time-outs are not that exact."""


class Turns(Protocol):
    """Which process makes the next round, where several could."""

    async def take_turn(self, name: str, every: float) -> bool:
        """Whether it is ours: nobody had one within `every` seconds."""
        ...


class OwnTurns:
    """For a process that is alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    async def take_turn(self, name: str, every: float) -> bool:
        now = self._clock.monotonic()
        if now - self._last.get(name, -math.inf) < every:
            return False
        self._last[name] = now
        return True
