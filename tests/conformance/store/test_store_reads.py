"""What every store promises to those who wait, list and look."""

import asyncio
import contextlib
from typing import Any

import pytest

from ringback.jobs.job import LIVE, Done, GivenUp, JobFilter, JobId, Lane, Outcome, Retry, Signal, State
from support.stores import ClaimOne, MovableClock, NewJobs, Reopen, Store
from support.waiting import PATIENCE


class TestWaiting:
    """Where the word comes at once, they would wait on their own far past the bound: a test that hangs has
    found a fault."""

    async def test_for_work_that_is_there(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job()])
        async with asyncio.timeout(PATIENCE):
            await store.wait_for_work("deliver", 3600.0)

    async def test_for_work_that_comes(self, store: Store, new_job: NewJobs) -> None:
        waiting = asyncio.create_task(store.wait_for_work("deliver", 3600.0))
        await store.add([new_job("transcribe", "p")])
        await store.add([new_job()])
        async with asyncio.timeout(PATIENCE):
            await waiting

    async def test_for_room_in_a_full_lane(self, store: Store, new_job: NewJobs, done: Done) -> None:
        await store.add([new_job("transcribe", "p") for _ in range(4)])
        lease, *_others = await store.claim("transcribe", 4, 30.0)
        waiting = asyncio.create_task(store.wait_for_work("transcribe", 3600.0))
        await store.settle(lease, done)
        async with asyncio.timeout(PATIENCE):
            await waiting
        assert len(await store.claim("transcribe", 4, 30.0)) == 1

    async def test_for_nothing_ends(self, store: Store) -> None:
        async with asyncio.timeout(PATIENCE):
            await store.wait_for_work("deliver", 0.05)

    async def test_for_the_end_that_was(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        job = new_job()
        await store.add([job])
        await store.settle(await claim_one(), done)
        async with asyncio.timeout(PATIENCE):
            assert (await store.wait_for_end(job.id)).state is State.DONE

    @pytest.mark.parametrize(("outcome", "state"), [(Done(200), State.DONE), (GivenUp(500), State.PARKED)])
    async def test_for_the_end_that_comes(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, outcome: Outcome, state: State
    ) -> None:
        job = new_job()
        await store.add([job])
        waiting = [asyncio.create_task(store.wait_for_end(job.id)) for _ in range(3)]
        await store.settle(await claim_one(), outcome)
        async with asyncio.timeout(PATIENCE):
            assert {ended.state for ended in await asyncio.gather(*waiting)} == {state}

    async def test_for_the_end_by_cancelling(self, store: Store, new_job: NewJobs) -> None:
        job = new_job()
        await store.add([job])
        waiting = asyncio.create_task(store.wait_for_end(job.id))
        await store.cancel(job.id)
        async with asyncio.timeout(PATIENCE):
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

    async def test_by_state(self, store: Store, new_job: NewJobs) -> None:
        jobs = [new_job("transcribe", f"p{number}") for number in range(6)]
        held = new_job("transcribe", "s", sequence="s")
        await store.add([*jobs, new_job("transcribe", "s", sequence="s", delay=9.0), held])
        done, parked, leased = await store.claim("transcribe", 3, 30.0)
        await store.settle(done, Done(200))
        await store.settle(parked, GivenUp(500))
        still_queued = [job.id for job in jobs if job.id not in {done.job.id, parked.job.id, leased.job.id}]
        await store.cancel(still_queued.pop())

        async def ids(*states: State, **fields: Any) -> list[JobId]:
            where = JobFilter("p", "transcribe", states=frozenset(states), **fields)
            return [job.id for job in (await store.page(where, 100)).jobs]

        assert await ids(State.DONE) == [done.job.id]
        assert await ids(State.PARKED) == [parked.job.id]
        assert await ids(State.LEASED) == [leased.job.id]
        assert await ids(State.HELD) == [held.id]
        assert await ids(State.QUEUED, lane="p5") == [job for job in still_queued if job == jobs[5].id]
        assert len(await ids(State.QUEUED)) == 3
        assert set(await ids(State.PARKED, State.HELD)) == {parked.job.id, held.id}
        assert await ids(State.PARKED, lane=parked.job.lane) == [parked.job.id]
        assert await ids(State.PARKED, lane="elsewhere") == []
        assert await ids() == []
        assert len(await ids(*State)) == 8

    async def test_by_lane_and_by_code(self, store: Store, new_job: NewJobs, claim_one: ClaimOne) -> None:
        first, again, other = new_job(lane="a"), new_job(lane="a"), new_job(lane="b", project="q")
        good = new_job(lane="c")
        outcomes: list[Outcome] = [GivenUp(503), Retry(60.0, code=503), GivenUp(503), Done(204)]
        for job, outcome in zip((first, again, other, good), outcomes, strict=True):
            await store.add([job])
            await store.settle(await claim_one(), outcome)

        async def ids(**fields: Any) -> list[JobId]:
            return [job.id for job in (await store.page(JobFilter("p", "deliver", **fields), 10)).jobs]

        assert await ids(lane="a") == [again.id, first.id]
        assert await ids(lane="b") == []
        assert await ids(code=503) == [again.id, first.id]
        assert await ids(code=503, states=frozenset({State.PARKED})) == [first.id]
        assert await ids(code=204) == [good.id]
        assert await ids(code=204, lane="a") == []
        assert await ids(code=503, succeeded=False) == [first.id]

    async def test_every_filter_is_paged_by_key(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        jobs = [new_job(lane=f"lane {number % 2}", tags=("x",) * (number % 2)) for number in range(24)]
        for job in jobs:
            await store.add([job])
            manual_clock.advance(600.0)
        for lease in await store.claim("deliver", 8, 30.0):
            await store.settle(lease, GivenUp(503))
        parked = {lease.id for lease in (await store.page(JobFilter("p", "deliver", code=503), 50)).jobs}
        assert len(parked) == 8
        start = manual_clock.now() - 12 * 600.0
        newest_first = [job.id for job in reversed(jobs)]
        expected: list[tuple[JobFilter, list[JobId]]] = [
            (JobFilter("p", "deliver"), newest_first),
            (JobFilter("p", "deliver", tags=("x",)), newest_first[::2]),
            (JobFilter("p", "deliver", lane=Lane("lane 1")), newest_first[::2]),
            (JobFilter("p", "deliver", since=start), newest_first[:12]),
            (JobFilter("p", "deliver", until=start - 1.0), newest_first[12:]),
            (JobFilter("p", "deliver", succeeded=False), [job for job in newest_first if job in parked]),
            (
                JobFilter("p", "deliver", states=frozenset({State.PARKED, State.QUEUED})),
                newest_first,
            ),
        ]
        for where, ids in expected:
            found: list[JobId] = []
            before: str | None = None
            while True:
                page = await store.page(where, 3, before)
                assert len(page.jobs) <= 3
                found += [job.id for job in page.jobs]
                before = page.next
                if before is None:
                    break
            assert found == ids, where

    async def test_a_time_is_found_although_the_clock_was_set_back(
        self, reopen: Reopen, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        made: dict[JobId, float] = {}
        for step in (0.0, 3 * 3600.0, 1800.0, -7200.0):
            manual_clock.set_back(step)
            async with reopen() as store:
                for _ in range(3):
                    job = new_job()
                    await store.add([job])
                    made[job.id] = manual_clock.now()
                    manual_clock.advance(1300.0)
                for moment in made.values():
                    since = await store.page(JobFilter("p", "deliver", since=moment), 100)
                    until = await store.page(JobFilter("p", "deliver", until=moment), 100)
                    assert {job.id for job in since.jobs} == {job for job in made if made[job] >= moment}
                    assert {job.id for job in until.jobs} == {job for job in made if made[job] <= moment}

    @pytest.mark.parametrize("position", ["sideways", "9" * 40, "-" + "9" * 40])
    async def test_what_is_no_position_is_refused(self, store: Store, position: str) -> None:
        with pytest.raises(ValueError, match=position):
            await store.page(JobFilter("p", "deliver"), 10, position)

    async def test_of_one_parent(self, store: Store, new_job: NewJobs, claim_one: ClaimOne) -> None:
        parent, other = new_job("transcribe"), new_job("transcribe")
        parked, *waiting = [new_job(parent=parent.id) for _ in range(3)]
        await store.add([parent, other, parked])
        await store.settle(await claim_one(), GivenUp())
        await store.add([new_job(parent=other.id), *waiting, new_job()])

        async def ids(**fields: Any) -> list[JobId]:
            where = JobFilter("p", "deliver", parent=parent.id, **fields)
            first = await store.page(where, 1)
            rest = await store.page(where, 10, first.next) if first.next else first
            return [job.id for page in dict.fromkeys([first, rest]) for job in page.jobs]

        assert await ids() == [waiting[1].id, waiting[0].id, parked.id]
        assert await ids(states=frozenset({State.PARKED})) == [parked.id]
        assert await ids(states=LIVE) == [waiting[1].id, waiting[0].id]
        assert (await store.page(JobFilter("q", "deliver", parent=parent.id), 10)).jobs == ()


class TestChildren:
    async def test_of_many_at_once(self, store: Store, new_job: NewJobs) -> None:
        first, second, third = (new_job("transcribe") for _ in range(3))
        children = [new_job(parent=parent.id) for parent in (first, second, first)]
        await store.add([first, second, third, *children])
        found = await store.children_of([second.id, third.id, first.id], 9)
        assert {parent: [child.id for child in of] for parent, of in found.items()} == {
            first.id: [children[0].id, children[2].id],
            second.id: [children[1].id],
            third.id: [],
        }
        assert await store.children(first.id, 9) == found[first.id]
        assert await store.children_of([], 9) == {}

    async def test_the_latest_of_too_many(self, store: Store, new_job: NewJobs) -> None:
        first, second = (new_job("transcribe") for _ in range(2))
        children = [new_job(parent=parent.id) for parent in (first, second, first, first)]
        await store.add([first, second, *children])
        found = await store.children_of([first.id, second.id], 2)
        assert {parent: [child.id for child in of] for parent, of in found.items()} == {
            first.id: [children[2].id, children[3].id],
            second.id: [children[1].id],
        }


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

    async def test_ready_is_what_a_claim_would_have_found(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job("transcribe", "p") for _ in range(5)])
        manual_clock.advance(7.0)
        assert (await store.gauges())["transcribe"].oldest_ready == 7.0
        leases = await store.claim("transcribe", 10, 300.0)
        assert len(leases) == 3
        manual_clock.advance(60.0)
        gauge = (await store.gauges())["transcribe"]
        assert (gauge.oldest_due, gauge.oldest_ready) == (67.0, None)
        await store.settle(leases[0], Done(200))
        manual_clock.advance(2.0)
        assert (await store.gauges())["transcribe"].oldest_ready == 2.0

    async def test_a_cancelled_job_makes_room_from_then_on(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job("transcribe", "p") for _ in range(5)])
        leases = await store.claim("transcribe", 10, 300.0)
        manual_clock.advance(60.0)
        await store.cancel(leases[0].job.id)
        manual_clock.advance(3.0)
        assert (await store.gauges())["transcribe"].oldest_ready == 3.0

    async def test_nothing_is_ready_behind_an_open_breaker(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job() for _ in range(6)])
        for _ in range(5):
            [lease] = await store.claim("deliver", 1, 30.0)
            await store.settle(lease, Retry(0.0, signal=Signal.BAD))
        manual_clock.advance(3.0)
        gauge = (await store.gauges())["deliver"]
        assert (gauge.oldest_due, gauge.oldest_ready) == (3.0, None)
        manual_clock.advance(4.0)
        assert (await store.gauges())["deliver"].oldest_ready == 2.0


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
