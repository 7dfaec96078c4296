"""Recognises one channel of a live stream: performs the steps of `segmenter`, and reports them in order."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.listen.recognition_events import (
    Cause,
    PauseJudged,
    RecognitionEvent,
    RecognitionResult,
    SpeechStarted,
    VadProgress,
)
from ringback.streaming.partials import Partials
from ringback.streaming.segmenter import Segmenter, VadWindow
from ringback.streaming.segmenter_steps import (
    FinalSpan,
    OverlongSpeech,
    PartialSpan,
    PauseToJudge,
    ProcessedUntil,
    SampleRange,
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
        self._segmenter = Segmenter(settings.endpointing, settings.pauses)
        self._recogniser = SpeechRecogniser(f"{stream}/{number}", settings)
        self._labels = SpeakerLabels(self._recogniser, enabled=settings.speakers)
        self._partials = Partials(self._segmenter, self._recogniser, self._emit_update)
        self._pause: PauseToJudge | None = None  # The turn model is asked; later input is deferred.
        self._fault: BaseException | None = None  # Why it could not say.
        self._steps: deque[FinalSpan | OverlongSpeech | VadProgress | PauseJudged] = deque()
        self._wake = asyncio.Event()
        self._ended = False

    def use_settings(self, settings: RecognitionSettings) -> None:
        """Recognise so from now on."""
        self._recogniser.use_settings(settings)
        if settings.pauses is not None:
            self._segmenter.use_rule(settings.pauses)

    def push_samples(self, samples: Samples) -> None:
        """More audio; `push_windows` follows once the VAD has processed it."""
        self._recogniser.push_samples(samples)

    def push_windows(self, windows: Sequence[VadWindow]) -> None:
        """The next windows from the VAD: (probability of speech, loudness)."""
        self._queue(self._segmenter.push_windows(windows))

    def flush_at(self, at: int) -> None:
        """Finalize the open span at sample `at`; all windows before it were pushed."""
        self._queue(self._segmenter.flush_at(at, Cause.FINALIZE))

    def end(self, at: int) -> None:
        """The stream ends at sample `at`; all windows before it were pushed."""
        self._queue(self._segmenter.flush_at(at, Cause.END))

    async def run(self) -> None:
        """Work until the end has been reported. Raises what the engine pool raises."""
        async with asyncio.TaskGroup() as group:
            while self._steps or not self._ended:
                if self._fault is not None:
                    raise self._fault
                if self._steps:
                    await self._perform(self._steps.popleft())
                    continue
                self._advance(self._segmenter.processed_until)
                self._partials.recognise_ahead(group)
                await self._wake.wait()
                self._wake.clear()
            self._partials.cancel()

    def close(self) -> None:
        """Nothing is recognised any more."""
        self._recogniser.close()

    def _queue(self, steps: Iterable[Step]) -> None:
        """Neither `SpeechStarted`, which is emitted at once, nor a verdict waits for the words before it."""
        for step in steps:
            match step:
                case SpeechOnset(at):
                    self._emit(SpeechStarted(self.number, _seconds(at)))
                case PauseToJudge():
                    self._ask(step)
                case ProcessedUntil(at, quiet):
                    since = None if quiet is None else _seconds(quiet)
                    self._steps.append(VadProgress(self.number, _seconds(at), since))
                case FinalSpan() | OverlongSpeech():
                    self._steps.append(step)
                    self._ended = self._ended or (isinstance(step, FinalSpan) and step.cause is Cause.END)
        self._wake.set()

    def _ask(self, pause: PauseToJudge) -> None:
        self._pause = pause
        self._recogniser.completeness(pause.turn).add_done_callback(self._judge)

    def _judge(self, verdict: asyncio.Future[float]) -> None:
        """The verdict is there: the input that was deferred is taken up."""
        assert self._pause is not None
        pause, self._pause = self._pause, None
        if verdict.cancelled() or (fault := verdict.exception()) is not None:
            self._fault = None if verdict.cancelled() else fault  # cancelled: the server stops
            self._wake.set()
            return
        completeness = verdict.result()
        self._steps.append(PauseJudged(self.number, _seconds(pause.quiet_since), completeness))
        self._queue(self._segmenter.judge_pause(completeness))

    async def _perform(self, step: FinalSpan | OverlongSpeech | VadProgress | PauseJudged) -> None:
        match step:
            case VadProgress() | PauseJudged():
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
            self._queue(deferred)
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
