"""What every store promises to those who wait, list and look."""

import asyncio
import contextlib
from typing import Any

import pytest

from ringback.jobs.job import Done, GivenUp, JobFilter, JobId, Outcome, State
from support.stores import ClaimOne, MovableClock, NewJobs, Store


class TestWaiting:
    """Bounds are 20 s where the word comes at once: a test that hangs there has found a fault."""

    async def test_for_work_that_is_there(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job()])
        async with asyncio.timeout(20):
            await store.wait_for_work("deliver", 60.0)

    async def test_for_work_that_comes(self, store: Store, new_job: NewJobs) -> None:
        waiting = asyncio.create_task(store.wait_for_work("deliver", 60.0))
        await store.add([new_job("transcribe", "p")])
        await store.add([new_job()])
        async with asyncio.timeout(20):
            await waiting

    async def test_for_room_in_a_full_lane(self, store: Store, new_job: NewJobs, done: Done) -> None:
        await store.add([new_job("transcribe", "p") for _ in range(4)])
        lease, *_others = await store.claim("transcribe", 4, 30.0)
        waiting = asyncio.create_task(store.wait_for_work("transcribe", 60.0))
        await store.settle(lease, done)
        async with asyncio.timeout(20):
            await waiting
        assert len(await store.claim("transcribe", 4, 30.0)) == 1

    async def test_for_nothing_ends(self, store: Store) -> None:
        async with asyncio.timeout(20):
            await store.wait_for_work("deliver", 0.05)

    async def test_for_the_end_that_was(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        job = new_job()
        await store.add([job])
        await store.settle(await claim_one(), done)
        async with asyncio.timeout(20):
            assert (await store.wait_for_end(job.id)).state is State.DONE

    @pytest.mark.parametrize(("outcome", "state"), [(Done(200), State.DONE), (GivenUp(500), State.PARKED)])
    async def test_for_the_end_that_comes(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, outcome: Outcome, state: State
    ) -> None:
        job = new_job()
        await store.add([job])
        waiting = [asyncio.create_task(store.wait_for_end(job.id)) for _ in range(3)]
        await store.settle(await claim_one(), outcome)
        async with asyncio.timeout(20):
            assert {ended.state for ended in await asyncio.gather(*waiting)} == {state}

    async def test_for_the_end_by_cancelling(self, store: Store, new_job: NewJobs) -> None:
        job = new_job()
        await store.add([job])
        waiting = asyncio.create_task(store.wait_for_end(job.id))
        await store.cancel(job.id)
        async with asyncio.timeout(20):
            assert (await waiting).state is State.CANCELLED

    async def test_a_waiter_may_leave(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        job = new_job()
        await store.add([job])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await store.wait_for_end(job.id)
        assert await store.settle(await claim_one(), done)


class TestPages:
    async def test_newest_first_by_key(self, store: Store, new_job: NewJobs) -> None:
        jobs = [new_job() for _ in range(5)]
        for job in jobs:
            await store.add([job])
        where = JobFilter("p", "deliver")
        first = await store.page(where, 2)
        await store.add([new_job()])
        second = await store.page(where, 2, first.next)
        third = await store.page(where, 2, second.next)
        ids = [job.id for page in (first, second, third) for job in page.jobs]
        assert ids == [job.id for job in reversed(jobs)]
        assert third.next is None

    async def test_live_and_ended_stand_in_one_list(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        finished, waiting = new_job(), new_job(delay=5.0)
        await store.add([finished, waiting])
        await store.settle(await claim_one(), done)
        page = await store.page(JobFilter("p", "deliver"), 10)
        assert [(job.id, job.state) for job in page.jobs] == [
            (waiting.id, State.QUEUED),
            (finished.id, State.DONE),
        ]

    async def test_filters(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        good = new_job(accessor="k1", tags=("x", "y"))
        await store.add([good])
        await store.settle(await claim_one(), Done(200))
        manual_clock.advance(100.0)
        bad = new_job(accessor="k2", method="async", tags=("x",))
        await store.add([bad])
        await store.settle(await claim_one(), GivenUp(503))
        middle = manual_clock.now() - 50.0
        open_job, other_kind = new_job(delay=9.0), new_job("transcribe", "p")
        await store.add([open_job, other_kind, new_job(project="q")])

        async def ids(**fields: Any) -> list[JobId]:
            page = await store.page(JobFilter("p", "deliver", **fields), 10)
            return [job.id for job in page.jobs]

        assert await ids() == [open_job.id, bad.id, good.id]
        assert await ids(id=bad.id) == [bad.id]
        assert await ids(accessor="k1") == [good.id]
        assert await ids(method="async") == [bad.id]
        assert await ids(succeeded=True) == [good.id]
        assert await ids(succeeded=False) == [bad.id]
        assert await ids(until=middle) == [good.id]
        assert await ids(since=middle) == [open_job.id, bad.id]
        assert await ids(tags=("x",)) == [bad.id, good.id]
        assert await ids(tags=("y", "x")) == [good.id]


class TestGauges:
    async def test_an_empty_store_shows_nothing_due(self, store: Store) -> None:
        assert all(gauge.oldest_due is None for gauge in (await store.gauges()).values())

    async def test_counts_and_the_oldest(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job(), new_job(), new_job("transcribe", "p", delay=60.0)])
        await claim_one()
        manual_clock.advance(7.0)
        gauges = await store.gauges()
        deliver, transcribe = gauges["deliver"], gauges["transcribe"]
        assert (deliver.queued, deliver.leased, deliver.oldest_due) == (1, 1, 7.0)
        assert (transcribe.queued, transcribe.leased, transcribe.oldest_due) == (1, 0, None)


class TestStates:
    async def test_of_many_at_once_wherever_they_stand(
        self, store: Store, new_job: NewJobs, done: Done
    ) -> None:
        jobs = [new_job("transcribe", f"p{number}") for number in range(5)]
        await store.add(jobs)
        leases = {lease.job.id: lease for lease in await store.claim("transcribe", 3, 30.0)}
        ended, parked, leased = leases.values()
        assert await store.settle(ended, done)
        assert await store.settle(parked, GivenUp())
        queued, cancelled = (job.id for job in jobs if job.id not in leases)
        await store.cancel(cancelled)
        unknown = JobId("00000000-0000-4000-8000-000000000000")
        assert await store.states([*(job.id for job in jobs), unknown]) == {
            ended.job.id: State.DONE,
            parked.job.id: State.PARKED,
            leased.job.id: State.LEASED,
            queued: State.QUEUED,
            cancelled: State.CANCELLED,
        }

    async def test_of_none(self, store: Store) -> None:
        assert await store.states([]) == {}
