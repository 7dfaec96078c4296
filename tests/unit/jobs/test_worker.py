"""The worker, moving jobs of a real ledger. Waits are for signals; 20 s is the time to call it a hang."""

import asyncio
import contextlib
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ringback import telemetry
from ringback.clock import SystemClock
from ringback.jobs.job import Done, GivenUp, Job, JobId, Lane, Lease, NewJob, Outcome, Retry, State
from ringback.jobs.rescuer import Rescuer
from ringback.jobs.store import KindGauge, LedgerUnavailable
from ringback.jobs.worker import AFTER_OUR_FAULT, Worker
from ringback.storage.sqlite import SqliteLedger
from support.logs import capture_logs
from support.waiting import PATIENCE, eventually

Run = Callable[..., contextlib.AbstractAsyncContextManager[asyncio.Event]]


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    async with await SqliteLedger.open(
        tmp_path / "ledger.db", SystemClock(), serving=True, fixed_caps={"work": 100}
    ) as ledger:
        yield ledger


@pytest.fixture
def run(ledger: SqliteLedger) -> Run:
    """A worker for as long as the context lasts; stopped at its end, if not before."""

    @contextlib.asynccontextmanager
    async def running(
        handler: Callable[[Lease], Awaitable[Outcome]],
        *,
        concurrency: int = 8,
        lease_seconds: float = 30.0,
        grace_seconds: float = 20.0,
    ) -> AsyncIterator[asyncio.Event]:
        worker = Worker(
            "work",
            ledger,
            handler,
            concurrency=concurrency,
            lease_seconds=lease_seconds,
            clock=SystemClock(),
            grace_seconds=grace_seconds,
        )
        stopping = asyncio.Event()
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.run(stopping))
            try:
                yield stopping
            finally:
                stopping.set()

    return running


async def add(ledger: SqliteLedger, number: int = 1) -> list[JobId]:
    jobs = [NewJob(JobId(str(uuid.uuid4())), "work", Lane("p"), "p", b"") for _ in range(number)]
    await ledger.add(jobs)
    return [job.id for job in jobs]


async def ended(ledger: SqliteLedger, ids: list[JobId]) -> list[Job]:
    return list(await asyncio.gather(*(ledger.wait_for_end(job) for job in ids)))


async def finish(_lease: Lease) -> Outcome:
    return Done(200)


async def test_jobs_are_done_whenever_they_come(ledger: SqliteLedger, run: Run) -> None:
    early = await add(ledger, 20)
    async with run(finish):
        assert {job.state for job in await ended(ledger, early)} == {State.DONE}
        late = await add(ledger, 20)
        assert {job.state for job in await ended(ledger, late)} == {State.DONE}


async def test_no_more_jobs_are_held_than_there_are_slots(ledger: SqliteLedger, run: Run) -> None:
    busy, most, release = 0, 0, asyncio.Event()
    three_at_once = asyncio.Event()

    async def handler(_lease: Lease) -> Outcome:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        if busy == 3:
            three_at_once.set()
        await release.wait()
        busy -= 1
        return Done(200)

    ids = await add(ledger, 10)
    async with run(handler, concurrency=3):
        await three_at_once.wait()
        assert (await ledger.gauges())["work"].leased == 3
        release.set()
        await ended(ledger, ids)
    assert most == 3


async def test_a_handler_that_raises_is_retried_later(ledger: SqliteLedger, run: Run) -> None:
    async def handler(_lease: Lease) -> Outcome:
        raise ZeroDivisionError

    [job] = await add(ledger)
    async with run(handler):
        await eventually(lambda: tried(ledger, job))
    waiting = await ledger.get(job)
    assert waiting is not None
    assert (waiting.state, waiting.tries) == (State.QUEUED, 1)
    assert waiting.due_at > waiting.created_at + 4.0
    [attempt] = await ledger.attempts(job, 9)
    assert (attempt.outcome, attempt.detail) == ("failed", b'{"error":"ZeroDivisionError"}')


