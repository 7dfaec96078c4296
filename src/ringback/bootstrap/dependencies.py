"""Waiting at the start for what the server stands on: a database, an object store, a locked ledger file.

Nodes and what they need are often started together, and a restart of PostgreSQL takes a minute: a node that
gave up at once would be left down by its service manager (systemd stops after five starts in ten seconds).
What was reached may go again before the start is over, so all that a start asks of it waits in this way.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ringback import telemetry
from ringback.blobs import StoreUnreachable
from ringback.clock import Clock
from ringback.jobs.store import LedgerUnavailable

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 4.0
"""Seconds between two tries; each that fails is reported."""


async def when_available(name: str, work: Callable[[], Awaitable[T]], wait_seconds: float, clock: Clock) -> T:
    """What `work` returns, tried again for `wait_seconds` while what it needs is unavailable.

    Raises the last `LedgerUnavailable` or `StoreUnreachable`, and anything else at once: that does not pass.
    """
    deadline = clock.monotonic() + wait_seconds
    pause = FIRST_PAUSE
    while True:
        try:
            return await work()
        except (LedgerUnavailable, StoreUnreachable) as error:
            remaining = deadline - clock.monotonic()
            if remaining <= 0:
                raise
            telemetry.problem("start.waiting", name=name, error=str(error), gives_up_in=round(remaining, 1))
        await asyncio.sleep(min(pause, remaining))
        pause = min(2 * pause, LONGEST_PAUSE)
