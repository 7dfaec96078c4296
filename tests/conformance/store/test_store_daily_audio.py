"""The audio that keys and projects use in a day: counted with the ends of their jobs, kept over a restart."""

from ringback.jobs.daily_audio import DAY, DAYS_RETAINED
from ringback.jobs.job import Done, Interrupted, NewJob, Retry
from support.stores import ClaimOne, MovableClock, NewJobs, Reopen, Store


async def used(store: Store, *holders: str) -> list[float]:
    found = await store.audio_used(holders)
    return [found[holder] for holder in holders]


async def test_a_job_counts_for_its_key_and_its_project_when_it_is_done(
    store: Store, new_job: NewJobs, claim_one: ClaimOne
) -> None:
    await store.add([new_job(accessor="key", project="place")])
    lease = await claim_one()
    await store.settle(lease, Retry(0.0))
    assert await used(store, "key", "place", "nobody") == [0, 0, 0]
    lease = await claim_one()
    assert await store.settle(lease, Done(200, audio_seconds=7.5))
    assert await used(store, "key", "place", "nobody") == [7.5, 7.5, 0]


async def test_whoever_has_lost_its_lease_counts_nothing(
    store: Store, new_job: NewJobs, claim_one: ClaimOne
) -> None:
    await store.add([new_job(accessor="key")])
    lost = await claim_one()
    await store.settle(lost, Interrupted())
    again = await claim_one()
    assert not await store.settle(lost, Done(200, audio_seconds=7.5))
    assert await store.settle(again, Done(200, audio_seconds=7.5))
    assert not await store.settle(again, Done(200, audio_seconds=7.5))
    assert await used(store, "key") == [7.5]


async def test_jobs_of_one_write_add_up(store: Store, new_job: NewJobs) -> None:
    jobs: list[NewJob] = [new_job(accessor="key", project="place") for _ in range(3)]
    await store.add([*jobs, new_job(project="place")])
    for lease in await store.claim("deliver", 4, 30.0):
        assert await store.settle(lease, Done(200, audio_seconds=2.0))
    assert await used(store, "key", "place") == [6, 8]


async def test_what_is_counted_outlives_the_process(reopen: Reopen) -> None:
    async with reopen() as store:
        await store.count_audio({"key": 1.5, "place": 1.5})
        await store.count_audio({"key": 2.0})
    async with reopen() as store:
        assert await used(store, "key", "place") == [3.5, 1.5]


async def test_every_day_begins_at_nought(store: Store, manual_clock: MovableClock) -> None:
    await store.count_audio({"key": 5.0})
    manual_clock.advance(DAY)
    assert await used(store, "key") == [0]
    await store.count_audio({"key": 1.0})
    manual_clock.advance(DAY * DAYS_RETAINED)
    await store.count_audio({"key": 2.0})
    await store.drop(0, 10)
    assert await used(store, "key") == [2]
