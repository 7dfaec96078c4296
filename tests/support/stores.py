"""The stores that the conformance suite is held against, behind one door, and the types of its fixtures."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

from ringback.clock import Clock
from ringback.jobs.job import JobId, Lease, NewJob, Once
from ringback.jobs.store import JobStore
from ringback.keys import KeyStore
from ringback.storage.sqlite import SqliteLedger

FIXED_CAPS = {"transcribe": 3}
"""Kinds with a fixed cap; all others have health."""


class Store(JobStore, KeyStore, Protocol):
    """Both ports: every ledger keeps jobs and keys."""


class MovableClock(Clock, Protocol):
    """The suite's `ManualClock`."""

    def advance(self, seconds: float) -> None: ...

    def set_back(self, seconds: float) -> None: ...


class NewJobs(Protocol):
    """Makes a job, told only what matters to the test."""

    def __call__(
        self,
        kind: str = "deliver",
        lane: str = "https://a.example:443 p",
        *,
        project: str = "p",
        parent: JobId | None = None,
        accessor: str | None = None,
        method: str = "sync",
        tags: tuple[str, ...] = (),
        delay: float = 0.0,
        sequence: str | None = None,
        weight: int = 0,
        once: Once | None = None,
    ) -> NewJob: ...


class ClaimOne(Protocol):
    """Claims the one job that must be there."""

    async def __call__(self, kind: str = "deliver") -> Lease: ...


Reopen = Callable[[], contextlib.AbstractAsyncContextManager[Store]]
"""Serves from the same data again, as a new process would."""

OpenStore = Callable[[Path, Clock], Reopen]


def sqlite(folder: Path, clock: Clock) -> Reopen:
    @contextlib.asynccontextmanager
    async def reopen() -> AsyncIterator[Store]:
        ledger = await SqliteLedger.open(folder / "ledger.db", clock, serving=True, fixed_caps=FIXED_CAPS)
        async with ledger:
            yield ledger

    return reopen


STORES: dict[str, OpenStore] = {"sqlite": sqlite}