async def test_a_handler_that_cancels_itself_has_failed_too(ledger: SqliteLedger, run: Run) -> None:
    async def handler(_lease: Lease) -> Outcome:
        raise asyncio.CancelledError

    [job] = await add(ledger)
    async with run(handler):
        await eventually(lambda: tried(ledger, job))
    assert len(await ledger.attempts(job, 9)) == 1


async def test_after_enough_faults_of_ours_the_job_is_parked(ledger: SqliteLedger, run: Run) -> None:
    async def handler(_lease: Lease) -> Outcome:
        raise ZeroDivisionError

    [job] = await add(ledger)
    for _ in AFTER_OUR_FAULT.delays:
        [lease] = await ledger.claim("work", 1, 30.0)
        await ledger.settle(lease, Retry(0.0))
    async with run(handler):
        [parked] = await ended(ledger, [job])
    assert (parked.state, parked.code) == (State.PARKED, 500)


async def test_an_outcome_that_the_ledger_refuses_is_a_fault_of_ours(ledger: SqliteLedger, run: Run) -> None:
    [there] = await add(ledger)
    [lease] = await ledger.claim("work", 1, 30.0)
    twin = NewJob(there, "work", Lane("p"), "p", b"")

    async def handler(_lease: Lease) -> Outcome:
        return Done(200, follow_ups=(twin,))

    [job] = await add(ledger)
    async with run(handler):
        await eventually(lambda: tried(ledger, job))
    assert await ledger.settle(lease, GivenUp())


async def test_long_work_keeps_its_lease(ledger: SqliteLedger, run: Run) -> None:
    release = asyncio.Event()

    async def handler(_lease: Lease) -> Outcome:
        await release.wait()
        return Done(200)

    [job] = await add(ledger)
    extended = 0
    extend = ledger.extend

    async def counting(*arguments: object) -> set[JobId]:
        nonlocal extended
        extended += 1
        return await extend(*arguments)  # type: ignore[arg-type]  # handed on as it came

    ledger.extend = counting  # type: ignore[method-assign, assignment]  # counts, and calls the real one
    async with run(handler, lease_seconds=1.5):
        await eventually(lambda: is_true(extended >= 4))  # longer than the lease
        assert await ledger.rescue() == 0
        release.set()
        [finished] = await ended(ledger, [job])
    assert (finished.state, finished.losses) == (State.DONE, 0)


async def test_a_cancelled_jobs_handler_is_cancelled(ledger: SqliteLedger, run: Run) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(_lease: Lease) -> Outcome:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    [job] = await add(ledger)
    async with run(handler, lease_seconds=0.3):
        await started.wait()
        assert await ledger.cancel(job)
        await cancelled.wait()
    found = await ledger.get(job)
    assert found is not None
    assert found.state is State.CANCELLED


async def test_a_late_write_is_refused_and_counted(ledger: SqliteLedger, run: Run) -> None:
    """As after SIGSTOP: the lease ran out and another worker has the job when the handler comes back."""
    started, release = asyncio.Event(), asyncio.Event()

    async def handler(lease: Lease) -> Outcome:
        started.set()
        await release.wait()
        return Done(200, b"late")

    before = telemetry.LATE_WRITES.labels("work")._value.get()
    [job] = await add(ledger)
    async with run(handler) as stopping:
        await started.wait()
        await ledger.cancel(job)
        stopping.set()
        release.set()
    assert telemetry.LATE_WRITES.labels("work")._value.get() == before + 1
    found = await ledger.get(job)
    assert found is not None
    assert (found.state, found.result) == (State.CANCELLED, None)


