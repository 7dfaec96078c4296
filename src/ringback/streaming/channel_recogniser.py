"""Recognises one channel of a live stream: carries out what `segmenter` decides, and reports it in order."""

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
from ringback.streaming.audio_buffer import AudioBuffer
from ringback.streaming.segmenter import (
    FinalSpan,
    OverlongSpeech,
    PartialSpan,
    SampleRange,
    Segmenter,
    SpeechOnset,
    SplitSpan,
    Step,
)
from ringback.streaming.speech_cut import MAX_OVERLAP, SpeechCut
from ringback.transcript import Word


@dataclass(frozen=True, slots=True)
class RecognitionSettings:
    """How the speech of one stream is recognised."""

    pool: EnginePool
    task: Task
    switching: bool
    """Whether each word gets its language (code switching)."""
    interim: bool
    """Whether the caller wants interim results."""
    endpointing: int | None
    """Milliseconds; None: silence never ends a span (`endpointing=false`)."""


class ChannelRecogniser:
    """Takes samples and their VAD windows; emits events."""

    def __init__(
        self,
        number: int,
        stream: str,
        settings: RecognitionSettings,
        *,
        emit: Callable[[RecognitionEvent], None],
        on_progress: Callable[[], None],
    ) -> None:
        """`emit` takes each event at once; `on_progress` is called whenever `done_until` has grown."""
        self.number = number
        self.done_until = 0
        """Samples before this one need no more work."""
        self._key = f"{stream}/{number}"
        self._settings = settings
        self._emit = emit
        self._on_progress = on_progress
        self._segmenter = Segmenter(settings.endpointing)
        self._buffer = AudioBuffer()
        self._windows_seen = 0
        self._steps: deque[FinalSpan | OverlongSpeech | VadProgress] = deque()
        self._wake = asyncio.Event()
        self._ended = False
        self._partials: dict[SampleRange, _PartialTask] = {}
        self._partial_took = 0.0  # Seconds.
        self._words_reported = False  # Of the open span.
        self._cut: SpeechCut | None = None  # Where the open span begins in the middle of speech.

    def use_settings(self, settings: RecognitionSettings) -> None:
        """Recognise so from now on."""
        self._settings = settings

    def push_samples(self, samples: Samples) -> None:
        """More audio; `push_windows` follows once the VAD has processed it."""
        self._buffer.append(samples)

    def push_windows(self, windows: Sequence[tuple[float, float]]) -> None:
        """The next windows from the VAD: (probability of speech, loudness)."""
        for at in range(0, len(windows), _WINDOWS_PER_STEP):
            self._on_windows(windows[at : at + _WINDOWS_PER_STEP])
        self._wake.set()

    def flush_at(self, at: int) -> None:
        """Finalize the open span at sample `at`; all windows before it were pushed."""
        self._queue(self._segmenter.flush_at(at, Cause.FINALIZE))
        self._wake.set()

    def end(self, at: int) -> None:
        """The stream ends at sample `at`; all windows before it were pushed."""
        self._queue(self._segmenter.flush_at(at, Cause.END))
        self._ended = True
        self._wake.set()

    async def run(self) -> None:
        """Work until the end has been reported. Raises what the engine pool raises."""
        async with asyncio.TaskGroup() as group:
            while self._steps or not self._ended:
                if self._steps:
                    await self._perform(self._steps.popleft())
                    continue
                self._advance(self._windows_seen * WINDOW)
                self._recognise_ahead(group)
                await self._wake.wait()
                self._wake.clear()
            self._cancel_partials()

    def _on_windows(self, windows: Sequence[tuple[float, float]]) -> None:
        self._windows_seen += len(windows)
        self._queue(self._segmenter.push_windows(windows))
        quiet = self._segmenter.quiet_since
        until = _seconds(self._windows_seen * WINDOW)
        self._steps.append(VadProgress(self.number, until, None if quiet is None else _seconds(quiet)))

    def _queue(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, SpeechOnset):
                self._emit(SpeechStarted(self.number, _seconds(step.at)))
            else:
                self._steps.append(step)

    async def _perform(self, step: FinalSpan | OverlongSpeech | VadProgress) -> None:
        match step:
            case VadProgress():
                self._emit(step)
            case FinalSpan():
                words = () if step.speech is None else await self._final_words(step.speech)
                if step.cause is not Cause.END or step.end > step.start:
                    self._emit_final(step.start, step.end, words, step.cause)
                self._cut = self._cut_after(step, words)
            case OverlongSpeech(speech):
                split, more = self._segmenter.split_at_words(await self._final_words(speech))
                self._emit_split(split, more)
                self._cut = None

    def _cut_after(self, span: FinalSpan, words: Sequence[Word]) -> SpeechCut | None:
        if not span.in_speech:
            return None
        # A word may reach across two cuts.
        before = self._cut.last_word if self._cut is not None else None
        return SpeechCut(span.end, words[-1] if words else before)

    def _emit_split(self, split: SplitSpan, more: Sequence[Step]) -> None:
        later, self._steps = self._steps, deque()
        self._queue(more)
        self._steps += later
        self._emit_final(split.start, split.end, split.words, Cause.LENGTH)

    def _emit_final(self, start: int, end: int, words: Sequence[Word], cause: Cause) -> None:
        self._cancel_partials()
        placed = tuple(_within(word, _seconds(start), _seconds(end)) for word in words)
        self._emit(
            RecognitionResult(self.number, _seconds(start), _seconds(end), placed, final=True, cause=cause)
        )
        self._words_reported = False
        self._buffer.discard_before(end - _KEPT_BEFORE)
        self._advance(end)

    async def _final_words(self, speech: SampleRange) -> tuple[Word, ...]:
        partial = self._partials.get(speech)
        if partial is not None and partial.urgent:
            return await partial.task or ()
        self._cancel_partials()
        return await self._recognise(speech, Urgency.LIVE_FINAL)

    def _recognise_ahead(self, group: asyncio.TaskGroup) -> None:
        """Recognise the open span before it ends, if that is worth the effort.

        For interim results; and, while at least half of the engine is idle, when the speech has paused: if
        the span ends there, its words are known as soon as the pause is long enough.
        """
        engine_idle = 2 * self._settings.pool.idle >= self._settings.pool.threads
        if not engine_idle and not self._settings.interim:
            return
        pause = int(_PAUSE_PER_PARTIAL * self._partial_took * SAMPLE_RATE)
        partial = self._segmenter.next_partial(pause=pause, ahead=engine_idle)
        if partial is None or not (self._settings.interim or partial.complete):
            return
        urgent = engine_idle and partial.complete
        task = group.create_task(self._recognise_partial(partial, urgent=urgent))
        self._partials[partial.speech] = _PartialTask(task, urgent)

    async def _recognise_partial(self, partial: PartialSpan, *, urgent: bool) -> tuple[Word, ...] | None:
        if urgent:
            words = await self._recognise(partial.speech, Urgency.LIVE_FINAL)
        else:
            started = asyncio.get_running_loop().time()
            try:
                words = await self._recognise(partial.speech, Urgency.LIVE_PARTIAL)
            except Superseded:
                self._partials.pop(partial.speech, None)
                return None
            finally:
                self._partial_took = asyncio.get_running_loop().time() - started
        if self._settings.interim and self._segmenter.span_start == partial.start:
            self._emit_partial(partial, words)
        return words

    def _emit_partial(self, partial: PartialSpan, words: Sequence[Word]) -> None:
        """Report the open span's words so far.

        No words: reported only where so much speech should have some (it was noise), and never after words
        were reported for this span, which a less accurate partial must not take back.
        """
        if not words and (
            self._words_reported or partial.speech.end - partial.speech.start < _LONG_ENOUGH_FOR_WORDS
        ):
            return
        self._words_reported = self._words_reported or bool(words)
        start, end = _seconds(partial.start), _seconds(partial.speech.end)
        placed = tuple(_within(word, start, end) for word in words)
        self._emit(RecognitionResult(self.number, start, end, placed, final=False, cause=Cause.UPDATE))

    async def _recognise(self, speech: SampleRange, urgency: Urgency) -> tuple[Word, ...]:
        cut = self._cut if self._cut is not None and self._cut.at == speech.start else None
        start = speech.start if cut is None else cut.start
        samples = self._buffer.read(start, speech.end)
        task = self._settings.task
        if urgency is Urgency.LIVE_PARTIAL:
            task = replace(task, quality=Quality.DRAFT)
        recognition = await self._settings.pool.recognise(samples, task, urgency, self._key)
        language = recognition.language if self._settings.switching else None
        at = _seconds(start)
        words = tuple(replace(word.shifted(at), language=language) for word in recognition.words)
        return words if cut is None else cut.words_after(words)

    def _cancel_partials(self) -> None:
        for partial in self._partials.values():
            partial.task.cancel()
        self._partials.clear()

    def _advance(self, sample: int) -> None:
        if sample > self.done_until:
            self.done_until = sample
            self._on_progress()


@dataclass(frozen=True, slots=True)
class _PartialTask:
    """The open span, while it is recognised."""

    task: asyncio.Task[tuple[Word, ...] | None]
    urgent: bool
    """Recognised with the quality of a final, which it may become."""


def _within(word: Word, start: float, end: float) -> Word:
    """The word, moved into the span: recognition may place its edges in the silence around it."""
    first = min(max(word.start, start), end)
    return replace(word, start=first, end=min(max(word.end, first), end))


def _seconds(samples: int) -> float:
    return samples / SAMPLE_RATE


_PAUSE_PER_PARTIAL = 2.0
"""The least distance of two partials, as a multiple of the time that the last one took: an engine that falls
behind gets fewer of them."""
_LONG_ENOUGH_FOR_WORDS = int(1.5 * SAMPLE_RATE)
"""Samples: speech of this length, with the silence before it, has words."""
_WINDOWS_PER_STEP = 8
"""Windows (256 ms) after which `VadProgress` is reported, however fast the audio arrives."""
_KEPT_BEFORE = int(MAX_OVERLAP * SAMPLE_RATE)
"""Samples before a span's end that the next one may need (`SpeechCut.start`)."""
