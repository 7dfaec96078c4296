"""A store to test, and jobs for it."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringback.jobs.job import Done, IdempotencyKey, JobId, Lane, Lease, NewJob
from support.stores import STORES, ClaimOne, MovableClock, NewJobs, OpenStore, Reopen, Store


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    return STORES[request.param]


@pytest.fixture
def reopen(open_store: OpenStore, tmp_path: Path, manual_clock: MovableClock) -> Reopen:
    return open_store(tmp_path, manual_clock)


@pytest.fixture
async def store(reopen: Reopen) -> AsyncIterator[Store]:
    async with reopen() as store:
        yield store


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
        sequence: str | None = None,
        weight: int = 0,
        idempotency: IdempotencyKey | None = None,
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
            sequence=sequence,
            weight=weight,
            idempotency=idempotency,
        )

    return make


@pytest.fixture
def claim_one(store: Store) -> ClaimOne:
    async def claim(kind: str = "deliver") -> Lease:
        [lease] = await store.claim(kind, 1, 30.0)
        return lease

    return claim


@pytest.fixture
def done() -> Done:
    return Done(code=200)
