"""Media time from timestamps: what honest containers do, and what hostile ones cannot achieve."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.audio.encodings import LONGEST
from ringback.audio.media_clock import FARTHEST, TOLERANCE, Hole, MediaClock, Timeline

FRAME = 0.02


def clock_of(stamps: Sequence[float | None], origin: float = 0.0) -> MediaClock:
    clock = MediaClock()
    clock.restart(origin)
    for stamp in stamps:
        clock.frame(stamp, FRAME)
    return clock


def run(start: float, frames: int) -> list[float]:
    return [start + i * FRAME for i in range(frames)]


def holes(clock: MediaClock) -> list[tuple[float, float]]:
    return [(round(hole.at, 2), round(hole.seconds, 2)) for hole in clock.timeline.between(-1.0, 1e9)]


def test_audio_without_a_hole_has_none() -> None:
    assert holes(clock_of(run(0, 500))) == []
    assert holes(clock_of([None] * 500)) == []
    assert holes(clock_of(run(3_600, 500), origin=3_600)) == []


def test_a_track_that_starts_later_is_said_later() -> None:
    clock = clock_of(run(4.087, 100))
    assert holes(clock) == [(0.0, 4.09)]
    assert clock.timeline.media(0.0) == pytest.approx(4.087)


def test_a_paused_recorder() -> None:
    clock = clock_of(run(0, 100) + run(22, 100))
    assert holes(clock) == [(2.0, 20.0)]
    assert clock.timeline.media(1.99) == pytest.approx(1.99)
    assert clock.timeline.media(2.0) == pytest.approx(22)


def test_silence_that_is_not_sent_and_a_packet_of_it_now_and_then() -> None:
    stamps = run(0, 50) + [1 + 0.4 * i for i in range(20)] + run(9, 50)
    clock = clock_of(stamps)
    assert clock.timeline.media(clock.decoded) == pytest.approx(10.0, abs=TOLERANCE)
    assert len(holes(clock)) == 20


def test_jitter_moves_nothing() -> None:
    stamps = [at + (0.05 if i % 2 else -0.05) for i, at in enumerate(run(0, 1_000))]
    assert holes(clock_of(stamps)) == []


def test_many_lost_packets_add_up() -> None:
    """One lost packet is less than the tolerance; ten are not."""
    clock = clock_of([at for at in run(0, 2_000) if round(at / FRAME) % 50])
    assert clock.timeline.media(clock.decoded) == pytest.approx(40.0, abs=0.15)


@pytest.mark.parametrize("stray", [-1e12, -5.0, 1.0, 7.0, 3e8, 1e300])
def test_a_single_timestamp_that_is_taken_back_means_nothing(stray: float) -> None:
    assert holes(clock_of([*run(0, 100), stray, *run(2.02, 100)])) == []


@pytest.mark.parametrize("far", [FARTHEST + 3, 10 * 365 * 86_400, 2.0**63])
def test_a_jump_beyond_the_bound_is_ignored_and_reported(far: float) -> None:
    clock = clock_of(run(0, 100) + run(far, 100) + run(far + 12, 100))
    assert clock.ignored == 1
    assert clock.timeline.missing == pytest.approx(10.0 if far < 1e15 else 0.0, abs=0.1)


def test_a_clock_that_begins_again_goes_on() -> None:
    """As where files are put one behind the other; a hole after it counts again."""
    clock = clock_of(run(0, 100) + run(0, 100) + run(7, 100))
    assert holes(clock) == [(4.0, 5.0)]
    assert clock.ignored == 0


def test_another_file_begins_where_the_one_before_ended() -> None:
    clock = clock_of(run(0, 50) + run(11, 50))
    clock.restart(100.0)
    for stamp in run(103, 50):
        clock.frame(stamp, FRAME)
    assert holes(clock) == [(1.0, 10.0), (2.0, 3.0)]


stamp = st.one_of(
    st.none(),
    st.floats(-10, 200),
    st.floats(-1e5, 1e5),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(2**63), 2**63).map(lambda pts: pts / 90_000),
)


@given(st.lists(st.tuples(stamp, st.floats(0, 5)), max_size=200), st.one_of(st.none(), st.floats(-1e9, 1e9)))
def test_hostile_timestamps_neither_raise_nor_turn_time_back(
    frames: list[tuple[float | None, float]], origin: float | None
) -> None:
    clock = MediaClock()
    clock.restart(origin)
    times = []
    for at, seconds in frames:
        clock.frame(at, seconds)
        times.append(clock.timeline.media(clock.decoded))
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert clock.timeline.missing <= LONGEST
    assert clock.decoded == pytest.approx(sum(seconds for _, seconds in frames))
    assert len(clock.timeline.between(-1.0, 1e12)) <= len(frames)


def test_the_holes_of_a_stretch() -> None:
    timeline = Timeline()
    for hole in (Hole(0.0, 1.0), Hole(5.0, 2.0), Hole(5.005, 3.0), Hole(9.0, 4.0)):
        timeline.add(hole)
    assert timeline.between(0.0, 9.0) == [Hole(5.0, 5.0)]
    assert timeline.media(4.9) == pytest.approx(5.9)
    assert timeline.media(5.0) == pytest.approx(11.0)
    assert timeline.missing == 10.0
