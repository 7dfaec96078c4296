"""What every store promises about the life of a job."""

import asyncio
import uuid

import pytest

from ringback.jobs.job import (
    LOSSES_BEFORE_PARKING,
    Attempt,
    Done,
    GivenUp,
    Interrupted,
    Job,
    JobId,
    Lease,
    NewJob,
    Outcome,
    Retry,
    State,
)
from support.stores import ClaimOne, MovableClock, NewJobs, Reopen, Store


async def found(store: Store, job: NewJob) -> Job:
    job_now = await store.get(job.id)
    assert isinstance(job_now, Job)
    return job_now


class TestAdd:
    async def test_what_was_added_can_be_read(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        parent = JobId(str(uuid.uuid4()))
        requested = new_job(parent=parent, accessor="key", method="async", tags=("a", "ü"), delay=5.0)
        await store.add([requested])
        now = manual_clock.now()
        assert await found(store, requested) == Job(
            requested.id, "deliver", requested.lane, "p", b"what to do", parent, "key", "async", ("a", "ü"),
            State.QUEUED, 0, 0, now, now + 5.0, None, None, None,
        )  # fmt: skip

    async def test_an_unknown_job_is_none(self, store: Store) -> None:
        assert await store.get(JobId(str(uuid.uuid4()))) is None

    async def test_a_known_id_is_refused_and_nothing_of_the_call_is_kept(
        self, store: Store, new_job: NewJobs
    ) -> None:
        first, second = new_job(), new_job()
        await store.add([first])
        with pytest.raises(ValueError, match=first.id):
            await store.add([second, first])
        assert await store.get(second.id) is None
        assert len(await store.claim("deliver", 10, 30.0)) == 1

    async def test_the_id_of_an_ended_job_is_refused(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        job = new_job()
        await store.add([job])
        await store.settle(await claim_one(), done)
        with pytest.raises(ValueError, match=job.id):
            await store.add([job])

    async def test_a_bad_call_does_not_harm_those_beside_it(self, store: Store, new_job: NewJobs) -> None:
        first = new_job()
        await store.add([first])
        jobs = [new_job() for _ in range(20)]
        calls = [store.add([job]) for job in jobs] + [store.add([first])]
        *good, bad = await asyncio.gather(*calls, return_exceptions=True)
        assert good == [None] * 20
        assert isinstance(bad, ValueError)
        assert all([await store.get(job.id) for job in jobs])


class TestClaim:
    async def test_a_claimed_job_is_leased_and_not_claimed_twice(
        self, store: Store, new_job: NewJobs
    ) -> None:
        job = new_job()
        await store.add([job])
        [lease] = await store.claim("deliver", 5, 30.0)
        assert lease.job == await found(store, job)
        assert lease.job.state is State.LEASED
        assert await store.claim("deliver", 5, 30.0) == []

    async def test_a_job_is_not_claimed_before_it_is_due(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job(delay=10.0)])
        manual_clock.advance(9.9)
        assert await store.claim("deliver", 5, 30.0) == []
        manual_clock.advance(0.2)
        assert len(await store.claim("deliver", 5, 30.0)) == 1

    async def test_only_jobs_of_the_kind_are_claimed(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job("transcribe", "p")])
        assert await store.claim("deliver", 5, 30.0) == []

    async def test_in_a_lane_the_job_due_first_comes_first(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock, claim_one: ClaimOne
    ) -> None:
        late, early = new_job(delay=2.0), new_job(delay=1.0)
        await store.add([late, early])
        manual_clock.advance(3.0)
        assert [(await claim_one()).job.id for _ in range(2)] == [early.id, late.id]


