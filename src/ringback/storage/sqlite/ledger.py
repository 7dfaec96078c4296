"""`SqliteLedger`: the ledger's ports, passed on to the modules beside it, and the waiting for jobs."""

import asyncio
import os
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from ringback import telemetry
from ringback.clock import Clock
from ringback.jobs.commands import Add, Begin, Cancel, Extend, Requeue, Settle
from ringback.jobs.job import (
    ENDED,
    Allowance,
    Attempt,
    Job,
    JobFilter,
    JobId,
    Lane,
    Lease,
    NewJob,
    Outcome,
    Page,
    State,
)
from ringback.jobs.lane import OpenBreaker, Shares
from ringback.jobs.records import Changes
from ringback.jobs.store import KindGauge, LaneReport, LaneStanding, Stripped
from ringback.jobs.usage import DailyUsage, UsageDimension, UsageFilter, Used, UsedLabels, summed
from ringback.keys import ApiKey, KeyLimits, Project, SigningSecret
from ringback.storage.retention import RetentionWalk
from ringback.storage.sqlite import claims, daily_audio, erasing, keys, reads, retention, usage
from ringback.storage.sqlite.claims import Claims
from ringback.storage.sqlite.reads import Readers
from ringback.storage.sqlite.schema import connect, empty_wal, file_size, lock_for_serving, prepare
from ringback.storage.sqlite.writer import SqliteWriter
from ringback.storage.waiters import Waiters, wait

POLL_SECONDS = 2.0
"""Ends are notified after their commit; the poll finds those that another process has committed."""


