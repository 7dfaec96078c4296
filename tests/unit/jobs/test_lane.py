"""The health of a lane, and the dealing of slots."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.jobs.job import Lane, Signal
from ringback.jobs.lane import (
    FAILURES_TO_OPEN,
    FIRST_CAP,
    LARGEST_CAP,
    MOST_CALLERS,
    OPEN_SECONDS,
    SUCCESSES_PER_STEP,
    Health,
    Shares,
    callers_lane,
    deal,
    fair_shares,
    lanes_to_look_at,
)

NOW = 1_000.0


def after(health: Health, signal: Signal, times: int, now: float = NOW) -> Health:
    for _ in range(times):
        health = health.after(signal, now)
    return health


def room(health: Health, inflight: int, now: float) -> int:
    """Jobs that may be started now, as the lane's `ready_at` and a claim have it."""
    return 0 if now < health.open_until else max(0, health.slots - inflight)


def test_a_new_lane_has_room_for_the_first_cap() -> None:
    assert room(Health(), 0, NOW) == FIRST_CAP
    assert room(Health(), FIRST_CAP + 3, NOW) == 0


def test_successes_raise_the_cap_to_its_limit() -> None:
    assert after(Health(), Signal.GOOD, SUCCESSES_PER_STEP - 1).cap == FIRST_CAP
    assert after(Health(), Signal.GOOD, SUCCESSES_PER_STEP).cap == FIRST_CAP + 1
    assert after(Health(), Signal.GOOD, 100 * SUCCESSES_PER_STEP).cap == LARGEST_CAP


def test_a_failure_halves_the_cap_and_starts_the_count_anew() -> None:
    grown = after(Health(cap=21), Signal.GOOD, SUCCESSES_PER_STEP - 1)
    failed = grown.after(Signal.BAD, NOW)
    assert (failed.cap, failed.successes) == (10, 0)
    assert after(Health(), Signal.BAD, 4).cap == 1


def test_failures_with_a_success_between_them_do_not_open_the_breaker() -> None:
    health = Health()
    for _ in range(10):
        health = after(health, Signal.BAD, FAILURES_TO_OPEN - 1).after(Signal.GOOD, NOW)
        assert health.openings == 0


def test_the_breaker_stays_open_longer_each_time_and_then_no_longer() -> None:
    health, now = after(Health(), Signal.BAD, FAILURES_TO_OPEN), NOW
    for seconds in (*OPEN_SECONDS, OPEN_SECONDS[-1]):
        assert health.open_until == now + seconds
        assert room(health, 0, health.open_until - 0.001) == 0
        now = health.open_until
        assert room(health, 0, now) == 1, "one probe"
        assert room(health, 1, now) == 0
        health = health.after(Signal.BAD, now)


def test_what_was_sent_before_the_breaker_opened_is_no_probe() -> None:
    opened = after(Health(), Signal.BAD, FAILURES_TO_OPEN)
    late = after(opened, Signal.BAD, 20, NOW + 1.0)
    assert (late.openings, late.open_until) == (opened.openings, opened.open_until)


def test_a_success_closes_the_breaker() -> None:
    opened = after(Health(), Signal.BAD, FAILURES_TO_OPEN)
    closed = opened.after(Signal.GOOD, opened.open_until)
    assert (closed.openings, closed.failures) == (0, 0)
    assert room(closed, 0, NOW) == 1


@given(st.lists(st.tuples(st.sampled_from(Signal), st.floats(0, 40))))
def test_whatever_happens_the_cap_stays_within_its_bounds(signals: list[tuple[Signal, float]]) -> None:
    health, now = Health(), NOW
    for signal, passed in signals:
        now += passed
        health = health.after(signal, now)
        assert 1 <= health.cap <= LARGEST_CAP
        assert health.open_until <= now + OPEN_SECONDS[-1]


@pytest.mark.parametrize(
    ("rooms", "limit", "shares"),
    [
        ([], 5, []),
        ([4, 4, 4], 0, [0, 0, 0]),
        ([4, 4, 4], 2, [1, 1, 0]),
        ([1, 9, 4], 8, [1, 4, 3]),
        ([2, 0, -1, 1], 9, [2, 0, 0, 1]),
    ],
)
def test_shares(rooms: list[int], limit: int, shares: list[int]) -> None:
    assert fair_shares(rooms, limit) == shares


