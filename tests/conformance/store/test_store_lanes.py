"""What every store promises about lanes: fair shares, caps, health and the breaker."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from ringback.jobs.job import Done, GivenUp, Interrupted, Lane, Lease, Outcome, Retry, Signal, State
from ringback.jobs.lane import Shares
from ringback.jobs.store import LaneStanding
from support.stores import MovableClock, NewJobs, Reopen, Store
from support.waiting import PATIENCE

GOOD = Done(200, signal=Signal.GOOD)
BAD = GivenUp(503, signal=Signal.BAD)


def by_lane(leases: list[Lease]) -> Counter[str]:
    return Counter(str(lease.job.lane) for lease in leases)


async def settle_all(store: Store, leases: list[Lease], outcome: Outcome) -> None:
    assert all(await asyncio.gather(*(store.settle(lease, outcome) for lease in leases)))


class TestFairness:
    async def test_slots_are_dealt_over_lanes(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(lane="flood") for _ in range(50)])
        await store.add([new_job(lane=f"quiet {n}") for n in range(6)])
        shares = by_lane(await store.claim("deliver", 8, 30.0))
        assert shares["flood"] == 2
        assert len(shares) == 7

    async def test_one_slot_at_a_time_goes_round(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        """Also while the clock stands still, and although one lane's jobs are the oldest."""
        await store.add([new_job(lane="old") for _ in range(9)])
        manual_clock.advance(100.0)
        await store.add([new_job(lane=lane) for lane in ("b", "c") for _ in range(9)])
        order = []
        for _ in range(9):
            [lease] = await store.claim("deliver", 1, 30.0)
            order.append(str(lease.job.lane))
            await store.settle(lease, Done(200))
        assert Counter(order) == {"old": 3, "b": 3, "c": 3}

    async def test_slots_a_lane_cannot_use_go_to_the_others(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(lane="one")])
        await store.add([new_job(lane="many") for _ in range(9)])
        assert by_lane(await store.claim("deliver", 5, 30.0)) == {"one": 1, "many": 4}

    async def test_a_lanes_waiting_retries_do_not_hide_what_is_due(
        self, store: Store, new_job: NewJobs
    ) -> None:
        await store.add([new_job(lane=f"later {n}", delay=60.0) for n in range(50)])
        await store.add([new_job(lane="now")])
        assert by_lane(await store.claim("deliver", 5, 30.0)) == {"now": 1}

    async def test_the_flood_of_a_dead_receiver(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        """Its jobs are first in the queue and all fail; the others' are served at once."""
        for _ in range(10):
            await store.add([new_job(lane="dead") for _ in range(500)])
        manual_clock.advance(10.0)
        await store.add([new_job(lane=f"well {n}") for n in range(200) for _ in range(2)])
        served: Counter[str] = Counter()
        while sum(served.values()) - served["dead"] < 400:
            leases = await store.claim("deliver", 64, 30.0)
            served += by_lane(leases)
            for lease in leases:
                dead = lease.job.lane == "dead"
                await store.settle(lease, Retry(30.0, signal=Signal.BAD) if dead else GOOD)
        assert served["dead"] <= 5


class TestFixedCap:
    async def test_is_kept_whatever_the_attempts_say(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job("transcribe", "p") for _ in range(40)])
        for outcome in (BAD, BAD, BAD, GOOD):
            leases = await store.claim("transcribe", 20, 30.0)
            assert len(leases) == 3
            await settle_all(store, leases, outcome)

    async def test_holds_under_concurrent_claims(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job("transcribe", f"p{n}") for n in range(3) for _ in range(20)])
        claims = await asyncio.gather(*(store.claim("transcribe", 4, 30.0) for _ in range(16)))
        leases = [lease for claim in claims for lease in claim]
        assert by_lane(leases) == {"p0": 3, "p1": 3, "p2": 3}
        assert len({lease.job.id for lease in leases}) == 9

    @pytest.mark.parametrize("outcome", [Done(200), Retry(9.0), GivenUp(500), Interrupted(9.0)])
    async def test_every_outcome_makes_room(self, store: Store, new_job: NewJobs, outcome: Outcome) -> None:
        await store.add([new_job("transcribe", "p") for _ in range(9)])
        await settle_all(store, await store.claim("transcribe", 9, 30.0), outcome)
        assert len(await store.claim("transcribe", 9, 30.0)) == 3

    async def test_cancelling_makes_room(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job("transcribe", "p") for _ in range(9)])
        for lease in await store.claim("transcribe", 9, 30.0):
            await store.cancel(lease.job.id)
        assert len(await store.claim("transcribe", 9, 30.0)) == 3

    async def test_a_rescue_makes_room(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job("transcribe", "p") for _ in range(9)])
        await store.claim("transcribe", 9, 30.0)
        manual_clock.advance(31.0)
        await store.rescue()
        assert len(await store.claim("transcribe", 9, 30.0)) == 3