class SqliteLedger:
    """Implements `bootstrap.ledger.Ledger` in one file. Made by `open`."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        readers: Readers,
        fixed_caps: Mapping[str, int],
        clock: Clock,
    ) -> None:
        self._path = path
        self._connection = connection
        self._readers = readers
        self._writer = SqliteWriter(connection, fixed_caps, clock, self._notify)
        self._retention = RetentionWalk()
        self._claims: Claims | None = None
        self._for_work: Waiters[str] = Waiters()
        self._for_end: Waiters[JobId] = Waiters()
        self._lock: int | None = None
        self._deleted_in_log = False
        self.interrupted = 0
        """Jobs that an earlier process was working on when it ended without handing them back."""

    @classmethod
    async def open(
        cls,
        path: Path,
        clock: Clock,
        *,
        serving: bool = False,
        fixed_caps: Mapping[str, int] | None = None,
    ) -> Self:
        """Open the file, making it or bringing it up to date.

        Serving takes the file's lock and releases every lease of those who served before; without it
        (the `keys` commands) the ledger may be read and added to beside a serving process, but nothing
        claimed. `fixed_caps`: kinds whose lanes have this cap, and no health. Raises `Misconfigured`
        when another process serves from the file, or when its schema is newer than this program.
        """
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
        async with AsyncExitStack() as undo:
            lock = lock_for_serving(path) if serving else None
            if lock is not None:
                undo.callback(os.close, lock)
            await asyncio.to_thread(prepare, path)
            connection = connect(path)
            ledger = cls(path, connection, Readers(path), fixed_caps or {}, clock)
            undo.push_async_callback(ledger.close)
            if serving:
                ledger._claims = await ledger._writer.run(claims.take_over)
                ledger.interrupted = ledger._claims.interrupted
            ledger._lock = lock
            undo.pop_all()
        return ledger

    async def close(self) -> None:
        """Finish the writes that were requested, and release the file."""
        await self._writer.close()
        await self._readers.close()
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def fault(self) -> str | None:
        return self._writer.fault

    # Writes of the job port.

    async def add(self, jobs: Sequence[NewJob], allowance: Allowance | None = None) -> None:
        if jobs:
            await self._writer.do(Add(jobs, allowance))

    async def begin(self, job: NewJob, lease_seconds: float, allowance: Allowance | None = None) -> Lease:
        return await self._writer.do(Begin(job, lease_seconds, allowance, self._serving().boot))

    async def claim(
        self, kind: str, limit: int, lease_seconds: float, shares: Shares | None = None
    ) -> list[Lease]:
        claims = self._serving()
        return await self._writer.run(
            lambda transaction: claims.claim(transaction, kind, limit, lease_seconds, shares)
        )

    async def extend(self, leases: Sequence[Lease], lease_seconds: float) -> set[JobId]:
        return await self._writer.do(Extend(leases, lease_seconds)) if leases else set()

    async def settle(self, lease: Lease, outcome: Outcome) -> bool:
        return await self._writer.do(Settle(lease, outcome))

    async def rescue(self) -> int:
        return await self._writer.run(claims.rescue)

    async def cancel(self, job: JobId) -> bool:
        return await self._writer.do(Cancel(job))

    async def requeue(self, job: JobId) -> bool:
        return await self._writer.do(Requeue(job))

    async def strip(self, jobs: Sequence[Stripped]) -> int:
        stripped = await self._writer.run(lambda transaction: retention.strip(transaction, jobs))
        self._deleted_in_log |= stripped > 0
        return stripped

    async def drop(self, seconds_ago: float, limit: int) -> int:
        """The last step of a round: what the round has deleted is then removed from the write-ahead log too,
        or by a later round if a reader or writer prevents it."""
        dropped = await self._writer.run(
            lambda transaction: retention.drop(transaction, self._retention, seconds_ago, limit)
        )
        if self._deleted_in_log or dropped:
            self._deleted_in_log = not await asyncio.to_thread(empty_wal, self._path, 0.0)
        return dropped

    # Waiting.

    async def wait_for_work(self, kind: str, timeout: float, shares: Shares | None = None) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        # The waiter is registered before the query: a commit after the query wakes it.
        with self._for_work.waiting(kind, partial(_have_room, shares)) as event:
            while (remaining := deadline - loop.time()) > 0:
                event.clear()
                ready_at = await self._readers.do(partial(reads.next_ready, kind=kind, shares=shares))
                pause = remaining if ready_at is None else min(remaining, ready_at - self._writer.now())
                if pause <= 0:
                    return
                await wait(event, pause)

    async def wait_for_end(self, job: JobId) -> Job:
        with self._for_end.waiting(job) as event:
            while True:
                event.clear()
                found = await self.get(job)
                if found is None:
                    raise KeyError(job)
                if found.state in ENDED:
                    return found
                await wait(event, POLL_SECONDS)

    # Reads of the job port.

    async def get(self, job: JobId) -> Job | None:
        return await self._readers.do(partial(reads.job_by_id, job=job))

    async def states(self, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
        return await self._readers.do(partial(reads.states, jobs=jobs))

    async def open_breakers(self, kind: str, lanes: Sequence[Lane]) -> Mapping[Lane, OpenBreaker]:
        return await self._readers.do(partial(reads.open_breakers, kind=kind, lanes=lanes))

    async def children(self, parent: JobId, most: int) -> list[Job]:
        return (await self.children_of([parent], most))[parent]

    async def children_of(self, parents: Sequence[JobId], most: int) -> Mapping[JobId, list[Job]]:
        return await self._readers.do(partial(reads.children_of, parents=parents, most=most))

    async def waiting(self, sequence: str, most: int) -> int:
        return await self._readers.do(partial(reads.waiting, sequence=sequence, most=most))

    async def ended(self, kind: str, seconds_ago: float, limit: int) -> list[Job]:
        until = self._writer.now() - seconds_ago
        return await self._readers.do(partial(retention.ended, kind=kind, until=until, limit=limit))

    async def attempts(self, job: JobId, most: int) -> list[Attempt]:
        return await self._readers.do(partial(reads.attempts, job=job, most=most))

    async def page(self, where: JobFilter, limit: int, before: str | None = None) -> Page:
        return await self._readers.do(partial(reads.page, where=where, limit=limit, before=before))

    async def gauges(self) -> Mapping[str, KindGauge]:
        return await self._readers.do(partial(reads.gauges, now=self._writer.now()))

    async def parked(self) -> Mapping[str, int]:
        return await self._readers.do(reads.parked)

    async def lane_standing(self, kind: str) -> LaneStanding:
        return await self._readers.do(partial(reads.lane_standing, kind=kind))

    async def lane_reports(
        self,
        kind: str,
        limit: int,
        *,
        least_failures: int = 0,
        ending: str = "",
        names: Sequence[Lane] | None = None,
    ) -> list[LaneReport]:
        return await self._readers.do(
            partial(
                reads.lane_reports,
                kind=kind,
                limit=limit,
                least_failures=least_failures,
                ending=ending,
                names=names,
            )
        )

    async def size(self) -> int:
        return await asyncio.to_thread(file_size, self._path)

    # The port of keys.

    async def blob_store(self) -> str | None:
        return await self._readers.do(keys.blob_store)

    async def tie_blob_store(self, identity: str) -> None:
        await self._writer.run(lambda transaction: keys.tie_blob_store(transaction.connection, identity))

    async def projects(self) -> Sequence[Project]:
        return await self._readers.do(keys.projects)

    async def add_project(self, project: Project) -> None:
        await self._writer.run(lambda transaction: erasing.add_project(transaction, project))

    async def rename_project(self, project: str, name: str) -> bool:
        return await self._writer.run(lambda transaction: erasing.rename_project(transaction, project, name))

    async def delete_project(self, project: str) -> bool:
        return await self._writer.run(lambda transaction: erasing.delete_project(transaction, project))

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        await self._writer.run(lambda transaction: keys.add_key(transaction.connection, key, secret_hash))

    async def key_by_hash(self, secret_hash: bytes) -> ApiKey | None:
        return await self._readers.do(partial(keys.key_by_hash, secret_hash=secret_hash))

    async def keys(self, project: str) -> Sequence[ApiKey]:
        return await self._readers.do(partial(keys.keys_of_project, project=project))

    async def remove_key(self, project: str, key: str) -> bool:
        return await self._writer.run(
            lambda transaction: keys.remove_key(transaction.connection, project, key)
        )

    async def set_limits(self, project: str, key: str, limits: KeyLimits) -> bool:
        return await self._writer.run(
            lambda transaction: keys.set_limits(transaction.connection, project, key, limits)
        )

    async def signing_secrets(self, key: str, now: float) -> Sequence[SigningSecret]:
        return await self._readers.do(partial(keys.signing_secrets, key=key, now=now))

    async def rotate_signing_secret(self, key: str, sealed: str, now: float, overlap: float) -> None:
        await self._writer.run(
            lambda transaction: keys.rotate_signing_secret(transaction.connection, key, sealed, now, overlap)
        )

    # The port of the day's audio.

    async def audio_used(self, holders: Sequence[str]) -> Mapping[str, float]:
        return await self._readers.do(partial(daily_audio.used, holders=holders, now=self._writer.now()))

    async def count_audio(self, seconds: Mapping[str, float]) -> None:
        await self._writer.run(
            lambda transaction: daily_audio.count(transaction.connection, seconds, transaction.now)
        )

    # The port of usage.

    async def daily_usage(
        self, where: UsageFilter, by: UsageDimension | None, most: int
    ) -> Sequence[DailyUsage]:
        return await self._readers.do(partial(usage.daily_usage, where=where, by=by, most=most))

    async def used_labels(self, where: UsageFilter, most: int) -> UsedLabels:
        return await self._readers.do(partial(usage.used_labels, where=where, most=most))

    async def count_usage(self, used: Sequence[Used]) -> None:
        await self._writer.run(lambda transaction: usage.count(transaction.connection, summed(used)))

    async def forget_usage(self, seconds_ago: float) -> None:
        await self._writer.run(
            lambda transaction: usage.forget(transaction.connection, transaction.now - seconds_ago)
        )

    # The port of erasing.

    async def begin_erasing(self, request: JobId) -> None:
        await self._writer.run(lambda transaction: erasing.begin(transaction, request))

    async def end_erasing(self, request: JobId) -> None:
        await self._writer.run(lambda transaction: erasing.end(transaction, request))

    async def erasing(self, seconds_ago: float, limit: int) -> Sequence[JobId]:
        until = self._writer.now() - seconds_ago
        return await self._readers.do(partial(erasing.pending_erasures, until=until, limit=limit))

    async def erase(self, jobs: Sequence[JobId], used: Mapping[JobId, Used] | None = None) -> int:
        return await self._writer.run(lambda transaction: retention.erase(transaction, jobs, used or {}))

    async def deleted_projects(self) -> Sequence[str]:
        return await self._readers.do(erasing.deleted_projects)

    async def forget_projects(self, seconds_ago: float) -> None:
        await self._writer.run(lambda transaction: erasing.forget_projects(transaction, seconds_ago))

    async def scrub(self) -> bool:
        return await asyncio.to_thread(empty_wal, self._path)

    def _serving(self) -> Claims:
        if self._claims is None:
            raise RuntimeError("only a ledger that was opened for serving may be claimed from")
        return self._claims

    def _notify(self, changes: Changes) -> None:
        telemetry.count_ends(changes.ends)
        for job in changes.ended:
            self._for_end.wake(job)
        for kind, lanes in changes.ready.items():
            self._for_work.wake(kind, lanes)


def _have_room(shares: Shares | None, lanes: Collection[str]) -> bool:
    """Whether a job of one of these lanes could be claimed: a query after every accept of a caller that has
    its share would find nothing."""
    return shares is None or any(shares.room(Lane(lane)) for lane in lanes)
