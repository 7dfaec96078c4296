"""Queries of readers, on connections of their own: readers and the writer do not wait for each other."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from ringback.jobs.job import Attempt, Job, JobFilter, JobId, Lane, Page, State
from ringback.jobs.lane import OpenBreaker, Shares, lanes_to_look_at
from ringback.jobs.store import LOOKED_THROUGH, KindGauge, LaneReport, LaneStanding, LedgerUnavailable
from ringback.storage import pages
from ringback.storage.rows import attempt_from, job_from
from ringback.storage.sqlite.execute import fetch, fetch_one, json_array, with_json_arrays
from ringback.storage.sqlite.faults import concerns_file, unavailable
from ringback.storage.sqlite.queries import load
from ringback.storage.sqlite.schema import connect_for_reading
from ringback.storage.steps import Query, run

T = TypeVar("T")

THREADS = 2

_SQL = load("reads.sql")
_PAGES = load("pages.sql")


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
        """This thread's own. Made here and not by the pool, which would not retry after an error."""
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
    row = fetch_one(connection, _SQL["job_by_id"], {"id": job})
    return None if row is None else job_from(row)


def states(connection: sqlite3.Connection, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
    rows = fetch(connection, _SQL["states"], {"ids": json_array(jobs)})
    return {JobId(row["id"]): State(row["state"]) for row in rows}


def open_breakers(
    connection: sqlite3.Connection, kind: str, lanes: Sequence[Lane]
) -> Mapping[Lane, OpenBreaker]:
    rows = fetch(connection, _SQL["open_breakers"], {"kind": kind, "lanes": json_array(lanes)})
    return {Lane(row["name"]): OpenBreaker(row["open_until"], row["failures"]) for row in rows}


def children_of(
    connection: sqlite3.Connection, parents: Sequence[JobId], most: int
) -> Mapping[JobId, list[Job]]:
    parameters = {"parents": json_array(parents), "most": most}
    children: dict[JobId, list[Job]] = {parent: [] for parent in parents}
    for row in sorted(fetch(connection, _SQL["jobs_by_parent"], parameters), key=itemgetter("number")):
        child = job_from(row)
        if child.parent is not None:
            children[child.parent].append(child)
    return children


def attempts(connection: sqlite3.Connection, job: JobId, most: int) -> list[Attempt]:
    rows = fetch(connection, _SQL["attempts"], {"id": job, "most": most})
    return [attempt_from(row) for row in rows][::-1]


def waiting(connection: sqlite3.Connection, sequence: str, most: int) -> int:
    [row] = fetch(connection, _SQL["waiting"], {"sequence": sequence, "most": most})
    return int(row["jobs"])


def page(connection: sqlite3.Connection, where: JobFilter, limit: int, before: str | None) -> Page:
    """In one transaction, so that a job which changes its state meanwhile is found once."""

    def ask(query: Query) -> list[dict[str, Any]]:
        return fetch(connection, _PAGES[query.name], with_json_arrays(query.parameters))

    connection.execute("begin")
    try:
        return run(pages.page(where, limit, before), ask)
    finally:
        connection.execute("commit")


def gauges(connection: sqlite3.Connection, now: float) -> Mapping[str, KindGauge]:
    def by_kind(statement: str) -> Mapping[str, Any]:
        return {row["kind"]: row["value"] for row in fetch(connection, statement, {"now": now})}

    connection.execute("begin")
    try:
        queued = by_kind(_SQL["queued_by_kind"])
        leased = by_kind(_SQL["leased_by_kind"])
        first_due = by_kind(_SQL["oldest_due_by_kind"])
        first_ready = by_kind(_SQL["oldest_ready_by_kind"])
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


def parked(connection: sqlite3.Connection) -> Mapping[str, int]:
    return {row["kind"]: row["jobs"] for row in fetch(connection, _SQL["parked_by_kind"])}


def lane_standing(connection: sqlite3.Connection, kind: str) -> LaneStanding:
    [row] = fetch(connection, _SQL["lane_standing"], {"kind": kind})
    return LaneStanding(**row)


def lane_reports(
    connection: sqlite3.Connection,
    kind: str,
    limit: int,
    *,
    least_failures: int,
    ending: str,
    names: Sequence[Lane] | None,
) -> list[LaneReport]:
    parameters = {
        "kind": kind,
        "least": least_failures,
        "ending": ending,
        "names": None if names is None else json_array(names),
        "limit": limit,
        "looked_through": LOOKED_THROUGH,
    }
    return [LaneReport(**row) for row in fetch(connection, _SQL["lane_reports"], parameters)]


def next_ready(connection: sqlite3.Connection, kind: str, shares: Shares | None) -> float | None:
    parameters = {"kind": kind, "limit": lanes_to_look_at(1, shares)}
    rows = fetch(connection, _SQL["next_ready"], parameters)
    return next((float(row["ready_at"]) for row in rows if shares is None or shares.room(row["name"])), None)


def _age(due_at: float | None, now: float) -> float | None:
    return now - due_at if due_at is not None and due_at <= now else None
