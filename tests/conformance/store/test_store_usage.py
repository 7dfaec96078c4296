"""What every store promises about usage: sums by the hour, written with the ends of requests and kept."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from ringback.jobs.job import Done, GivenUp, Interrupted, Retry
from ringback.jobs.usage import (
    HOUR,
    DailyUsage,
    UsageAmount,
    UsageDimension,
    UsageFilter,
    UsedLabels,
    hour_of,
)
from ringback.keys import Project
from support.stores import ClaimOne, MovableClock, NewJobs, Reopen, Store
from support.usage import used

ALL = UsageFilter("p", 0, 10_000_000)
EVERY = 2047
HARD = ('a"b', "a,b", "[", "\\", 'x","y', "ü\u2028", "\x00", "%", "")


async def groups(store: Store, by: UsageDimension | None, where: UsageFilter = ALL) -> dict[object, int]:
    sums: Counter[object] = Counter()
    for each in await store.daily_usage(where, by, 100):
        sums[each.group] += each.amount.requests
    return sums


async def total(store: Store, where: UsageFilter = ALL) -> UsageAmount:
    sums = UsageAmount()
    for each in await store.daily_usage(where, None, 100):
        sums = sums.plus(each.amount)
    return sums


async def test_a_request_counts_with_its_end_and_no_sooner(
    store: Store, new_job: NewJobs, claim_one: ClaimOne
) -> None:
    await store.add([new_job()])
    for outcome in (Retry(0.0), Interrupted()):
        await store.settle(await claim_one(), outcome)
        assert await total(store) == UsageAmount()
    lease = await claim_one()
    assert await store.settle(lease, Done(200, used=used(seconds=7.5, channels=2, tokens=(3, 4))))
    assert await total(store) == UsageAmount(1, 7.5, 15.0, 3, 4)


async def test_whoever_has_lost_its_lease_counts_nothing(
    store: Store, new_job: NewJobs, claim_one: ClaimOne
) -> None:
    await store.add([new_job(), new_job()])
    lost = await claim_one()
    await store.settle(lost, Interrupted())
    one, other = await store.claim("deliver", 2, 30.0)
    done = Done(200, used=used())
    assert not await store.settle(lost, done)
    assert await store.settle(one, done)
    assert not await store.settle(one, done)
    assert await store.settle(other, GivenUp(500))
    assert await total(store) == UsageAmount(1, 2.0, 2.0)


async def test_ends_of_one_write_are_merged_and_those_of_many_add_up(
    reopen: Reopen, new_job: NewJobs
) -> None:
    async with reopen() as store:
        for _ in range(2):
            await store.add([new_job() for _ in range(4)])
            leases = await store.claim("deliver", 4, 30.0)
            keys = ["k", "k", "l", "l"]
            await asyncio.gather(
                *(
                    store.settle(lease, Done(200, used=used(accessor=key)))
                    for lease, key in zip(leases, keys, strict=True)
                )
            )
    async with reopen() as store:
        assert await groups(store, UsageDimension.ACCESSOR) == {("k",): 4, ("l",): 4}


async def test_a_batch_that_fails_counts_nothing(store: Store, new_job: NewJobs, claim_one: ClaimOne) -> None:
    there = new_job()
    await store.add([new_job()])
    lease = await claim_one()
    await store.add([there])
    with pytest.raises(ValueError, match="there is a job"):
        await store.settle(lease, Done(200, follow_ups=(there,), used=used()))
    assert await total(store) == UsageAmount()


async def test_sums_are_told_by_day_and_group(store: Store) -> None:
    day = 24  # hours
    await store.count_usage(
        [
            used(hour=day - 1, method="sync", features=("punctuate",), tags=("b",)),
            used(hour=day, method="sync", seconds=0.5),
            used(hour=2 * day - 1, method="async", tags=("a", "b"), channels=3),
            used(hour=day, project="other"),
        ]
    )
    assert await store.daily_usage(ALL, None, 100) == [
        DailyUsage(0, (), UsageAmount(1, 2.0, 2.0)),
        DailyUsage(1, (), UsageAmount(2, 2.5, 6.5)),
    ]
    assert await store.daily_usage(ALL, UsageDimension.METHOD, 100) == [
        DailyUsage(0, ("sync",), UsageAmount(1, 2.0, 2.0)),
        DailyUsage(1, ("async",), UsageAmount(1, 2.0, 6.0)),
        DailyUsage(1, ("sync",), UsageAmount(1, 0.5, 0.5)),
    ]
    assert len(await store.daily_usage(ALL, UsageDimension.METHOD, 2)) == 2
    assert await groups(store, UsageDimension.TAGS) == {(): 1, ("b",): 1, ("a", "b"): 1}
    assert await groups(store, UsageDimension.FEATURES) == {(): 2, ("punctuate",): 1}
    assert await groups(store, UsageDimension.ENDPOINT) == {("listen",): 3}
    assert await groups(store, UsageDimension.MODEL) == {("tiny.en",): 3}


@pytest.mark.parametrize(
    ("narrowed", "requests"),
    [
        ({}, EVERY),
        ({"first_hour": 2}, EVERY - 1),
        ({"last_hour": 1}, 1),
        ({"accessor": "l"}, 2),
        ({"endpoint": "read"}, 4),
        ({"method": "streaming"}, 8),
        ({"succeeded": False}, 16),
        ({"succeeded": True}, EVERY - 16),
        ({"model_id": "uuid 2", "model": "large"}, 32 + 64),
        ({"model_id": "uuid 2"}, 32),
        ({"tags": ("a",)}, 128 + 256),
        ({"tags": ("a", "b")}, 256),
        ({"tags": ("a", "nobody's")}, 0),
        ({"any_of": ("punctuate", "redact")}, 512 + 1024),
        ({"any_of": ("punctuate",), "none_of": ("redact",)}, 512),
        ({"none_of": ("punctuate",)}, EVERY - 512 - 1024),
        ({"project": "other"}, 0),
    ],
)
async def test_filters_narrow(store: Store, narrowed: dict[str, object], requests: int) -> None:
    await store.count_usage(
        [
            used(requests=1, hour=1),
            used(requests=2, hour=2, accessor="l"),
            used(requests=4, hour=2, endpoint="read"),
            used(requests=8, hour=2, method="streaming"),
            used(requests=16, hour=2, succeeded=False),
            used(requests=32, hour=2, model="large", model_id="uuid 2"),
            used(requests=64, hour=2, model="large", model_id=""),
            used(requests=128, hour=2, tags=("a",)),
            used(requests=256, hour=2, tags=("a", "b")),
            used(requests=512, hour=2, parameters=("punctuate",)),
            used(requests=1024, hour=2, parameters=("punctuate", "redact")),
        ]
    )
    found = await total(store, replace(ALL, **narrowed))  # type: ignore[arg-type] # fields of the filter
    assert found.requests == requests


async def test_tags_are_looked_for_as_they_are(store: Store) -> None:
    await store.count_usage([used(tags=(tag, f"{tag} and more")) for tag in HARD])
    for tag in HARD:
        assert (await total(store, replace(ALL, tags=(tag,)))).requests == 1, tag
    for within in ("b", "a", 'a"', ",", "and more", 'b"', "x", "y"):
        assert (await total(store, replace(ALL, tags=(within,)))).requests == 0, within
    assert set(await groups(store, UsageDimension.TAGS)) == {(tag, f"{tag} and more") for tag in HARD}


async def test_long_labels_are_no_reason_to_refuse_an_end(
    store: Store, new_job: NewJobs, claim_one: ClaimOne
) -> None:
    tags = tuple(f"{number:06}" * 20 for number in range(200))
    await store.add([new_job()])
    assert await store.settle(await claim_one(), Done(200, used=used(tags=tags)))
    assert await groups(store, UsageDimension.TAGS) == {tags: 1}


async def test_labels_that_were_used_are_listed(store: Store) -> None:
    await store.count_usage(
        [
            used(tags=("b",), features=("punctuate",), language="de"),
            used(tags=("a", "b"), features=("punctuate", "numerals"), method="async"),
            used(hour=9, tags=("late",), model="large", model_id=""),
            used(project="other", tags=("foreign",)),
        ]
    )
    early = replace(ALL, last_hour=8)
    assert await store.used_labels(early, 10) == UsedLabels(
        frozenset({"sync", "async"}),
        frozenset({("tiny.en", "de", "uuid"), ("tiny.en", "en", "uuid")}),
        frozenset({"punctuate", "numerals"}),
        frozenset({"a", "b"}),
        complete=True,
    )
    assert ("large", "en", "") in (await store.used_labels(ALL, 10)).models
    assert (await store.used_labels(replace(early, tags=("a",)), 10)).methods == {"async"}
    assert not (await store.used_labels(early, 1)).complete


async def test_what_is_dropped_has_counted(store: Store, new_job: NewJobs, claim_one: ClaimOne) -> None:
    await store.add([new_job()])
    await store.settle(await claim_one(), Done(200, used=used(tags=("a",))))
    assert await store.drop(-0.001, 10) == 1
    assert await groups(store, UsageDimension.TAGS) == {("a",): 1}


class TestErasing:
    async def test_what_is_erased_counts_without_its_tags(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        jobs = [new_job() for _ in range(3)]
        counted = used(tags=("a",), tokens=(1, 2))
        for job in jobs:
            await store.add([job])
            await store.settle(await claim_one(), Done(200, used=counted))
        for tagged, job in ((2, jobs[0]), (1, jobs[1])):
            assert await store.erase([job.id], {job.id: counted}) == 1
            # Nothing is left to erase: what was moved is not moved twice.
            assert await store.erase([job.id], {job.id: counted}) == 0
            assert await groups(store, UsageDimension.TAGS) == {("a",): tagged, (): 3 - tagged}
        assert await store.erase([jobs[2].id], {jobs[2].id: counted}) == 1
        assert await groups(store, UsageDimension.TAGS) == {(): 3}
        assert await total(store) == UsageAmount(3, 6.0, 6.0, 3, 6)
        assert (await store.used_labels(ALL, 10)).tags == frozenset()

    async def test_two_that_erase_the_same_move_it_once(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        jobs = [new_job() for _ in range(4)]
        counted = used(tags=("a",))
        for job in jobs:
            await store.add([job])
            await store.settle(await claim_one(), Done(200, used=counted))
        erasures = [store.erase([jobs[0].id], {jobs[0].id: counted}) for _ in range(3)]
        assert sorted(await asyncio.gather(*erasures)) == [0, 0, 1]
        assert await groups(store, UsageDimension.TAGS) == {("a",): 3, (): 1}

    async def test_what_never_counted_takes_nothing_away(
        self, store: Store, new_job: NewJobs, claim_one: ClaimOne
    ) -> None:
        job = new_job()
        await store.count_usage([used(tags=("b",))])
        await store.add([job])
        await store.settle(await claim_one(), Done(200))
        assert await store.erase([job.id], {job.id: used(tags=("a",))}) == 1
        assert await groups(store, UsageDimension.TAGS) == {("b",): 1}

    async def test_what_runs_is_not_erased(self, store: Store, new_job: NewJobs) -> None:
        job = new_job()
        await store.count_usage([used(tags=("a",))])
        await store.add([job])
        assert await store.erase([job.id], {job.id: used(tags=("a",))}) == 0
        assert await groups(store, UsageDimension.TAGS) == {("a",): 1}

    async def test_a_project_goes_with_its_sums_and_what_came_late_with_its_record(
        self, store: Store, manual_clock: MovableClock
    ) -> None:
        tenant = Project("11111111-1111-4111-8111-111111111111", "a tenant")
        await store.add_project(tenant)
        theirs = replace(ALL, project=tenant.id)
        await store.count_usage([used(project=tenant.id), used()])
        await store.delete_project(tenant.id)
        assert await total(store, theirs) == UsageAmount()
        await store.count_usage([used(project=tenant.id)])
        manual_clock.advance(10.0)
        await store.forget_projects(5.0)
        assert await total(store, theirs) == UsageAmount()
        assert (await total(store)).requests == 1


async def test_old_hours_are_forgotten(store: Store, manual_clock: MovableClock) -> None:
    [project] = await store.projects()
    this_hour = hour_of(manual_clock.now())
    await store.count_usage([used(project=project.id, hour=hour) for hour in (this_hour - 2, this_hour)])
    ours = replace(ALL, project=project.id)
    await store.forget_usage(3 * HOUR)
    assert (await total(store, ours)).requests == 2
    await store.forget_usage(HOUR)
    assert (await total(store, ours)).requests == 1
    manual_clock.advance(2 * HOUR)
    await store.forget_usage(HOUR)
    assert (await total(store, ours)).requests == 0
