"""More streams than the processor can follow: partials become fewer, finals do not come late.

In virtual time, so that it is the same on every machine: real segments and the real queue, beside threads
that take as long as the recogniser was measured to take with both of two cores at work.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ringback.audio.samples import SAMPLE_RATE
from ringback.engines.base import Quality, Task, Urgency
from ringback.engines.segment_queue import Segment, SegmentQueue
from ringback.listen.recognition_events import Cause
from ringback.streaming.segmenter import Segmenter
from ringback.streaming.segmenter_steps import FinalSpan, PartialSpan, SampleRange

THREADS, BATCH = 2, 4
SECONDS = 40
WINDOWS_PER_SECOND = SAMPLE_RATE / 512
TOGETHER = (0.0, 1.0, 1.7, 2.6, 3.2)
"""What a batch of so many costs, as a multiple of its longest segment alone."""
FINAL_TAKES, DRAFT_TAKES = (0.047, 0.019), (0.017, 0.015)
"""Seconds that a segment takes alone, and for each second of its speech."""
FINAL, DRAFT = Task("tiny.en", "en"), Task("tiny.en", "en", quality=Quality.DRAFT)


@dataclass
class Speaker:
    """Talks in phrases; never listens."""

    name: str
    segments: Segmenter = field(default_factory=lambda: Segmenter(300))
    partial_took: float = 0.0


@dataclass
class Engine:
    """Threads in virtual time around the real queue."""

    now: float = 0.0
    work: float = 0.0
    waiting: SegmentQueue = field(default_factory=SegmentQueue)
    running: list[list[Segment]] = field(default_factory=list)
    agenda: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    reported: dict[int, Callable[[], None]] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def at(self, time: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (time, next(self.numbers), what))

    def recognise(
        self, speech: SampleRange, task: Task, urgency: Urgency, turn: str, done: Callable[[], None]
    ) -> None:
        samples = np.broadcast_to(np.float32(0), (speech.end - speech.start,))
        segment = Segment(next(self.numbers), samples, task, urgency, turn)
        self.reported[segment.number] = done
        self.waiting.put_segment(segment)
        self.begin()

    def begin(self) -> None:
        while len(self.running) < THREADS:
            batch = self.waiting.take_batch(self.running, THREADS, BATCH)
            if not batch:
                return
            seconds = seconds_of(batch)
            self.work += seconds
            self.running.append(batch)
            self.at(self.now + seconds, lambda batch=batch: self.end(batch))  # type: ignore[misc]

    def end(self, batch: list[Segment]) -> None:
        self.running.remove(batch)
        self.begin()
        for segment in batch:
            self.reported[segment.number]()

    def run(self) -> None:
        while self.agenda:
            self.now, _, what = heapq.heappop(self.agenda)
            what()


def seconds_of(batch: list[Segment]) -> float:
    """As tiny.en takes with the other thread at work."""
    once, per_second = FINAL_TAKES if batch[0].urgency is Urgency.LIVE_FINAL else DRAFT_TAKES
    return TOGETHER[len(batch)] * (once + per_second * max(segment.seconds for segment in batch))


@dataclass
class Figures:
    late: list[float] = field(default_factory=list)
    """Seconds between an endpoint and its words."""
    partials: int = 0
    busy: float = 0.0
    """Of all threads' time."""


def overheard(streams: int) -> Figures:
    """What the listeners of so many people get who talk without an end."""
    engine, figures, chance = Engine(), Figures(), random.Random(streams)

    def hear(speaker: Speaker, window: tuple[float, float]) -> None:
        for step in speaker.segments.push_windows([window]):
            if isinstance(step, FinalSpan) and step.speech is not None and step.cause is Cause.ENDPOINT:
                finish(speaker, step.speech)
        pause = int(2.0 * speaker.partial_took * SAMPLE_RATE)
        if draft := speaker.segments.next_partial(pause=pause, ahead=False):
            read(speaker, draft)

    def finish(speaker: Speaker, speech: SampleRange) -> None:
        due = engine.now
        engine.recognise(
            speech, FINAL, Urgency.LIVE_FINAL, speaker.name, lambda: figures.late.append(engine.now - due)
        )

    def read(speaker: Speaker, draft: PartialSpan) -> None:
        requested = engine.now

        def reported() -> None:
            figures.partials += 1
            speaker.partial_took = engine.now - requested

        engine.recognise(draft.speech, DRAFT, Urgency.LIVE_PARTIAL, speaker.name, reported)

    for number in range(streams):
        speaker, begins = Speaker(str(number)), chance.random()
        for n, window in enumerate(phrases(chance)):
            engine.at(
                begins + n / WINDOWS_PER_SECOND,
                lambda speaker=speaker, window=window: hear(speaker, window),  # type: ignore[misc]
            )
    engine.run()
    figures.busy = engine.work / SECONDS / THREADS
    return figures


def phrases(chance: random.Random) -> list[tuple[float, float]]:
    windows: list[tuple[float, float]] = []
    while len(windows) < SECONDS * WINDOWS_PER_SECOND:
        windows += [(0.95, 0.1)] * int(chance.uniform(1.2, 5.0) * WINDOWS_PER_SECOND)
        windows += [(0.02, 0.001)] * int(chance.choice([0.15, 0.4, 0.8]) * WINDOWS_PER_SECOND)
    return windows


def test_overload_takes_partials_and_leaves_finals_in_time() -> None:
    figures = {streams: overheard(streams) for streams in (4, 32, 64)}
    late = {streams: float(np.percentile(each.late, 95)) for streams, each in figures.items()}
    partials = {streams: each.partials / streams / SECONDS for streams, each in figures.items()}
    for streams, each in figures.items():
        print(
            f"{streams} streams: {each.busy:.0%} busy, final {late[streams]:.2f} s, "
            f"{partials[streams]:.2f} partials a second"
        )
    assert late[4] < 0.25
    assert late[32] < 0.5
    assert late[64] < 0.65
    assert partials[32] > 0.5, "fifteen in half a minute, while no thread waits that could make one"
    assert partials[64] < 0.6 * partials[4]
