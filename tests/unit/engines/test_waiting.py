"""Who is recognised next, and with whom."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from ringback.engines.base import Quality, Task, Urgency
from ringback.engines.waiting import Segment, Waiting

TASK = Task("tiny.en")
Make = Callable[..., Segment]


@pytest.fixture
def make() -> Make:
    numbers = itertools.count()

    def segment(
        seconds: float = 5.0, task: Task = TASK, urgency: Urgency = Urgency.RECORDING, crashes: int = 0
    ) -> Segment:
        return Segment(next(numbers), np.zeros(round(seconds * 16_000), np.float32), task, urgency, crashes)

    return segment


def waiting(*segments: Segment) -> Waiting:
    queue = Waiting()
    for segment in segments:
        queue.add(segment)
    return queue


def test_a_request_alone_uses_every_thread(make: Make) -> None:
    first, second = make(), make()
    queue = waiting(first, second)
    assert queue.take_batch([], threads=2, limit=4) == [first]
    assert queue.take_batch([[first]], threads=2, limit=4) == [second]


def test_many_segments_go_in_full_batches_in_their_order(make: Make) -> None:
    segments = [make() for _ in range(20)]
    queue = waiting(*segments)
    assert queue.take_batch([], threads=2, limit=4) == segments[:4]
    assert queue.take_batch([segments[:4]], threads=2, limit=4) == segments[4:8]


def test_every_thread_has_one_batch_running_and_one_ready_and_no_more(make: Make) -> None:
    queue = waiting(*(make() for _ in range(50)))
    in_flight: list[list[Segment]] = []
    while batch := queue.take_batch(in_flight, threads=2, limit=4):
        in_flight.append(batch)
    assert len(in_flight) == 4


def test_the_urgent_go_first_and_past_batches_that_lie_ready(make: Make) -> None:
    recordings = [make() for _ in range(40)]
    queue = waiting(*recordings)
    in_flight = [queue.take_batch([], threads=2, limit=4) for _ in range(4)]
    partial, final = make(urgency=Urgency.LIVE_PARTIAL), make(urgency=Urgency.LIVE_FINAL)
    queue.add(partial)
    queue.add(final)
    assert queue.take_batch(in_flight, threads=2, limit=4) == [final]
    assert queue.take_batch([*in_flight, [final]], threads=2, limit=4) == [partial]
    assert queue.take_batch([*in_flight, [final], [partial]], threads=2, limit=4) == []


def test_only_equal_tasks_of_like_length_share_a_batch(make: Make) -> None:
    head = make(5.0)
    unlike = [make(15.0), make(5.0, Task("tiny.en", quality=Quality.ACCURATE)), make(5.0, Task("base", "fr"))]
    alike = make(6.0)
    queue = waiting(head, *unlike, alike)
    assert queue.take_batch([], threads=1, limit=4) == [head, alike]
    assert queue.take_batch([], threads=1, limit=4) == unlike[:1]


def test_a_suspect_runs_with_nothing_beside_it(make: Make) -> None:
    suspect, other = make(crashes=1), make()
    running = [make()]
    queue = waiting(other, suspect)
    assert queue.take_batch([running], threads=2, limit=4) == []
    assert queue.take_batch([], threads=2, limit=4) == [suspect]
    assert queue.take_batch([[suspect]], threads=2, limit=4) == []
    assert queue.take_batch([], threads=2, limit=4) == [other]


def test_who_left_is_not_recognised(make: Make) -> None:
    gone, other = make(), make()
    queue = waiting(gone, other)
    queue.discard(gone)
    queue.discard(gone)
    assert len(queue) == 1
    assert queue.take_batch([], threads=1, limit=4) == [other]
    assert queue.take_batch([], threads=1, limit=4) == []
