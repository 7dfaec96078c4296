"""Which segments are recognised next, and together: pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
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
    turn: str = ""
    """Whose it is: recordings take turns by this, and a live stream has one partial by it."""
    crashes: int = 0
    round: int | None = None
    """When its turn is; given by the queue, and kept when it comes back after a crash."""
    newcomer: bool = False
    """Nothing of its turn waited when it came; given by the queue."""
    place: int = -1
    """Where it stands among its like: its number, or that of the first segment whose place it took."""

    caller: str = ""
    """Whose recording it is (`PROJECT/KEY`): of newcomers, that whose caller has least goes first."""

    def __post_init__(self) -> None:
        if self.place < 0:
            self.place = self.number

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


class Waiting:
    """The one queue: more urgent first; live speech then as it came, recordings in turn.

    Of one live stream's channel at most one partial waits, the latest, and none while another is being
    recognised: what the caller would see a moment later is not worth a processor.

    The segments of one recording wait for consecutive rounds, so that each round holds at most one of every
    recording. Every second batch may be begun by a newcomer, a recording of which nothing waited yet: a
    short one gets through at once, and however many of them come, the long ones have the other half.

    A segment that may have crashed the engine runs with nothing beside it, so that if it happens again
    it is known why.
    """

    def __init__(self) -> None:
        self._segments: dict[int, Segment] = {}
        self._round = 0
        self._newcomer_due = True

    def __len__(self) -> int:
        return len(self._segments)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._segments.values())

    def add(self, segment: Segment) -> Segment | None:
        """Let it wait. Returns the partial that is out of date now, if there is one."""
        if segment.round is None:
            self._give_round(segment)
        other = self._partial_of(segment.turn) if _is_partial(segment) else None
        if other is not None and other.number > segment.number:
            return segment  # It comes back after a crash, and a later one is here.
        if other is not None:
            # The later one takes the place in the queue too: who talks on must not always be the last.
            del self._segments[other.number]
            segment.place = other.place
        self._segments[segment.number] = segment
        return other

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
        first = self._first(suspects=False, engaged=_partials(in_flight))
        if first is None:
            return []
        head = self._newcomer(first, in_flight) or first
        # Less urgent batches that lie ready do not hold this one up: the engine takes it before them.
        rivals = sum(batch[0].urgency <= head.urgency for batch in in_flight)
        if rivals >= _batches(head.urgency, in_flight) * threads:
            return []
        if _is_partial(head) and len(_partial_batches(in_flight)) >= _threads_for_partials(threads):
            return []
        if head is first:
            self._round = max(self._round, _round(head))
        self._newcomer_due = head is first
        return self._taken([head, *self._alike(head, in_flight)][: self._size(head, threads, limit)])

    def _give_round(self, segment: Segment) -> None:
        if segment.urgency is not Urgency.RECORDING:
            segment.round = 0
            return
        # The round that runs takes nobody in: it ends, however many come.
        of_its_turn = [_round(other) for other in self if _same_turn(segment, other)]
        segment.newcomer = not of_its_turn
        segment.round = 1 + max(of_its_turn, default=self._round)

    def _first(self, *, suspects: bool, engaged: Collection[str] = ()) -> Segment | None:
        of_this_sort = (
            segment
            for segment in self
            if (segment.crashes > 0) is suspects and not (_is_partial(segment) and segment.turn in engaged)
        )
        return min(of_this_sort, key=_order, default=None)

    def _partial_of(self, turn: str) -> Segment | None:
        return next((other for other in self if _is_partial(other) and other.turn == turn), None)

    def _newcomer(self, first: Segment, in_flight: Collection[Sequence[Segment]]) -> Segment | None:
        """Who goes before `first` although it is not its turn."""
        if not self._newcomer_due or first.urgency is not Urgency.RECORDING:
            return None
        served = {segment.turn for batch in in_flight for segment in batch}
        newcomers = (segment for segment in self if segment.newcomer and segment.turn not in served)
        # Of a flood each recording is a newcomer: that of a caller with little else goes before it.
        work = Counter(segment.caller for batch in in_flight for segment in batch)
        work.update(segment.caller for segment in self)
        return min(newcomers, key=lambda each: (work[each.caller], *_order(each)), default=None)

    def _alike(self, head: Segment, in_flight: Collection[Sequence[Segment]]) -> list[Segment]:
        """Who may go with it, in their order."""
        engaged = _partials(in_flight)
        alike = [
            segment
            for segment in self
            if segment is not head
            and _may_share(head, segment)
            and not (_is_partial(segment) and segment.turn in engaged)
        ]
        return sorted(alike, key=_order)

    def _size(self, head: Segment, threads: int, limit: int) -> int:
        """So few that every thread gets some: one request alone is to use all of them."""
        of_its_kind = sum(segment.urgency == head.urgency for segment in self)
        shared = _threads_for_partials(threads) if _is_partial(head) else threads
        return min(limit, -(-of_its_kind // shared))

    def _taken(self, batch: list[Segment]) -> list[Segment]:
        for segment in batch:
            del self._segments[segment.number]
        return batch


def _order(segment: Segment) -> tuple[Urgency, int, int]:
    return segment.urgency, _round(segment), segment.place


def _is_partial(segment: Segment) -> bool:
    return segment.urgency is Urgency.LIVE_PARTIAL and segment.turn != ""


def _partials(in_flight: Collection[Sequence[Segment]]) -> set[str]:
    """Whose partials are being recognised."""
    return {segment.turn for batch in _partial_batches(in_flight) for segment in batch}


def _partial_batches(in_flight: Collection[Sequence[Segment]]) -> list[Sequence[Segment]]:
    return [batch for batch in in_flight if _is_partial(batch[0])]


def _threads_for_partials(threads: int) -> int:
    """One thread is left to the finals, where there are several: however many partials there are, no final
    waits for one."""
    return max(1, threads - 1)


def _batches(urgency: Urgency, in_flight: Collection[Sequence[Segment]]) -> int:
    """Batches of this urgency, or of a greater one, that each thread may have: a partial that lies ready
    could not be replaced by a later one any more. But better that than a recording that lies ready."""
    behind = any(batch[0].urgency > urgency for batch in in_flight)
    return 1 if urgency is Urgency.LIVE_PARTIAL and not behind else BATCHES_PER_THREAD


def _round(segment: Segment) -> int:
    assert segment.round is not None, "only segments in the queue are compared"
    return segment.round


def _same_turn(segment: Segment, other: Segment) -> bool:
    return (segment.urgency, segment.turn) == (other.urgency, other.turn)


def _may_share(head: Segment, other: Segment) -> bool:
    if other.urgency != head.urgency or other.task != head.task:
        return False
    shorter, longer = sorted((head.seconds + PADDING, other.seconds + PADDING))
    return longer <= _MOST_UNLIKE * shorter