class TestHealth:
    @pytest.fixture
    async def flood(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(lane="host") for _ in range(200)])

    @pytest.mark.usefixtures("flood")
    async def test_the_cap_grows_with_successes(self, store: Store) -> None:
        caps = []
        for _ in range(10):
            leases = await store.claim("deliver", 64, 30.0)
            caps.append(len(leases))
            await settle_all(store, leases, GOOD)
        assert caps == [4, 4, 4, 4, 4, 5, 5, 5, 5, 6]

    @pytest.mark.usefixtures("flood")
    async def test_the_cap_is_halved_by_a_failure(self, store: Store) -> None:
        [first, *others] = await store.claim("deliver", 64, 30.0)
        await store.settle(first, BAD)
        await settle_all(store, others, GOOD)
        assert len(await store.claim("deliver", 64, 30.0)) == 2

    @pytest.mark.usefixtures("flood")
    async def test_neutral_ends_change_nothing(self, store: Store) -> None:
        for _ in range(8):
            leases = await store.claim("deliver", 64, 30.0)
            assert len(leases) == 4
            await settle_all(store, leases, Retry(60.0))

    @pytest.mark.usefixtures("flood")
    async def test_the_breaker_opens_probes_and_closes(
        self, store: Store, manual_clock: MovableClock
    ) -> None:
        for _ in range(5):
            [lease, *others] = await store.claim("deliver", 64, 30.0)
            await store.settle(lease, BAD)
            await settle_all(store, others, Interrupted())
        for seconds in (5.0, 10.0, 20.0, 30.0, 30.0):
            manual_clock.advance(seconds - 0.1)
            assert await store.claim("deliver", 64, 30.0) == []
            manual_clock.advance(0.2)
            [probe] = await store.claim("deliver", 64, 30.0)
            assert probe.job.tries == 0
            assert await store.claim("deliver", 64, 30.0) == []
            await store.settle(probe, BAD)
        manual_clock.advance(31.0)
        [probe] = await store.claim("deliver", 64, 30.0)
        await store.settle(probe, GOOD)
        assert len(await store.claim("deliver", 64, 30.0)) == 1
        finished = await store.get(probe.job.id)
        assert finished is not None
        assert finished.state is State.DONE

    @pytest.mark.usefixtures("flood")
    async def test_an_open_breaker_is_none_of_the_neighbours_business(
        self, store: Store, new_job: NewJobs
    ) -> None:
        for _ in range(5):
            [lease, *others] = await store.claim("deliver", 64, 30.0)
            await store.settle(lease, BAD)
            await settle_all(store, others, Interrupted())
        await store.add([new_job(lane="neighbour")])
        assert by_lane(await store.claim("deliver", 64, 30.0)) == {"neighbour": 1}

    async def test_breakers_that_are_not_closed_can_be_seen(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job(lane=lane) for lane in ("dead", "well") for _ in range(7)])
        await store.add([new_job("transcribe", "dead")])
        lanes = [Lane("dead"), Lane("well"), Lane("unknown")]

        async def fail(times: int) -> None:
            for _ in range(times):
                leases = [each for each in await store.claim("deliver", 64, 30.0) if each.job.lane == "dead"]
                await store.settle(leases[0], BAD)
                await settle_all(store, leases[1:], Interrupted())

        assert await store.open_breakers("deliver", []) == {}
        await fail(4)
        assert await store.open_breakers("deliver", lanes) == {}
        await fail(1)
        seen = await store.open_breakers("deliver", lanes)
        assert {lane: breaker.failures for lane, breaker in seen.items()} == {"dead": 5}
        assert seen[Lane("dead")].until == pytest.approx(manual_clock.now() + 5.0, abs=0.5)
        assert await store.open_breakers("transcribe", lanes) == {}
        manual_clock.advance(5.1)
        assert await store.open_breakers("deliver", lanes) == seen
        (probe,) = [each for each in await store.claim("deliver", 64, 30.0) if each.job.lane == "dead"]
        await store.settle(probe, GOOD)
        assert await store.open_breakers("deliver", lanes) == {}

    async def test_health_outlives_the_process(self, reopen: Reopen, new_job: NewJobs) -> None:
        async with reopen() as store:
            await store.add([new_job(lane="host") for _ in range(9)])
            [lease] = await store.claim("deliver", 1, 30.0)
            await store.settle(lease, BAD)
        async with reopen() as store:
            assert len(await store.claim("deliver", 9, 30.0)) == 2