class TestSettle:
    async def test_done(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        job = new_job()
        await store.add([job])
        lease = await claim_one()
        manual_clock.advance(2.0)
        assert await store.settle(lease, Done(204, b"result"))
        ended = await found(store, job)
        assert (ended.state, ended.code, ended.result) == (State.DONE, 204, b"result")
        assert (ended.tries, ended.finished_at) == (1, manual_clock.now())

    async def test_done_and_its_follow_ups_are_one(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job = new_job("transcribe", "p")
        follow_ups = tuple(new_job(parent=job.id) for _ in range(3))
        await store.add([job])
        assert await store.settle(await claim_one("transcribe"), Done(200, follow_ups=follow_ups))
        assert [child.id for child in await store.children(job.id, 9)] == [child.id for child in follow_ups]
        assert len(await store.claim("deliver", 5, 30.0)) == 3

    async def test_a_parking_and_what_follows_from_it_are_one(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job, event = new_job(), new_job(lane="events")
        await store.add([job])
        lease = await claim_one()
        assert await store.settle(lease, GivenUp(503, follow_ups=(event,)))
        assert ((await found(store, job)).state, (await found(store, event)).state) == (
            State.PARKED,
            State.QUEUED,
        )
        assert not await store.settle(lease, GivenUp(503, follow_ups=(event,))), "what is late adds nothing"

    async def test_when_a_follow_up_is_refused_nothing_is_done(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        job, there = new_job("transcribe", "p"), new_job()
        await store.add([job, there])
        lease = await claim_one("transcribe")
        with pytest.raises(ValueError, match=there.id):
            await store.settle(lease, Done(200, follow_ups=(new_job(), there)))
        assert (await found(store, job)).state is State.LEASED
        assert await store.settle(lease, done)

    async def test_retry_counts_and_waits(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        job = new_job()
        await store.add([job])
        assert await store.settle(await claim_one(), Retry(30.0, code=503))
        waiting = await found(store, job)
        assert (waiting.state, waiting.tries, waiting.code) == (State.QUEUED, 1, 503)
        assert waiting.due_at == manual_clock.now() + 30.0
        manual_clock.advance(29.0)
        assert await store.claim("deliver", 5, 30.0) == []
        manual_clock.advance(1.5)
        assert (await claim_one()).job.tries == 1

    async def test_interrupted_burns_no_try(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job = new_job()
        await store.add([job])
        assert await store.settle(await claim_one(), Interrupted())
        assert (await claim_one()).job.tries == 0

    async def test_given_up_is_parked_with_its_payload(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job = new_job()
        await store.add([job])
        assert await store.settle(await claim_one(), GivenUp(410, b"why"))
        parked = await found(store, job)
        assert (parked.state, parked.code, parked.tries) == (State.PARKED, 410, 1)
        assert (parked.payload, parked.result) == (b"what to do", b"why")

    async def test_a_lease_is_settled_once(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        await store.add([new_job()])
        lease = await claim_one()
        assert await store.settle(lease, Retry(0.0))
        assert not await store.settle(lease, done)

    async def test_attempts_are_kept_in_order(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job = new_job()
        await store.add([job])
        tries = [
            Attempt(1.0, 2.0, "timeout", None, b'{"a": 1}'),
            Attempt(3.0, 4.5, "status", 500, b"{}"),
            Attempt(5.0, 6.0, "delivered", 200, b"{}"),
        ]
        await store.settle(await claim_one(), Retry(0.0, attempt=tries[0]))
        await store.settle(await claim_one(), Interrupted())
        await store.settle(await claim_one(), GivenUp(500, attempt=tries[1]))
        await store.requeue(job.id)
        await store.settle(await claim_one(), Done(200, attempt=tries[2]))
        assert await store.attempts(job.id, 9) == tries
        assert await store.attempts(job.id, 2) == tries[-2:]


class TestFencing:
    """A write with an old token is refused, and writes nothing."""

    @pytest.fixture
    async def leases(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> tuple[Lease, Lease]:
        """An old lease that ran out, and the one that another worker has now."""
        await store.add([new_job()])
        old = await claim_one()
        manual_clock.advance(31.0)
        assert await store.rescue() == 1
        return old, await claim_one()

    @pytest.mark.parametrize("outcome", [Done(200), Retry(1.0), GivenUp(500), Interrupted()])
    async def test_a_late_write_is_refused(
        self, store: Store, leases: tuple[Lease, Lease], outcome: Outcome, done: Done
    ) -> None:
        old, new = leases
        before = await store.get(old.job.id)
        assert not await store.settle(old, outcome)
        assert await store.get(old.job.id) == before
        assert await store.settle(new, done)

    async def test_a_late_write_after_the_rescue_is_refused_too(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock, done: Done
    ) -> None:
        await store.add([new_job()])
        lease = await claim_one()
        manual_clock.advance(31.0)
        await store.rescue()
        assert not await store.settle(lease, done)

    async def test_an_old_lease_is_not_extended(self, store: Store, leases: tuple[Lease, Lease]) -> None:
        old, new = leases
        assert await store.extend([old], 30.0) == set()
        assert await store.extend([new], 30.0) == {new.job.id}

    async def test_a_lease_from_before_the_parking_is_refused_after_requeue(
        self, store: Store, leases: tuple[Lease, Lease], claim_one: ClaimOne, done: Done
    ) -> None:
        old, new = leases
        await store.settle(new, GivenUp(500))
        await store.requeue(new.job.id)
        newest = await claim_one()
        for stale in (old, new):
            assert not await store.settle(stale, done)
        assert await store.settle(newest, done)

    async def test_an_expired_lease_nobody_took_is_still_good(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock, done: Done
    ) -> None:
        await store.add([new_job()])
        lease = await claim_one()
        manual_clock.advance(100.0)
        assert await store.settle(lease, done)


class TestRescue:
    async def test_only_expired_leases_are_returned(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job(), new_job()])
        [first] = await store.claim("deliver", 1, 30.0)
        [second] = await store.claim("deliver", 1, 90.0)
        manual_clock.advance(31.0)
        assert await store.rescue() == 1
        states = [job.state for job in (await store.get(first.job.id), await store.get(second.job.id)) if job]
        assert states == [State.QUEUED, State.LEASED]

    async def test_an_extended_lease_is_left_alone(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job()])
        lease = await claim_one()
        manual_clock.advance(20.0)
        assert await store.extend([lease], 30.0) == {lease.job.id}
        manual_clock.advance(20.0)
        assert await store.rescue() == 0

    async def test_lost_in_a_row_too_often_parks(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        job = new_job()
        await store.add([job])
        for losses in range(1, LOSSES_BEFORE_PARKING + 1):
            await claim_one()
            manual_clock.advance(31.0)
            assert await store.rescue() == 1
            now = await found(store, job)
            assert (now.losses, now.tries) == (losses, 0)
        assert now.state is State.PARKED
        assert await store.claim("deliver", 1, 30.0) == []

    async def test_a_settled_try_forgives_losses(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        job = new_job()
        await store.add([job])
        await claim_one()
        manual_clock.advance(31.0)
        await store.rescue()
        await store.settle(await claim_one(), Retry(0.0))
        assert (await found(store, job)).losses == 0


class TestNewProcess:
    async def test_leases_of_the_dead_are_free_at_once(
        self, reopen: Reopen, new_job: NewJobs, done: Done
    ) -> None:
        job = new_job()
        async with reopen() as store:
            await store.add([job])
            [old] = await store.claim("deliver", 1, 3600.0)
        async with reopen() as store:
            [new] = await store.claim("deliver", 1, 30.0)
            assert (new.job.id, new.job.losses) == (job.id, 1)
            assert not await store.settle(old, done)
            assert await store.settle(new, done)

    async def test_a_job_that_kills_its_process_is_parked(self, reopen: Reopen, new_job: NewJobs) -> None:
        job = new_job()
        async with reopen() as store:
            await store.add([job])
        for _ in range(LOSSES_BEFORE_PARKING):
            async with reopen() as store:
                assert len(await store.claim("deliver", 1, 30.0)) == 1
        async with reopen() as store:
            assert (await found(store, job)).state is State.PARKED

    async def test_the_room_of_the_dead_is_free_again(self, reopen: Reopen, new_job: NewJobs) -> None:
        async with reopen() as store:
            await store.add([new_job("transcribe", "p") for _ in range(6)])
            assert len(await store.claim("transcribe", 6, 30.0)) == 3
        async with reopen() as store:
            assert len(await store.claim("transcribe", 6, 30.0)) == 3


class TestClockSetWhileServing:
    async def test_forward_does_not_burst(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job(delay=30.0)])
        manual_clock.set_back(-3600.0)
        assert await store.claim("deliver", 1, 30.0) == []

    async def test_back_does_not_stall(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job(delay=30.0)])
        manual_clock.set_back(3600.0)
        manual_clock.advance(31.0)
        assert len(await store.claim("deliver", 1, 30.0)) == 1

    async def test_leases_neither_expire_nor_last(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job()])
        await claim_one()
        manual_clock.set_back(-3600.0)
        assert await store.rescue() == 0
        manual_clock.set_back(7200.0)
        manual_clock.advance(31.0)
        assert await store.rescue() == 1

    async def test_back_before_a_restart_does_not_stall(
        self, reopen: Reopen, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        async with reopen() as store:
            await store.add([new_job(delay=30.0)])
            await store.rescue()
        manual_clock.set_back(3600.0)
        async with reopen() as store:
            manual_clock.advance(29.0)
            assert await store.claim("deliver", 1, 30.0) == []
            manual_clock.advance(2.0)
            assert len(await store.claim("deliver", 1, 30.0)) == 1


class TestCancelAndRequeue:
    async def test_a_queued_job_is_cancelled(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        job = new_job()
        await store.add([job])
        assert await store.cancel(job.id)
        cancelled = await found(store, job)
        assert (cancelled.state, cancelled.finished_at) == (State.CANCELLED, manual_clock.now())
        assert await store.claim("deliver", 1, 30.0) == []

    async def test_a_leased_job_is_cancelled_and_its_holder_learns_it(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        job = new_job()
        await store.add([job])
        lease = await claim_one()
        assert await store.cancel(job.id)
        assert await store.extend([lease], 30.0) == set()
        assert not await store.settle(lease, done)

    async def test_an_ended_or_unknown_job_is_not_cancelled(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        job = new_job()
        await store.add([job])
        await store.settle(await claim_one(), done)
        assert not await store.cancel(job.id)
        assert not await store.cancel(JobId(str(uuid.uuid4())))
        assert (await found(store, job)).state is State.DONE

    async def test_a_parked_job_is_sent_again(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job = new_job()
        await store.add([job])
        await store.settle(await claim_one(), GivenUp(500, b"why"))
        assert await store.requeue(job.id)
        again = await found(store, job)
        assert (again.state, again.tries, again.finished_at) == (State.QUEUED, 0, None)
        assert (await claim_one()).job.payload == b"what to do"

    async def test_only_parked_jobs_are_sent_again(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        queued, finished = new_job(delay=5.0), new_job()
        await store.add([queued, finished])
        await store.settle(await claim_one(), done)
        assert not await store.requeue(queued.id)
        assert not await store.requeue(finished.id)
        assert not await store.requeue(JobId(str(uuid.uuid4())))
