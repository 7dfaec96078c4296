"""A worker claims jobs of one kind, calls their handler, and settles them; for any kind."""

import asyncio
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Protocol

import msgspec
from msgspec.structs import replace

from ringback import telemetry
from ringback.clock import Clock
from ringback.jobs.activity import Activity
from ringback.jobs.job import Attempt, GivenUp, Interrupted, Lease, NewJob, Outcome, Retry
from ringback.jobs.lane import Shares
from ringback.jobs.store import LeaseStore
from ringback.retry_schedule import RetrySchedule
from ringback.service import until

Handler = Callable[[Lease], Awaitable[Outcome]]
"""Does the work and returns how it ended. Cancelled when the lease is lost or the worker stops."""

FollowParked = Callable[[Lease, GivenUp], tuple[NewJob, ...]]


def follow_nothing(_lease: Lease, _outcome: GivenUp) -> tuple[NewJob, ...]:
    """No jobs follow one that is given up."""
    return ()


AFTER_OUR_FAULT = RetrySchedule((5.0, 30.0, 120.0))
"""If a handler raises, that is an error of this program: its job is retried after these delays, then
parked."""

POLL_SECONDS = 1.0
"""New work is notified at once; the poll finds what a lost notification was about."""

EXTEND_SECONDS = 5.0
"""Leases are extended at least this often: so a handler is also cancelled when its job is."""

LAST_WRITES_SECONDS = 5.0
"""How long handing back may take after the grace period, if the ledger is slow."""


class WorkerStore(LeaseStore, Protocol):
    """The ledger's side of a worker."""

    async def claim(
        self, kind: str, limit: int, lease_seconds: float, shares: Shares | None = None
    ) -> list[Lease]:
        """Up to `limit` due jobs, round robin over lanes, none past its lane's cap or open breaker.

        With `shares` the worker deals its slots itself, by what each caller holds of them.
        """
        ...

    async def wait_for_work(self, kind: str, timeout: float, shares: Shares | None = None) -> None:
        """Return when a job of this kind may be due, or after `timeout` seconds. May return too early.

        With `shares` only jobs of callers that may take a slot count.
        """
        ...