class TestSharesOfCallers:
    """What a claimer deals out itself, by what it holds."""

    async def test_each_key_gets_its_share_and_no_more(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(lane="p/flood") for _ in range(30)])
        await store.add([new_job(lane=lane) for lane in ("p/other", "q/k")])
        leases = await store.claim("deliver", 20, 30.0, Shares(64, per_key=3, held={}))
        assert by_lane(leases) == {"p/flood": 3, "p/other": 1, "q/k": 1}
        assert all(lease.token == 1 and lease.job.state is State.LEASED for lease in leases)

    async def test_what_is_held_already_counts(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(lane="p/flood") for _ in range(4)])
        await store.add([new_job(lane="p/other") for _ in range(4)])
        full = Shares(64, per_key=3, held={Lane("p/flood"): 3})
        assert by_lane(await store.claim("deliver", 20, 30.0, full)) == {"p/other": 3}

    async def test_slots_left_over_are_dealt_again(self, store: Store, new_job: NewJobs) -> None:
        """A lane may have fewer due jobs than it was dealt slots."""
        await store.add([new_job(lane="p/one"), new_job(lane="q/many")])
        await store.add([new_job(lane="q/many") for _ in range(3)])
        shares = Shares(64, per_key=4, held={})
        assert by_lane(await store.claim("deliver", 4, 30.0, shares)) == {"p/one": 1, "q/many": 3}

    async def test_waiting_passes_by_what_there_is_no_room_for(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(lane="p/flood")])
        full = Shares(64, per_key=3, held={Lane("p/flood"): 3})
        assert await store.claim("deliver", 4, 30.0, full) == []
        waiting = asyncio.create_task(store.wait_for_work("deliver", 3600.0, full))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        await store.add([new_job(lane="p/flood")])
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        await store.add([new_job(lane="p/other")])
        async with asyncio.timeout(PATIENCE):
            await waiting


class TestStanding:
    async def test_lanes_are_healthy_failing_or_open(self, store: Store, new_job: NewJobs) -> None:
        bad = {"open": 5, "failing": 1, "well again": 1, "well": 0}
        for lane, failures in bad.items():
            for _ in range(failures):
                await store.add([new_job(lane=lane)])
                await settle_all(store, await store.claim("deliver", 1, 30.0), BAD)
        for lane in ("well again", "well"):
            await store.add([new_job(lane=lane)])
            await settle_all(store, await store.claim("deliver", 1, 30.0), GOOD)
        assert await store.lane_standing("deliver") == LaneStanding(healthy=2, failing=1, open=1)
        assert await store.lane_standing("transcribe") == LaneStanding(0, 0, 0)

    async def test_parked_jobs_are_counted_by_kind(self, store: Store, new_job: NewJobs) -> None:
        await store.add([new_job(), new_job(), new_job("transcribe", "p")])
        for kind, outcome in (("deliver", BAD), ("deliver", GOOD), ("transcribe", BAD)):
            await settle_all(store, await store.claim(kind, 1, 30.0), outcome)
        parked = await store.parked()
        assert {kind: jobs for kind, jobs in parked.items() if jobs} == {"deliver": 1, "transcribe": 1}
        assert await store.size() > 4096

    async def test_each_lane_can_be_looked_at(
        self, store: Store, new_job: NewJobs, manual_clock: MovableClock
    ) -> None:
        await store.add([new_job(lane=lane) for lane in ("well p1", "down p1", "down p1", "down p2")])
        again = Retry(60, 503, signal=Signal.BAD)
        leases = {lease.job.lane: lease for lease in await store.claim("deliver", 3, 30.0)}
        for lane, outcome in (
            ("well p1", GOOD),
            ("down p1", BAD),
            ("down p2", again),
        ):
            assert await store.settle(leases[Lane(lane)], outcome)
        first, second, third = await store.lane_reports("deliver", 10)
        assert (first.name, first.failures, first.waiting, first.parked) == ("down p1", 1, 1, 1)
        assert (second.name, second.waiting, second.parked, second.running) == ("down p2", 1, 0, 0)
        assert first.last_success_at is None
        assert second.next_due is not None
        assert (third.name, third.failures, third.waiting, third.next_due) == ("well p1", 0, 0, None)
        assert third.last_success_at is not None

        async def names(**narrowed: Any) -> list[str]:
            return [report.name for report in await store.lane_reports("deliver", 10, **narrowed)]

        assert await names(ending=" p1") == ["down p1", "well p1"]
        assert await names(least_failures=1) == ["down p1", "down p2"]
        assert await names(names=[Lane("well p1"), Lane("absent")]) == ["well p1"]
        assert [report.name for report in await store.lane_reports("deliver", 1)] == ["down p1"]
        assert await store.lane_reports("transcribe", 10) == []
