"""Which segments are recognised next, and together: pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import Task, Urgency
from ringback.engines.guards import PADDING

CRASHES_BEFORE_FAILURE = 3
"""Engine processes that one segment may cost."""
BATCHES_PER_THREAD = 2
"""One that runs, and one that lies ready so that the thread does not wait for the serving loop."""

_MOST_UNLIKE = 1.5
"""Windows of one batch are as long as the longest: beyond this ratio, sharing costs more than it saves."""


@dataclass(eq=False, slots=True)
class Segment:
    """A piece of speech that somebody waits for; `number` says who came first."""

    number: int
    samples: Samples
    task: Task
    urgency: Urgency
    crashes: int = 0

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


class Waiting:
    """The one queue: more urgent first, then first come, first served.

    A segment that may have crashed the engine runs with nothing beside it, so that if it happens again
    it is known why.
    """

    def __init__(self) -> None:
        self._segments: dict[int, Segment] = {}

    def __len__(self) -> int:
        return len(self._segments)

    def add(self, segment: Segment) -> None:
        self._segments[segment.number] = segment

    def discard(self, segment: Segment) -> None:
        """Forget it, if it still waits."""
        self._segments.pop(segment.number, None)

    def take_batch(self, in_flight: Collection[Sequence[Segment]], threads: int, limit: int) -> list[Segment]:
        """The next batch for the engine, of at most `limit` segments; empty when it should not have one."""
        if any(segment.crashes for batch in in_flight for segment in batch):
            return []
        suspect = self._first(suspects=True)
        if suspect is not None:
            return [] if in_flight else self._taken([suspect])
        head = self._first(suspects=False)
        if head is None:
            return []
        # Less urgent batches that lie ready do not hold this one up: the engine takes it before them.
        rivals = sum(batch[0].urgency <= head.urgency for batch in in_flight)
        if rivals >= BATCHES_PER_THREAD * threads:
            return []
        return self._taken(self._alike(head)[: self._size(threads, limit)])

    def _first(self, *, suspects: bool) -> Segment | None:
        of_this_sort = (segment for segment in self._segments.values() if (segment.crashes > 0) is suspects)
        return min(of_this_sort, key=_order, default=None)

    def _alike(self, head: Segment) -> list[Segment]:
        alike = [segment for segment in self._segments.values() if _may_share(head, segment)]
        return sorted(alike, key=_order)

    def _size(self, threads: int, limit: int) -> int:
        """So few that every thread gets some: one request alone is to use all of them."""
        return min(limit, -(-len(self._segments) // threads))

    def _taken(self, batch: list[Segment]) -> list[Segment]:
        for segment in batch:
            del self._segments[segment.number]
        return batch


def _order(segment: Segment) -> tuple[Urgency, int]:
    return segment.urgency, segment.number


def _may_share(head: Segment, other: Segment) -> bool:
    if other.urgency != head.urgency or other.task != head.task:
        return False
    shorter, longer = sorted((head.seconds + PADDING, other.seconds + PADDING))
    return longer <= _MOST_UNLIKE * shorter
