"""`PostgresLedger`: the ledger's ports, passed on to the modules beside it, and the tasks of a node."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

from ringback import telemetry
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
from ringback.jobs.store import KindGauge, LaneReport, LaneStanding, LedgerUnavailable, Stripped
from ringback.jobs.usage import DailyUsage, UsageDimension, UsageFilter, Used, UsedLabels
from ringback.keys import ApiKey, KeyLimits, Project, SigningSecret
from ringback.storage.postgres import cluster, erasing, keys, nodes, reads, retention, schema, usage
from ringback.storage.postgres.claims import Claim
from ringback.storage.postgres.database import Database, connect
from ringback.storage.postgres.nodes import Node, NodeFacts
from ringback.storage.postgres.notifications import BUSY_POLL_SECONDS, IDLE_POLL_SECONDS, Notifier
from ringback.storage.postgres.queries import load
from ringback.storage.postgres.sweep import Sweep
from ringback.storage.postgres.writer import PostgresWriter
from ringback.storage.retention import RetentionWalk
from ringback.storage.waiters import wait

BUSY_SECONDS = 5.0
"""For so long after a claim that found jobs, a worker polls more often."""

END_POLL_SECONDS = 5.0
"""Notifications of ends, and the notifier's own poll for all of them, usually come sooner."""

_FIX_CAPS = load("upkeep.sql")["fix_caps"]
_AUDIO = load("daily_audio.sql")


