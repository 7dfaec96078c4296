"""A thread pool for blocking file operations; asyncio's default pool is small and shared."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class BlobThreads:
    def __init__(self, number: int) -> None:
        self._pool = ThreadPoolExecutor(number, "blobs")

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread; when this call is cancelled, not before the thread is done with it.

        A file that is closed under a thread that still writes would lend its number to another's file.
        """
        running = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    async def end(self) -> None:
        """Returns once they have finished what they were given."""
        await asyncio.to_thread(self._pool.shutdown)
