"""Recognises stretches of one channel's audio, and keeps the audio that may still be needed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ringback.audio.samples import SAMPLE_RATE, Samples
from ringback.engines.base import Quality, Task, Urgency
from ringback.engines.pool import EnginePool
from ringback.engines.segment_queue import UtteranceSoFar
from ringback.engines.spoken_languages import LanguageChoice
from ringback.errors import EngineFailure, Misconfigured
from ringback.speakers.voices import Voice
from ringback.streaming.audio_buffer import AudioBuffer
from ringback.streaming.code_switching import CodeSwitchingRecogniser
from ringback.streaming.segmenter import PauseRule
from ringback.streaming.segmenter_steps import SampleRange
from ringback.streaming.speech_cut import MAX_OVERLAP, SpeechCut
from ringback.telemetry import problem
from ringback.transcript import Word

LONGEST_WAIT_FOR_VOICES = 3.0
"""Seconds that a final waits, at most, to learn who speaks; behind it other words wait."""
LONGEST_TURN_HEARD = 8.0
"""Seconds that the turn model hears at most: as it was trained."""


class TurnModel(Protocol):
    """Judges whether the speaker has finished."""

    def judge(self, turn: Samples) -> asyncio.Future[float]:
        """The speech of a turn with the pause behind it: how probably it is complete. The future raises
        `Misconfigured` where the model cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class RecognitionSettings:
    """How the speech of one stream is recognised."""

    pool: EnginePool
    task: Task
    languages: LanguageChoice | None
    """Of code switching, where the language may change and each word gets its own; None: `task` has it."""
    speakers: bool
    """Whether each word of a final gets its speaker."""
    interim: bool
    """Whether the caller wants interim results."""
    endpointing: int | None
    """Milliseconds; None: silence never ends a span (`endpointing=false`)."""
    pauses: PauseRule | None = None
    """What a pause ends, by the turn model's verdict; in place of `endpointing`."""
    turn_model: TurnModel | None = None
    """What judges pauses; there where `pauses` asks it."""
    incremental: bool = False
    """Whether the model is a `Transducer`: it decodes the open span as it is spoken, each sample once."""


class SpeechRecogniser:
    """The audio of one channel since the last final span. Times of words are the stream's."""

    def __init__(self, source: str, settings: RecognitionSettings) -> None:
        """`source`: for the engine pool; a partial of a source gives way to its next one."""
        self.settings = settings
        self._source = source
        self._switching = (
            CodeSwitchingRecogniser(settings.pool, settings.languages, source) if settings.languages else None
        )
        self._buffer = AudioBuffer()
        self._cut: SpeechCut | None = None  # Where the open span begins in the middle of speech.

    def use_settings(self, settings: RecognitionSettings) -> None:
        """Recognise so from now on."""
        self.settings = settings
        if self._switching is not None and settings.languages is not None:
            self._switching.use_choice(settings.languages)

    def push_samples(self, samples: Samples) -> None:
        self._buffer.append(samples)

    async def recognise(self, speech: SampleRange, urgency: Urgency) -> tuple[Word, ...]:
        """The words in these samples. Raises what the engine pool raises."""
        cut = self._cut if self._cut is not None and self._cut.at == speech.start else None
        start = speech.start if cut is None else cut.start
        samples = self._buffer.read(start, speech.end)
        task = self.settings.task
        if urgency is Urgency.LIVE_PARTIAL:
            task = replace(task, quality=Quality.DRAFT)
        pool = self.settings.pool
        if self._switching is not None:
            found = await self._switching.recognise(samples, start, task, urgency)
        elif self.settings.incremental:
            utterance = UtteranceSoFar(start, ends=urgency is Urgency.LIVE_FINAL)
            so_far = await pool.recognise_utterance(samples, utterance, task.model, urgency, self._source)
            found = so_far.words
        else:
            found = (await pool.recognise(samples, task, urgency, self._source)).words
        words = tuple(word.shifted(start / SAMPLE_RATE) for word in found)
        return words if cut is None else cut.words_after(words)

    def close(self) -> None:
        """Nothing is recognised any more."""
        if self.settings.incremental:
            self.settings.pool.drop_utterance(self._source)

    def completeness(self, turn: SampleRange) -> asyncio.Future[float]:
        """How probably what was said in these samples is complete."""
        assert self.settings.turn_model is not None
        return self.settings.turn_model.judge(self._buffer.read(turn.start, turn.end))

    async def voices(self, speech: SampleRange) -> tuple[Voice, ...] | None:
        """Who speaks in these samples. None where that could not be found out, or not in time: a final is
        worth more than its speakers."""
        samples = self._buffer.read(speech.start, speech.end)
        try:
            async with asyncio.timeout(LONGEST_WAIT_FOR_VOICES):
                found = await self.settings.pool.find_voices(samples, Urgency.LIVE_VOICES, self._source)
        except (TimeoutError, EngineFailure, Misconfigured) as failure:
            problem("stream.not_labelled", source=self._source, error=str(failure) or "it took too long")
            return None
        return tuple(voice.shifted(speech.start / SAMPLE_RATE) for voice in found)

    def end_span(self, end: int, words: Sequence[Word], *, in_speech: bool) -> None:
        """The span up to sample `end` is final, with these words.

        `in_speech`: whether `end` may be in the middle of a word.
        """
        behind = MAX_OVERLAP if self.settings.pauses is None else LONGEST_TURN_HEARD
        self._buffer.discard_before(end - int(behind * SAMPLE_RATE))
        if self._switching is not None:
            self._switching.settle(end)
        if not in_speech:
            self._cut = None
            return
        # A word may reach across two cuts.
        before = self._cut.last_word if self._cut is not None else None
        self._cut = SpeechCut(end, words[-1] if words else before)