class PostgresLedger:
    """Implements `bootstrap.ledger.Ledger` for many nodes. Made by `open`."""

    def __init__(self, url: str, database: Database, fixed_caps: Mapping[str, int]) -> None:
        self._database = database
        self._notifier = Notifier(url, database)
        self._writer = PostgresWriter(database, fixed_caps, self._notify)
        self._sweep = Sweep(database, self._writer)
        self._retention = RetentionWalk()
        self._busy_until: dict[str, float] = {}
        self._node: int | None = None
        self._fault: str | None = None
        self.interrupted = 0
        """Jobs whose leases had expired when this node started: another node ended while working on them."""
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        serving: bool = False,
        fixed_caps: Mapping[str, int] | None = None,
        node: NodeFacts | None = None,
    ) -> Self:
        """Connect to the database.

        Serving brings the schema up to date, and makes this process a node: it may claim, and is listed.
        Without it (the `keys` commands) the ledger may be read and added to. `fixed_caps`: kinds whose lanes
        have this cap, and no health. Raises `Misconfigured` when the URL is wrong or the schema is not this
        program's, `LedgerUnavailable` when the server does not serve just now.
        """
        if serving:
            await schema.migrate(url)
        else:
            await schema.check(url)
        async with AsyncExitStack() as undo:
            ledger = cls(url, await connect(url), fixed_caps or {})
            undo.push_async_callback(ledger.close)
            if serving:
                await ledger._serve(node or NodeFacts.of_this_process(), fixed_caps or {})
            undo.pop_all()
        return ledger

    async def close(self) -> None:
        """Finish the writes that were requested; leases that are still held expire at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._writer.close()
        if self._node is not None:
            with suppress(LedgerUnavailable):
                await nodes.leave(self._database, self._node)
            self._node = None
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def fault(self) -> str | None:
        return self._fault or self._writer.fault

    # Writes of the job port.

    async def add(self, jobs: Sequence[NewJob], allowance: Allowance | None = None) -> None:
        if jobs:
            await self._writer.do(Add(jobs, allowance))

    async def begin(self, job: NewJob, lease_seconds: float, allowance: Allowance | None = None) -> Lease:
        return await self._writer.do(Begin(job, lease_seconds, allowance, self._serving()))

    async def claim(
        self, kind: str, limit: int, lease_seconds: float, shares: Shares | None = None
    ) -> list[Lease]:
        leases = await self._writer.claim(Claim(kind, limit, lease_seconds, shares, self._serving()))
        if leases:
            self._busy_until[kind] = asyncio.get_running_loop().time() + BUSY_SECONDS
        return leases

    async def extend(self, leases: Sequence[Lease], lease_seconds: float) -> set[JobId]:
        return await self._writer.do(Extend(leases, lease_seconds)) if leases else set()

    async def settle(self, lease: Lease, outcome: Outcome) -> bool:
        return await self._writer.do(Settle(lease, outcome))

    async def rescue(self) -> int:
        try:
            rescued = await self._sweep.rescue()
        except LedgerUnavailable as error:
            self._fault = str(error)
            raise
        self._fault = self._writer.fault = None
        return rescued

    async def cancel(self, job: JobId) -> bool:
        return await self._writer.do(Cancel(job))

    async def requeue(self, job: JobId) -> bool:
        return await self._writer.do(Requeue(job))

    async def strip(self, jobs: Sequence[Stripped]) -> int:
        return await retention.strip(self._database, jobs)

    async def drop(self, seconds_ago: float, limit: int) -> int:
        return await retention.drop(self._database, self._retention, seconds_ago, limit)

    # Waiting.

    async def wait_for_work(self, kind: str, timeout: float, shares: Shares | None = None) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        # The waiter is registered before the query: a commit after the query wakes it.
        with self._notifier.for_work.waiting(kind) as event:
            while (remaining := deadline - loop.time()) > 0:
                event.clear()
                ready_in = await reads.next_ready(self._database, kind, shares)
                if ready_in is not None and ready_in <= 0:
                    return
                busy = loop.time() < self._busy_until.get(kind, 0.0)
                pause = min(remaining, BUSY_POLL_SECONDS if busy else IDLE_POLL_SECONDS)
                await wait(event, pause if ready_in is None else min(pause, ready_in))

    async def wait_for_end(self, job: JobId) -> Job:
        with self._notifier.for_end.waiting(job) as event:
            while True:
                event.clear()
                found = await self.get(job)
                if found is None:
                    raise KeyError(job)
                if found.state in ENDED:
                    return found
                await wait(event, END_POLL_SECONDS)

    # Reads of the job port.

    async def get(self, job: JobId) -> Job | None:
        return await reads.job_by_id(self._database, job)

    async def states(self, jobs: Sequence[JobId]) -> Mapping[JobId, State]:
        return await reads.states(self._database, jobs)

    async def open_breakers(self, kind: str, lanes: Sequence[Lane]) -> Mapping[Lane, OpenBreaker]:
        return await reads.open_breakers(self._database, kind, lanes)

    async def children(self, parent: JobId, most: int) -> list[Job]:
        return (await self.children_of([parent], most))[parent]

    async def children_of(self, parents: Sequence[JobId], most: int) -> Mapping[JobId, list[Job]]:
        return await reads.children_of(self._database, parents, most)

    async def waiting(self, sequence: str, most: int) -> int:
        return await reads.waiting(self._database, sequence, most)

    async def ended(self, kind: str, seconds_ago: float, limit: int) -> list[Job]:
        return await retention.ended(self._database, kind, seconds_ago, limit)

    async def attempts(self, job: JobId, most: int) -> list[Attempt]:
        return await reads.attempts(self._database, job, most)

    async def page(self, where: JobFilter, limit: int, before: str | None = None) -> Page:
        return await reads.page(self._database, where, limit, before)

    async def gauges(self) -> Mapping[str, KindGauge]:
        return await reads.gauges(self._database)

    async def parked(self) -> Mapping[str, int]:
        return await reads.parked(self._database)

    async def lane_standing(self, kind: str) -> LaneStanding:
        return await reads.lane_standing(self._database, kind)

    async def lane_reports(
        self,
        kind: str,
        limit: int,
        *,
        least_failures: int = 0,
        ending: str = "",
        names: Sequence[Lane] | None = None,
    ) -> list[LaneReport]:
        return await reads.lane_reports(
            self._database, kind, limit, least_failures=least_failures, ending=ending, names=names
        )

    async def size(self) -> int:
        return await reads.size(self._database)

    # The port of keys.

    async def blob_store(self) -> str | None:
        return await keys.blob_store(self._database)

    async def tie_blob_store(self, identity: str) -> None:
        await keys.tie_blob_store(self._database, identity)

    async def projects(self) -> Sequence[Project]:
        return await keys.projects(self._database)

    async def add_project(self, project: Project) -> None:
        await erasing.add_project(self._database, project)

    async def rename_project(self, project: str, name: str) -> bool:
        return await erasing.rename_project(self._database, project, name)

    async def delete_project(self, project: str) -> bool:
        return await erasing.delete_project(self._database, project)

    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        await keys.add_key(self._database, key, secret_hash)

    async def key_by_hash(self, secret_hash: bytes) -> ApiKey | None:
        return await keys.key_by_hash(self._database, secret_hash)

    async def keys(self, project: str) -> Sequence[ApiKey]:
        return await keys.keys_of_project(self._database, project)

    async def remove_key(self, project: str, key: str) -> bool:
        return await keys.remove_key(self._database, project, key)

    async def set_limits(self, project: str, key: str, limits: KeyLimits) -> bool:
        return await keys.set_limits(self._database, project, key, limits)

    async def signing_secrets(self, key: str, now: float) -> Sequence[SigningSecret]:
        return await keys.signing_secrets(self._database, key, now)

    async def rotate_signing_secret(self, key: str, sealed: str, now: float, overlap: float) -> None:
        await keys.rotate_signing_secret(self._database, key, sealed, now, overlap)

    # The port of the day's audio.

    async def audio_used(self, holders: Sequence[str]) -> Mapping[str, float]:
        rows = await self._database.fetch(_AUDIO["used"], list(holders))
        used = {row["holder"]: row["seconds"] for row in rows}
        return {holder: used.get(holder, 0.0) for holder in holders}

    async def count_audio(self, seconds: Mapping[str, float]) -> None:
        await self._database.execute_once(_AUDIO["count"], list(seconds), list(seconds.values()))

    # The port of usage.

    async def daily_usage(
        self, where: UsageFilter, by: UsageDimension | None, most: int
    ) -> Sequence[DailyUsage]:
        return await usage.daily_usage(self._database, where, by, most)

    async def used_labels(self, where: UsageFilter, most: int) -> UsedLabels:
        return await usage.used_labels(self._database, where, most)

    async def count_usage(self, used: Sequence[Used]) -> None:
        await usage.count(self._database, used)

    async def forget_usage(self, seconds_ago: float) -> None:
        await usage.forget(self._database, seconds_ago)

    # The port of erasing.

    async def begin_erasing(self, request: JobId) -> None:
        await erasing.begin(self._database, request)

    async def end_erasing(self, request: JobId) -> None:
        await erasing.end(self._database, request)

    async def erasing(self, seconds_ago: float, limit: int) -> Sequence[JobId]:
        return await erasing.pending_erasures(self._database, seconds_ago, limit)

    async def erase(self, jobs: Sequence[JobId], used: Mapping[JobId, Used] | None = None) -> int:
        return await retention.erase(self._database, jobs, used or {})

    async def deleted_projects(self) -> Sequence[str]:
        return await erasing.deleted_projects(self._database)

    async def forget_projects(self, seconds_ago: float) -> None:
        await erasing.forget_projects(self._database, seconds_ago)

    async def scrub(self) -> bool:
        """Nothing to do: vacuum removes deleted rows from the database's files."""
        return True

    # Nodes.

    async def nodes(self) -> Sequence[Node]:
        """The processes that serve, and those that died within a day."""
        return await nodes.nodes(self._database)

    async def fix_caps(self, caps: Mapping[str, int]) -> None:
        """Set the caps of the existing lanes of these kinds. (New lanes get `fixed_caps`.)"""
        for kind, cap in caps.items():
            await self._database.fetch(_FIX_CAPS, kind, cap)

    async def show_progress(self, reached: Mapping[JobId, tuple[float, float | None]]) -> None:
        """By job, for all nodes: seconds that are transcribed, and the recording's length if it is known."""
        await cluster.show_progress(self._database, reached)

    async def progress_of(self, job: JobId) -> tuple[float, float | None] | None:
        """What any node has last shown of it."""
        return await cluster.progress_of(self._database, job)

    async def take_turn(self, name: str, every: float) -> bool:
        """Whether this node may start a round that one of all nodes makes once in `every` seconds."""
        return await cluster.take_turn(self._database, name, every)

    async def _serve(self, facts: NodeFacts, fixed_caps: Mapping[str, int]) -> None:
        self._node = await nodes.join(self._database, facts)
        await self.fix_caps(fixed_caps)
        self.interrupted = await self.rescue()
        self._tasks = [
            asyncio.create_task(self._beat(), name="ledger-beat"),
            asyncio.create_task(self._notifier.run(), name="ledger-notifier"),
        ]

    def _notify(self, changes: Changes) -> None:
        telemetry.count_ends(changes.ends)
        self._notifier.notify(changes)

    async def _beat(self) -> None:
        while self._node is not None:
            await asyncio.sleep(nodes.BEAT_SECONDS)
            try:
                await nodes.beat(self._database, self._node)
            except LedgerUnavailable as error:
                telemetry.problem("ledger.beat_failed", error=str(error))

    def _serving(self) -> int:
        if self._node is None:
            raise RuntimeError("only a ledger that was opened for serving may be claimed from")
        return self._node
