"""Recordings that wait a moment for others to share their batch."""

import pytest

from ringback.engines.base import NAMES_TASK, VOICES_TASK, Urgency
from support.segments import Make, maker, queue_of


@pytest.fixture
def make() -> Make:
    return maker()


def test_a_batch_with_room_waits_for_announced_recordings(make: Make) -> None:
    other, running = make(turn="other"), [make(), make()]
    queue = queue_of(other)
    queue.announce("mate")
    assert queue.take_batch([running], threads=2, limit=4, hold=True) == []
    assert queue.held
    mate = make(turn="mate")
    queue.put_segment(mate)
    assert queue.take_batch([running], threads=2, limit=4, hold=True) == [other, mate]
    assert not queue.held


def test_a_batch_waits_no_more_when_no_recording_comes_or_it_has_waited_long(make: Make) -> None:
    first, second = make(), make()
    queue = queue_of(first, second)
    queue.announce("mate")
    queue.announce("other mate")
    assert queue.take_batch([[make()]], threads=2, limit=4, hold=True) == []
    assert queue.take_batch([[make()]], threads=2, limit=4) == [first, second]
    queue.put_segment(first)
    queue.withdraw("mate")
    queue.withdraw("other mate")
    assert queue.take_batch([[make()]], threads=2, limit=4, hold=True) == [first]


def test_nothing_waits_for_announced_recordings_that_would_not_share_its_batch(make: Make) -> None:
    running = [[make(), make()]]
    alone = [make(urgency=Urgency.LIVE_FINAL), make(task=VOICES_TASK), make(task=NAMES_TASK)]
    for segment in alone:
        queue = queue_of(segment)
        queue.announce("mate")
        assert queue.take_batch(running, threads=2, limit=4, hold=True) == [segment]
    # Another thread is free for the one that comes.
    queue = queue_of(first := make())
    queue.announce("mate")
    assert queue.take_batch([], threads=2, limit=4, hold=True) == [first]
    # Enough wait already; they are not alike.
    short, long, third = make(2.0), make(15.0), make(15.0)
    queue = queue_of(short, long, third)
    queue.announce("mate")
    assert queue.take_batch(running, threads=2, limit=4, hold=True) == [short]
