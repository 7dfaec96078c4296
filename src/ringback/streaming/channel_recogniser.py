"""Recognises one channel of a live stream: performs the steps of `segmenter`, and reports them in order."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ringback.audio.chunker import WINDOW
from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.listen.recognition_events import (
    Cause,
    RecognitionEvent,
    RecognitionResult,
    SpeechStarted,
    VadProgress,
)
from ringback.streaming.partials import Partials
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
from ringback.streaming.speaker_labels import SpeakerLabels
from ringback.streaming.speech_recogniser import RecognitionSettings, SpeechRecogniser
from ringback.transcript import Word


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
        self._emit = emit
        self._on_progress = on_progress
        self._segmenter = Segmenter(settings.endpointing)
        self._recogniser = SpeechRecogniser(f"{stream}/{number}", settings)
        self._labels = SpeakerLabels(self._recogniser, enabled=settings.speakers)
        self._partials = Partials(self._segmenter, self._recogniser, self._emit_update)
        self._windows_seen = 0
        self._steps: deque[FinalSpan | OverlongSpeech | VadProgress] = deque()
        self._wake = asyncio.Event()
        self._ended = False

    def use_settings(self, settings: RecognitionSettings) -> None:
        """Recognise so from now on."""
        self._recogniser.settings = settings

    def push_samples(self, samples: Samples) -> None:
        """More audio; `push_windows` follows once the VAD has processed it."""
        self._recogniser.push_samples(samples)

    def push_windows(self, windows: Sequence[tuple[float, float]]) -> None:
        """The next windows from the VAD: (probability of speech, loudness)."""
        for at in range(0, len(windows), _WINDOWS_PER_PROGRESS):
            some = windows[at : at + _WINDOWS_PER_PROGRESS]
            self._windows_seen += len(some)
            self._queue(self._segmenter.push_windows(some))
            quiet = self._segmenter.quiet_since
            until = _seconds(self._windows_seen * WINDOW)
            self._steps.append(VadProgress(self.number, until, None if quiet is None else _seconds(quiet)))
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
                self._partials.recognise_ahead(group)
                await self._wake.wait()
                self._wake.clear()
            self._partials.cancel()

    def _queue(self, steps: Iterable[Step]) -> None:
        """`SpeechStarted` is emitted at once: it must not wait for the words before it."""
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
                self._recogniser.end_span(step.end, words, in_speech=step.in_speech)
            case OverlongSpeech(speech):
                split = await self._split(speech)
                self._emit_final(split.start, split.end, split.words, Cause.LENGTH)
                self._recogniser.end_span(split.end, split.words, in_speech=False)

    async def _final_words(self, speech: SampleRange) -> tuple[Word, ...]:
        with self._labels.listening(speech) as labelled:
            return await labelled(await self._partials.final_words(speech))

    async def _split(self, speech: SampleRange) -> SplitSpan:
        """Split speech without a pause, and take up what was deferred meanwhile."""
        with self._labels.listening(speech) as labelled:
            split, deferred = self._segmenter.split_at_words(await self._partials.final_words(speech))
            later, self._steps = self._steps, deque()
            self._queue(deferred)
            self._steps += later
            return replace(split, words=await labelled(split.words))

    def _emit_final(self, start: int, end: int, words: Sequence[Word], cause: Cause) -> None:
        self._partials.end_span()
        self._emit_result(start, end, words, cause)
        self._advance(end)

    def _emit_update(self, partial: PartialSpan, words: Sequence[Word]) -> None:
        self._emit_result(partial.start, partial.speech.end, words, Cause.UPDATE)

    def _emit_result(self, start: int, end: int, words: Sequence[Word], cause: Cause) -> None:
        first, last = _seconds(start), _seconds(end)
        placed = tuple(_within(word, first, last) for word in words)
        final = cause is not Cause.UPDATE
        self._emit(RecognitionResult(self.number, first, last, placed, final=final, cause=cause))

    def _advance(self, sample: int) -> None:
        if sample > self.done_until:
            self.done_until = sample
            self._on_progress()


def _within(word: Word, start: float, end: float) -> Word:
    """The word, moved into the span: recognition may place its edges in the silence around it."""
    first = min(max(word.start, start), end)
    return replace(word, start=first, end=min(max(word.end, first), end))


def _seconds(samples: int) -> float:
    return samples / SAMPLE_RATE


_WINDOWS_PER_PROGRESS = 8
"""Windows (256 ms) after which `VadProgress` is reported, however fast the audio arrives."""
