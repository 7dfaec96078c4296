"""The speech of a recording in chunks that know when they were said."""

from collections.abc import Callable, Iterator

from ringback.audio.frames import Chunk
from ringback.audio.media_clock import Timeline
from ringback.audio.samples import SAMPLE_RATE, Block, Samples
from ringback.audio.speech import SpeechFinder, SpeechModel


class ChunkFinder:
    """All channels of one recording, block after block. A long hole ends every chunk; a short one may be
    inside of one, which then names it."""

    def __init__(self, model: SpeechModel, channels: int, max_chunk: float, timeline: Timeline) -> None:
        """`timeline` grows while blocks come."""
        self._model = model
        self._channels = channels
        self._max_chunk = max_chunk
        self._timeline = timeline
        self._holes_seen = 0  # Holes that were processed …
        self._missing = 0.0  # … and seconds in those since the last cut.
        self._samples_seen = 0  # Samples.
        self._begin()

    def push(self, block: Block, pause: Callable[[], None] = lambda: None) -> Iterator[tuple[Chunk, Samples]]:
        """More audio, shape (channels, n). `pause` is called after each channel's work."""
        begin, end = self._samples_seen, self._samples_seen + block.shape[1]
        for cut in self._cuts(begin, end):
            yield from self._feed(block[:, self._samples_seen - begin : cut - begin], pause)
            yield from self.finish()
            self._begin()
        yield from self._feed(block[:, self._samples_seen - begin :], pause)

    def finish(self) -> Iterator[tuple[Chunk, Samples]]:
        """There is no more."""
        for channel, finder in enumerate(self._finders):
            for start, samples in finder.finish():
                yield self._chunk(channel, start, samples)

    def _begin(self) -> None:
        self._began = self._samples_seen
        self._finders = [SpeechFinder(self._model, self._max_chunk) for _ in range(self._channels)]

    def _cuts(self, begin: int, end: int) -> list[int]:
        """The samples before which so much time is missing that a chunk has to end."""
        cuts: list[int] = []
        began = self._began
        for hole in self._timeline.since(self._holes_seen):
            at = round(hole.at * SAMPLE_RATE)
            if at >= end:
                break
            self._holes_seen += 1
            self._missing += hole.seconds
            cut = max(at, begin)
            if self._missing >= LONG_HOLE and cut - began >= _LEAST:
                self._missing, began = 0.0, cut
                cuts.append(cut)
        return cuts

    def _feed(self, block: Block, pause: Callable[[], None]) -> Iterator[tuple[Chunk, Samples]]:
        if not block.shape[1]:
            return
        for channel, finder in enumerate(self._finders):
            for start, samples in finder.push(block[channel]):
                yield self._chunk(channel, start, samples)
            pause()
        self._samples_seen += block.shape[1]

    def _chunk(self, channel: int, start: int, samples: Samples) -> tuple[Chunk, Samples]:
        first = (self._began + start) / SAMPLE_RATE
        inside = self._timeline.between(first, first + len(samples) / SAMPLE_RATE)
        holes = tuple((hole.at - first, hole.seconds) for hole in inside)
        return Chunk(channel, self._timeline.media(first), holes), samples


LONG_HOLE = 2.0
"""Seconds; as much silence would end a chunk, too."""
_LEAST = SAMPLE_RATE // 2
"""Samples between two cuts: a file may have a hole at each of its packets."""
