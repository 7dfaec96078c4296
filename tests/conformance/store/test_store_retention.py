"""What every store promises about the time after a job's end: contents go first, then all trace of it."""

import uuid

import pytest

from ringback.jobs.job import (
    Allowance,
    Attempt,
    Done,
    GivenUp,
    IdempotencyKey,
    JobFilter,
    JobId,
    NewJob,
    Outcome,
    State,
)
from ringback.jobs.store import AlreadyRequested, Stripped
from ringback.keys import ApiKey, new_secret, secret_hash
from support.stores import ClaimOne, MovableClock, NewJobs, Reopen, Store

DAY = 86_400.0


@pytest.fixture
async def ends(
    store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
) -> list[NewJob]:
    """A done, a parked and a cancelled delivery, a minute apart; the newest is a minute old."""
    jobs = [new_job(accessor="k") for _ in range(3)]
    outcomes: list[Outcome | None] = [Done(200, b"result"), GivenUp(410, b"why"), None]
    for job, outcome in zip(jobs, outcomes, strict=True):
        await store.add([job])
        if outcome is None:
            await store.cancel(job.id)
        else:
            await store.settle(await claim_one(), outcome)
        manual_clock.advance(60.0)
    return jobs


def stripped(job: JobId) -> Stripped:
    return Stripped(job, b"left", b"of it")


async def dropped_jobs(store: Store, job: NewJob) -> bool:
    return await store.get(job.id) is None


class TestEnded:
    async def test_the_longest_ended_come_first(self, store: Store, ends: list[NewJob]) -> None:
        found = await store.ended("deliver", 0.0, 10)
        assert [job.id for job in found] == [job.id for job in ends]
        assert found[0] == await store.get(ends[0].id)

    async def test_only_those_that_ended_so_long_ago(self, store: Store, ends: list[NewJob]) -> None:
        assert [job.id for job in await store.ended("deliver", 90.0, 10)] == [job.id for job in ends[:2]]
        assert await store.ended("deliver", 200.0, 10) == []

    async def test_no_more_than_asked_for(self, store: Store, ends: list[NewJob]) -> None:
        assert [job.id for job in await store.ended("deliver", 0.0, 2)] == [job.id for job in ends[:2]]

    async def test_only_of_the_kind(self, store: Store, ends: list[NewJob]) -> None:
        assert await store.ended("transcribe", 0.0, 10) == []

    async def test_no_live_ones(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(), new_job()])
        await store.claim("deliver", 1, 30.0)
        assert await store.ended("deliver", 0.0, 10) == []


class TestStrip:
    async def test_leaves_what_is_said(self, store: Store, ends: list[NewJob]) -> None:
        assert await store.strip([stripped(ends[0].id), Stripped(ends[1].id, b"", None)]) == 2
        first, second = await store.get(ends[0].id), await store.get(ends[1].id)
        assert first is not None
        assert second is not None
        assert (first.payload, first.result, first.state, first.code) == (b"left", b"of it", State.DONE, 200)
        assert (second.payload, second.result, second.state) == (b"", None, State.PARKED)
        assert [job.id for job in await store.ended("deliver", 0.0, 10)] == [ends[2].id]

    async def test_leaves_live_and_unknown_jobs_alone(self, store: Store, new_job: NewJobs) -> None:
        job = new_job()
        await store.add([job])
        unknown = JobId(str(uuid.uuid4()))
        assert await store.strip([stripped(job.id), stripped(unknown)]) == 0
        remaining = await store.get(job.id)
        assert remaining is not None
        assert remaining.payload == b"what to do"

    async def test_one_that_was_asked_for_again_is_shown_again_once_it_ends(
        self, store: Store, ends: list[NewJob], claim_one: ClaimOne
    ) -> None:
        await store.strip([stripped(job.id) for job in ends])
        assert await store.requeue(ends[1].id)
        assert await store.strip([stripped(ends[1].id)]) == 0
        await store.settle(await claim_one(), Done(200, b"new"))
        [displayed] = await store.ended("deliver", 0.0, 10)
        assert (displayed.id, displayed.result) == (ends[1].id, b"new")

    async def test_of_none(self, store: Store) -> None:
        assert await store.strip([]) == 0


