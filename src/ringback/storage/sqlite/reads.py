"""What readers ask, on connections of their own: no reader waits for the writer, nor it for them."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ringback.jobs.job import Attempt, Job, JobFilter, JobId, Lane, Page, State
from ringback.jobs.store import KindGauge, LedgerUnavailable
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.schema import connect_for_reading
from ringback.storage.sqlite.transitions import tags_from_json

T = TypeVar("T")

THREADS = 2

_SQL = load("reads.sql")
_JOB_BY_ID = _SQL["job_by_id"]
_STATES = _SQL["states"]
_JOBS_BY_PARENT = _SQL["jobs_by_parent"]
_NUMBER_BY_ID = _SQL["number_by_id"]
_PAGE = _SQL["page"]
_ATTEMPTS = _SQL["attempts"]
_QUEUED_BY_KIND = _SQL["queued_by_kind"]
_LEASED_BY_KIND = _SQL["leased_by_kind"]
_OLDEST_DUE_BY_KIND = _SQL["oldest_due_by_kind"]
_NEXT_READY = _SQL["next_ready"]

_NEWEST = (1 << 63) - 1


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
        except sqlite3.OperationalError as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error


def job_by_id(connection: sqlite3.Connection, job: JobId) -> Job | None:
    row = connection.execute(_JOB_BY_ID, {"id": job}).fetchone()
    return None if row is None else _job(row)


def states(connection: sqlite3.Connection, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
    asked = {"ids": msgspec.json.encode(jobs).decode()}
    return {JobId(job): State(state) for job, state in connection.execute(_STATES, asked)}


def jobs_by_parent(connection: sqlite3.Connection, parent: JobId) -> list[Job]:
    return [_job(row) for row in connection.execute(_JOBS_BY_PARENT, {"parent": parent})]


def attempts(connection: sqlite3.Connection, job: JobId) -> list[Attempt]:
    return [Attempt(*row) for row in connection.execute(_ATTEMPTS, {"id": job})]


def page(connection: sqlite3.Connection, where: JobFilter, limit: int, before: str | None) -> Page:
    """`before` is a page's `next`; `ValueError` when it is not."""
    first, last = 0, _NEWEST if before is None else int(before) - 1
    if where.id is not None:
        row = connection.execute(_NUMBER_BY_ID, {"id": where.id}).fetchone()
        if row is None or row[0] > last:
            return Page(())
        first = last = row[0]
    parameters = {
        "project": where.project,
        "kind": where.kind,
        "first": first,
        "last": last,
        "accessor": where.accessor,
        "method": where.method,
        "succeeded": where.succeeded,
        "since": where.since,
        "until": where.until,
        "tags": msgspec.json.encode(where.tags).decode(),
        "limit": limit + 1,
    }
    rows = connection.execute(_PAGE, parameters).fetchall()
    jobs = tuple(_job(row) for row in rows[:limit])
    more = len(rows) > limit > 0
    return Page(jobs, str(rows[limit - 1][0]) if more else None)


def gauges(connection: sqlite3.Connection, now: float) -> Mapping[str, KindGauge]:
    connection.execute("begin")
    try:
        queued = dict(connection.execute(_QUEUED_BY_KIND).fetchall())
        leased = dict(connection.execute(_LEASED_BY_KIND).fetchall())
        first_due = dict(connection.execute(_OLDEST_DUE_BY_KIND).fetchall())
    finally:
        connection.execute("commit")
    return {
        kind: KindGauge(queued.get(kind, 0), leased.get(kind, 0), _age(first_due.get(kind), now))
        for kind in queued.keys() | leased.keys()
    }


def next_ready(connection: sqlite3.Connection, kind: str) -> float | None:
    row = connection.execute(_NEXT_READY, {"kind": kind}).fetchone()
    return None if row is None else float(row[0])


def _age(due_at: float | None, now: float) -> float | None:
    return now - due_at if due_at is not None and due_at <= now else None


def _job(row: tuple[Any, ...]) -> Job:
    (
        _number, job_id, kind, lane, project, payload, parent, accessor, method, tags, state, tries, losses,
        created_at, due_at, finished_at, code, result,
    ) = row  # fmt: skip
    return Job(
        job_id, kind, Lane(lane), project, payload, parent, accessor, method, tags_from_json(tags),
        State(state), tries, losses, created_at, due_at, finished_at, code, result,
    )  # fmt: skip
