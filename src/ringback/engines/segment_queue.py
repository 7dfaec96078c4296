"""The queue of segments that wait for recognition, and which of them form the next batch. Pure.

The life of a segment:

| it is | what happens | then it is |
|---|---|---|
| waiting | `take_batch` returns it | in flight |
| waiting | a later partial of the same live channel is put | superseded: its call raises `Superseded` |
| waiting | its caller is cancelled (`discard_segment`) | forgotten |
| in flight | the engine process recognises it | answered |
| in flight, its batch not begun | the process dies | waiting again, in the same round |
| in flight, its batch begun | the process dies, hangs or fails | waiting again, to run alone; crashes + 1 |
| in flight, at its last crash | the same once more | failed: its call raises `EngineFailure` |

The transitions out of "in flight" are carried out by `pool`. Which waiting segment goes first:

1. one that may have crashed the process, alone, once nothing is in flight;
2. live finals, in the order in which they came;
3. live partials: first those of speech that has just begun, then in the same order. One thread has few of
   them at once, so that a final never waits for long;
4. the voices of live finals, in the same order;
5. recordings by round, in each the words before the voices; every second batch may begin with a newcomer
   instead. Voices do not wait for the words of all rounds: in a steady flow of recordings they never came.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import NAMES_TASK, VOICES_TASK, Task, Urgency
from ringback.engines.guards import PADDING

CRASHES_BEFORE_FAILURE = 3
"""Crashes, hangs or failures of one segment after which it fails."""
BATCHES_PER_THREAD = 2
"""One that runs, and one behind it, so that the thread need not wait for the serving process. Not of live
speech and recordings: what waits in the queue can still get mates, or be replaced by a later partial."""

_MAX_LENGTH_RATIO = 1.5
"""Longest to shortest segment of a batch. What they share is the decoding (on a CPU each has a window of its
own): beyond this ratio sharing a batch costs more than it saves."""

_FEW_PARTIALS = 2
"""A batch of more serves more streams with the same work, and holds up a final for longer."""
_JUST_BEGUN = 1.2
"""Seconds, with the quiet before the speech: as long as a first partial is, which may have waited a while."""


@dataclass(frozen=True, slots=True)
class UtteranceSoFar:
    """Marks a segment for a transducer: all that was said so far of one utterance of its source."""

    begin: int
    """Tells the source's utterances apart: the sample of the stream where it begins."""
    ends: bool
    """Nothing more follows."""


@dataclass(eq=False, slots=True)
class Segment:
    """A piece of speech to recognise; a smaller `number` came earlier."""

    number: int
    samples: Samples
    task: Task
    urgency: Urgency
    source: str = ""
    """A key for the recording or live channel that it belongs to. Recordings take turns by it, and a live
    channel has at most one waiting partial by it."""
    crashes: int = 0
    round: int | None = None
    """The scheduling round, for recordings; set by the queue, and kept when it is put back after a crash."""
    newcomer: bool = False
    """Nothing of its source waited when it was put; set by the queue."""
    position: int = -1
    """Its order among segments of the same urgency and round: its number, or that of the partial that it
    replaced."""
    caller: str = ""
    """Whose recording it is (`PROJECT/KEY`): among newcomers the caller with the least work goes first."""
    text: tuple[str, ...] = ()
    """Words in which names are to be found; such a segment has no samples."""
    utterance: UtteranceSoFar | None = None
    """The utterance that it continues. Of one source only one such segment is in flight."""

    def __post_init__(self) -> None:
        if self.position < 0:
            self.position = self.number

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


