"""What every store promises to those who add jobs: words, allowances, and jobs they work on themselves."""

import asyncio

import pytest
from msgspec.structs import replace

from ringback.jobs.job import Allowance, Attempt, Done, GivenUp, IdempotencyKey, Interrupted, Retry, State
from ringback.jobs.store import AlreadyRequested, OverAllowance
from support.stores import ClaimOne, MovableClock, NewJobs, Reopen, Store
from support.waiting import PATIENCE

ONCE = IdempotencyKey("key", b"fingerprint", 100.0)


class TestOnce:
    async def test_the_same_word_means_the_same_job(self, store: Store, new_job: NewJobs) -> None:
        first, second = new_job(accessor="k", idempotency=ONCE), new_job(accessor="k", idempotency=ONCE)
        await store.add([first])
        with pytest.raises(AlreadyRequested) as requested:
            await store.add([second])
        assert (requested.value.job, requested.value.same_request) == (first.id, True)
        assert await store.get(second.id) is None

    async def test_with_another_wish_it_is_a_mistake(self, store: Store, new_job: NewJobs) -> None:
        first = new_job(accessor="k", idempotency=ONCE)
        await store.add([first])
        with pytest.raises(AlreadyRequested) as requested:
            await store.add([new_job(accessor="k", idempotency=replace(ONCE, fingerprint=b"another"))])
        assert (requested.value.job, requested.value.same_request) == (first.id, False)

    async def test_nothing_of_the_call_is_kept(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(idempotency=ONCE)])
        other = new_job()
        with pytest.raises(AlreadyRequested):
            await store.add([other, new_job(idempotency=ONCE)])
        assert await store.get(other.id) is None

    async def test_words_are_each_accessors_own(self, store: Store, new_job: NewJobs) -> None:
        for accessor in ("k", "l", None):
            await store.add([new_job(accessor=accessor, idempotency=ONCE)])
            with pytest.raises(AlreadyRequested):
                await store.add([new_job(accessor=accessor, idempotency=ONCE)])

    async def test_of_two_at_once_one_is_added(self, store: Store, new_job: NewJobs) -> None:
        jobs = [new_job(accessor="k", idempotency=ONCE) for _ in range(10)]
        added = await asyncio.gather(*(store.add([job]) for job in jobs), return_exceptions=True)
        [winner] = [job for job, answer in zip(jobs, added, strict=True) if answer is None]
        refused = [answer for answer in added if isinstance(answer, AlreadyRequested)]
        assert len(refused) == 9
        assert {answer.job for answer in refused} == {winner.id}

    async def test_a_word_is_forgotten_after_its_time(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job(idempotency=ONCE)])
        manual_clock.advance(99.0)
        with pytest.raises(AlreadyRequested):
            await store.add([new_job(idempotency=ONCE)])
        manual_clock.advance(1.5)
        again = new_job(idempotency=ONCE)
        await store.add([again])
        with pytest.raises(AlreadyRequested) as requested:
            await store.add([new_job(idempotency=ONCE)])
        assert requested.value.job == again.id

    async def test_a_word_is_remembered_beyond_the_end_and_a_restart(
        self, reopen: Reopen, new_job: NewJobs, done: Done
    ) -> None:
        first = new_job(idempotency=ONCE)
        async with reopen() as store:
            await store.add([first])
            [lease] = await store.claim("deliver", 1, 30.0)
            await store.settle(lease, done)
        async with reopen() as store:
            with pytest.raises(AlreadyRequested) as requested:
                await store.add([new_job(idempotency=ONCE)])
        assert requested.value.job == first.id

    async def test_a_word_said_twice_in_one_call_is_a_fault(self, store: Store, new_job: NewJobs) -> None:
        jobs = [new_job(idempotency=ONCE), new_job(idempotency=ONCE)]
        with pytest.raises(ValueError, match="key"):
            await store.add(jobs)
        assert await store.states([job.id for job in jobs]) == {}

    async def test_an_id_twice_in_one_call_is_a_fault(self, store: Store, new_job: NewJobs) -> None:
        job = new_job()
        with pytest.raises(ValueError, match=job.id):
            await store.add([job, job])
        assert await store.states([job.id]) == {}

    async def test_a_follow_up_has_none(self, store: Store, new_job: NewJobs, claim_one: ClaimOne) -> None:
        await store.add([new_job()])
        lease = await claim_one()
        with pytest.raises(ValueError, match="key"):
            await store.settle(lease, Done(200, follow_ups=(new_job(idempotency=ONCE),)))
        assert await store.extend([lease], 30.0) == {lease.job.id}


