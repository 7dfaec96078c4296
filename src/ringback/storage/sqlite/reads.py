"""What readers ask, on connections of their own: no reader waits for the writer, nor it for them."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import msgspec

from ringback.jobs.job import Attempt, Job, JobId, Lane, State
from ringback.jobs.lane import MOST_CALLERS, OpenBreaker, Shares
from ringback.jobs.store import KindGauge, LedgerUnavailable
from ringback.storage.sqlite.faults import concerns_file, unavailable
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.rows import job_from
from ringback.storage.sqlite.schema import connect_for_reading

T = TypeVar("T")

THREADS = 2

_SQL = load("reads.sql")
_JOB_BY_ID = _SQL["job_by_id"]
_STATES = _SQL["states"]
_OPEN_BREAKERS = _SQL["open_breakers"]
_JOBS_BY_PARENT = _SQL["jobs_by_parent"]
_ATTEMPTS = _SQL["attempts"]
_WAITING = _SQL["waiting"]
_QUEUED_BY_KIND = _SQL["queued_by_kind"]
_LEASED_BY_KIND = _SQL["leased_by_kind"]
_OLDEST_DUE_BY_KIND = _SQL["oldest_due_by_kind"]
_OLDEST_READY_BY_KIND = _SQL["oldest_ready_by_kind"]
_NEXT_READY = _SQL["next_ready"]


class Readers:
    """A few threads, each with a connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False
        self._own = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(THREADS, "ledger-reader")

    async def do(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise LedgerUnavailable("the ledger is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, read)

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._connections:
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        """This thread's own. Made here rather than by the pool, which would not try twice."""
        if not hasattr(self._own, "connection"):
            self._own.connection = connect_for_reading(self._path)
            self._connections.append(self._own.connection)
        connection: sqlite3.Connection = self._own.connection
        return connection

    def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return read(self._connection())
        except sqlite3.DatabaseError as error:
            if not concerns_file(error):
                raise
            raise unavailable("be read", error) from error


def job_by_id(connection: sqlite3.Connection, job: JobId) -> Job | None:
    row = connection.execute(_JOB_BY_ID, {"id": job}).fetchone()
    return None if row is None else job_from(row)


def states(connection: sqlite3.Connection, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
    asked = {"ids": msgspec.json.encode(jobs).decode()}
    return {JobId(job): State(state) for job, state in connection.execute(_STATES, asked)}


def open_breakers(
    connection: sqlite3.Connection, kind: str, lanes: Sequence[Lane]
) -> Mapping[Lane, OpenBreaker]:
    asked = {"kind": kind, "lanes": msgspec.json.encode(lanes).decode()}
    rows = connection.execute(_OPEN_BREAKERS, asked)
    return {Lane(name): OpenBreaker(until, failures) for name, until, failures in rows}


def children_of(
    connection: sqlite3.Connection, parents: Sequence[JobId], most: int
) -> Mapping[JobId, list[Job]]:
    asked = {"parents": msgspec.json.encode(parents).decode(), "most": most}
    children: dict[JobId, list[Job]] = {parent: [] for parent in parents}
    for row in sorted(connection.execute(_JOBS_BY_PARENT, asked), key=itemgetter(0)):
        child = job_from(row)
        if child.parent is not None:
            children[child.parent].append(child)
    return children


def attempts(connection: sqlite3.Connection, job: JobId, most: int) -> list[Attempt]:
    return [Attempt(*row) for row in connection.execute(_ATTEMPTS, {"id": job, "most": most})][::-1]


def waiting(connection: sqlite3.Connection, sequence: str, most: int) -> int:
    [(jobs,)] = connection.execute(_WAITING, {"sequence": sequence, "most": most}).fetchall()
    return int(jobs)


def gauges(connection: sqlite3.Connection, now: float) -> Mapping[str, KindGauge]:
    connection.execute("begin")
    try:
        queued = dict(connection.execute(_QUEUED_BY_KIND).fetchall())
        leased = dict(connection.execute(_LEASED_BY_KIND).fetchall())
        first_due = dict(connection.execute(_OLDEST_DUE_BY_KIND).fetchall())
        first_ready = dict(connection.execute(_OLDEST_READY_BY_KIND, {"now": now}).fetchall())
    finally:
        connection.execute("commit")
    return {
        kind: KindGauge(
            queued.get(kind, 0),
            leased.get(kind, 0),
            _age(first_due.get(kind), now),
            _age(first_ready.get(kind), now),
        )
        for kind in queued.keys() | leased.keys()
    }


def next_ready(connection: sqlite3.Connection, kind: str, shares: Shares | None) -> float | None:
    most = 1 if shares is None else MOST_CALLERS
    rows = connection.execute(_NEXT_READY, {"kind": kind, "limit": most}).fetchall()
    return next((float(moment) for moment, lane in rows if shares is None or shares.room(lane)), None)


def _age(due_at: float | None, now: float) -> float | None:
    return now - due_at if due_at is not None and due_at <= now else None
