"""The stores that the conformance suite runs against, under one interface, and the types of its fixtures."""

import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import asyncpg

from ringback.bootstrap.ledger import Ledger
from ringback.clock import Clock
from ringback.jobs.job import IdempotencyKey, JobId, Lease, NewJob
from ringback.storage.postgres import PostgresLedger, migrate
from ringback.storage.sqlite import SqliteLedger
from support.postgres import running, servers

FIXED_CAPS = {"transcribe": 3}
"""Kinds with a fixed cap; all others have health."""


Store = Ledger
"""Each consumer's protocol together: what every implementation is held to."""


class MovableClock(Clock, Protocol):
    """The suite's `ManualClock`."""

    def advance(self, seconds: float) -> None: ...

    def set_back(self, seconds: float) -> None: ...

    def watch(self, moved: Callable[[], None]) -> None: ...


class NewJobs(Protocol):
    """Makes a job from what matters to the test."""

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
        idempotency: IdempotencyKey | None = None,
    ) -> NewJob: ...


class ClaimOne(Protocol):
    """Claims the one job that must be there."""

    async def __call__(self, kind: str = "deliver") -> Lease: ...


Reopen = Callable[[], contextlib.AbstractAsyncContextManager[Store]]
"""Serves from the same data again, as a new process would."""

OpenStore = Callable[[Path, MovableClock], Reopen]


def sqlite(folder: Path, clock: MovableClock) -> Reopen:
    @contextlib.asynccontextmanager
    async def reopen() -> AsyncIterator[Store]:
        ledger = await SqliteLedger.open(folder / "ledger.db", clock, serving=True, fixed_caps=FIXED_CAPS)
        async with ledger:
            yield ledger

    return reopen


class DatabaseClock:
    """The clock of a test's database: a file that the database reads, moved by the test's own clock.

    Like the clock of a server of its own it does not jump when a node's clock is set; one that is set while
    no node serves is seen when the next one starts.
    """

    def __init__(self, file: Path, clock: MovableClock) -> None:
        self._file = file
        self._clock = clock
        self.set()
        clock.watch(self._write)

    def set(self) -> None:
        self._start = self._clock.now() - self._clock.monotonic()
        self._write()

    def _write(self) -> None:
        # In one step: the database reads it at any moment.
        new = self._file.with_suffix(".new")
        new.write_text(repr(self._start + self._clock.monotonic()))
        new.replace(self._file)


class TestDatabase:
    """A database on a server of this process, for one store after the other.

    Making one for each store took a fifth of a second; emptying it takes a hundredth.
    """

    __test__ = False

    def __init__(self, version: str) -> None:
        server = running(version)
        self.url = server.url("conformance")
        self.clock = server.folder / "clock"
        self._server = server
        self._is_made = False

    async def make(self) -> None:
        """As if it had just been made, but for the numbers that it counts."""
        if not self._is_made:
            await self._make()
        connection = await asyncpg.connect(self.url)
        await connection.execute(EMPTY)
        await connection.close()

    async def _make(self) -> None:
        connection = await asyncpg.connect(self._server.url())
        await connection.execute("create database conformance")
        await connection.close()
        await migrate(self.url)
        connection = await asyncpg.connect(self.url)
        await connection.execute(
            "create or replace function ledger_now() returns double precision language sql volatile as"
            f" $$ select pg_read_file('{self.clock}')::double precision $$"
        )
        await connection.close()
        self._is_made = True


EMPTY = ";".join(
    ["update ledger set seen_at = 0"]
    + [
        f"delete from {table}"
        for table in (
            *("api_key", "signing_secret", "node", "lane", "job", "hour", "live_job", "ended_job", "attempt"),
            *("usage", "idempotency_key", "erasing", "daily_audio", "usage_hour"),
        )
    ]
    + ["delete from project where created_at > 0"]
)


@functools.cache
def database(version: str) -> TestDatabase:
    """This process's own, made when it is first asked for."""
    return TestDatabase(version)


def postgres(version: str) -> OpenStore:
    def open_store(_folder: Path, clock: MovableClock) -> Reopen:
        clocks: list[DatabaseClock] = []

        @contextlib.asynccontextmanager
        async def reopen() -> AsyncIterator[Store]:
            at = database(version)
            if not clocks:
                await at.make()
                clocks.append(DatabaseClock(at.clock, clock))
            clocks[0].set()
            ledger = await PostgresLedger.open(at.url, serving=True, fixed_caps=FIXED_CAPS)
            async with ledger:
                yield ledger

        return reopen

    return open_store


STORES: dict[str, OpenStore] = {"sqlite": sqlite} | {version: postgres(version) for version in servers()}
