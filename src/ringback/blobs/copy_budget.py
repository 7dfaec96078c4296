"""How many bytes the copies of recordings may hold together that a process makes on its own disk.

A recording is claimed long before it is decoded, and there may be hundreds of claims: their copies must not
fill the disk together.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST_BYTES = 8 << 30
"""Four of the largest uploads that Deepgram takes."""

SMALL = 64 << 20
"""Bytes; copies up to this size have an eighth of the room to themselves, so that they need not wait for the
end of long recordings."""


class CopyBudget:
    """Room for copies; what does not fit waits, and what fits passes it by."""

    def __init__(self, most: int = MOST_BYTES, small: int = SMALL) -> None:
        self._most = most
        self._small = small
        self._held = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def held(self) -> int:
        """Bytes of the copies that there are, or are being made."""
        return self._held

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[None]:
        """Room for one copy, once it is there. A copy larger than all the room has it alone."""
        await self._take(size)
        try:
            yield
        finally:
            self._give_back(size)

    async def _take(self, size: int) -> None:
        if self._fits(size):
            self._held += size
            return
        waiter = (size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            await waiter[1]
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:
                self._give_back(size)
            raise

    def _fits(self, size: int) -> bool:
        most = self._most if size <= self._small else self._most - self._most // 8
        return not self._held or self._held + size <= most

    def _give_back(self, size: int) -> None:
        self._held -= size
        for waiter in list(self._waiting):
            if self._fits(waiter[0]):
                self._waiting.remove(waiter)
                self._held += waiter[0]
                waiter[1].set_result(None)
