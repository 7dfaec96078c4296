"""One channel of a live stream: what `segments` decides is recognised here, and reported in order."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ringback.audio.chunker import WINDOW
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import Quality, Task, Urgency
from ringback.engines.pool import EnginePool, Superseded
from ringback.listen.recognition_events import (
    Cause,
    RecognitionEvent,
    RecognitionResult,
    SpeechStarted,
    VadProgress,
)
from ringback.streaming.seam import LONGEST, Seam
from ringback.streaming.segments import Began, Draft, Overlong, Segments, Span, Split, Step, Stretch
from ringback.streaming.tape import Tape
from ringback.transcript import Word


@dataclass(frozen=True, slots=True)
class Recognising:
    """How the speech of one stream is recognised."""

    pool: EnginePool
    task: Task
    switching: bool
    """Whether each word tells its language."""
    interim: bool
    """Whether the caller wants to read along."""
    endpointing: int | None
    """Milliseconds; None: silence is never told as an end."""


class Channel:
    """Fed with samples and with what the ear thinks of them; emits events."""

    def __init__(
        self,
        number: int,
        stream: str,
        how: Recognising,
        *,
        emit: Callable[[RecognitionEvent], None],
        progressed: Callable[[], None],
    ) -> None:
        """`emit` takes each event at once; `progressed` is called whenever `settled` has grown."""
        self.number = number
        self.settled = 0
        """Samples before this one need no more work."""
        self._key = f"{stream}/{number}"
        self._how = how
        self._emit = emit
        self._progressed = progressed
        self._segments = Segments(how.endpointing)
        self._tape = Tape()
        self._judged = 0
        self._steps: deque[Span | Overlong | VadProgress] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self._readings: dict[Stretch, _Reading] = {}
        self._partial_took = 0.0  # Seconds, the last time.
        self._words_told = False  # Of the open span.
        self._seam: Seam | None = None  # Where the open span begins in the middle of speech.

    def hear(self, samples: Samples) -> None:
        """More audio; `judge` follows."""
        self._tape.append(samples)

    def judge(self, windows: Sequence[tuple[float, float]]) -> None:
        """What the ear says of the next windows: (probability of speech, loudness)."""
        for at in range(0, len(windows), _QUARTER):
            self._follow(windows[at : at + _QUARTER])
        self._wake.set()

    def flush(self, at: int) -> None:
        """The caller wants what there is up to sample `at`, all of which was judged."""
        self._queue(self._segments.flush(at, Cause.FINALIZE))
        self._wake.set()

    def end(self, at: int) -> None:
        """The stream ends at sample `at`, all of which was judged."""
        self._queue(self._segments.flush(at, Cause.END))
        self._ended = True
        self._wake.set()

    async def run(self) -> None:
        """Until the end has been reported. Raises what the engine pool raises."""
        async with asyncio.TaskGroup() as group:
            while self._steps or not self._ended:
                if self._steps:
                    await self._perform(self._steps.popleft())
                    continue
                self._settle(self._judged * WINDOW)
                self._read_on(group)
                await self._wake.wait()
                self._wake.clear()
            self._drop_readings()

    def _follow(self, windows: Sequence[tuple[float, float]]) -> None:
        self._judged += len(windows)
        self._queue(self._segments.push(windows))
        quiet = self._segments.quiet_since
        until = _seconds(self._judged * WINDOW)
        self._steps.append(VadProgress(self.number, until, None if quiet is None else _seconds(quiet)))

    def _queue(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, Began):
                self._emit(SpeechStarted(self.number, _seconds(step.at)))
            else:
                self._steps.append(step)

    async def _perform(self, step: Span | Overlong | VadProgress) -> None:
        match step:
            case VadProgress():
                self._emit(step)
            case Span():
                words = () if step.speech is None else await self._final(step.speech)
                if step.cause is not Cause.END or step.end > step.start:
                    self._report(step.start, step.end, words, step.cause)
                self._seam = self._seam_behind(step, words)
            case Overlong(speech):
                split, more = self._segments.cut(await self._final(speech))
                self._report_split(split, more)
                self._seam = None

    def _seam_behind(self, span: Span, words: Sequence[Word]) -> Seam | None:
        if not span.in_speech:
            return None
        # Two cuts may lie in one word.
        before = self._seam.told if self._seam is not None else None
        return Seam(span.end, words[-1] if words else before)

    def _report_split(self, split: Split, more: Sequence[Step]) -> None:
        later, self._steps = self._steps, deque()
        self._queue(more)
        self._steps += later
        self._report(split.start, split.end, split.words, Cause.LENGTH)

    def _report(self, start: int, end: int, words: Sequence[Word], cause: Cause) -> None:
        self._drop_readings()
        placed = tuple(_within(word, _seconds(start), _seconds(end)) for word in words)
        self._emit(
            RecognitionResult(self.number, _seconds(start), _seconds(end), placed, final=True, cause=cause)
        )
        self._words_told = False
        self._tape.forget(end - _LEAD_IN)
        self._settle(end)

    async def _final(self, speech: Stretch) -> tuple[Word, ...]:
        reading = self._readings.get(speech)
        if reading is not None and reading.urgent:
            return await reading.task or ()
        self._drop_readings()
        return await self._recognise(speech, Urgency.LIVE_FINAL)

    def _read_on(self, group: asyncio.TaskGroup) -> None:
        """Read what is open: for the caller to see, and, while at least half of the engine has nothing to do,
        because it has fallen quiet: this may be all, and is then known before the pause is long enough."""
        calm = 2 * self._how.pool.idle >= self._how.pool.threads
        if not calm and not self._how.interim:
            return
        pause = int(_PAUSE_PER_PARTIAL * self._partial_took * SAMPLE_RATE)
        draft = self._segments.draft(pause=pause, ahead=calm)
        if draft is None or not (self._how.interim or draft.whole):
            return
        urgent = calm and draft.whole
        task = group.create_task(self._read(draft, urgent=urgent))
        self._readings[draft.speech] = _Reading(task, urgent)

    async def _read(self, draft: Draft, *, urgent: bool) -> tuple[Word, ...] | None:
        if urgent:
            words = await self._recognise(draft.speech, Urgency.LIVE_FINAL)
        else:
            began = asyncio.get_running_loop().time()
            try:
                words = await self._recognise(draft.speech, Urgency.LIVE_PARTIAL)
            except Superseded:
                self._readings.pop(draft.speech, None)
                return None
            finally:
                self._partial_took = asyncio.get_running_loop().time() - began
        if self._how.interim and self._segments.edge == draft.start:
            self._update(draft, words)
        return words

    def _update(self, draft: Draft, words: Sequence[Word]) -> None:
        """Told without words too, where so much sound ought to have had some: a noise. But a draft takes none
        back that were told."""
        if not words and (self._words_told or draft.speech.end - draft.speech.start < _SURELY_WORDS):
            return
        self._words_told = self._words_told or bool(words)
        start, end = _seconds(draft.start), _seconds(draft.speech.end)
        placed = tuple(_within(word, start, end) for word in words)
        self._emit(RecognitionResult(self.number, start, end, placed, final=False, cause=Cause.UPDATE))

    async def _recognise(self, speech: Stretch, urgency: Urgency) -> tuple[Word, ...]:
        seam = self._seam if self._seam is not None and self._seam.at == speech.start else None
        start = speech.start if seam is None else seam.start
        samples = self._tape.cut(start, speech.end)
        task = self._how.task
        if urgency is Urgency.LIVE_PARTIAL:
            task = replace(task, quality=Quality.DRAFT)
        heard = await self._how.pool.recognise(samples, task, urgency, self._key)
        language = heard.language if self._how.switching else None
        at = _seconds(start)
        words = tuple(replace(word.shifted(at), language=language) for word in heard.words)
        return words if seam is None else seam.behind(words)

    def _drop_readings(self) -> None:
        for reading in self._readings.values():
            reading.task.cancel()
        self._readings.clear()

    def _settle(self, sample: int) -> None:
        if sample > self.settled:
            self.settled = sample
            self._progressed()


@dataclass(frozen=True, slots=True)
class _Reading:
    """The open span, being recognised."""

    task: asyncio.Task[tuple[Word, ...] | None]
    urgent: bool
    """As good as a final, and asked for as one."""


def _within(word: Word, start: float, end: float) -> Word:
    """Recognition may place a word's edge in the quiet before or behind the span."""
    first = min(max(word.start, start), end)
    return replace(word, start=first, end=min(max(word.end, first), end))


def _seconds(samples: int) -> float:
    return samples / SAMPLE_RATE


_PAUSE_PER_PARTIAL = 2.0
"""How many times as long as a partial took the next one keeps away: an engine that falls behind is asked for
fewer of them, until it has time again."""
_SURELY_WORDS = int(1.5 * SAMPLE_RATE)
"""Speech of this length, with the quiet before it, has words."""
_QUARTER = 8
"""Windows (256 ms) after which it is told how far the ear has listened, however fast the audio comes."""
_LEAD_IN = int(LONGEST * SAMPLE_RATE)
"""Samples before a span's end that the next one may want."""