class TestAllowance:
    async def test_of_jobs(self, store: Store, new_job: NewJobs) -> None:
        allowance = Allowance(jobs=2)
        for _ in range(2):
            await store.add([new_job(accessor="k")], allowance)
        refused = new_job(accessor="k")
        with pytest.raises(OverAllowance):
            await store.add([refused], allowance)
        assert await store.get(refused.id) is None
        await store.add([new_job(accessor="k")])
        await store.add([new_job(accessor="another")], allowance)
        await store.add([new_job("transcribe", accessor="k")], allowance)
        await store.add([new_job()], allowance)

    async def test_of_weight(self, store: Store, new_job: NewJobs) -> None:
        allowance = Allowance(weight=100)
        await store.add([new_job(accessor="k", weight=60)], allowance)
        with pytest.raises(OverAllowance):
            await store.add([new_job(accessor="k", weight=41)], allowance)
        await store.add([new_job(accessor="k", weight=40), new_job(accessor="k")], allowance)

    async def test_a_call_is_counted_whole(self, store: Store, new_job: NewJobs) -> None:
        jobs = [new_job(accessor="k") for _ in range(3)]
        with pytest.raises(OverAllowance):
            await store.add(jobs, Allowance(jobs=2))
        assert await store.states([job.id for job in jobs]) == {}

    async def test_many_at_once_do_not_slip_past_it(self, store: Store, new_job: NewJobs) -> None:
        jobs = [new_job(accessor="k") for _ in range(10)]
        allowance = Allowance(jobs=4)
        added = await asyncio.gather(*(store.add([job], allowance) for job in jobs), return_exceptions=True)
        assert [type(answer) for answer in added].count(OverAllowance) == 6
        assert len(await store.states([job.id for job in jobs])) == 4

    @pytest.mark.parametrize("end", [Done(200), GivenUp(500), None])
    async def test_an_end_gives_it_back(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, end: Done | GivenUp | None
    ) -> None:
        allowance = Allowance(jobs=1, weight=10)
        job = new_job(accessor="k", weight=10)
        await store.add([job], allowance)
        lease = await claim_one()
        with pytest.raises(OverAllowance):
            await store.add([new_job(accessor="k")], allowance)
        assert await (store.cancel(job.id) if end is None else store.settle(lease, end))
        await store.add([new_job(accessor="k", weight=10)], allowance)

    @pytest.mark.parametrize("outcome", [Retry(0.0), Interrupted()])
    async def test_another_try_does_not(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, outcome: Retry | Interrupted
    ) -> None:
        await store.add([new_job(accessor="k")])
        await store.settle(await claim_one(), outcome)
        with pytest.raises(OverAllowance):
            await store.add([new_job(accessor="k")], Allowance(jobs=1))

    async def test_a_parked_job_that_is_asked_for_again_counts_again(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job = new_job(accessor="k", weight=10)
        await store.add([job])
        await store.settle(await claim_one(), GivenUp(500))
        await store.requeue(job.id)
        for allowance in (Allowance(jobs=1), Allowance(weight=10)):
            with pytest.raises(OverAllowance):
                await store.add([new_job(accessor="k", weight=1)], allowance)

    async def test_those_parked_behind_another_count_no_longer(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        await store.add([new_job(accessor="k", weight=4, sequence="s") for _ in range(3)])
        await store.settle(await claim_one(), GivenUp(500))
        await store.add([new_job(accessor="k", weight=10)], Allowance(jobs=1, weight=10))

    async def test_follow_ups_count_and_are_not_refused(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        await store.add([new_job("transcribe", accessor="k")], Allowance(jobs=1))
        following = new_job(accessor="k")
        await store.settle(await claim_one("transcribe"), Done(200, follow_ups=(following,)))
        with pytest.raises(OverAllowance):
            await store.add([new_job(accessor="k")], Allowance(jobs=1))

    async def test_it_outlives_a_restart(self, reopen: Reopen, new_job: NewJobs) -> None:
        async with reopen() as store:
            await store.add([new_job(accessor="k", weight=7)])
            await store.claim("deliver", 1, 30.0)
        async with reopen() as store:
            with pytest.raises(OverAllowance):
                await store.add([new_job(accessor="k", weight=4)], Allowance(weight=10))
            await store.add([new_job(accessor="k", weight=3)], Allowance(weight=10))


class TestBegin:
    async def test_it_is_leased_from_the_start(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        job = new_job("stream", "k", accessor="k", tags=("t",), method="streaming")
        lease = await store.begin(job, 30.0)
        assert lease.job == await store.get(job.id)
        assert (lease.job.state, lease.job.created_at) == (State.LEASED, manual_clock.now())
        assert await store.claim("stream", 10, 30.0) == []
        assert (await store.gauges())["stream"].leased == 1

    async def test_it_is_settled_like_any_other(self, store: Store, new_job: NewJobs) -> None:
        lease = await store.begin(new_job("stream", "k"), 30.0)
        attempt = Attempt(1.0, 2.0, "streamed", 200)
        following = new_job()
        assert await store.settle(lease, Done(200, b"result", follow_ups=(following,), attempt=attempt))
        assert await store.attempts(lease.job.id, 9) == [attempt]
        assert not await store.settle(lease, Done(200))
        assert await store.get(following.id) is not None

    async def test_it_is_kept_by_extending(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        lease = await store.begin(new_job("stream", "k"), 30.0)
        manual_clock.advance(20.0)
        assert await store.extend([lease], 30.0) == {lease.job.id}
        manual_clock.advance(20.0)
        assert await store.rescue() == 0

    async def test_its_holder_learns_that_it_was_cancelled(self, store: Store, new_job: NewJobs) -> None:
        lease = await store.begin(new_job("stream", "k"), 30.0)
        assert await store.cancel(lease.job.id)
        assert await store.extend([lease], 30.0) == set()

    async def test_when_it_is_lost_it_is_queued_for_its_kind(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock, done: Done
    ) -> None:
        lease = await store.begin(new_job("stream", "k"), 30.0)
        waiting = asyncio.create_task(store.wait_for_work("stream", 3600.0))
        manual_clock.advance(31.0)
        assert await store.rescue() == 1
        async with asyncio.timeout(PATIENCE):
            await waiting
        [rescued] = await store.claim("stream", 10, 30.0)
        assert (rescued.job.id, rescued.job.losses) == (lease.job.id, 1)
        assert not await store.settle(lease, done)
        assert await store.settle(rescued, done)

    async def test_when_its_process_dies_it_is_queued_at_once(
        self, reopen: Reopen, new_job: NewJobs, done: Done
    ) -> None:
        async with reopen() as store:
            lease = await store.begin(new_job("stream", "k"), 3600.0)
        async with reopen() as store:
            [rescued] = await store.claim("stream", 10, 30.0)
            assert rescued.job.id == lease.job.id
            assert not await store.settle(lease, done)

    async def test_it_counts_in_its_lane_and_is_not_stopped_by_the_cap(
        self, store: Store, new_job: NewJobs, done: Done
    ) -> None:
        leases = [await store.begin(new_job("transcribe", "p"), 30.0) for _ in range(4)]
        await store.add([new_job("transcribe", "p")])
        assert await store.claim("transcribe", 10, 30.0) == []
        for lease in leases[:2]:
            await store.settle(lease, done)
        assert len(await store.claim("transcribe", 10, 30.0)) == 1

    async def test_it_is_refused_like_any_other(self, store: Store, new_job: NewJobs) -> None:
        first = new_job("stream", "k", accessor="k", idempotency=ONCE)
        await store.begin(first, 30.0, Allowance(jobs=1))
        with pytest.raises(AlreadyRequested):
            await store.begin(new_job("stream", "k", accessor="k", idempotency=ONCE), 30.0)
        with pytest.raises(OverAllowance):
            await store.begin(new_job("stream", "k", accessor="k"), 30.0, Allowance(jobs=1))
        with pytest.raises(ValueError, match=first.id):
            await store.begin(replace(first, idempotency=None), 30.0)

    async def test_it_waits_for_nothing(self, store: Store, new_job: NewJobs) -> None:
        for job in (new_job(sequence="s"), new_job(delay=1.0)):
            with pytest.raises(ValueError, match="begun"):
                await store.begin(job, 30.0)
            assert await store.get(job.id) is None
