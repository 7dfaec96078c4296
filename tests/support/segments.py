"""Segments as the queue of the engine pool has them, numbered as they are made."""

import itertools
from collections.abc import Callable

import numpy as np

from ringback.engines.base import Task, Urgency
from ringback.engines.segment_queue import Segment, SegmentQueue

TASK = Task("tiny.en")
Make = Callable[..., Segment]


def maker() -> Make:
    numbers = itertools.count()

    def segment(
        seconds: float = 5.0,
        task: Task = TASK,
        urgency: Urgency = Urgency.RECORDING,
        turn: str = "",
        crashes: int = 0,
    ) -> Segment:
        samples = np.zeros(round(seconds * 16_000), np.float32)
        return Segment(next(numbers), samples, task, urgency, turn, crashes)

    return segment


def queue_of(*segments: Segment) -> SegmentQueue:
    """A queue in which they wait."""
    queue = SegmentQueue()
    for segment in segments:
        queue.put_segment(segment)
    return queue
