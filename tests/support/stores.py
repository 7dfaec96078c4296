"""The stores that the conformance suite is held against, behind one door, and the types of its fixtures."""

import atexit
import contextlib
import functools
import os
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import asyncpg

from ringback.clock import Clock
from ringback.jobs.job import JobId, Lease, NewJob, Once
from ringback.jobs.store import JobStore
from ringback.keys import KeyStore
from ringback.storage.postgres import PostgresLedger, migrate
from ringback.storage.sqlite import SqliteLedger
from support.postgres import PostgresServer, servers

FIXED_CAPS = {"transcribe": 3}
"""Kinds with a fixed cap; all others have health."""


class Store(JobStore, KeyStore, Protocol):
    """Both ports: every ledger keeps jobs and keys."""


class MovableClock(Clock, Protocol):
    """The suite's `ManualClock`."""

    def advance(self, seconds: float) -> None: ...

    def set_back(self, seconds: float) -> None: ...

    def watch(self, moved: Callable[[], None]) -> None: ...


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

OpenStore = Callable[[Path, MovableClock], Reopen]


def sqlite(folder: Path, clock: MovableClock) -> Reopen:
    @contextlib.asynccontextmanager
    async def reopen() -> AsyncIterator[Store]:
        ledger = await SqliteLedger.open(folder / "ledger.db", clock, serving=True, fixed_caps=FIXED_CAPS)
        async with ledger:
            yield ledger

    return reopen


TEMPLATE = "ringback_template"


class DatabaseClock:
    """The clock of a test's database: a file that the database reads, moved by the test's own clock.

    Like the clock of a server of its own it does not jump when a node's clock is set; one that is set while
    nobody serves is seen when the next one starts.
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
        os.replace(new, self._file)


class Databases:
    """One server, and a fresh database for each store; those that are done with are dropped in passing."""

    def __init__(self, version: str, binaries: Path) -> None:
        self.version = version
        self.server = PostgresServer(binaries)
        self.done_with: list[str] = []
        self._template_is_made = False

    async def make(self) -> str:
        if not self._template_is_made:
            await self._make_template()
        name = f"ringback_{uuid.uuid4().hex}"
        async with self._administration() as connection:
            while self.done_with:
                await connection.execute(f"drop database {self.done_with.pop()} with (force)")
            await connection.execute(f"create database {name} template {TEMPLATE}")
        return name

    def clock(self, name: str) -> Path:
        return self.server.folder / f"clock-{name}"

    async def _make_template(self) -> None:
        self.server.__enter__()
        atexit.register(self.server.__exit__, None, None, None)
        async with self._administration() as connection:
            await connection.execute(f"create database {TEMPLATE}")
        url = self.server.url(TEMPLATE)
        await migrate(url)
        connection = await asyncpg.connect(url)
        await connection.execute(
            "create or replace function ledger_now() returns double precision language sql volatile as $$"
            f" select pg_read_file('{self.clock('')}' || current_database())::double precision $$"
        )
        await connection.close()
        self._template_is_made = True

    @contextlib.asynccontextmanager
    async def _administration(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(self.server.url())
        try:
            yield connection
        finally:
            await connection.close()


@functools.cache
def databases(version: str) -> Databases:
    """Of this process's server, which is started for the first of them and stopped at the end."""
    return Databases(version, servers()[version])


def postgres(version: str) -> OpenStore:
    def open_store(_folder: Path, clock: MovableClock) -> Reopen:
        at = databases(version)
        made: list[tuple[str, DatabaseClock]] = []

        @contextlib.asynccontextmanager
        async def reopen() -> AsyncIterator[Store]:
            if not made:
                name = await at.make()
                made.append((name, DatabaseClock(at.clock(name), clock)))
            [(name, database_clock)] = made
            database_clock.set()
            ledger = await PostgresLedger.open(at.server.url(name), serving=True, fixed_caps=FIXED_CAPS)
            async with ledger:
                yield ledger

        return reopen

    return open_store


STORES: dict[str, OpenStore] = {"sqlite": sqlite} | {version: postgres(version) for version in servers()}