class TestDrop:
    async def test_forgets_those_that_ended_so_long_ago(
        self, store: Store, ends: list[NewJob], new_job: NewJobs
    ) -> None:
        live = new_job()
        await store.add([live])
        await store.strip([stripped(ends[0].id)])
        assert await store.drop(90.0, 100) == 2
        assert [await dropped_jobs(store, job) for job in (*ends, live)] == [True, True, False, False]
        page = await store.page(JobFilter("p", "deliver"), 10)
        assert [job.id for job in page.jobs] == [live.id, ends[2].id]
        assert await store.drop(90.0, 100) == 0

    async def test_no_more_than_asked_for(self, store: Store, ends: list[NewJob]) -> None:
        dropped = [await store.drop(0.0, 2), await store.drop(0.0, 2), await store.drop(0.0, 2)]
        assert dropped == [2, 1, 0]

    async def test_attempts_go_with_the_job(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job = new_job()
        await store.add([job])
        await store.settle(await claim_one(), Done(200, attempt=Attempt(1.0, 2.0, "delivered", 200)))
        assert await store.drop(0.0, 10) == 1
        assert await store.attempts(job.id, 9) == []

    async def test_words_go_with_the_job(self, store: Store, new_job: NewJobs, claim_one: ClaimOne) -> None:
        once = IdempotencyKey("key", b"fingerprint", 10 * DAY)
        await store.add([new_job(idempotency=once)])
        await store.settle(await claim_one(), Done(200))
        with pytest.raises(AlreadyRequested):
            await store.add([new_job(idempotency=once)])
        await store.drop(0.0, 10)
        await store.add([new_job(idempotency=once)])

    async def test_a_parent_stays_while_a_child_is_there(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, manual_clock: MovableClock
    ) -> None:
        parent = new_job("transcribe")
        child = new_job(parent=parent.id)
        await store.add([parent])
        await store.settle(await claim_one("transcribe"), Done(200, follow_ups=(child,)))
        manual_clock.advance(DAY)
        assert await store.drop(60.0, 10) == 0
        await store.settle(await claim_one(), Done(200))
        assert await store.drop(60.0, 10) == 0
        manual_clock.advance(61.0)
        assert await store.drop(60.0, 10) + await store.drop(60.0, 10) == 2
        assert await dropped_jobs(store, parent)

    async def test_those_that_must_stay_do_not_hold_up_the_others(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        """Many old parents of live children, and one childless job behind them."""
        parents = [new_job("transcribe", f"p{number}") for number in range(30)]
        await store.add(parents)
        for lease in await store.claim("transcribe", 30, 30.0):
            child = new_job(parent=lease.job.id)
            assert await store.settle(lease, Done(200, follow_ups=(child,)))
        manual_clock.advance(1.0)
        alone = new_job("transcribe", "q")
        await store.add([alone])
        await store.cancel(alone.id)
        dropped = [await store.drop(0.0, 1) for _ in range(40)]
        assert sum(dropped) == 1
        assert await dropped_jobs(store, alone)

    async def test_a_lane_starts_anew_and_others_keep_what_was_learnt(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        await store.add([new_job(lane="a"), new_job(lane="b")])
        for _ in range(2):
            await store.settle(await claim_one(), Done(200))
        remaining = new_job(lane="b")
        await store.add([remaining])
        assert await store.drop(0.0, 10) == 2
        await store.add([new_job(lane="a") for _ in range(10)])
        leases = await store.claim("deliver", 50, 30.0)
        assert sorted(str(lease.job.lane) for lease in leases) == ["a"] * 4 + ["b"]

    async def test_an_allowance_is_not_given_back_twice(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        await store.add([new_job(accessor="k"), new_job(accessor="k")])
        await store.settle(await claim_one(), Done(200))
        await store.drop(0.0, 10)
        await store.add([new_job(accessor="k")], Allowance(jobs=2))

    async def test_the_id_of_a_forgotten_job_is_new_again(self, store: Store, ends: list[NewJob]) -> None:
        assert await store.drop(0.0, 10) == 3
        await store.add([ends[0]])

    async def test_an_old_lease_is_refused(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        await store.add([new_job()])
        lease = await claim_one()
        await store.cancel(lease.job.id)
        await store.drop(0.0, 10)
        assert not await store.settle(lease, done)
        assert await store.extend([lease], 30.0) == set()


class TestSecretsOfRemovedKeys:
    async def add_key(self, store: Store) -> ApiKey:
        [project] = await store.projects()
        key = ApiKey(str(uuid.uuid4()), project.id, "", (), (), 1.0, None)
        await store.add_key(key, secret_hash(new_secret()))
        await store.rotate_signing_secret(key.id, "sealed", 10.0, 60.0)
        return key

    async def test_stay_while_a_job_refers_to_the_key(self, reopen: Reopen, new_job: NewJobs) -> None:
        async with reopen() as store:
            key = await self.add_key(store)
            await store.add([new_job(accessor=key.id), new_job(accessor=key.id)])
            assert await store.remove_key(key.project, key.id)
            [first, second] = await store.claim("deliver", 2, 30.0)
            await store.settle(first, GivenUp(410))
            await store.settle(second, Done(200))
            assert await store.drop(0.0, 1) == 1
        async with reopen() as store:
            assert len(await store.signing_secrets(key.id, 11.0)) == 1
            assert await store.drop(0.0, 10) == 1
            assert list(await store.signing_secrets(key.id, 11.0)) == []

    async def test_go_at_once_when_none_does(self, store: Store) -> None:
        key = await self.add_key(store)
        assert await store.remove_key(key.project, key.id)
        assert list(await store.signing_secrets(key.id, 11.0)) == []

    async def test_of_a_key_that_is_there_stay(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne, done: Done
    ) -> None:
        key = await self.add_key(store)
        await store.add([new_job(accessor=key.id)])
        await store.settle(await claim_one(), done)
        assert await store.drop(0.0, 10) == 1
        assert len(await store.signing_secrets(key.id, 11.0)) == 1
