"""Waiting for what sets no event of ours: another process, a file, a row, a log."""

import asyncio
import inspect
import time
from collections.abc import Callable

POLL_SECONDS = 0.01
PATIENCE = 30.0
"""Seconds; only a test that fails waits for so long."""


async def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return once the condition, which may be asynchronous, gives something true; raises `TimeoutError` when
    it does not within so many seconds."""
    async with asyncio.timeout(seconds):
        while True:
            value = condition()
            if await value if inspect.isawaitable(value) else value:
                return
            await asyncio.sleep(POLL_SECONDS)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE, message: str = "") -> None:
    """The same for tests without an event loop; fails with the message."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, message
        time.sleep(POLL_SECONDS)