@given(st.lists(st.integers(-2, 40), max_size=30), st.integers(0, 200))
def test_shares_are_fair_and_whole(rooms: list[int], limit: int) -> None:
    shares = fair_shares(rooms, limit)
    fits = [max(room, 0) for room in rooms]
    assert sum(shares) == min(limit, sum(fits))
    assert all(share <= fit for share, fit in zip(shares, fits, strict=True))
    unfilled = sorted(share for share, fit in zip(shares, fits, strict=True) if share < fit)
    assert all(larger - smaller <= 1 for smaller, larger in pairwise(unfilled))
    if unfilled:
        assert max(shares) - unfilled[0] <= 1


def test_one_key_alone_gets_what_a_key_may_have() -> None:
    shares = Shares(slots=256, per_key=12, held={})
    assert shares.deal([(callers_lane("p", "k"), 300)], 256) == [12]


@pytest.mark.parametrize("projects", [1, 40], ids=["keys of one project", "projects"])
def test_the_next_caller_finds_a_slot_however_many_hold_theirs(projects: int) -> None:
    """Each of those before it took all that it could get, one after the other, and gives nothing back."""
    shares = Shares(slots=512, per_key=12, held={})
    for number in range(30 if projects == 1 else projects):
        lane = callers_lane(f"p{number % projects}", f"k{number}")
        assert shares.room(lane) == 1, number
        [share] = shares.deal([(lane, 300)], 256)
        shares = shares.after([lane] * share)


def test_slots_go_to_the_project_with_the_fewest_and_there_to_the_key_with_the_fewest() -> None:
    flood, other = [callers_lane("flood", f"{n}") for n in range(9)], callers_lane("quiet", "k")
    shares = Shares(slots=64, per_key=12, held={flood[0]: 8, flood[1]: 2})
    ready = [(lane, 100) for lane in (*flood, other)]
    dealt = shares.deal(ready, 4)
    assert dealt[-1] == 4, "however many keys the other project has"
    assert shares.deal(ready[:2], 3) == [0, 3]


def test_no_lane_gets_more_than_it_asks_for() -> None:
    shares = Shares(slots=64, per_key=12, held={})
    assert shares.deal([(callers_lane("p", "a"), 2), (callers_lane("p", "b"), 1)], 10) == [2, 1]
    assert shares.deal([], 10) == []


@given(
    st.lists(st.sampled_from(["p/a", "p/b", "q/a", "r/c", "s"]), max_size=40),
    st.integers(1, 30),
    st.integers(1, 12),
)
def test_nobody_is_dealt_past_his_share(taken: list[str], slots: int, per_key: int) -> None:
    held = {Lane(lane): min(count, per_key) for lane, count in Counter(taken).items()}
    shares = Shares(slots, per_key, held)
    lanes = [Lane(lane) for lane in ("p/a", "p/b", "q/a", "r/c", "s")]
    dealt = shares.deal([(lane, 5) for lane in lanes], 20)
    after = shares.after(lane for lane, share in zip(lanes, dealt, strict=True) for _ in range(share))
    assert sum(after.held.values()) <= max(slots, sum(held.values()))
    assert all(after.held.get(lane, 0) <= per_key for lane in lanes)
    assert all(share == 0 for lane, share in zip(lanes, dealt, strict=True) if not shares.room(lane))


def test_a_claim_deals_in_turn_or_by_shares() -> None:
    hog, other = callers_lane("p", "hog"), callers_lane("q", None)
    assert (hog, other) == ("p/hog", "q/")
    ready = [(hog, 5), (other, 5)]
    assert deal(ready, 4, None) == [2, 2]
    shares = Shares(slots=64, per_key=12, held={hog: 3})
    assert deal(ready, 4, shares) == [1, 3]
    assert (lanes_to_look_at(4, None), lanes_to_look_at(4, shares)) == (4, MOST_CALLERS)