class SegmentQueue:
    """Segments by urgency; live speech then in order of arrival, recordings in fair rounds.

    Of one live channel at most one partial waits, the latest, and none is taken while another one is being
    recognised: its result would be replaced a moment later.

    The segments of one recording get consecutive rounds, so that each round has at most one segment of
    every recording. Every second batch may begin with a newcomer, a recording of which nothing waited
    before. So a short recording gets through at once, and long ones keep half of the batches however many
    short ones arrive.

    A segment that may have crashed the process runs alone, so that a second crash has only one suspect.
    """

    def __init__(self) -> None:
        self._segments: dict[int, Segment] = {}
        self._round = 0
        self._newcomer_due = True
        self._announced: set[str] = set()
        self.held = False
        """Whether the last `take_batch` held recordings back for announced ones; not for long."""

    def __len__(self) -> int:
        return len(self._segments)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._segments.values())

    def put_segment(self, segment: Segment) -> Segment | None:
        """Add it. Returns the partial that this makes obsolete, which may be the segment itself."""
        self._announced.discard(segment.source)
        if segment.round is None:
            self._assign_round(segment)
        other = self._partial_of(segment.source) if _is_partial(segment) else None
        if other is not None and other.number > segment.number:
            return segment  # Put back after a crash, when a later partial is here already.
        if other is not None:
            # It also takes over the position: a long speech must not go to the end with every partial.
            del self._segments[other.number]
            segment.position = other.position
        self._segments[segment.number] = segment
        return other

    def announce(self, source: str) -> None:
        """A segment of this recording comes in a moment: a batch that has room for it may wait for it."""
        self._announced.add(source)

    def withdraw(self, source: str) -> None:
        """No segment of this recording comes, or not soon."""
        self._announced.discard(source)

    def discard_segment(self, segment: Segment) -> None:
        """Remove it, if it still waits."""
        self._segments.pop(segment.number, None)

    def take_batch(
        self, in_flight: Collection[Sequence[Segment]], threads: int, limit: int, *, hold: bool = False
    ) -> list[Segment]:
        """The next batch for the engine, of at most `limit` segments; empty when it should not have one.

        `hold`: recordings that do not fill a batch wait for the announced ones that would share it.
        """
        self.held = False
        if any(segment.crashes for batch in in_flight for segment in batch):
            return []
        suspect = self._first(suspect=True)
        if suspect is not None:
            return [] if in_flight else self._removed([suspect])
        first = self._first(suspect=False, busy=_sources_at_work(in_flight))
        if first is None:
            return []
        head = self._newcomer(first, in_flight) or first
        # Less urgent batches in flight do not count: the engine process begins this one before them.
        rivals = sum(batch[0].urgency <= head.urgency for batch in in_flight)
        if rivals >= _batches(head.urgency, in_flight) * threads:
            return []
        size = self._size(head, in_flight, threads, limit)
        self.held = hold and self._may_be_held(head, size)
        if self.held or not size:
            return []
        if head is first:
            self._round = max(self._round, _round(head))
        self._newcomer_due = head is first
        return self._removed([head, *self._batchable(head, in_flight)][:size])

    def _assign_round(self, segment: Segment) -> None:
        if segment.urgency is not Urgency.RECORDING:
            segment.round = 0
            return
        # Not the current round: it must end, however many recordings arrive.
        of_its_source = [_round(other) for other in self if _same_source(segment, other)]
        segment.newcomer = not of_its_source
        segment.round = 1 + max(of_its_source, default=self._round)

    def _first(self, *, suspect: bool, busy: Collection[str] = ()) -> Segment | None:
        of_this_sort = (
            segment for segment in self if (segment.crashes > 0) is suspect and not _must_wait(segment, busy)
        )
        return min(of_this_sort, key=_order, default=None)

    def _partial_of(self, source: str) -> Segment | None:
        return next((other for other in self if _is_partial(other) and other.source == source), None)

    def _newcomer(self, first: Segment, in_flight: Collection[Sequence[Segment]]) -> Segment | None:
        """The newcomer that begins the next batch in place of `first`, if one may."""
        if not self._newcomer_due or first.urgency is not Urgency.RECORDING:
            return None
        served_sources = {segment.source for batch in in_flight for segment in batch}
        newcomers = (segment for segment in self if segment.newcomer and segment.source not in served_sources)
        # In a flood every recording is a newcomer: the caller with the least work goes first.
        work = Counter(segment.caller for batch in in_flight for segment in batch)
        work.update(segment.caller for segment in self)
        return min(newcomers, key=lambda each: (work[each.caller], *_order(each)), default=None)

    def _batchable(self, head: Segment, in_flight: Collection[Sequence[Segment]]) -> list[Segment]:
        """Segments that may share a batch with `head`: recordings in their order, live speech by likeness of
        length, because what a batch shares takes as long as its longest segment."""
        busy = _sources_at_work(in_flight)
        batchable = [
            segment
            for segment in self
            if segment is not head and _may_share(head, segment) and not _must_wait(segment, busy)
        ]
        if _is_live(head):
            return sorted(batchable, key=lambda each: (abs(each.seconds - head.seconds), _order(each)))
        return sorted(batchable, key=_order)

    def _size(self, head: Segment, in_flight: Collection[Sequence[Segment]], threads: int, limit: int) -> int:
        """The size of the batch: small enough that a single request keeps every thread busy."""
        if _is_partial(head):
            limit = _most_partials(in_flight, threads, limit)
        of_its_kind = sum(segment.urgency == head.urgency for segment in self)
        if head.urgency is Urgency.RECORDING:
            # What the other threads have of them is their share; what is announced is here in a moment.
            of_its_kind += len(self._announced)
            of_its_kind += sum(len(batch) for batch in in_flight if batch[0].urgency is Urgency.RECORDING)
        return min(limit, -(-of_its_kind // threads))

    def _may_be_held(self, head: Segment, size: int) -> bool:
        """Whether the batch waits for announced recordings. Where enough wait already that are not alike, it
        is not certain that the next ones are."""
        if head.urgency is not Urgency.RECORDING or head.task in (VOICES_TASK, NAMES_TASK):
            return False
        of_its_kind = sum(segment.urgency is Urgency.RECORDING for segment in self)
        return bool(self._announced) and of_its_kind < size

    def _removed(self, batch: list[Segment]) -> list[Segment]:
        for segment in batch:
            del self._segments[segment.number]
        return batch


def _order(segment: Segment) -> tuple[Urgency, int, bool, int]:
    later = not _has_just_begun(segment) if _is_partial(segment) else segment.task == VOICES_TASK
    return segment.urgency, _round(segment), later, segment.position


def _has_just_begun(partial: Segment) -> bool:
    """Nothing is shown of this speech yet, and its partial is quickly made."""
    return partial.seconds <= _JUST_BEGUN


def _is_partial(segment: Segment) -> bool:
    return segment.urgency is Urgency.LIVE_PARTIAL and segment.source != ""


def _is_live(segment: Segment) -> bool:
    return segment.urgency <= Urgency.LIVE_PARTIAL and segment.utterance is None


def _sources_at_work(in_flight: Collection[Sequence[Segment]]) -> set[str]:
    """The live channels whose partials are being recognised, or whose utterances are continued."""
    return {
        segment.source
        for batch in in_flight
        for segment in batch
        if _is_partial(segment) or segment.utterance is not None
    }


def _must_wait(segment: Segment, busy: Collection[str]) -> bool:
    """An utterance is continued in its order; and a partial would replace one that is being recognised."""
    return segment.source in busy and (_is_partial(segment) or segment.utterance is not None)


def _partial_batches(in_flight: Collection[Sequence[Segment]]) -> list[Sequence[Segment]]:
    return [batch for batch in in_flight if _is_partial(batch[0])]


def _most_partials(in_flight: Collection[Sequence[Segment]], threads: int, limit: int) -> int:
    """How many partials the next batch may have; 0: they have every thread already."""
    partials = _partial_batches(in_flight)
    if len(partials) >= threads:
        return 0
    large = sum(len(batch) > _FEW_PARTIALS for batch in partials)
    return limit if large < threads - 1 or threads == 1 else min(limit, _FEW_PARTIALS)


def _batches(urgency: Urgency, in_flight: Collection[Sequence[Segment]]) -> int:
    """Batches of this urgency, or of a greater one, that each thread may have in flight.

    Recordings have one. Live speech has one: a final that lies behind another one alone shares no batch with
    those that come after it. But where a thread would turn to voices next, or has a recording, a second one
    lies ready before them."""
    if urgency is Urgency.RECORDING:
        return 1
    behind = any(batch[0].urgency > Urgency.LIVE_PARTIAL for batch in in_flight)
    return 1 if urgency <= Urgency.LIVE_PARTIAL and not behind else BATCHES_PER_THREAD


def _round(segment: Segment) -> int:
    assert segment.round is not None, "only segments in the queue are compared"
    return segment.round


def _same_source(segment: Segment, other: Segment) -> bool:
    """Voices have rounds of their own, the same as the words that they belong to."""
    kinds = segment.task == VOICES_TASK, other.task == VOICES_TASK
    return (segment.urgency, segment.source, kinds[0]) == (other.urgency, other.source, kinds[1])


def _may_share(head: Segment, other: Segment) -> bool:
    if other.urgency != head.urgency or other.task != head.task:
        return False
    if head.utterance is not None or other.utterance is not None:
        # What is new of them is about as long, and a transducer pads nothing.
        return head.source != other.source and None not in (head.utterance, other.utterance)
    shorter, longer = sorted((head.seconds + PADDING, other.seconds + PADDING))
    return longer <= _MAX_LENGTH_RATIO * shorter
