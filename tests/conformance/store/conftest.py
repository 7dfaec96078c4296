"""The stores that the suite is held against, each behind the same small door."""

import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import pytest

from ringback.clock import Clock
from ringback.jobs.job import Done, JobId, Lane, Lease, NewJob
from ringback.jobs.store import JobStore
from ringback.keys import KeyStore
from ringback.storage.sqlite import SqliteLedger

FIXED_CAPS = {"transcribe": 3}
"""Kinds with a fixed cap; all others have health."""


class Ledger(JobStore, KeyStore, Protocol):
    """Both ports: every ledger keeps jobs and keys."""


class MovableClock(Clock, Protocol):
    def advance(self, seconds: float) -> None: ...

    def set_back(self, seconds: float) -> None: ...


Reopen = Callable[[], contextlib.AbstractAsyncContextManager[Ledger]]


def sqlite(folder: Path, clock: Clock) -> Reopen:
    @contextlib.asynccontextmanager
    async def reopen() -> AsyncIterator[Ledger]:
        ledger = await SqliteLedger.open(folder / "ledger.db", clock, serving=True, fixed_caps=FIXED_CAPS)
        async with ledger:
            yield ledger

    return reopen


STORES: dict[str, Callable[[Path, Clock], Reopen]] = {"sqlite": sqlite}


@pytest.fixture(params=STORES)
def reopen(request: pytest.FixtureRequest, tmp_path: Path, manual_clock: MovableClock) -> Reopen:
    """Serves from the same data again, as a new process would."""
    return STORES[request.param](tmp_path, manual_clock)


@pytest.fixture(params=STORES)
def store_factory(request: pytest.FixtureRequest) -> Callable[[Path, Clock], Reopen]:
    """For tests that make many stores."""
    return STORES[request.param]


@pytest.fixture
def clock_factory(manual_clock: MovableClock) -> type[MovableClock]:
    return type(manual_clock)


@pytest.fixture
async def store(reopen: Reopen) -> AsyncIterator[Ledger]:
    async with reopen() as ledger:
        yield ledger


class NewJobs(Protocol):
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
    ) -> NewJob: ...


@pytest.fixture
def new_job() -> NewJobs:
    def make(
        kind: str = "deliver",
        lane: str = "https://a.example:443 p",
        *,
        project: str = "p",
        parent: JobId | None = None,
        accessor: str | None = None,
        method: str = "sync",
        tags: tuple[str, ...] = (),
        delay: float = 0.0,
    ) -> NewJob:
        return NewJob(
            id=JobId(str(uuid.uuid4())),
            kind=kind,
            lane=Lane(lane),
            project=project,
            payload=b"what to do",
            parent=parent,
            accessor=accessor,
            method=method,
            tags=tags,
            delay=delay,
        )

    return make


class ClaimOne(Protocol):
    async def __call__(self, kind: str = "deliver") -> Lease: ...


@pytest.fixture
def claim_one(store: Ledger) -> ClaimOne:
    async def claim(kind: str = "deliver") -> Lease:
        [lease] = await store.claim(kind, 1, 30.0)
        return lease

    return claim


@pytest.fixture
def done() -> Done:
    return Done(code=200)