class Worker:
    """A service with `concurrency` slots; it claims no more jobs than it has free slots.

    Leases of running handlers are extended after a third of their length, or sooner. On stopping, running
    handlers get `grace_seconds`; then they are cancelled and their jobs handed back without counting a try.
    """

    def __init__(
        self,
        kind: str,
        store: WorkerStore,
        handler: Handler,
        *,
        concurrency: int,
        lease_seconds: float,
        clock: Clock,
        grace_seconds: float = 10.0,
        per_key: int | None = None,
        activity: Activity | None = None,
        may_claim: Callable[[], bool] = lambda: True,
        follow_parked: FollowParked = follow_nothing,
    ) -> None:
        """`per_key`: for jobs of callers' lanes: slots are dealt in fair shares of projects and keys, and no
        key has more than these. `may_claim` is asked before each claim. `follow_parked`: jobs that are
        added when one is given up, in the same transaction."""
        self.name = f"worker {kind}"
        self._kind = kind
        self._store = store
        self._handler = handler
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._per_key = per_key
        self._activity = activity or Activity(clock)
        self._may_claim = may_claim
        self._follow_parked = follow_parked
        self._slots: set[_Slot] = set()
        self._slot_freed = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            beat = tasks.create_task(self._keep_leases())
            pauses = _growing_pauses()
            while not stopping.is_set():
                try:
                    await self._take_turn(tasks, stopping)
                    pauses = _growing_pauses()
                except Exception as error:
                    # Locked, full, broken: the worker goes on when the ledger works again.
                    telemetry.problem("jobs.claim_failed", kind=self._kind, error=str(error))
                    await until(stopping, asyncio.sleep(next(pauses)))
            await self._finish()
            beat.cancel()

    async def _take_turn(self, tasks: asyncio.TaskGroup, stopping: asyncio.Event) -> None:
        free = self._concurrency - len(self._slots)
        if free == 0:
            self._slot_freed.clear()
            await until(stopping, self._slot_freed.wait())
            return
        if not self._may_claim():
            await until(stopping, asyncio.sleep(POLL_SECONDS))
            return
        leases = await self._store.claim(self._kind, free, self._lease_seconds, self._shares())
        if leases:
            self._activity.note()
        for lease in leases:
            slot = _Slot(lease)
            self._slots.add(slot)
            slot.task = tasks.create_task(self._work(slot))
        if len(leases) < free:
            await until(stopping, self._work_or_room())

    def _shares(self) -> Shares | None:
        if self._per_key is None:
            return None
        held = Counter(slot.lease.job.lane for slot in self._slots)
        return Shares(self._concurrency, self._per_key, held)

    async def _work_or_room(self) -> None:
        """Until there may be a job to claim: a new one, or a free slot for a caller that had its share."""
        if self._per_key is None:
            await self._store.wait_for_work(self._kind, POLL_SECONDS)
            return
        self._slot_freed.clear()
        await until(self._slot_freed, self._store.wait_for_work(self._kind, POLL_SECONDS, self._shares()))

    async def _work(self, slot: "_Slot") -> None:
        try:
            outcome = await self._handle(slot)
            if outcome is not None:
                await self._settle(slot, outcome)
        finally:
            self._slots.discard(slot)
            self._activity.note()
            self._slot_freed.set()

    async def _handle(self, slot: "_Slot") -> Outcome | None:
        """How the handler ended; None when the job is no longer ours."""
        started_at = self._clock.now()
        try:
            return await self._handler(slot.lease)
        except asyncio.CancelledError as error:
            if slot.lost:
                telemetry.problem("jobs.lease_lost", kind=self._kind, job=slot.lease.job.id)
                return None
            if slot.cancelled():
                return Interrupted()
            return self._after_our_fault(slot.lease, error, started_at)
        except Exception as error:
            return self._after_our_fault(slot.lease, error, started_at)
        finally:
            slot.handling = False

    async def _settle(self, slot: "_Slot", outcome: Outcome) -> None:
        lease = slot.lease
        for pause in _growing_pauses():
            if isinstance(outcome, GivenUp):
                outcome = replace(outcome, follow_ups=self._follow_parked(lease, outcome))
            try:
                if not await self._store.settle(lease, outcome):
                    telemetry.LATE_WRITES.labels(self._kind).inc()
                return
            except ValueError as error:
                # The ledger refuses this outcome (a follow-up that exists already): an error of this program.
                outcome = self._after_our_fault(lease, error, self._clock.now())
            except Exception as error:
                telemetry.problem("jobs.settle_failed", kind=self._kind, job=lease.job.id, error=str(error))
            if slot.cancelled():
                return  # stopping does not wait for a broken ledger; the next start releases the lease
            await asyncio.sleep(pause)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(min(self._lease_seconds / 3, EXTEND_SECONDS))
            handling = [slot for slot in self._slots if slot.handling]
            if not handling:
                continue
            try:
                held = await self._store.extend([slot.lease for slot in handling], self._lease_seconds)
            except Exception as error:
                telemetry.problem("jobs.extend_failed", kind=self._kind, error=str(error))
                continue
            for slot in handling:
                if slot.handling and slot.lease.job.id not in held:
                    slot.lost = True
                    slot.cancel()

    async def _finish(self) -> None:
        await _all_done(self._slots, self._grace_seconds)
        for slot in self._slots:
            if slot.handling:
                slot.cancel()
        await _all_done(self._slots, LAST_WRITES_SECONDS)
        for slot in self._slots:
            telemetry.problem("jobs.not_handed_back", kind=self._kind, job=slot.lease.job.id)
            slot.cancel()

    def _after_our_fault(self, lease: Lease, error: BaseException, started_at: float) -> Outcome:
        tries = lease.job.tries + 1
        telemetry.problem(
            "jobs.handler_failed",
            kind=self._kind,
            job=lease.job.id,
            tries=tries,
            error=type(error).__name__,
            # Only the frames: an exception's text may quote what a caller sent, such as a URL with a
            # password.
            frames=traceback.format_tb(error.__traceback__),
        )
        detail = msgspec.json.encode({"error": type(error).__name__})
        attempt = Attempt(started_at, self._clock.now(), "failed", None, detail)
        delay = AFTER_OUR_FAULT.delay_after(tries)
        if delay is None:
            return GivenUp(code=500, attempt=attempt)
        return Retry(delay, attempt=attempt)


class _Slot:
    """One job that is worked on. `lost`: its lease is no longer valid, so there is nothing to settle."""

    __slots__ = ("handling", "lease", "lost", "task")

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.handling = True
        self.lost = False
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()

    def cancelled(self) -> bool:
        """Whether the task was cancelled; a handler may also raise a CancelledError itself."""
        return self.task is not None and self.task.cancelling() > 0


async def _all_done(slots: Iterable[_Slot], seconds: float) -> None:
    tasks = [slot.task for slot in slots if slot.task is not None]
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


def _growing_pauses() -> Iterator[float]:
    pause = 0.1
    while True:
        yield pause
        pause = min(pause * 2, 5.0)