class TestStopping:
    async def test_running_work_is_finished_and_no_more_taken(self, ledger: SqliteLedger, run: Run) -> None:
        started, release = asyncio.Event(), asyncio.Event()

        async def handler(_lease: Lease) -> Outcome:
            started.set()
            await release.wait()
            return Done(200)

        first, second = await add(ledger, 2)
        async with run(handler, concurrency=1) as stopping:
            await started.wait()
            stopping.set()
            release.set()
        states = {job.state for job in await asyncio.gather(ledger.get(first), ledger.get(second)) if job}
        assert states == {State.DONE, State.QUEUED}

    async def test_after_the_grace_the_rest_is_handed_back_unharmed(
        self, ledger: SqliteLedger, run: Run
    ) -> None:
        started = asyncio.Event()

        async def handler(_lease: Lease) -> Outcome:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

        [job] = await add(ledger)
        async with run(handler, grace_seconds=0.05) as stopping:
            await started.wait()
            stopping.set()
        found = await ledger.get(job)
        assert found is not None
        assert (found.state, found.tries, found.losses) == (State.QUEUED, 0, 0)

    async def test_a_worker_cancelled_from_above_hands_back_too(self, ledger: SqliteLedger) -> None:
        started = asyncio.Event()

        async def handler(_lease: Lease) -> Outcome:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

        [job] = await add(ledger)
        worker = Worker("work", ledger, handler, concurrency=1, lease_seconds=30.0, clock=SystemClock())
        task = asyncio.create_task(worker.run(asyncio.Event()))
        async with asyncio.timeout(PATIENCE):
            await started.wait()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        found = await ledger.get(job)
        assert found is not None
        assert (found.state, found.losses) == (State.QUEUED, 0)


async def test_a_locked_ledger_does_not_end_the_worker(
    ledger: SqliteLedger, run: Run, tmp_path: Path
) -> None:
    """Locked longer than the ledger waits: in the middle of a job, and while claiming."""
    started, release = asyncio.Event(), asyncio.Event()

    async def handler(_lease: Lease) -> Outcome:
        started.set()
        await release.wait()
        return Done(200)

    [first] = await add(ledger)
    async with run(handler):
        await started.wait()
        other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        other.execute("begin immediate")
        release.set()
        with capture_logs() as events:
            await eventually(lambda: "jobs.settle_failed" in {event["event"] for event in events})
        other.execute("rollback")
        other.close()
        second = await add(ledger)
        assert {job.state for job in await ended(ledger, [first, *second])} == {State.DONE}


async def test_the_rescuer_returns_lost_jobs(ledger: SqliteLedger) -> None:
    [job] = await add(ledger)
    await ledger.claim("work", 1, 0.0)
    stopping = asyncio.Event()
    rescuer = asyncio.create_task(Rescuer(ledger, sweep_seconds=0.01).run(stopping))
    async with asyncio.timeout(PATIENCE):
        await eventually(lambda: is_queued(ledger, job))
        [lease] = await ledger.claim("work", 1, 30.0)
        assert lease.job.losses == 1
        stopping.set()
        await rescuer


async def test_a_broken_ledger_does_not_end_the_rescuer(ledger: SqliteLedger) -> None:
    await ledger.close()
    stopping = asyncio.Event()
    with capture_logs() as events:
        rescuer = asyncio.create_task(Rescuer(ledger, sweep_seconds=0.01).run(stopping))
        await eventually(lambda: len(events) >= 2)
    assert not rescuer.done()
    stopping.set()
    async with asyncio.timeout(PATIENCE):
        await rescuer


class LedgerThatWasAway:
    """Fails so many times; then says what it was asked."""

    def __init__(self, failures: int) -> None:
        self.calls: list[str] = []
        self._failures = failures
        self.swept = asyncio.Event()

    async def rescue(self) -> int:
        self._note("rescue")
        self.swept.set()
        return 0

    async def gauges(self) -> dict[str, KindGauge]:
        self._note("gauges")
        return {}

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) <= self._failures:
            raise LedgerUnavailable("away")


async def test_after_an_outage_holders_get_a_pause_to_prolong_their_leases() -> None:
    store = LedgerThatWasAway(failures=3)
    stopping = asyncio.Event()
    rescuer = asyncio.create_task(Rescuer(store, sweep_seconds=0.001).run(stopping))
    async with asyncio.timeout(PATIENCE):
        await store.swept.wait()
        stopping.set()
        await rescuer
    assert store.calls[:5] == ["rescue", "gauges", "gauges", "gauges", "rescue"]


async def is_queued(ledger: SqliteLedger, job: JobId) -> bool:
    found = await ledger.get(job)
    return found is not None and found.state is State.QUEUED


async def tried(ledger: SqliteLedger, job: JobId) -> bool:
    found = await ledger.get(job)
    return found is not None and found.tries > 0


async def is_true(fact: bool) -> bool:
    return fact
