"""Waiting for what sets no event of ours: another process, a file, a row, a log."""

import asyncio
import inspect
import time
from collections.abc import Callable

POLL_SECONDS = 0.01
PATIENCE = 240.0
"""Seconds; only a test that fails waits for so long. On a machine that runs much else a process may stand
still for many of them."""


async def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return once the condition, which may be asynchronous, gives something true; raises `TimeoutError` when
    it does not within so many seconds."""
    async with asyncio.timeout(seconds):
        while True:
            value = condition()
            if await value if inspect.isawaitable(value) else value:
                return
            await asyncio.sleep(POLL_SECONDS)


def wait_until(
    condition: Callable[[], object], seconds: float = PATIENCE, message: str | Callable[[], str] = ""
) -> None:
    """The same for tests without an event loop; fails with the message, which is asked for then."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, message() if callable(message) else message
        time.sleep(POLL_SECONDS)


async def turns(count: int = 1) -> None:
    """Let the other tasks run for so many turns of the event loop."""
    for _ in range(count):
        await asyncio.sleep(0)


async def real_pause(seconds: float, why: str) -> None:
    """Let real time pass, because a duration is under test, or a pace: `why` says which. Never for an order:
    that is what `eventually` is for."""
    assert why
    await asyncio.sleep(max(0.0, seconds))


def real_pause_sync(seconds: float, why: str) -> None:
    """The same for tests without an event loop."""
    assert why
    time.sleep(max(0.0, seconds))
