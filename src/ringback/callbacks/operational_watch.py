"""Checks the conditions that operational webhooks announce, and adds their events.

If the process dies in here, the next round of any node finds the same conditions and the same last events: an
event is not added twice.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ringback import telemetry
from ringback.blobs.free_space import DiskSpace
from ringback.callbacks.catcher import is_catchers
from ringback.callbacks.delivery import KIND as DELIVER
from ringback.callbacks.delivery import split_lane
from ringback.callbacks.operational import (
    Announced,
    Condition,
    OperatorReceiver,
    announced_in,
    announcements,
    event_job,
)
from ringback.clock import Clock, rfc3339
from ringback.jobs.job import JobFilter, Lane
from ringback.jobs.round_turns import SOON_ENOUGH, Turns
from ringback.jobs.store import JobAdder, JobGauges, JobPages, LaneReport, LaneReporter
from ringback.keys import KeyStore
from ringback.service import every

EVERY = 10.0
"""Seconds between two rounds. A condition that ends before a round sees it is not announced."""

KEYS_EVERY = 300.0

EVENTS_LOOKED_AT = 500
"""The newest events, from which is known what was announced. A condition whose event is older is announced
again."""

MOST_DESTINATIONS = 1_000
NODE_LOST_AFTER = 90.0
"""Seconds without a beat; a node that is alive beats every 15 s."""


class OperationalStore(JobAdder, JobGauges, JobPages, LaneReporter, KeyStore, Protocol):
    """The ledger's side."""


@dataclass(frozen=True, slots=True)
class SilentNode:
    """Another process of the cluster."""

    id: str
    host: str
    silent: float
    """Seconds since its last beat."""


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """The thresholds of conditions, from the settings of `webhooks`."""

    failing_after: Sequence[int]
    """Failures in a row; one event at each of these numbers."""
    stalled_seconds: float
    disk_bytes: int
    expiring_seconds: float


async def no_nodes() -> Sequence[SilentNode]:
    """Without a cluster there are no other nodes."""
    return ()


class OperationalWatch:
    """A service. One node at a time checks what all nodes share; each checks its own disk."""

    name = "operational webhooks"

    def __init__(
        self,
        store: OperationalStore,
        receiver: OperatorReceiver,
        limits: WatchLimits,
        *,
        turns: Turns,
        disk: Callable[[], DiskSpace | None],
        nodes: Callable[[], Awaitable[Sequence[SilentNode]]] = no_nodes,
        clock: Clock,
    ) -> None:
        self._store = store
        self._receiver = receiver
        self._limits = limits
        self._turns = turns
        self._disk = disk
        self._nodes = nodes
        self._clock = clock
        self._keys_at = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        async def one_round() -> None:
            try:
                await self.round()
            except Exception as error:
                # The next round finds the same conditions.
                telemetry.problem("webhooks.failed", error=str(error))

        await every(EVERY, one_round, stopping)

    async def round(self) -> int:
        """Add the events that are due; the number of events."""
        announced = await self._announced()
        conditions = self._of_disk()
        if await self._turns.take_turn("operational webhooks", EVERY * SOON_ENOUGH):
            conditions += await self._of_destinations(announced)
            conditions += await self._of_queues()
            conditions += await self._of_nodes()
            conditions += await self._of_keys()
        added = 0
        now = self._clock.now()
        for due in announcements(conditions, announced):
            if not self._receiver.wants(due.type):
                continue
            try:
                await self._store.add([event_job(due, self._receiver, now, rfc3339(now))])
            except ValueError:
                continue  # another node has announced it at the same time
            added += 1
            telemetry.problem("webhook.due", type=due.type.value, subject=due.condition.subject)
        return added

    async def _announced(self) -> Mapping[str, Announced]:
        receiver = self._receiver
        where = JobFilter(receiver.project, DELIVER, lane=receiver.lane)
        page = await self._store.page(where, EVENTS_LOOKED_AT)
        return announced_in(page.jobs)

    async def _of_destinations(self, announced: Mapping[str, Announced]) -> list[Condition]:
        first = min(self._limits.failing_after)
        reports = await self._store.lane_reports(DELIVER, MOST_DESTINATIONS, least_failures=first)
        seen = {_subject(report.name) for report in reports}
        announced_before = [
            Lane(subject.partition(":")[2])
            for subject, last in announced.items()
            if subject.startswith("destination:") and last.level and subject not in seen
        ]
        if announced_before:
            since = await self._store.lane_reports(DELIVER, len(announced_before), names=announced_before)
            # Fewer failures than the first threshold: it has recovered, and failed again.
            reports += [report for report in since if not report.failures]
        return [self._of_destination(report) for report in reports if self._is_callers(report.name)]

    def _is_callers(self, lane: Lane) -> bool:
        """An event about the operator's own receiver would be sent to that receiver; and who sends to the
        catcher's `/503` wants it to fail."""
        return lane != self._receiver.lane and not is_catchers(split_lane(lane)[0])

    def _of_destination(self, report: LaneReport) -> Condition:
        destination, project = split_lane(report.name)
        level = sum(report.failures >= threshold for threshold in self._limits.failing_after)
        last = report.last_success_at
        data = {
            "destination": destination,
            "project_id": project,
            "failures": report.failures,
            "last_success": None if last is None else rfc3339(last),
            "waiting": report.waiting,
            "parked": report.parked,
        }
        return Condition(_subject(report.name), level, data)

    async def _of_queues(self) -> list[Condition]:
        gauges = await self._store.gauges()
        found = []
        for kind in ("fetch", "transcribe", "read", DELIVER):
            gauge = gauges.get(kind)
            seconds = 0.0 if gauge is None else gauge.oldest_ready or 0.0
            waiting = 0 if gauge is None else gauge.queued
            data = {"kind": kind, "seconds": round(seconds, 1), "waiting": waiting}
            found.append(Condition(f"queue:{kind}", int(seconds > self._limits.stalled_seconds), data))
        return found

    def _of_disk(self) -> list[Condition]:
        disk, host = self._disk(), socket.gethostname()
        if disk is None:
            return []
        level = int(disk.free < self._limits.disk_bytes)
        if not level and disk.free < self._limits.disk_bytes * 1.1:
            return []  # around the limit the condition does not change
        return [Condition(f"disk:{host}", level, {"host": host, "free": disk.free, "total": disk.total})]

    async def _of_nodes(self) -> list[Condition]:
        return [
            Condition(
                f"node:{node.id}",
                1,
                {"node_id": node.id, "host": node.host, "silent_seconds": round(node.silent, 1)},
            )
            for node in await self._nodes()
            if node.silent > NODE_LOST_AFTER
        ]

    async def _of_keys(self) -> list[Condition]:
        now = self._clock.now()
        if now < self._keys_at:
            return []
        self._keys_at = now + KEYS_EVERY
        found = []
        for project in await self._store.projects():
            for key in await self._store.keys(project.id):
                if key.expires_at is None or not now < key.expires_at < now + self._limits.expiring_seconds:
                    continue
                data = {
                    "key_id": key.id,
                    "project_id": project.id,
                    "comment": key.comment,
                    "expires": rfc3339(key.expires_at),
                }
                found.append(Condition(f"key:{key.id} {int(key.expires_at)}", 1, data))
        return found


def _subject(lane: Lane) -> str:
    return f"destination:{lane}"
