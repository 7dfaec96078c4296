"""What every store promises about jobs of one sequence: one at a time, in the order in which they came."""

import asyncio
from collections.abc import Sequence

import pytest

from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Done,
    GivenUp,
    Interrupted,
    JobId,
    NewJob,
    Outcome,
    Retry,
    State,
)
from support.stores import ClaimOne, MovableClock, NewJobs, Reopen, Store
from support.waiting import PATIENCE

HELD, QUEUED, LEASED, DONE, PARKED, CANCELLED = State


async def states(store: Store, jobs: Sequence[NewJob]) -> list[State]:
    found = await store.states([job.id for job in jobs])
    return [found[job.id] for job in jobs]


@pytest.fixture
async def three(store: Store, new_job: NewJobs) -> list[NewJob]:
    """In three lanes, so that it is not a lane that keeps them in order."""
    jobs = [new_job(lane=f"lane {number}", sequence="s") for number in range(3)]
    for job in jobs:
        await store.add([job])
    return jobs


async def park(store: Store, claim_one: ClaimOne) -> None:
    assert await store.settle(await claim_one(), GivenUp(410))


class TestInOrder:
    async def test_the_first_is_queued_and_the_others_are_held(
        self, store: Store, three: list[NewJob]
    ) -> None:
        assert await states(store, three) == [QUEUED, HELD, HELD]
        assert [lease.job.id for lease in await store.claim("deliver", 10, 30.0)] == [three[0].id]
        assert await states(store, three) == [LEASED, HELD, HELD]

    async def test_of_one_call_too(self, store: Store, new_job: NewJobs) -> None:
        jobs = [new_job(sequence="s") for _ in range(3)]
        await store.add(jobs)
        assert await states(store, jobs) == [QUEUED, HELD, HELD]

    async def test_a_job_shows_its_sequence(self, store: Store, three: list[NewJob]) -> None:
        job = await store.get(three[2].id)
        assert job is not None
        assert job.sequence == "s"
        [lease] = await store.claim("deliver", 1, 30.0)
        assert lease.job == await store.get(three[0].id)

    async def test_sequences_do_not_wait_for_each_other(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(sequence="a"), new_job(sequence="a"), new_job(sequence="b"), new_job()])
        assert len(await store.claim("deliver", 10, 30.0)) == 3

    async def test_each_end_lets_the_next_one_go_and_wakes_who_waits(
        self, store: Store, three: list[NewJob], claim_one: ClaimOne, done: Done
    ) -> None:
        for number in range(3):
            lease = await claim_one()
            assert lease.job.id == three[number].id
            waiting = asyncio.create_task(store.wait_for_work("deliver", 3600.0))
            assert await store.settle(lease, done)
            if number < 2:
                async with asyncio.timeout(PATIENCE):
                    await waiting
            waiting.cancel()
        assert await states(store, three) == [DONE] * 3

    async def test_the_next_is_due_when_it_is_let_go(
        self, store: Store, three: list[NewJob], claim_one: ClaimOne, manual_clock: MovableClock, done: Done
    ) -> None:
        lease = await claim_one()
        manual_clock.advance(20.0)
        await store.settle(lease, done)
        following = await store.get(three[1].id)
        assert following is not None
        assert following.due_at == manual_clock.now()

    async def test_a_delay_counts_from_the_adding(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock, done: Done
    ) -> None:
        await store.add([new_job(sequence="s"), new_job(sequence="s", delay=60.0)])
        await store.settle(await claim_one(), done)
        assert await store.claim("deliver", 1, 30.0) == []
        manual_clock.advance(60.5)
        assert len(await store.claim("deliver", 1, 30.0)) == 1

    @pytest.mark.parametrize("outcome", [Retry(30.0), Interrupted(30.0)])
    async def test_those_behind_wait_for_a_retry(
        self,
        store: Store,
        three: list[NewJob],
        claim_one: ClaimOne,
        manual_clock: MovableClock,
        outcome: Outcome,
    ) -> None:
        await store.settle(await claim_one(), outcome)
        assert await states(store, three) == [QUEUED, HELD, HELD]
        assert await store.claim("deliver", 10, 30.0) == []
        manual_clock.advance(31.0)
        assert (await claim_one()).job.id == three[0].id

    async def test_those_behind_wait_for_a_rescue(
        self, store: Store, three: list[NewJob], claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        await claim_one()
        manual_clock.advance(31.0)
        assert await store.rescue() == 1
        assert await states(store, three) == [QUEUED, HELD, HELD]

    async def test_a_new_process_keeps_the_order(self, reopen: Reopen, new_job: NewJobs, done: Done) -> None:
        jobs = [new_job(sequence="s") for _ in range(3)]
        async with reopen() as store:
            await store.add(jobs)
            await store.claim("deliver", 1, 30.0)
        async with reopen() as store:
            assert await states(store, jobs) == [QUEUED, HELD, HELD]
            for job in jobs:
                [lease] = await store.claim("deliver", 10, 30.0)
                assert lease.job.id == job.id
                assert await store.settle(lease, done)

    async def test_follow_ups_join_their_parents_sequence_behind_the_others(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        first, second, following = (new_job(sequence="s") for _ in range(3))
        await store.add([first, second])
        assert await store.settle(await claim_one(), Done(200, follow_ups=(following,)))
        assert await states(store, [first, second, following]) == [DONE, QUEUED, HELD]

    async def test_a_new_job_starts_queued_when_no_other_is_live(
        self, store: Store, three: list[NewJob], new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        await park(store, claim_one)
        job = new_job(sequence="s")
        await store.add([job])
        assert await states(store, [*three, job]) == [PARKED, PARKED, PARKED, QUEUED]


class TestParked:
    async def test_those_behind_are_parked_with_it(
        self, store: Store, three: list[NewJob], claim_one: ClaimOne, done: Done
    ) -> None:
        await store.settle(await claim_one(), done)
        ends = [asyncio.create_task(store.wait_for_end(job.id)) for job in three[1:]]
        await park(store, claim_one)
        async with asyncio.timeout(PATIENCE):
            assert [job.state for job in await asyncio.gather(*ends)] == [PARKED, PARKED]
        behind = await store.get(three[2].id)
        assert behind is not None
        assert (behind.tries, behind.code, behind.payload) == (0, None, b"what to do")

    async def test_also_when_it_was_lost_too_often(
        self, store: Store, three: list[NewJob], claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        for _ in range(LOSSES_BEFORE_PARKING):
            await claim_one()
            manual_clock.advance(31.0)
            assert await store.rescue() == 1
        assert await states(store, three) == [PARKED] * 3

    async def test_asked_for_again_in_order(
        self, store: Store, three: list[NewJob], claim_one: ClaimOne, done: Done
    ) -> None:
        await park(store, claim_one)
        for job in three:
            assert await store.requeue(job.id)
        assert await states(store, three) == [QUEUED, HELD, HELD]
        for job in three:
            lease = await claim_one()
            assert lease.job.id == job.id
            assert await store.settle(lease, done)

    async def test_asked_for_again_out_of_order_takes_its_old_place(
        self, store: Store, three: list[NewJob], claim_one: ClaimOne
    ) -> None:
        await park(store, claim_one)
        await store.requeue(three[1].id)
        assert await states(store, three) == [PARKED, QUEUED, PARKED]
        await store.requeue(three[2].id)
        assert await states(store, three) == [PARKED, QUEUED, HELD]
        await store.requeue(three[0].id)
        assert await states(store, three) == [QUEUED, HELD, HELD]
        assert [lease.job.id for lease in await store.claim("deliver", 10, 30.0)] == [three[0].id]

    @pytest.mark.parametrize(
        ("outcome", "after"),
        [
            (Done(200), [QUEUED, DONE]),
            (Retry(0.0), [QUEUED, HELD]),
            (Interrupted(), [QUEUED, HELD]),
            (GivenUp(410), [QUEUED, PARKED]),
        ],
    )
    async def test_asked_for_again_while_a_later_one_is_in_work(
        self,
        store: Store,
        new_job: NewJobs,
        claim_one: ClaimOne,
        outcome: Outcome,
        after: list[State],
    ) -> None:
        first, later = new_job(lane="a", sequence="s"), new_job(lane="b", sequence="s")
        await store.add([first])
        await park(store, claim_one)
        await store.add([later])
        lease = await claim_one()
        assert await store.requeue(first.id)
        assert await states(store, [first, later]) == [HELD, LEASED]
        assert await store.claim("deliver", 10, 30.0) == []
        assert await store.settle(lease, outcome)
        assert await states(store, [first, later]) == after
        assert (await claim_one()).job.id == first.id

    async def test_asked_for_again_while_a_later_one_is_in_work_that_is_lost(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        first, later = new_job(lane="a", sequence="s"), new_job(lane="b", sequence="s")
        await store.add([first])
        await park(store, claim_one)
        await store.add([later])
        await claim_one()
        assert await store.requeue(first.id)
        manual_clock.advance(31.0)
        assert await store.rescue() == 1
        assert await states(store, [first, later]) == [QUEUED, HELD]
        assert (await claim_one()).job.id == first.id


class TestCancelled:
    async def test_the_first_lets_the_next_one_go(self, store: Store, three: list[NewJob]) -> None:
        waiting = asyncio.create_task(store.wait_for_work("deliver", 3600.0))
        assert await store.cancel(three[0].id)
        assert await states(store, three) == [CANCELLED, QUEUED, HELD]
        async with asyncio.timeout(PATIENCE):
            await waiting

    async def test_the_one_in_work_lets_the_next_one_go(
        self, store: Store, three: list[NewJob], claim_one: ClaimOne, done: Done
    ) -> None:
        lease = await claim_one()
        assert await store.cancel(three[0].id)
        assert (await claim_one()).job.id == three[1].id
        assert not await store.settle(lease, done)

    async def test_a_held_one_leaves_the_others_alone(self, store: Store, three: list[NewJob]) -> None:
        assert await store.cancel(three[1].id)
        assert await states(store, three) == [QUEUED, CANCELLED, HELD]


class TestWaiting:
    async def test_is_the_number_of_live_jobs(
        self, store: Store, three: list[NewJob], claim_one: ClaimOne, done: Done
    ) -> None:
        assert await store.waiting("s", 100) == 3
        lease = await claim_one()
        assert await store.waiting("s", 100) == 3
        await store.settle(lease, done)
        assert await store.waiting("s", 100) == 2

    async def test_is_counted_no_further_than_asked(self, store: Store, three: list[NewJob]) -> None:
        assert await store.waiting("s", 2) == 2

    async def test_of_an_unknown_sequence_is_none(self, store: Store, three: list[NewJob]) -> None:
        assert await store.waiting("another", 100) == 0

    async def test_held_jobs_are_not_due(self, store: Store, three: list[NewJob]) -> None:
        gauge = (await store.gauges())["deliver"]
        assert (gauge.queued, gauge.leased) == (1, 0)


async def test_unknown_jobs_change_nothing(store: Store, three: list[NewJob]) -> None:
    unknown = JobId("00000000-0000-4000-8000-000000000000")
    assert not await store.cancel(unknown)
    assert not await store.requeue(unknown)
    assert await states(store, three) == [QUEUED, HELD, HELD]
